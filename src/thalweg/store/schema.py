"""Whether a database is a store of ours, and bringing its tables to the newest form."""

import time
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from thalweg.errors import StoreError, StoreUsageError
from thalweg.store.faults import is_transient
from thalweg.store.location import Location

__all__ = ["HEAD", "VERSION_TABLE", "ensure_schema", "upgrade"]

HEAD = "0001"  # the newest revision; a test holds it to migrations/versions
VERSION_TABLE = "thalweg_schema"
APPLICATION_ID = 0x5468616C  # "Thal", in the header of an SQLite file
POSTGRESQL_TABLES = """
SELECT relname FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v')
"""
LOCK_KEY = 0x5468616C  # PostgreSQL advisory lock, held while tables are made


def ensure_schema(engine: Engine, location: Location, *, create: bool, read_only: bool, busy_seconds: float) -> None:
    """Check that the database is a store of this version, make or upgrade it if it may be.

    An up-to-date store costs two small queries and does not load Alembic.

    Args:
        engine: The database.
        location: Where it is, for messages.
        create: Whether an empty database is made a store.
        read_only: Whether nothing may be written.
        busy_seconds: How long a lock is waited for.

    Raises:
        StoreUsageError: It belongs to another program, is newer than this program, or would
            have to be made or upgraded and may not be.
        StoreError: It is a store of ours without its tables.
    """
    with engine.connect() as connection:
        version = found_version(connection, location)
    if version == HEAD:
        return
    if version is None and (read_only or not create):
        raise StoreUsageError(f"store {location.shown!r} is empty; give one that 'thalweg compare' has filled.")
    if read_only:
        raise StoreUsageError(
            f"store {location.shown!r} is of an older form ({version}); "
            "run any command that writes to it once, which brings it up to date."
        )
    if version is None and location.kind == "sqlite":
        use_write_ahead_log(engine, busy_seconds)
    with engine.execution_options(writing=True).begin() as connection:
        if location.kind == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        version = found_version(connection, location)  # another process may have been faster
        if version != HEAD:
            upgrade(connection)
            if location.kind != "postgresql":
                connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")


def found_version(connection: Connection, location: Location) -> str | None:
    """Return the revision of the tables, or None if the database is empty.

    Raises:
        StoreUsageError: It belongs to another program, or to a newer version of this one.
        StoreError: It is ours, but its version is gone.
    """
    ours, tables = postgresql_marks(connection) if location.kind == "postgresql" else sqlite_marks(connection)
    if not ours:
        if not tables:
            return None
        raise StoreUsageError(
            f"store {location.shown!r} belongs to another program; name another file or an empty database with --store."
        )
    known = VERSION_TABLE in tables
    version = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar() if known else None
    if version is None:
        raise StoreError(f"store {location.shown!r} is damaged (its tables are gone); restore it from a copy.")
    if version not in known_versions():
        raise StoreUsageError(
            f"store {location.shown!r} was written by a newer Thalweg (form {version}, this one knows {HEAD}); "
            "upgrade Thalweg, or name another store with --store."
        )
    return version


def sqlite_marks(connection: Connection) -> tuple[bool, set[str]]:
    """Return whether an SQLite database is ours, and the names of its tables."""
    ours = connection.exec_driver_sql("PRAGMA application_id").scalar() == APPLICATION_ID
    return ours, set(connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars())


def postgresql_marks(connection: Connection) -> tuple[bool, set[str]]:
    """Return whether a PostgreSQL schema is ours, and the names of its tables."""
    tables = set(connection.execute(text(POSTGRESQL_TABLES)).scalars())
    return VERSION_TABLE in tables, tables


def known_versions() -> list[str]:
    """Return every revision that this program can read or upgrade, the oldest first."""
    return [f"{number:04d}" for number in range(1, int(HEAD) + 1)]


def use_write_ahead_log(engine: Engine, busy_seconds: float) -> None:
    """Set SQLite's write-ahead log, which stays set: readers and the writer then never wait for each other."""
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            with engine.connect() as connection:
                connection.connection.cursor().execute("PRAGMA journal_mode = WAL")
            return
        except OperationalError as error:
            # SQLite does not wait by itself when two processes change the mode at once.
            if not is_transient(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def upgrade(connection: Connection) -> None:
    """Apply every revision that a database lacks, within the transaction that is open.

    Args:
        connection: In a transaction; whoever opened it commits.
    """
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(Path(__file__).parent / "migrations"))
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    lacking = list(script.iterate_revisions("head", context.get_current_revision() or "base"))
    with Operations.context(context):
        for revision in reversed(lacking):
            revision.module.upgrade()
            context.stamp(script, revision.revision)
