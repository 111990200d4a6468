"""Step decay: the factor drops at given places of the run, or every so many updates."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from thalweg.schedules.base import Schedule, unit
from thalweg.schedules.phases import as_steps
from thalweg.settings import Number, hyperparameter, numbers

__all__ = ["Step"]


@dataclass(frozen=True)
class Step(Schedule):
    """Multiplied by the same number at given places of the run, constant in between.

    References:
        He, Zhang, Ren and Sun (2016), Deep Residual Learning for Image Recognition, section 3.4.
    """

    name: ClassVar[str] = "step"
    title: ClassVar[str] = "Step decay"
    formula: ClassVar[tuple[str, ...]] = (
        "f(n) = d^j,  j = number of places a with n − 1 ≥ a",
        "every > 0: j = ⌊(n − 1) / E⌋",
    )
    borders: ClassVar[tuple[str, ...]] = (
        "First update: 1 (d if a place is 0).",
        "A place of a updates: update a is the last before the drop, update a + 1 the first after it.",
        "Last update: after every drop but those at the very end; a place of 1 is never reached within the run.",
        "After the end: no further drop, unless every > 0, which goes on.",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "He, Zhang, Ren and Sun (2016), Deep Residual Learning for Image Recognition, arXiv:1512.03385, sections 3.4 "
        "and 4.2: divided by 10 at a half and three quarters of the run",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "torch's StepLR(step_size, gamma) is every = step_size, decay = gamma, unit = update; MultiStepLR(milestones) "
        "is at = milestones; both count whatever calls step(), mostly epochs.",
        "Optax' piecewise_constant_schedule drops at the same update. Keras' PiecewiseConstantDecay still keeps the "
        "old value where its count equals the boundary: one update later.",
    )
    lengths: ClassVar[tuple[str, ...]] = ("at", "every")

    at: tuple[Number, ...] = numbers((0.5, 0.75), meaning="places a of the drops")
    decay: Number = hyperparameter(0.1, meaning="what is multiplied at each drop, d")
    every: Number = hyperparameter(0, meaning="length E between drops, in place of the places; 0 for the places")
    unit: str = unit()

    def used_lengths(self) -> tuple[str, ...]:
        """Return ``every`` if it is given, else the places."""
        return ("every",) if self.every else ("at",)

    def factor(self, step: ArrayLike, total: int) -> Any:
        """Return d to the power of the drops behind."""
        done = as_steps(step) - 1
        if self.every:
            drops = np.floor(done / max(self.updates("every", total), 1))
        else:
            places = np.asarray([self.as_updates(place, total) for place in self.at])
            drops = np.sum(done[..., None] >= places, axis=-1)
        with np.errstate(over="ignore"):  # a factor that is not finite is refused where a run is made
            return np.power(float(self.decay), drops)
