"""Exponential decay."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from thalweg.schedules.base import Schedule, unit
from thalweg.schedules.phases import as_steps
from thalweg.settings import Number, hyperparameter, variant

__all__ = ["Exponential"]


@dataclass(frozen=True)
class Exponential(Schedule):
    """Multiplied by the same number over every equal length, by default once over the whole run.

    References:
        Senior, Heigold, Ranzato and Yang (2013), An empirical study of learning rates in deep neural networks for
        speech recognition, section 3.
    """

    name: ClassVar[str] = "exponential"
    title: ClassVar[str] = "Exponential decay"
    formula: ClassVar[tuple[str, ...]] = ("f(n) = d^((n − 1) / E)", "stairs: f(n) = d^⌊(n − 1) / E⌋")
    borders: ClassVar[tuple[str, ...]] = (
        "First update: 1.",
        "Last update, over the whole run: d^((N − 1) / N), one update's share above d.",
        "After the end: the formula goes on; d is met at update N + 1.",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Senior, Heigold, Ranzato and Yang (2013), An empirical study of learning rates in deep neural networks for "
        "speech recognition, ICASSP, section 3",
        "Smith (2017), Cyclical Learning Rates for Training Neural Networks, arXiv:1506.01186, section 3.3: a growing "
        "rate as a test of its range (decay above 1)",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "torch's ExponentialLR(gamma) is decay = gamma, every = 1, unit = update.",
        "Optax' exponential_decay and Keras' ExponentialDecay: decay = decay_rate, every = transition_steps or "
        "decay_steps, form = stairs for staircase; Optax' end_value, a floor, has no counterpart here.",
    )
    lengths: ClassVar[tuple[str, ...]] = ("every",)

    decay: Number = hyperparameter(0.01, meaning="what is multiplied over each length E, d", low_open=True)
    every: Number = hyperparameter(1, meaning="length E", low_open=True)
    form: str = variant("smooth", choices=("smooth", "stairs"), meaning="falls at every update, or once per length E")
    unit: str = unit()

    def factor(self, step: ArrayLike, total: int) -> Any:
        """Return d to the power of the lengths behind."""
        lengths = (as_steps(step) - 1) / max(self.updates("every", total), 1)
        with np.errstate(over="ignore", under="ignore"):  # a factor that is not finite is refused where a run is made
            return np.power(float(self.decay), np.floor(lengths) if self.form == "stairs" else lengths)
