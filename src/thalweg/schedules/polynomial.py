"""Polynomial decay; linear decay is its power 1."""

from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import ArrayLike

from thalweg.schedules.base import Schedule, unit
from thalweg.schedules.phases import progress
from thalweg.settings import Number, hyperparameter

__all__ = ["Polynomial"]


@dataclass(frozen=True)
class Polynomial(Schedule):
    """From 1 to a final value as a power of the share that is left; linear by default.

    References:
        Goodfellow, Bengio and Courville (2016), Deep Learning, equation 8.14.
    """

    name: ClassVar[str] = "polynomial"
    title: ClassVar[str] = "Polynomial decay, linear at power 1"
    formula: ClassVar[tuple[str, ...]] = ("f(n) = e + (1 − e)·(1 − u)^p,  u = min((n − 1) / L, 1)",)
    borders: ClassVar[tuple[str, ...]] = (
        "First update: 1.",
        "Last update: u = (N − 1) / N, one update's share before e, so that with e = 0 no update is wasted.",
        "After the end, and after the length L: e.",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Goodfellow, Bengio and Courville (2016), Deep Learning, equation 8.14: linear until the τ-th update, then "
        "constant",
        "Liu, Rabinovich and Berg (2015), ParseNet, arXiv:1506.04579, section 4: power 0.9",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "torch's PolynomialLR(total_iters, power) and LinearLR(1, end_factor, total_iters), Optax' polynomial_schedule "
        "and Keras' PolynomialDecay are the same with length = their steps, unit = update.",
        "Keras' cycle = True, which lengthens the decay whenever it ends, has no counterpart here.",
    )
    lengths: ClassVar[tuple[str, ...]] = ("length",)

    power: Number = hyperparameter(1.0, meaning="power p", low_open=True)
    final: Number = hyperparameter(0.0, meaning="final factor e")
    length: Number = hyperparameter(1, meaning="length L of the decay", low_open=True)
    unit: str = unit()

    def factor(self, step: ArrayLike, total: int) -> Any:
        """Return e + (1 − e)·(1 − u)^p."""
        left = 1 - progress(step, 0, max(self.updates("length", total), 1))
        return self.final + (1 - self.final) * left**self.power
