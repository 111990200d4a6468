"""Where a store is: from what a user typed to a checked place."""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from thalweg.errors import StoreUsageError

__all__ = ["Location", "default_path", "locate", "masked"]

SCHEMES = ("sqlite", "postgresql+psycopg", "postgresql", "postgres")
ALLOWED = "a file path, sqlite:///path, or postgresql://user@host/database"


@dataclass(frozen=True)
class Location:
    """A place for a store.

    Attributes:
        kind: The database behind it.
        path: The SQLite file, or None in memory and for PostgreSQL.
        url: For SQLAlchemy; holds the password.
        shown: For people: a path, or a URL whose password is masked.
    """

    kind: Literal["sqlite", "memory", "postgresql"]
    path: Path | None
    url: str
    shown: str


def default_path() -> Path:
    """Return the SQLite file used when no store is named.

    The environment variable ``THALWEG_STORE``, if it is a path, comes first; then
    ``thalweg/thalweg.db`` in the user's data directory (``XDG_DATA_HOME`` on Linux).
    """
    from platformdirs import user_data_path

    named = os.environ.get("THALWEG_STORE", "")
    if named and "://" not in named:
        return Path(named).expanduser()
    return user_data_path("thalweg", appauthor=False) / "thalweg.db"


def locate(store: str | Path | None, *, create: bool) -> Location:
    """Return the place that a path, a URL or nothing at all names.

    Args:
        store: A path, a URL, or None for ``THALWEG_STORE`` or the default file.
        create: Whether the default file's folder is made if it is missing.

    Raises:
        StoreUsageError: The text is no path or URL of a known kind, or a file cannot be there.
    """
    if store is None or store == "":
        named = os.environ.get("THALWEG_STORE", "")
        if "://" in named:
            return locate(named, create=create)
        path = default_path()
        if create and not named:
            make_folder(path.parent)
        return file_location(path)
    text = str(store)
    if isinstance(store, Path) or "://" not in text:
        return memory_location() if text == ":memory:" else file_location(Path(text).expanduser())
    scheme = text.split("://", 1)[0].lower()
    if scheme not in SCHEMES:
        raise StoreUsageError(f"store {masked(text)!r} has the unsupported scheme {scheme!r}; give {ALLOWED}.")
    return sqlite_location(text) if scheme == "sqlite" else postgresql_location(text)


def make_folder(folder: Path) -> None:
    """Make the folder of the default store.

    Raises:
        StoreUsageError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUsageError(
            f"the folder {str(folder)!r} for the default store cannot be made ({error.strerror}); "
            "name another file with --store or THALWEG_STORE."
        ) from None


def memory_location() -> Location:
    """Return the place of a store that lives as long as it is open."""
    return Location("memory", None, "sqlite://", "sqlite://")


def sqlite_location(url: str) -> Location:
    """Return the place that ``sqlite:///path`` or ``sqlite://`` (in memory) names."""
    rest = url[len("sqlite://") :]
    if rest in {"", "/", "/:memory:"}:
        return memory_location()
    if not rest.startswith("/") or "?" in rest:
        raise StoreUsageError(f"store {url!r} is not an SQLite URL; give sqlite:///path with three slashes.")
    return file_location(Path(unquote(rest[1:])).expanduser())


def file_location(path: Path) -> Location:
    """Return a file's place after checking that a store can be there.

    Raises:
        StoreUsageError: It is a folder or no ordinary file, or its folder is missing.
    """
    shown = str(path)
    try:
        path = Path(os.path.abspath(path))  # noqa: PTH100 (resolve() would follow links, and fail on loops)
        found = mode_of(path)
        parent = path.parent.is_dir()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StoreUsageError(f"store {shown!r} is not a usable path ({reason}); give {ALLOWED}.") from None
    if found is not None and stat.S_ISDIR(found):
        raise StoreUsageError(f"store {shown!r} is a folder; give a file, e.g. {str(path / 'thalweg.db')!r}.")
    if found is not None and not stat.S_ISREG(found):
        raise StoreUsageError(f"store {shown!r} is not an ordinary file; give {ALLOWED}.")
    if not parent:
        raise StoreUsageError(
            f"store {shown!r} cannot be made: its folder {str(path.parent)!r} does not exist; "
            "make it or give another path."
        )
    return Location("sqlite", path, "sqlite:///" + quote(str(path)), shown)


def mode_of(path: Path) -> int | None:
    """Return a file's mode, or None if there is none; ``Path.exists`` would hide impossible names."""
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def postgresql_location(url: str) -> Location:
    """Return the place that a PostgreSQL URL names.

    Raises:
        StoreUsageError: The URL has no database name or cannot be read.
    """
    text = "postgresql+psycopg://" + url.split("://", 1)[1]
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise StoreUsageError(
            f"store {masked(url)!r} is not a PostgreSQL URL; give postgresql://user@host:port/database."
        ) from None
    if not parts.path.strip("/"):
        raise StoreUsageError(f"store {masked(url)!r} names no database; give postgresql://user@host:port/database.")
    return Location("postgresql", None, text, masked(url))


def masked(url: str) -> str:
    """Return a URL with any password replaced by ``***``.

    Example:
        >>> masked("postgresql://ann:secret@db.example/runs?sslpassword=x")
        'postgresql://ann:***@db.example/runs?sslpassword=***'
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return re.sub(r"//.*@", "//***@", url)
    address = re.sub(r":.*@", ":***@", parts.netloc)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode([(key, "***" if "password" in key.lower() else value) for key, value in pairs], safe="*/")
    return urlunsplit((parts.scheme, address, parts.path, query, parts.fragment))
