"""Alembic revisions in their order."""
