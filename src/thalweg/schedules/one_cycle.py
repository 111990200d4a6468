"""The one-cycle policy: up, down, annihilation; and the inverse cycle of the momentum."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from thalweg.schedules.base import Schedule, unit
from thalweg.schedules.phases import as_steps, fall, progress
from thalweg.settings import Number, hyperparameter, variant

__all__ = ["OneCycle", "OneCycleMomentum"]

SOURCES = (
    "Smith and Topin (2018), Super-Convergence, arXiv:1708.07120, section 3",
    "Smith (2018), A disciplined approach to neural network hyper-parameters: part 1, arXiv:1803.09820, section 4",
)


@dataclass(frozen=True)
class _Cycle(Schedule):
    """What both cycles share: when it goes up, when down, and in which shape."""

    sources: ClassVar[tuple[str, ...]] = SOURCES
    lengths: ClassVar[tuple[str, ...]] = ("up", "down")

    up: Number = hyperparameter(0.45, meaning="length U of the way up")
    down: Number = hyperparameter(0.45, meaning="length D of the way down; the rest with phases = two")
    phases: str = variant(
        "three",
        choices=("three", "two"),
        meaning="up, down and annihilation (Smith), or from the peak straight to the final value (fastai, torch)",
    )
    shape: str = variant("linear", choices=("linear", "cosine"), meaning="shape of each way")
    unit: str = unit()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.phases == "three":
            self.check_fit(("up", "down"))

    def used_lengths(self) -> tuple[str, ...]:
        """Return both ways, or the way up alone where the way down is the rest."""
        return ("up", "down") if self.phases == "three" else ("up",)

    def _level(self, step: ArrayLike, total: int) -> tuple[np.ndarray, int, int]:
        """Return the height in the cycle, 0 to 1 and back to 0, and the lengths of its two ways."""
        if self.phases == "three":
            self.check_fit(("up", "down"), total)
        up = min(self.updates("up", total), total)
        down = min(self.updates("down", total), total - up) if self.phases == "three" else total - up
        rising = 1 - fall(self.shape, progress(step, 0, up))
        falling = fall(self.shape, progress(step, up, down))
        return np.where(as_steps(step) <= up, rising, falling), up, down


@dataclass(frozen=True)
class OneCycle(_Cycle):
    """Up to the full value and down again, then far below it in the run's last stretch.

    References:
        Smith and Topin (2018), Super-Convergence; Smith (2018), A disciplined approach.
    """

    name: ClassVar[str] = "one-cycle"
    title: ClassVar[str] = "One-cycle policy"
    formula: ClassVar[tuple[str, ...]] = (
        "up, n ≤ U:            f(n) = s + (1 − s)·h(u),  u = (n − 1) / U",
        "down, the next D:     f(n) = 1 − (1 − s)·h(u),  u = (n − 1 − U) / D",
        "annihilation:         f(n) = s − (s − e)·h(u),  u = (n − 1 − U − D) / (N − U − D)",
        "linear: h(u) = u;  cosine: h(u) = (1 − cos(π·u)) / 2",
        "two phases: after U    f(n) = 1 − (1 − e)·h(u),  u = (n − 1 − U) / (N − U)",
    )
    borders: ClassVar[tuple[str, ...]] = (
        "First update: s. The peak of 1 is at update U + 1, the first of the way down.",
        "Last update: one update before e.",
        "After the end: e.",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "torch's and Optax' default is up = 0.3, start = 0.04 (div_factor 25), final = 4e-6 (final_div_factor 10⁴), "
        "phases = two, shape = cosine.",
        "Optax' cosine_onecycle_schedule with phases = two and linear_onecycle_schedule with three are equal "
        "(pct_final = up + down).",
        "torch's OneCycleLR peaks at update U, one earlier, and takes its last update at e itself.",
    )

    start: Number = hyperparameter(0.1, meaning="factor s of the first update, and at the cycle's end")
    final: Number = hyperparameter(0.001, meaning="final factor e")

    def factor(self, step: ArrayLike, total: int) -> Any:
        """Return the factor on the way up, down, and at the end."""
        level, up, down = self._level(step, total)
        if self.phases == "two":
            low = np.where(as_steps(step) <= up, self.start, self.final)
            return low + (1 - low) * level
        vanished = 1 - fall(self.shape, progress(step, up + down, total - up - down))
        vanished = np.where(as_steps(step) > up + down, vanished, 0.0)
        return self.start + (1 - self.start) * level - (self.start - self.final) * vanished

    def momentum(self, low: float) -> "OneCycleMomentum":
        """Return the inverse cycle for the momentum, lowest where the rate is highest.

        Args:
            low: Momentum at the peak of the rate, as a factor of its own value, in [0, 1].
        """
        return OneCycleMomentum(
            low=low, **{key: getattr(self, key) for key in ("up", "down", "phases", "shape", "unit")}
        )


@dataclass(frozen=True)
class OneCycleMomentum(_Cycle):
    """The inverse cycle for the momentum: down to its lowest where the rate peaks, and up again.

    References:
        Smith (2018), A disciplined approach to neural network hyper-parameters, section 4.3.
    """

    name: ClassVar[str] = "one-cycle-momentum"
    title: ClassVar[str] = "One-cycle policy, the momentum's side"
    formula: ClassVar[tuple[str, ...]] = (
        "n ≤ U:        f(n) = 1 − (1 − l)·h(u),  u = (n − 1) / U",
        "the next D:   f(n) = l + (1 − l)·h(u),  u = (n − 1 − U) / D",
        "afterwards:   f(n) = 1",
        "linear: h(u) = u;  cosine: h(u) = (1 − cos(π·u)) / 2;  two phases: D = N − U",
    )
    borders: ClassVar[tuple[str, ...]] = (
        "First update: 1. The lowest, l, is at update U + 1, where one-cycle peaks.",
        "Last update: 1 with three phases, one update before 1 with two.",
        "After the end: 1.",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "torch's OneCycleLR cycles the momentum itself (cycle_momentum, 0.95 to 0.85 and back); the same is momentum "
        "0.95 with low = 0.85 / 0.95 here. Optax has none.",
    )

    low: Number = hyperparameter(0.9, meaning="lowest factor l", high=1.0)

    def factor(self, step: ArrayLike, total: int) -> Any:
        """Return 1 − (1 − l)·h along the cycle."""
        level, _, _ = self._level(step, total)
        return 1 - (1 - self.low) * level
