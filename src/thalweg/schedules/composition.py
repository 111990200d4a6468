"""Schedules made of schedules: a product of several, and one after the other."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from thalweg.errors import InvalidValueError
from thalweg.schedules.base import Schedule
from thalweg.schedules.phases import as_steps
from thalweg.schedules.plateau import Plateau

__all__ = ["Joined", "Product", "plateau_of"]


@dataclass(frozen=True)
class Product(Schedule):
    """Several schedules of the whole run, multiplied: ``warmup:0.1+cosine``.

    Attributes:
        parts: Two or more; at most one of them follows the loss, none is a product or joined of others.

    Raises:
        InvalidValueError: The parts are not so.
    """

    name: ClassVar[str] = "product"
    title: ClassVar[str] = "Product of schedules"
    formula: ClassVar[tuple[str, ...]] = ("f(n) = f₁(n)·f₂(n)·…",)
    borders: ClassVar[tuple[str, ...]] = ("At every update the product of what its parts say.",)

    parts: tuple[Schedule, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_parts("product", self.parts, (Product, Joined))
        if sum(part.adaptive for part in self.parts) > 1:
            raise InvalidValueError("a product of schedules holds plateau twice; keep one of them.")

    @property
    def adaptive(self) -> bool:
        """Whether a part depends on the losses met."""
        return any(part.adaptive for part in self.parts)

    def factor(self, step: ArrayLike, total: int) -> Any:
        """Return the product of the parts' factors."""
        product = np.ones(np.shape(step))
        with np.errstate(over="ignore", under="ignore"):
            for part in self.parts:
                product = product * part.factor(step, total)
        return product


@dataclass(frozen=True)
class Joined(Schedule):
    """Schedules one after the other, each as if its stretch were a whole run: ``constant~0.5~cosine``.

    Attributes:
        parts: Two or more; none is itself joined or follows the loss.
        at: Where each but the first begins, as a share of the run, rounded to whole updates; increasing, within (0, 1).

    Raises:
        InvalidValueError: The parts or their places are not so.
    """

    name: ClassVar[str] = "joined"
    title: ClassVar[str] = "Schedules one after the other"
    formula: ClassVar[tuple[str, ...]] = (
        "f(n) = fⱼ(n − aⱼ),  with N = aⱼ₊₁ − aⱼ for part j, which begins after aⱼ updates",
    )
    borders: ClassVar[tuple[str, ...]] = (
        "First and last update of each part: as at the first and last update of a run of its length.",
        "After the end: the last part after its end.",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "Optax' join_schedules and torch's SequentialLR hand each part the count since its begin as well, but no part "
        "knows its length.",
    )

    parts: tuple[Schedule, ...]
    at: tuple[float, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_parts("sequence", self.parts, (Joined,))
        if any(part.adaptive for part in self.parts):
            raise InvalidValueError(
                "a sequence of schedules holds plateau, which has no begin; use plateau in a product."
            )
        places = (0.0, *self.at, 1.0)
        increasing = all(a < b for a, b in pairwise(places))  # NaN is not
        if len(self.at) != len(self.parts) - 1 or not increasing:
            raise InvalidValueError(
                f"a sequence of {len(self.parts)} schedules with places {list(self.at)} is not understood; give "
                f"{len(self.parts) - 1} increasing shares of the run between 0 and 1."
            )

    def factor(self, step: ArrayLike, total: int) -> Any:
        """Return the factor of the part that the update lies in."""
        steps = as_steps(step)
        begins = [0, *(self.as_updates(place, total) for place in self.at), total]
        result = np.ones_like(steps)
        for part, (begin, end) in zip(self.parts, pairwise(begins), strict=True):
            if end > begin:
                own = np.maximum(steps - begin, 1)  # before its begin it is not asked
                result = np.where(steps > begin, part.factor(own, end - begin), result)
        return result


def plateau_of(schedule: Schedule) -> Plateau | None:
    """Return the part that follows the loss: the schedule itself, or a factor of a product; None if there is none."""
    parts = schedule.parts if isinstance(schedule, Product) else (schedule,)
    return next((part for part in parts if isinstance(part, Plateau)), None)


def _check_parts(what: str, parts: tuple[Schedule, ...], refused: tuple[type[Schedule], ...]) -> None:
    if not isinstance(parts, tuple) or len(parts) < 2 or not all(isinstance(part, Schedule) for part in parts):
        raise InvalidValueError(f"a {what} of schedules has parts = {parts!r}; give a tuple of two schedules or more.")
    for part in parts:
        if isinstance(part, refused):
            raise InvalidValueError(f"a {what} of schedules holds a {part.name} one; list its parts directly.")
