"""What commands print: JSON documents, tables, and files whose place is checked before the work starts."""

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from thalweg.errors import InvalidValueError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["FIGURES", "console", "output_path", "page_width", "print_json", "repeated_command", "say"]

FIGURES = (".png", ".svg", ".pdf")
PIPED_WIDTH = 120  # nobody's window: tables need not be squeezed


def print_json(document: Any) -> None:
    """Print a JSON document on standard output; numbers that are not finite become null."""
    from thalweg.records import plain

    click.echo(json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False))


def say(sentence: str) -> None:
    """Tell something on standard error, where it is never mistaken for a result."""
    click.echo(sentence, err=True)


def page_width() -> int:
    """Return the width of running text: the window's, up to 100 columns."""
    return min(shutil.get_terminal_size((100, 24)).columns, 100)


def console(*, stderr: bool = False) -> "Console":
    """Return a Rich console as wide as the window, or 120 columns if the output goes elsewhere."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    seen = stream.isatty() or "COLUMNS" in os.environ
    width = shutil.get_terminal_size().columns if seen else PIPED_WIDTH
    return Console(stderr=stderr, width=max(width, 20), highlight=False)


def repeated_command() -> str:
    """Return the command line being run, for records; a password in it is masked."""
    from thalweg.store.location import masked

    words = click.get_current_context().find_root().obj or []
    return shlex.join(["thalweg", *(masked(word) if "://" in word else word for word in words)])


def output_path(text: str, option: str, endings: tuple[str, ...] = ()) -> Path:
    """Return the place of a file to be written, its folder made, so that hours of work are not lost to a typing error.

    Args:
        text: What the user gave.
        option: The option it was given for.
        endings: Allowed endings of the name, or none for any.

    Raises:
        InvalidValueError: A file cannot be written there.
    """
    path = Path(text).expanduser()
    if path.is_dir():
        example = path / f"result{''.join(endings[:1])}"
        raise InvalidValueError(f"{option} {text!r} is a folder; give a file in it, as in {example}.")
    if endings and path.suffix.lower() not in endings:
        raise InvalidValueError(
            f"{option} {text!r} has no ending that is known here; end it in {', '.join(endings[:-1])} or {endings[-1]}."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidValueError(
            f"{option} {text!r}: its folder cannot be made ({error.strerror}); give another path."
        ) from None
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InvalidValueError(f"{option} {text!r} may not be written; give another path or change its permissions.")
    return path
