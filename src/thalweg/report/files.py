"""Writing a result to a file, whole or not at all, with errors a user can act on."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from thalweg.errors import InvalidValueError, WorkError

__all__ = ["FIGURE_FORMATS", "check_figure_path", "write_atomically"]

FIGURE_FORMATS = ("png", "svg", "pdf")


def check_figure_path(path: str | os.PathLike[str], formats: Sequence[str] = FIGURE_FORMATS) -> Path:
    """Return the path of a figure, after checking that its ending names a format.

    Raises:
        InvalidValueError: The ending is none of ``formats``.
    """
    target = Path(path)
    if target.suffix.lower().removeprefix(".") not in formats:
        allowed = ", ".join(f".{one}" for one in formats)
        raise InvalidValueError(
            f"figure path {str(target)!r} does not end in {allowed}; name it e.g. {target.stem or 'figure'}.png."
        )
    return target


def write_atomically(path: str | os.PathLike[str], content: bytes, what: str) -> Path:
    """Write bytes to a file through a temporary neighbour, and return its path.

    Args:
        path: Where to.
        content: The whole file.
        what: What it is, for messages, e.g. ``"report"``.

    Raises:
        InvalidValueError: The path names a directory, lies in none, or may not be written.
        WorkError: Writing failed, e.g. because the disk is full.
    """
    target = Path(path)
    shown = f"{what} path {str(target)!r}"
    if target.is_dir():
        raise InvalidValueError(f"{shown} is a directory; give the name of a file in it.")
    if not target.parent.is_dir():
        raise InvalidValueError(
            f"{shown} lies in a directory that does not exist; create {str(target.parent)!r} or choose another."
        )
    try:
        _replace(target, content)
    except PermissionError as error:
        raise InvalidValueError(
            f"{shown} may not be written ({error.strerror}); choose a file in a directory of yours."
        ) from None
    except OSError as error:
        raise WorkError(
            f"{shown} could not be written ({error.strerror}); free some space or choose another place."
        ) from None
    return target


def _replace(target: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=".thalweg-", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
