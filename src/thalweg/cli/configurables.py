"""What is known of anything with settings (a schedule, an initializer, a technique …), as data and as text."""

import inspect
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thalweg.settings import Configurable

__all__ = ["as_text", "described"]

# Facts that some kinds tell as class attributes, beside what all of them tell, with their headings.
FURTHER = {"borders": "At the borders", "acts_on": "Acts on", "roles": "Sets"}


LONGEST_CHOICES = 36  # columns; longer lists stand with the meaning, which is wrapped


def described(made: "Configurable", notation: str = "") -> dict[str, Any]:
    """Return what is known of a configured thing, ready for JSON.

    Args:
        made: It, with its settings.
        notation: How it is written on the command line; empty for its shortest notation.
    """
    from thalweg.settings import as_notation

    kind = type(made)
    defaults = {field.name: field.default for field in _fields(kind)}
    numeric = [
        {"name": name, "value": getattr(made, name), "default": defaults[name], "allowed": what.range_text()}
        | {"meaning": what.meaning}
        for name, what in kind.hyperparameters().items()
    ]
    chosen = [
        {"name": name, "value": getattr(made, name), "default": defaults[name], "allowed": list(what.choices)}
        | {"meaning": what.meaning}
        for name, what in kind.variants().items()
    ]
    further = {key: getattr(kind, key) for key in FURTHER if getattr(kind, key, None)}
    return {
        "name": made.name,
        "title": getattr(kind, "title", "") or made.name,
        "notation": notation or as_notation(made),
        "summary": " ".join(inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0].split()),
        "formula": list(getattr(kind, "formula", ())),
        "settings": numeric + chosen,
        **{key: list(value) if isinstance(value, tuple) else value for key, value in further.items()},
        "sources": list(getattr(kind, "sources", ())),
        "differences": list(getattr(kind, "differences", ())),
    }


def as_text(document: dict[str, Any], width: int, *, brief: bool = False) -> str:
    """Return what :func:`described` tells as paragraphs, each under its heading.

    Args:
        document: From :func:`described`.
        width: Longest line; formula lines are never broken.
        brief: Leave out all but formula and settings.
    """
    width = max(width, 40)
    head = f"{document['title']} ({document['notation']})"
    parts = ["\n".join([*textwrap.wrap(head, width), *textwrap.wrap(document["summary"], width)])]
    for heading, lines in _sections(document, width, brief):
        if lines:
            parts.append("\n".join([heading, *lines]))
    return "\n\n".join(parts)


def _fields(kind: type) -> Sequence[Any]:
    import dataclasses

    return dataclasses.fields(kind)


def _sections(document: dict[str, Any], width: int, brief: bool) -> Iterator[tuple[str, list[str]]]:
    yield "Formula", [f"  {line}" for line in document["formula"]]
    yield "Settings", _settings_lines(document["settings"], width)
    if brief:
        return
    for key, heading in FURTHER.items():
        told = document.get(key, ())
        yield heading, _items([told] if isinstance(told, str) else told, width)
    yield "Where versions differ", _items(document["differences"], width)
    yield "Sources", _items(document["sources"], width)


def _settings_lines(settings: list[dict[str, Any]], width: int) -> list[str]:
    """Return a table of the settings; their values have a column of their own if one is not its default."""
    if not settings:
        return []
    changed = any(entry["value"] != entry["default"] for entry in settings)
    rows = [("", *(("value",) if changed else ()), "default", "allowed", "")]
    for entry in settings:
        value = (_shown(entry["value"]),) if changed else ()
        allowed, meaning = _shown(entry["allowed"]), entry["meaning"]
        if isinstance(entry["allowed"], list) and _columns(allowed) > LONGEST_CHOICES:
            allowed, meaning = "a choice", f"{meaning}: {allowed}"
        rows.append((entry["name"], *value, _shown(entry["default"]), allowed, meaning))
    widths = [max(_columns(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    indent = 2 + sum(widths) + 2 * len(widths)
    below = width - indent < 24
    lines: list[str] = []
    for *cells, last in rows:
        padded = "  ".join(cell + " " * (w - _columns(cell)) for cell, w in zip(cells, widths, strict=True))
        wrapped = textwrap.wrap(last, width - (6 if below else indent)) or [""]
        if below:
            lines += [f"  {padded}".rstrip(), *(f"      {line}" for line in wrapped if line)]
        else:
            lines += [f"  {padded}  {wrapped[0]}".rstrip(), *(" " * indent + line for line in wrapped[1:])]
    return lines


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, tuple):
        return "/".join(_shown(one) for one in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _columns(text: str) -> int:
    """Return the printed width of ``text``; combining marks take no column."""
    return sum(not unicodedata.combining(character) for character in text)


def _items(texts: Sequence[str], width: int) -> list[str]:
    lines: list[str] = []
    for text in texts:
        lines += textwrap.wrap(text, width, initial_indent="  • ", subsequent_indent="    ", break_on_hyphens=False)
    return lines
