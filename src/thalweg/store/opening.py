"""Opening a store, by path or URL."""

import os
from pathlib import Path

from thalweg.errors import StoreUsageError
from thalweg.store.base import Store
from thalweg.store.location import Location, locate

__all__ = ["open_store"]

BUSY_SECONDS = 30.0
SMALLEST = 512  # bytes in the smallest page of SQLite


def open_store(
    url: str | Path | None = None,
    *,
    create: bool = True,
    read_only: bool = False,
    busy_seconds: float = BUSY_SECONDS,
) -> Store:
    """Open a store, making it first if it is not there.

    Args:
        url: A file path, ``sqlite:///path``, ``sqlite://`` (in memory, gone when closed),
            ``postgresql://user:password@host:port/database``, or None for what the environment
            variable ``THALWEG_STORE`` names or, without it, the user's own store.
        create: Whether a missing store is made. The folder of a file must be there; only that of
            the user's own store is made as well.
        read_only: Whether writing is refused; a missing store is then not made.
        busy_seconds: How long to wait while another process holds the database.

    Raises:
        StoreUsageError: The store is not ours, missing, newer than this program, cannot be reached,
            or cannot be written although it must be.
        StoreError: The store is locked for too long, full or damaged.

    Example:
        >>> with open_store("sqlite://") as store:
        ...     store.known_runs(["0" * 64])
        set()
    """
    create = create and not read_only
    location = locate(url, create=create)
    check_file(location, create=create, read_only=read_only)

    from thalweg.store.engine import make_engine
    from thalweg.store.faults import reported
    from thalweg.store.schema import ensure_schema
    from thalweg.store.sql import SqlStore

    engine = make_engine(location, create=create, read_only=read_only, busy_seconds=busy_seconds)
    try:
        with reported(location.shown, busy_seconds, opening=True):
            ensure_schema(engine, location, create=create, read_only=read_only, busy_seconds=busy_seconds)
    except BaseException:
        engine.dispose()
        raise
    return SqlStore(engine, location.shown, busy_seconds=busy_seconds)


def check_file(location: Location, *, create: bool, read_only: bool) -> None:
    """Refuse an SQLite file that cannot be used as asked, before two minutes of training.

    Raises:
        StoreUsageError: It is missing and must not be made, or lacks a permission.
    """
    path = location.path
    if path is None:
        return
    if not path.exists():
        if not create:
            raise StoreUsageError(
                f"store {location.shown!r} does not exist yet; run 'thalweg compare', which makes it, "
                "or name another with --store."
            )
        if not os.access(path.parent, os.W_OK | os.X_OK):
            raise StoreUsageError(
                f"store {location.shown!r} cannot be made: its folder may only be read; name another with --store."
            )
        return
    if not os.access(path, os.R_OK):
        raise StoreUsageError(
            f"store {location.shown!r} may not be read; give yourself permission, or name another store with --store."
        )
    if not read_only and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK)):
        raise StoreUsageError(
            f"store {location.shown!r} may only be read; make the file and its folder writable, "
            "or name another store with --store."
        )
    # Looking inside would cost SQLite its locks, should this process have the file open already.
    if 0 < path.stat().st_size < SMALLEST:
        raise StoreUsageError(
            f"store {location.shown!r} is not a Thalweg store but a file of another kind; name another with --store."
        )
