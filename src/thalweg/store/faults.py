"""What went wrong in a database, as one sentence of ours."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from thalweg.errors import StoreError, StoreUsageError, ThalwegError

__all__ = ["is_transient", "reported", "translated"]

BUSY, LOCKED, PERMISSION, READ_ONLY, IO, CORRUPT, FULL, CANNOT_OPEN, NOT_A_DATABASE = 5, 6, 3, 8, 10, 11, 13, 14, 26

ELSEWHERE = "or name another store with --store"
AGAIN = "then run the same command again: finished runs are kept"

SQLITE: dict[int, tuple[type[ThalwegError], str]] = {
    BUSY: (StoreError, "stayed locked by another program for {busy:g} s; wait for it to end, {elsewhere}."),
    LOCKED: (StoreError, "stayed locked by another program for {busy:g} s; wait for it to end, {elsewhere}."),
    FULL: (StoreError, "is full: the disk, or its quota, has no more room; free some, {again}."),
    IO: (StoreError, "could not be read or written ({reason}); check the disk and its free space, {again}."),
    CORRUPT: (StoreError, "is damaged ({reason}); restore it from a copy, {elsewhere}."),
    NOT_A_DATABASE: (StoreUsageError, "is not a Thalweg store but a file of another kind; name another with --store."),
    READ_ONLY: (StoreUsageError, "may only be read; make the file and its folder writable, {elsewhere}."),
    PERMISSION: (StoreUsageError, "cannot be opened ({reason}); check the permissions, {elsewhere}."),
    CANNOT_OPEN: (
        StoreUsageError,
        "cannot be opened ({reason}); check the permissions of file and folder, {elsewhere}.",
    ),
}

UNREACHABLE = "cannot be reached ({reason}); see that the server runs and the URL is right."
LOST = "lost its connection ({reason}); see that the server runs, {again}."

POSTGRESQL: dict[str, tuple[type[ThalwegError], str]] = {
    "08": (StoreError, LOST),
    "25006": (StoreUsageError, "may only be read; connect as a user who may write, {elsewhere}."),
    "28": (StoreUsageError, "refuses the user or password; correct them in the URL."),
    "3D000": (StoreUsageError, "names a database that does not exist; make it with createdb, {elsewhere}."),
    "3F000": (StoreUsageError, "names a schema that does not exist; make it with CREATE SCHEMA, {elsewhere}."),
    "42501": (StoreUsageError, "does not permit this ({reason}); connect as a user who may write, {elsewhere}."),
    "53100": (StoreError, "is full: the server's disk has no more room; free some, {again}."),
    "53300": (StoreError, "has no connection free ({reason}); close another program, {again}."),
    "55P03": (StoreError, "stayed locked by another program for {busy:g} s; wait for it to end, {elsewhere}."),
    "57P": (StoreError, LOST),
    "XX00": (StoreError, "is damaged ({reason}); restore it from a copy, {elsewhere}."),
}

# A refused connection carries no code, only the server's words.
REFUSALS = (
    (r"password authentication failed|no password supplied|role .* does not exist|pg_hba", "28"),
    (r"database .* does not exist", "3D000"),
    (r"too many (clients|connections)|remaining connection slots", "53300"),
)


@contextmanager
def reported(shown: str, busy_seconds: float, *, opening: bool = False) -> Iterator[None]:
    """Turn any database error inside the block into one of ours.

    Args:
        shown: The store's name for people.
        busy_seconds: How long a lock is waited for.
        opening: Whether a server out of reach is a wrong URL rather than a connection lost.

    Raises:
        StoreUsageError: The store cannot be used as asked.
        StoreError: The store failed while working.
    """
    try:
        yield
    except SQLAlchemyError as error:
        raise translated(error, shown, busy_seconds, opening=opening) from error


def translated(error: SQLAlchemyError, shown: str, busy_seconds: float, *, opening: bool = False) -> ThalwegError:
    """Return the error to raise instead of a database's."""
    original = getattr(error, "orig", None) or error
    reason = first_line(original)
    found = sqlite_fault(original) or postgresql_fault(original, opening=opening)
    if found is None and isinstance(error, DBAPIError) and error.connection_invalidated:
        found = (StoreError, LOST)
    kind, sentence = found or (StoreError, "failed ({reason}); check it, {again}.")
    text = sentence.format(reason=reason, busy=busy_seconds, elsewhere=ELSEWHERE, again=AGAIN)
    return kind(f"store {shown!r} {text}")


def sqlite_fault(original: BaseException) -> tuple[type[ThalwegError], str] | None:
    """Return the class and sentence for an SQLite error, or None."""
    code = getattr(original, "sqlite_errorcode", None)
    return None if code is None else SQLITE.get(code & 0xFF)


def postgresql_fault(original: BaseException, *, opening: bool) -> tuple[type[ThalwegError], str] | None:
    """Return the class and sentence for a PostgreSQL error, or None."""
    if not hasattr(original, "sqlstate"):
        return None
    state = getattr(original, "sqlstate", None)
    if state is not None:
        return next((fault for code, fault in POSTGRESQL.items() if state.startswith(code)), None)
    for pattern, code in REFUSALS:
        if re.search(pattern, str(original)):
            return POSTGRESQL[code]
    return (StoreUsageError, UNREACHABLE) if opening else (StoreError, LOST)


def first_line(error: BaseException) -> str:
    """Return an error's first line without a full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].strip().rstrip(".") if lines else type(error).__name__


def is_transient(error: SQLAlchemyError) -> bool:
    """Return whether the same transaction may well succeed when tried again."""
    original = getattr(error, "orig", None)
    code = getattr(original, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in {BUSY, LOCKED}
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return lost or getattr(original, "sqlstate", None) in {"40001", "40P01"}
