"""What an optimizer is: a frozen dataclass of hyperparameters and two pure functions.

A rule reads like its formula. Its fields are its hyperparameters and its variants; ``init``
makes the state of one parameter array, ``update`` computes the next parameters and state::

    @dataclass(frozen=True)
    class HeavyBall(Rule):
        name: ClassVar[str] = "heavy-ball"
        formula: ClassVar[tuple[str, ...]] = ("v ← μ·v + g", "θ ← θ − η·v")

        learning_rate: Number = hyperparameter(0.1, meaning="step size η", search=(1e-4, 10.0))
        momentum: Number = hyperparameter(0.9, meaning="decay μ of the velocity", high=1.0)

        def init(self, x):
            return {"velocity": zeros_like(x)}

        def update(self, x, g, state, t):
            velocity = self.momentum * state["velocity"] + g
            return x - self.learning_rate * velocity, {"velocity": velocity}

Inside ``init`` and ``update`` every hyperparameter and ``t`` is a 0-d array of the dtype in which
the update is computed, so a rule may be traced, mapped over any hyperparameter, and run
on NumPy, JAX and PyTorch alike. Never write in place, never branch with ``if`` on an array's
value, never draw random numbers.
"""

import dataclasses
import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self, TypeAlias

from thalweg.arrays import Array, as_scalar, namespace
from thalweg.errors import InvalidValueError, UnknownNameError

__all__ = [
    "Hyperparameter",
    "Number",
    "Rule",
    "Scale",
    "State",
    "Variant",
    "full_like",
    "hyperparameter",
    "variant",
    "zeros_like",
]

Number: TypeAlias = float | Array
State: TypeAlias = dict[str, Any]
Scale: TypeAlias = Literal["log", "linear", "complement"]

MOST = sys.float_info.max


@dataclasses.dataclass(frozen=True)
class Hyperparameter:
    """What is known of one numeric hyperparameter.

    Attributes:
        meaning: A phrase for people, with the formula's symbol.
        low: Smallest value allowed (inclusive unless ``low_open``).
        high: Largest value allowed (exclusive if ``high_open``).
        low_open: Whether ``low`` itself is excluded.
        high_open: Whether ``high`` itself is excluded.
        search: Range searched when tuning, or None if the default is kept.
        scale: How the range is searched: ``log``, ``linear``, or ``complement``, which is
            logarithmic in 1 − value and suits decay rates near one.
    """

    meaning: str
    low: float
    high: float
    low_open: bool
    high_open: bool
    search: tuple[float, float] | None
    scale: Scale

    def allows(self, value: float) -> bool:
        """Return whether the value is finite and inside the allowed range."""
        if not -MOST <= value <= MOST:  # NaN, infinite, or a whole number that no float can hold
            return False
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below

    def range_text(self) -> str:
        """Return the allowed range in interval notation, e.g. ``[0, 1)``."""
        left = "(" if self.low_open or math.isinf(self.low) else "["
        right = ")" if self.high_open or math.isinf(self.high) else "]"
        return f"{left}{self.low:g}, {self.high:g}{right}"


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
) -> Any:
    """Declare a numeric field of a rule; see :class:`Hyperparameter` for the arguments."""
    what = Hyperparameter(meaning, low, high, low_open, high_open, search, scale)
    return dataclasses.field(default=default, metadata={"hyperparameter": what})


def variant(default: Any, *, choices: tuple[Any, ...], meaning: str) -> Any:
    """Declare a structural field of a rule; see :class:`Variant` for the arguments."""
    return dataclasses.field(default=default, metadata={"variant": Variant(meaning, choices)})


def zeros_like(x: Array) -> Array:
    """Return zeros of the shape, dtype and device of ``x``."""
    return namespace(x).zeros_like(x)


def full_like(x: Array, value: Array) -> Array:
    """Return an array of the shape, dtype and device of ``x`` whose every element is ``value``.

    Args:
        x: Array.
        value: Number, or 0-d array such as a hyperparameter inside ``init``; may be traced.
    """
    return namespace(x).zeros_like(x) + as_scalar(value, x, x.dtype)


@dataclasses.dataclass(frozen=True)
class Rule(ABC):
    """An optimizer: hyperparameters as fields, the mathematics as pure functions.

    A subclass is a frozen dataclass that declares its fields with :func:`hyperparameter` and
    :func:`variant`, gives ``name`` and ``formula``, and implements :meth:`init` and :meth:`update`.
    It is final: derive from :class:`Rule`, never from another rule.

    Class attributes:
        name: Its name on the command line.
        title: Its name for people.
        formula: The update, one line each, in the symbols of the hyperparameters' meanings.
        sources: Papers and books, each with the equation or algorithm number.
        differences: Where the world's versions of this rule differ, one sentence each.
        slips: Where a seed text's statement of it is wrong, one sentence each.
        attributes: What it is good and bad at, one sentence each.
        presets: Named settings, e.g. ``{"torch": {"epsilon": 1e-8}}``.
        special_cases: ``(name of another rule, settings of this rule)``: with these settings
            this rule is that rule, so, well tuned, it must not do worse.
        whole_tree: Whether ``init`` and ``update`` act on the tuple of all parameter arrays at
            once rather than on one array.
        elementwise: Whether the update of each number depends on nothing but that number's own parameter, gradients
            and state, so that arrays may be joined; false is always right, true is faster.
        needs: Inputs beyond the gradient, passed to ``update`` by keyword.

    Raises:
        InvalidValueError: A hyperparameter is outside its range or a variant is no choice.
    """

    name: ClassVar[str]
    formula: ClassVar[tuple[str, ...]]
    title: ClassVar[str] = ""
    sources: ClassVar[tuple[str, ...]] = ()
    differences: ClassVar[tuple[str, ...]] = ()
    slips: ClassVar[tuple[str, ...]] = ()
    attributes: ClassVar[tuple[str, ...]] = ()
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    special_cases: ClassVar[tuple[tuple[str, Mapping[str, Any]], ...]] = ()
    whole_tree: ClassVar[bool] = False
    elementwise: ClassVar[bool] = False
    needs: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        for name, what in self.hyperparameters().items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not what.allows(value):
                raise InvalidValueError(
                    f"{self.name}: {name} = {value!r} is not allowed; give a number in {what.range_text()}."
                )
        for name, what in self.variants().items():
            value = getattr(self, name)
            if value not in what.choices:
                allowed = ", ".join(str(choice) for choice in what.choices)
                raise InvalidValueError(f"{self.name}: {name} = {value!r} is not allowed; give one of {allowed}.")

    @abstractmethod
    def init(self, x: Array) -> State:
        """Return the state before the first update.

        Args:
            x: One parameter array of any shape (a tuple of arrays if ``whole_tree``).
        """

    @abstractmethod
    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and the state after one step.

        Args:
            x: Parameters (a tuple of arrays if ``whole_tree``).
            g: Gradient at :meth:`lookahead`, like ``x``.
            state: What ``init`` or the previous ``update`` returned.
            t: Number of this update, 1 at the first; 0-d array.
        """

    def lookahead(self, x: Array, state: State) -> Array:
        """Return the point at which the gradient is to be taken; ``x`` itself unless overridden."""
        del state
        return x

    def answer(self, x: Array, state: State) -> Array:
        """Return the point that counts as the result; ``x`` itself unless overridden."""
        del state
        return x

    @classmethod
    def hyperparameters(cls) -> dict[str, Hyperparameter]:
        """Return what is known of each numeric field, in the order of declaration."""
        return {f.name: f.metadata["hyperparameter"] for f in dataclasses.fields(cls) if "hyperparameter" in f.metadata}

    @classmethod
    def variants(cls) -> dict[str, Variant]:
        """Return what is known of each structural field, in the order of declaration."""
        return {f.name: f.metadata["variant"] for f in dataclasses.fields(cls) if "variant" in f.metadata}

    @classmethod
    def preset(cls, preset: str, **settings: Any) -> Self:
        """Return the rule with a named preset's settings, then with the settings given.

        Raises:
            UnknownNameError: No such preset, or no such hyperparameter.
            InvalidValueError: A value is not allowed.

        Example:
            >>> from thalweg.optimizers import Adam
            >>> Adam.preset("keras").epsilon
            1e-07
        """
        if preset not in cls.presets:
            raise UnknownNameError(f"preset of {cls.name}", preset, cls.presets)
        return cls.configured(**{**cls.presets[preset], **settings})

    @classmethod
    def configured(cls, **settings: Any) -> Self:
        """Return the rule with the settings given; unknown names are answered with the nearest.

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
        """Return the numeric hyperparameters as a dictionary, in the order of declaration."""
        return {name: getattr(self, name) for name in self.hyperparameters()}

    def structure(self) -> dict[str, Any]:
        """Return the variant fields as a dictionary, in the order of declaration."""
        return {name: getattr(self, name) for name in self.variants()}

    def with_values(self, values: Mapping[str, Number]) -> Self:
        """Return this rule with hyperparameters replaced by arrays, without checking ranges.

        For the lift and the engine, which pass traced arrays; people call ``configured``.
        """
        new = object.__new__(type(self))
        for f in dataclasses.fields(self):
            object.__setattr__(new, f.name, values.get(f.name, getattr(self, f.name)))
        return new
