"""A constant factor."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from thalweg.schedules.base import Schedule
from thalweg.settings import Number, hyperparameter

__all__ = ["Constant"]


@dataclass(frozen=True)
class Constant(Schedule):
    """The same factor at every update."""

    name: ClassVar[str] = "constant"
    title: ClassVar[str] = "Constant"
    formula: ClassVar[tuple[str, ...]] = ("f(n) = c",)
    borders: ClassVar[tuple[str, ...]] = ("First update, last update and after the end: c.",)
    differences: ClassVar[tuple[str, ...]] = (
        "torch's ConstantLR is not this: it multiplies by a factor for the first updates only and by 1 afterwards; "
        "that is step with a decay above 1.",
    )

    value: Number = hyperparameter(1.0, meaning="factor c")

    def factor(self, step: ArrayLike, total: int) -> Any:  # noqa: ARG002 (a schedule's signature)
        """Return c at every update."""
        return np.full(np.shape(step), float(self.value))
