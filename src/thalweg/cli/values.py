"""What options accept, checked where it is typed: each type answers a wrong value with one sentence."""

import math
from collections.abc import Iterable
from typing import Any

import click

from thalweg.errors import InvalidValueError, UnknownNameError

__all__ = ["SEED_LIMIT", "Choice", "Names", "Point", "Setting", "Whole", "settings_by_name"]

SEED_LIMIT = 2**31 - 1


def _called(parameter: click.Parameter | None) -> str:
    if isinstance(parameter, click.Option):
        return parameter.opts[-1]
    return (parameter.human_readable_name if parameter else "value").upper()


class Whole(click.ParamType):
    """A whole number from ``low`` to ``high``.

    Args:
        low: Smallest allowed.
        high: Largest allowed, or None for any.
    """

    name = "N"

    def __init__(self, low: int, high: int | None = None) -> None:
        self.low, self.high = low, high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number; ``1e3`` and ``1_000`` count as whole numbers too."""
        del ctx
        number = _whole(value)
        if number is None or number < self.low or (self.high is not None and number > self.high):
            allowed = f"of {self.low} or more" if self.high is None else f"from {self.low} to {self.high}"
            raise InvalidValueError(f"{_called(param)} {value} is not allowed; give a whole number {allowed}.")
        return number


def _whole(value: Any) -> int | None:
    try:
        return int(value)
    except ValueError:
        pass
    try:
        number = float(value)
    except ValueError:
        return None
    return int(number) if number.is_integer() else None


class Choice(click.ParamType):
    """One word out of a few.

    Args:
        words: The words.
    """

    name = "WORD"

    def __init__(self, words: Iterable[str]) -> None:
        self.words = tuple(words)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word, in lower case."""
        del ctx
        if str(value).lower() not in self.words:
            raise UnknownNameError(_called(param), str(value), self.words)
        return str(value).lower()

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Return the words as the option's placeholder."""
        del param, ctx
        return "|".join(self.words)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
        """Return the words that begin so."""
        from click.shell_completion import CompletionItem

        del ctx, param
        return [CompletionItem(word) for word in self.words if word.startswith(incomplete)]


class Names(click.ParamType):
    """Names separated by commas, each once."""

    name = "A,B,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the names."""
        del ctx
        if isinstance(value, tuple):
            return value
        names = [name.strip() for name in str(value).split(",")]
        if not all(names):
            raise InvalidValueError(
                f"{_called(param)} {value!r} has an empty entry; give names separated by single commas, as in sgd,adam."
            )
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InvalidValueError(f"{_called(param)} {value!r} names {twice[0]!r} twice; name each once.")
        return tuple(names)


class Point(click.ParamType):
    """A point of the plane, ``X,Y``."""

    name = "X,Y"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, float]:
        """Return the two coordinates."""
        del ctx
        if isinstance(value, tuple):
            return value
        try:
            x, y = (float(part) for part in str(value).split(","))
        except ValueError:
            x = y = math.nan
        if not (math.isfinite(x) and math.isfinite(y)):
            raise InvalidValueError(
                f"{_called(param)} {value!r} is not a point; give two finite numbers and a comma, as in -1.2,1."
            )
        return x, y


class Setting(click.ParamType):
    """A hyperparameter's value, ``NAME=VALUE``; the name may begin with an optimizer's and a dot."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """Return the name and the value: a number where it reads as one, else true, false, none or a word."""
        del ctx
        if isinstance(value, tuple):
            return value
        name, equals, text = (part.strip() for part in str(value).partition("="))
        if not equals or not name or not text:
            raise InvalidValueError(
                f"{_called(param)} {value!r} is not a setting; give NAME=VALUE, as in learning_rate=0.01."
            )
        owner, dot, own_name = name.rpartition(".")
        return f"{owner}{dot}{own_name.replace('-', '_')}", _read(text)


def _read(text: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def settings_by_name(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return settings as a dictionary.

    Raises:
        InvalidValueError: A name is given twice.
    """
    settings: dict[str, Any] = {}
    for name, value in pairs:
        if name in settings:
            raise InvalidValueError(f"--set gives {name!r} twice ({settings[name]} and {value}); give it once.")
        settings[name] = value
    return settings
