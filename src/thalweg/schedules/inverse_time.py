"""Inverse-time decay: 1 / (1 + k·t)."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from thalweg.schedules.base import Schedule, unit
from thalweg.schedules.phases import as_steps
from thalweg.settings import Number, hyperparameter, variant

__all__ = ["InverseTime"]


@dataclass(frozen=True)
class InverseTime(Schedule):
    """The factor 1 / (1 + k·t) of seed 000, which falls ever more slowly and never ends.

    References:
        Robbins and Monro (1951), A Stochastic Approximation Method, equation 27.
    """

    name: ClassVar[str] = "inverse-time"
    title: ClassVar[str] = "Inverse-time decay"
    formula: ClassVar[tuple[str, ...]] = (
        "f(n) = 1 / (1 + k·t),  t = (n − 1) / E",
        "stairs: t = ⌊(n − 1) / E⌋, with E the updates of an epoch the decay per epoch",
    )
    borders: ClassVar[tuple[str, ...]] = (
        "First update: 1.",
        "Last update and after the end: the formula goes on; it knows no end.",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Robbins and Monro (1951), A Stochastic Approximation Method, section 3: steps of the order of 1/n",
        "Bengio (2012), Practical Recommendations for Gradient-Based Training, arXiv:1206.5533, section 3.1.1",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "Seed 000 shows a learning-rate decay beside each optimizer and gives no formula; on its landscapes there is "
        "no epoch, so t counts updates here. Elsewhere t often counts epochs: every = updates of an epoch, form = "
        "stairs.",
        "Keras' InverseTimeDecay is the same with decay_steps = every, staircase = (form = stairs); Keras' former "
        "decay argument is every = 1.",
        "torch and Optax have no such schedule.",
    )
    lengths: ClassVar[tuple[str, ...]] = ("every",)

    rate: Number = hyperparameter(1e-3, meaning="decay k")
    every: Number = hyperparameter(1, meaning="length E in which t grows by one", low_open=True)
    form: str = variant("smooth", choices=("smooth", "stairs"), meaning="t grows at every update, or by whole ones")
    unit: str = unit("update")

    def factor(self, step: ArrayLike, total: int) -> Any:
        """Return 1 / (1 + k·t)."""
        t = (as_steps(step) - 1) / max(self.updates("every", total), 1)
        return 1 / (1 + self.rate * (np.floor(t) if self.form == "stairs" else t))
