"""What a configurable thing is: a frozen dataclass whose fields know their meaning, range and choices.

Optimizers, schedules, initializers and techniques are all written so, and all are named on the command line
in one notation::

    cosine                        every setting at its default
    cosine:warmup=0.1:final=0.01  settings by name
    clip-norm:1.0                 a value without a name is the first setting's
    step:at=0.5/0.75              several numbers
"""

import dataclasses
import math
import sys
from abc import ABC
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self, TypeAlias, TypeVar

from thalweg.errors import InvalidValueError, UnknownNameError

__all__ = [
    "Configurable",
    "Hyperparameter",
    "Number",
    "Scale",
    "Variant",
    "as_notation",
    "from_notation",
    "hyperparameter",
    "numbers",
    "variant",
]

Number: TypeAlias = Any  # a float, or a 0-d array inside the engine
Scale: TypeAlias = Literal["log", "linear", "complement"]

MOST = sys.float_info.max


@dataclasses.dataclass(frozen=True)
class Hyperparameter:
    """What is known of one numeric setting.

    Attributes:
        meaning: A phrase for people, with the formula's symbol.
        low: Smallest value allowed (inclusive unless ``low_open``).
        high: Largest value allowed (exclusive if ``high_open``).
        low_open: Whether ``low`` itself is excluded.
        high_open: Whether ``high`` itself is excluded.
        search: Range searched when tuning, or None if the default is kept.
        scale: How the range is searched: ``log``, ``linear``, or ``complement``, which is
            logarithmic in 1 − value and suits decay rates near one.
        whole: Whether only whole numbers are allowed.
        several: Whether the setting is a tuple of such numbers.
    """

    meaning: str
    low: float
    high: float
    low_open: bool
    high_open: bool
    search: tuple[float, float] | None = None
    scale: Scale = "log"
    whole: bool = False
    several: bool = False

    def allows(self, value: Any) -> bool:
        """Return whether the value is finite and inside the allowed range."""
        if self.several:
            return isinstance(value, tuple) and bool(value) and all(self._allows_one(one) for one in value)
        return self._allows_one(value)

    def range_text(self) -> str:
        """Return the allowed range in interval notation, e.g. ``[0, 1)``."""
        left = "(" if self.low_open or math.isinf(self.low) else "["
        right = ")" if self.high_open or math.isinf(self.high) else "]"
        return f"{left}{self.low:g}, {self.high:g}{right}"

    def wanted(self) -> str:
        """Return what is to be given, e.g. ``a number in [0, 1)``."""
        kind = "whole number" if self.whole else "number"
        return f"{kind}s in {self.range_text()}" if self.several else f"a {kind} in {self.range_text()}"

    def _allows_one(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if not -MOST <= value <= MOST:  # NaN, infinite, or a whole number that no float can hold
            return False
        if self.whole and value != int(value):
            return False
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below


@dataclasses.dataclass(frozen=True)
class Variant:
    """A choice between forms that the world calls by one name; part of the structure.

    Attributes:
        meaning: A phrase for people.
        choices: Every value allowed.
    """

    meaning: str
    choices: tuple[Any, ...]


def hyperparameter(
    default: float,
    *,
    meaning: str,
    low: float = 0.0,
    high: float = math.inf,
    low_open: bool = False,
    high_open: bool = False,
    search: tuple[float, float] | None = None,
    scale: Scale = "log",
    whole: bool = False,
) -> Any:
    """Declare a numeric field; see :class:`Hyperparameter` for the arguments."""
    what = Hyperparameter(meaning, low, high, low_open, high_open, search, scale, whole)
    return dataclasses.field(default=default, metadata={"hyperparameter": what})


def numbers(
    default: tuple[float, ...],
    *,
    meaning: str,
    low: float = 0.0,
    high: float = math.inf,
    low_open: bool = False,
    high_open: bool = False,
) -> Any:
    """Declare a field of several numbers; see :class:`Hyperparameter` for the arguments."""
    what = Hyperparameter(meaning, low, high, low_open, high_open, several=True)
    return dataclasses.field(default=default, metadata={"hyperparameter": what})


def variant(default: Any, *, choices: tuple[Any, ...], meaning: str) -> Any:
    """Declare a structural field; see :class:`Variant` for the arguments."""
    return dataclasses.field(default=default, metadata={"variant": Variant(meaning, choices)})


@dataclasses.dataclass(frozen=True)
class Configurable(ABC):
    """A frozen dataclass whose fields are declared with :func:`hyperparameter`, :func:`numbers` or :func:`variant`.

    Raises:
        InvalidValueError: A number is outside its range or a variant is no choice.
    """

    name: ClassVar[str]

    def __post_init__(self) -> None:
        for name, what in self.hyperparameters().items():
            value = getattr(self, name)
            if not what.allows(value):
                raise InvalidValueError(f"{self.name}: {name} = {value!r} is not allowed; give {what.wanted()}.")
        for name, what in self.variants().items():
            value = getattr(self, name)
            if value not in what.choices:
                allowed = ", ".join(str(choice) for choice in what.choices)
                raise InvalidValueError(f"{self.name}: {name} = {value!r} is not allowed; give one of {allowed}.")

    @classmethod
    def hyperparameters(cls) -> dict[str, Hyperparameter]:
        """Return what is known of each numeric field, in the order of declaration."""
        return {f.name: f.metadata["hyperparameter"] for f in dataclasses.fields(cls) if "hyperparameter" in f.metadata}

    @classmethod
    def variants(cls) -> dict[str, Variant]:
        """Return what is known of each structural field, in the order of declaration."""
        return {f.name: f.metadata["variant"] for f in dataclasses.fields(cls) if "variant" in f.metadata}

    @classmethod
    def configured(cls, **settings: Any) -> Self:
        """Return it with the settings given; unknown names are answered with the nearest.

        Raises:
            UnknownNameError: No such hyperparameter or variant.
            InvalidValueError: A value is not allowed.
        """
        known = {f.name for f in dataclasses.fields(cls)}
        for name in settings:
            if name not in known:
                raise UnknownNameError(f"hyperparameter of {cls.name}", name, known)
        return cls(**settings)

    def values(self) -> dict[str, Number]:
        """Return the numeric settings as a dictionary, in the order of declaration."""
        return {name: getattr(self, name) for name in self.hyperparameters()}

    def structure(self) -> dict[str, Any]:
        """Return the variant fields as a dictionary, in the order of declaration."""
        return {name: getattr(self, name) for name in self.variants()}


Kind = TypeVar("Kind", bound=Configurable)


def from_notation(argument: str, text: str, catalogue: Mapping[str, type[Kind]]) -> Kind:
    """Return what ``name:setting=value:…`` describes.

    Args:
        argument: What it is given for, e.g. ``"schedule"``, for messages.
        text: The notation.
        catalogue: Classes by name.

    Raises:
        UnknownNameError: No such name or setting.
        InvalidValueError: A value is not allowed, or the notation is broken.
    """
    name, *parts = text.strip().split(":")
    if name not in catalogue:
        raise UnknownNameError(argument, name, catalogue)
    kind = catalogue[name]
    fields = [*kind.hyperparameters(), *kind.variants()]
    settings: dict[str, Any] = {}
    for position, part in enumerate(parts):
        key, equals, value = part.partition("=")
        if not equals:
            if position or not fields:
                wanted = f"setting=value, settings being {', '.join(fields)}" if fields else "the name alone"
                raise InvalidValueError(f"{argument} {text!r}: {part!r} is not understood; give {wanted}.")
            key, value = fields[0], part
        if key in settings:
            raise InvalidValueError(f"{argument} {text!r}: {key} is given twice; give it once.")
        settings[key] = _read(kind, key, value)
    return kind.configured(**settings)


def as_notation(made: Configurable) -> str:
    """Return the shortest notation of it: settings at their defaults are left out."""
    defaults = {f.name: f.default for f in dataclasses.fields(made)}
    settings = {**made.values(), **made.structure()}
    parts = [f"{key}={_written(value)}" for key, value in settings.items() if value != defaults[key]]
    return ":".join([made.name, *parts])


def _read(kind: type[Configurable], key: str, value: str) -> Any:
    known = kind.hyperparameters().get(key)
    if known is None:
        choices = kind.variants()[key].choices if key in kind.variants() else ()
        return next((choice for choice in choices if str(choice).lower() == value.lower()), value)
    try:
        read = tuple(_number(one) for one in value.split("/")) if known.several else _number(value)
    except ValueError:
        raise InvalidValueError(f"{kind.name}: {key} = {value!r} is not allowed; give {known.wanted()}.") from None
    return read


def _number(text: str) -> float | int:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return "/".join(_written(one) for one in value)
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return str(value)
