"""Connections: how each database is opened, and what is set on it."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from thalweg.errors import StoreUsageError
from thalweg.store.location import Location

__all__ = ["make_engine"]

CONNECT_SECONDS = 10  # a server that does not answer for so long is not there


def make_engine(location: Location, *, create: bool, read_only: bool, busy_seconds: float) -> Engine:
    """Return an engine for a store's place; nothing is opened yet.

    Args:
        location: Where the store is.
        create: Whether a missing SQLite file is made.
        read_only: Whether writing is to be refused by the database itself.
        busy_seconds: How long a lock is waited for.

    Raises:
        StoreUsageError: The PostgreSQL driver is missing, or the URL cannot be read.
    """
    if location.kind == "postgresql":
        return postgresql_engine(location, read_only=read_only, busy_seconds=busy_seconds)
    return sqlite_engine(location.path, create=create, read_only=read_only, busy_seconds=busy_seconds)


def sqlite_engine(path: Path | None, *, create: bool, read_only: bool, busy_seconds: float) -> Engine:
    """Return an engine on an SQLite file, or in memory if the path is None."""

    def connect() -> sqlite3.Connection:
        name = sqlite_name(path, create=create, read_only=read_only)
        return sqlite3.connect(name, uri=True, timeout=busy_seconds, isolation_level=None, check_same_thread=False)

    # One connection is the whole database when it lives in memory: whoever needs it, waits.
    room: dict[str, Any] = {"pool_size": 1, "max_overflow": 0} if path is None else {}
    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, **room)

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: Any) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")  # safe with a write-ahead log

    # The driver's own BEGIN comes too late: a transaction that reads first and then writes
    # could find the database changed in between, and fail without waiting.
    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def sqlite_name(path: Path | None, *, create: bool, read_only: bool) -> str:
    """Return the ``file:`` name under which SQLite opens the path."""
    if path is None:
        return ":memory:"
    mode = "ro" if read_only else "rwc" if create else "rw"
    # Reading a write-ahead-logged file needs a shared-memory file beside it, which a folder that
    # may only be read cannot take; without a log nothing can change while we read.
    still = read_only and not path.with_name(path.name + "-wal").exists() and not is_writable(path.parent)
    return f"{path.as_uri()}?mode={mode}" + ("&immutable=1" if still else "")


def is_writable(folder: Path) -> bool:
    """Return whether a file could be made in the folder."""
    import os

    return os.access(folder, os.W_OK | os.X_OK)


def postgresql_engine(location: Location, *, read_only: bool, busy_seconds: float) -> Engine:
    """Return an engine on a PostgreSQL database."""
    try:
        url = make_url(location.url)
    except (ArgumentError, ValueError):
        raise StoreUsageError(
            f"store {location.shown!r} is not a PostgreSQL URL; give postgresql://user@host:port/database."
        ) from None
    settings = {"connect_timeout": CONNECT_SECONDS, "application_name": "thalweg", "client_encoding": "utf8"}
    arguments = {key: value for key, value in settings.items() if key not in url.query}
    try:
        engine = create_engine(url, pool_pre_ping=True, connect_args=arguments)
    except ModuleNotFoundError:
        raise StoreUsageError(
            f"store {location.shown!r} needs the PostgreSQL driver; install it with: pip install 'thalweg[postgres]'."
        ) from None

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {max(1, round(busy_seconds * 1000))}")
            if read_only:
                cursor.execute("SET default_transaction_read_only = on")
        connection.commit()

    return engine
