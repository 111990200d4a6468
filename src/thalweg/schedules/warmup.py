"""Linear warm-up."""

from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import ArrayLike

from thalweg.schedules.base import Schedule, unit
from thalweg.schedules.phases import rise
from thalweg.settings import Number, hyperparameter

__all__ = ["WarmUp"]


@dataclass(frozen=True)
class WarmUp(Schedule):
    """Linear from a low value to 1, then 1; made to be multiplied with another schedule.

    References:
        Goyal et al. (2017), Accurate, Large Minibatch SGD, section 2.2.
    """

    name: ClassVar[str] = "warmup"
    title: ClassVar[str] = "Linear warm-up"
    formula: ClassVar[tuple[str, ...]] = ("f(n) = s + (1 − s)·min(n / W, 1)",)
    borders: ClassVar[tuple[str, ...]] = (
        "First update: s + (1 − s) / W, so that with s = 0 it is not wasted; update W is the first at 1.",
        "Last update and after the end: 1, if the run is longer than the warm-up.",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Goyal et al. (2017), Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour, arXiv:1706.02677, "
        "section 2.2",
        "Ma and Yarats (2021), On the adequacy of untuned warmup for adaptive optimization, arXiv:1910.04209: for Adam "
        "2 / (1 − β₂) updates",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "Optax' linear_schedule(0, 1, W) and Keras' warm-up count from 0: the first update has the rate 0 and changes "
        "nothing. Optax' linear_schedule(1/W, 1, W − 1) is equal.",
        "torch's LinearLR(start_factor = s + (1 − s)/W, total_iters = W − 1) is equal; its own default begins at 1/3.",
        "Schedule-free optimizers warm up by (k + 1) / W with k from 0, as here.",
    )
    lengths: ClassVar[tuple[str, ...]] = ("length",)

    length: Number = hyperparameter(0.1, meaning="length W of the warm-up")
    start: Number = hyperparameter(0.0, meaning="factor s that it climbs from")
    unit: str = unit()

    def factor(self, step: ArrayLike, total: int) -> Any:
        """Return s + (1 − s)·min(n / W, 1)."""
        return self.start + (1 - self.start) * rise(step, self.updates("length", total))
