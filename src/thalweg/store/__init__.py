"""What is kept: runs with their curves and studies, in SQLite or PostgreSQL.

Opening a store loads SQLAlchemy; importing this package does not.

Example:
    >>> from thalweg.store import open_store
    >>> with open_store("sqlite://") as store:  # in memory
    ...     store.list_studies()
    []
"""

from thalweg.store.base import Store, StudyListing
from thalweg.store.location import default_path
from thalweg.store.opening import open_store

__all__ = ["Store", "StudyListing", "default_path", "open_store"]
