"""Initializers and bias strategies as they are named on the command line, a user's own file included."""

import dataclasses
import re

from thalweg.errors import InvalidValueError
from thalweg.initializers.base import Initializer
from thalweg.initializers.biases import BIASES, BiasStrategy
from thalweg.initializers.catalogue import INITIALIZERS
from thalweg.initializers.user_initializers import load_initializer
from thalweg.settings import as_notation, from_notation
from thalweg.user_files import is_file_reference

__all__ = ["ResolvedInitializer", "parse_bias", "parse_biases", "parse_initializer", "resolve_initializer"]

_FILE = re.compile(r"(?P<path>.*?\.py)(?::(?P<name>[^:=]*))?(?P<settings>(?::[^:]*)*)", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class ResolvedInitializer:
    """An initializer found by its notation.

    Attributes:
        initializer: The initializer.
        notation: Its shortest notation, ``path/to/file.py:Name:…`` for a user's own.
        source: Fingerprint of a user's file; empty for built-in initializers.
    """

    initializer: Initializer
    notation: str
    source: str


def parse_initializer(text: str) -> Initializer:
    """Return the initializer that a notation means.

    Args:
        text: ``he``, ``sparse:k=10``, ``./mine.py:MyInitializer`` or ``./mine.py:MyInitializer:deviation=2``.

    Raises:
        UnknownNameError: No such initializer or setting; the nearest is offered.
        InvalidValueError: A value is not allowed, or the notation is broken.
        UserFileError: The user's file cannot be used, with the reason.

    Example:
        >>> parse_initializer("he:law=uniform").law
        'uniform'
    """
    return resolve_initializer(text).initializer


def resolve_initializer(text: str) -> ResolvedInitializer:
    """Return the initializer that a notation means, with what a record of it needs; see :func:`parse_initializer`."""
    text = text.strip()
    file = _FILE.fullmatch(text)
    if file is None:
        if text.partition(":")[0] not in INITIALIZERS and is_file_reference(text):
            load_initializer(text)  # says what is wrong with it
        made = from_notation("initializer", text, INITIALIZERS)
        return ResolvedInitializer(made, as_notation(made), "")
    path, name = file["path"], file["name"]
    kind, source = load_initializer(f"{path}:{name}" if name else path)
    made = from_notation("initializer", kind.__name__ + file["settings"], {kind.__name__: kind})
    settings = as_notation(made).removeprefix(made.name)
    return ResolvedInitializer(made, f"{path}:{kind.__name__}{settings}", source)


def parse_bias(text: str) -> BiasStrategy:
    """Return the bias strategy that a notation means.

    Args:
        text: ``zero``, ``constant:0.1``, ``marginal`` or ``open-gates:1``.

    Raises:
        UnknownNameError: No such strategy or setting; the nearest is offered.
        InvalidValueError: A value is not allowed, or the notation is broken.

    Example:
        >>> parse_bias("constant:0.1").fill(2, "", None)
        array([0.1, 0.1], dtype=float32)
    """
    return from_notation("biases", text, BIASES)


def parse_biases(text: str) -> tuple[BiasStrategy, ...]:
    """Return several bias strategies, joined by ``+`` as in ``constant:0.1+marginal``.

    Raises:
        UnknownNameError: No such strategy or setting; the nearest is offered.
        InvalidValueError: A value is not allowed, the notation is broken, or two strategies set the same biases.

    Example:
        >>> [strategy.name for strategy in parse_biases("constant:0.1+marginal")]
        ['constant', 'marginal']
    """
    made = tuple(parse_bias(part) for part in re.split(r"(?<![\d.][eE])(?<![:=])\+", text))
    names = [strategy.name for strategy in made]
    for name in names:
        if names.count(name) > 1:
            raise InvalidValueError(f"biases {text!r}: {name} is given twice; give it once.")
    return made
