"""Cosine decay with warm-up and warm restarts."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from thalweg.schedules.base import Schedule, unit
from thalweg.schedules.phases import as_steps, fall, progress, rise
from thalweg.settings import Number, hyperparameter

__all__ = ["Cosine"]


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from 1 to a final value, after a linear warm-up, once or in several cycles.

    References:
        Loshchilov and Hutter (2017), SGDR: Stochastic Gradient Descent with Warm Restarts, equation 5.
    """

    name: ClassVar[str] = "cosine"
    title: ClassVar[str] = "Cosine decay with warm-up and restarts"
    formula: ClassVar[tuple[str, ...]] = (
        "f(n) = n / W  for n ≤ W, the updates of the warm-up",
        "f(n) = e + (1 − e)·(1 + cos(π·u)) / 2,  u = (n − 1 − b) / L",
        "b, L: begin and length of the cycle; cycle j is m times as long as the one before, together they fill N − W",
    )
    borders: ClassVar[tuple[str, ...]] = (
        "First update: 1 without warm-up, 1 / W with it. Updates W and W + 1 are at 1: the decay begins at the latter.",
        "Last update: u = (L − 1) / L, one update before e, so that with e = 0 no update is wasted.",
        "After the end: e.",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Loshchilov and Hutter (2017), SGDR: Stochastic Gradient Descent with Warm Restarts, arXiv:1608.03983, "
        "equation 5",
        "Goyal et al. (2017), Accurate, Large Minibatch SGD, arXiv:1706.02677, section 2.2: the warm-up",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "torch's CosineAnnealingLR climbs again after T_max, with period 2·T_max; here, in Optax and in Keras the "
        "final value stays.",
        "torch's CosineAnnealingWarmRestarts(T_0, T_mult) begins a further cycle at the end; it is equal within the "
        "run where the cycles fill it: N = T_0·(1 + T_mult + T_mult² …).",
        "Optax' warmup_cosine_decay_schedule starts at n = 0 of the warm-up, so its first update is wasted and the "
        "whole warm-up one update later; its decay_steps include the warm-up. Keras' CosineDecay does not include it.",
        "warmup:0.1+cosine is another thing: there the cosine falls from the first update on, beneath the warm-up.",
    )
    lengths: ClassVar[tuple[str, ...]] = ("warmup",)

    warmup: Number = hyperparameter(0, meaning="length W of the warm-up")
    final: Number = hyperparameter(0.0, meaning="final factor e of every cycle")
    cycles: Number = hyperparameter(1, meaning="number of cycles", low=1, high=10_000, whole=True)
    multiplier: Number = hyperparameter(
        1.0, meaning="how many times as long as the one before a cycle is, m", low_open=True
    )
    unit: str = unit()

    def factor(self, step: ArrayLike, total: int) -> Any:
        """Return the warm-up's factor, then that of the cycle the update lies in."""
        warmup = self.updates("warmup", total)
        borders = warmup + self._cycle_borders(max(total - warmup, 0))
        done = as_steps(step) - 1
        cycle = np.clip(np.searchsorted(borders, done, side="right") - 1, 0, len(borders) - 2)
        share = progress(step, borders[cycle], borders[cycle + 1] - borders[cycle])
        return np.where(done < warmup, rise(step, warmup), self.final + (1 - self.final) * fall("cosine", share))

    def _cycle_borders(self, updates: int) -> np.ndarray:
        """Return the updates behind at the begin of each cycle and at the end of the last."""
        powers = np.arange(self.cycles) * np.log(self.multiplier)
        weights = np.exp(powers - powers.max())
        shares = np.cumsum(weights) / weights.sum()
        shares[-1] = 1.0
        return np.concatenate([[0.0], np.floor(shares * updates + 0.5)])
