"""Warm-up, stable, decay."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from thalweg.schedules.base import Schedule, unit
from thalweg.schedules.phases import SHAPES, as_steps, fall, progress, rise
from thalweg.settings import Number, hyperparameter, variant

__all__ = ["WarmUpStableDecay"]


@dataclass(frozen=True)
class WarmUpStableDecay(Schedule):
    """A warm-up, a long stretch at the full value, and a decay in the run's last stretch.

    References:
        Hu et al. (2024), MiniCPM, section 4; Hägele et al. (2024), Scaling Laws and Compute-Optimal Training Beyond
        Fixed Training Durations, section 3.
    """

    name: ClassVar[str] = "wsd"
    title: ClassVar[str] = "Warm-up, stable, decay"
    formula: ClassVar[tuple[str, ...]] = (
        "f(n) = n / W  for n ≤ W",
        "f(n) = 1  up to n = N − D",
        "f(n) = e + (1 − e)·g(u),  u = (n − 1 − (N − D)) / D,  in the last D updates",
        "linear: g(u) = 1 − u;  cosine: g(u) = (1 + cos(π·u)) / 2;  sqrt: g(u) = 1 − √u",
    )
    borders: ClassVar[tuple[str, ...]] = (
        "First update: 1 / W, or 1 without warm-up.",
        "Last update: u = (D − 1) / D, one update before e.",
        "After the end: e.",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Hu et al. (2024), MiniCPM, arXiv:2404.06395, section 4",
        "Hägele et al. (2024), Scaling Laws and Compute-Optimal Training Beyond Fixed Training Durations, "
        "arXiv:2405.18392, section 3: the shapes linear and 1 − √u",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "MiniCPM decays by halves, 0.5^(updates / T), without an end; that is constant~0.9~exponential here.",
        "Neither torch nor Optax names it; Optax' join_schedules of three pieces is equal.",
    )
    lengths: ClassVar[tuple[str, ...]] = ("warmup", "decay")

    warmup: Number = hyperparameter(0.05, meaning="length W of the warm-up")
    decay: Number = hyperparameter(0.2, meaning="length D of the decay")
    final: Number = hyperparameter(0.0, meaning="final factor e")
    shape: str = variant("linear", choices=SHAPES, meaning="shape of the decay")
    unit: str = unit()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_fit(("warmup", "decay"))

    def factor(self, step: ArrayLike, total: int) -> Any:
        """Return the warm-up's factor, 1, or the decay's."""
        self.check_fit(("warmup", "decay"), total)
        warmup = self.updates("warmup", total)
        decay = min(self.updates("decay", total), total - warmup)
        left = fall(self.shape, progress(step, total - decay, decay))
        return np.where(as_steps(step) <= warmup, rise(step, warmup), self.final + (1 - self.final) * left)
