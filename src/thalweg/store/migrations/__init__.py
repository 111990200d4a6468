"""The history of the tables, one Alembic revision a file, applied by ``thalweg.store.schema``.

A new revision is a file ``versions/NNNN_what.py`` with the next number; it never imports
``tables.py``, which shows only the newest state, and ``schema.HEAD`` is raised with it.
"""
