"""Weight averaging: the result is an average of the weights along the run, not the last ones.

Every kind is one table of numbers: after update t the average moves by a share w_t of its distance to the weights::

    average ← average + w_t·(x_t − average),   w_t in [0, 1]

Before averaging starts w_t is 1, so the average is the weights themselves. :func:`averaged` takes the step on arrays.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from thalweg.arrays import Array, as_scalar, namespace
from thalweg.errors import InvalidValueError
from thalweg.settings import Number, hyperparameter, variant
from thalweg.techniques.base import ActsOn, Technique

__all__ = ["EMA", "SWA", "Polyak", "averaged", "averaging_weights"]


def _start(default: float) -> Any:
    return hyperparameter(default, meaning="share s of the run after which averaging starts", high=1.0, high_open=True)


@dataclass(frozen=True)
class EMA(Technique):
    """The weights are averaged with shares that fall off exponentially into the past.

    References:
        Tarvainen and Valpola (2017), Mean teachers are better role models, section 2.
    """

    name: ClassVar[str] = "ema"
    title: ClassVar[str] = "Exponential moving average of the weights"
    acts_on: ClassVar[ActsOn] = "weights"
    formula: ClassVar[tuple[str, ...]] = (
        "a ← d·a + (1 − d)·x after update k since the start, a = x after the first",
        "debiased: d replaced by d·(1 − dᵏ⁻¹) / (1 − dᵏ)",
        "growing: d replaced by min(d, 1 − k⁻ʳ)",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Tarvainen and Valpola (2017), Mean teachers are better role models: weight-averaged consistency targets "
        "improve semi-supervised deep learning results, section 2, arXiv:1703.01780",
        "Kingma and Ba (2015), Adam: A Method for Stochastic Optimization, section 7.2 (debiased), arXiv:1412.6980",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "torch (AveragedModel) and Keras (use_ema) start from a copy of the weights (warmup = none), in which the "
        "first weights keep the share dᵏ⁻¹; optax (ema) starts from zero and divides by 1 − dᵏ (warmup = debiased).",
        "timm (ModelEmaV3) lets the decay grow as 1 − k⁻ʳ with r = 2/3 (warmup = growing); TensorFlow 1 as "
        "(1 + k)/(10 + k).",
        "Defaults of d: 0.999 in torch, 0.99 in Keras, 0.9999 in timm.",
    )

    decay: Number = hyperparameter(
        0.999, meaning="decay d", high=1.0, high_open=True, search=(0.9, 0.9999), scale="complement"
    )
    start: Number = _start(0.0)
    power: Number = hyperparameter(2 / 3, meaning="power r of a growing decay", low_open=True, high=1.0)
    warmup: str = variant(
        "none", choices=("none", "debiased", "growing"), meaning="how the first weights lose their share"
    )


@dataclass(frozen=True)
class SWA(Technique):
    """Late in the run the weights at regular distances are averaged with equal shares.

    References:
        Izmailov, Podoprikhin, Garipov, Vetrov and Wilson (2018), Averaging weights leads to wider optima and better
        generalization, algorithm 1.
    """

    name: ClassVar[str] = "swa"
    title: ClassVar[str] = "Stochastic weight averaging"
    acts_on: ClassVar[ActsOn] = "weights"
    formula: ClassVar[tuple[str, ...]] = (
        "a ← a + (x − a) / n at the n-th update in n·c since the start, a = x before",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Izmailov, Podoprikhin, Garipov, Vetrov and Wilson (2018), Averaging weights leads to wider optima and better "
        "generalization, algorithm 1, arXiv:1803.05407",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The first weights averaged are those c updates after the start, as in torch's documentation, where the "
        "average is updated at the end of each epoch after the start; the paper also counts the weights at the start.",
        "The paper runs a cyclic or a constant high learning rate meanwhile; set one as the schedule.",
        "With batch normalization the paper and torch (update_bn) pass through the data once more for the statistics.",
    )

    start: Number = _start(0.75)
    every: Number = hyperparameter(1, meaning="updates c from one averaged point to the next", low=1, whole=True)


@dataclass(frozen=True)
class Polyak(Technique):
    """All weights since the start are averaged with equal shares.

    References:
        Polyak and Juditsky (1992), Acceleration of stochastic approximation by averaging.
    """

    name: ClassVar[str] = "polyak"
    title: ClassVar[str] = "Polyak–Ruppert averaging"
    acts_on: ClassVar[ActsOn] = "weights"
    formula: ClassVar[tuple[str, ...]] = ("a ← a + (x − a) / k after update k since the start",)
    sources: ClassVar[tuple[str, ...]] = (
        "Polyak and Juditsky (1992), Acceleration of stochastic approximation by averaging, SIAM Journal on Control "
        "and Optimization 30(4)",
        "Ruppert (1988), Efficient estimations from a slowly convergent Robbins–Monro process, Cornell report 781",
        "Rakhlin, Shamir and Sridharan (2012), Making gradient descent optimal for strongly convex stochastic "
        "optimization (from a start on), arXiv:1109.5647",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The paper averages from the first update on (start = 0) and includes the initial weights; here and in torch "
        "(AveragedModel) they are left out.",
        "Many call an exponential moving average Polyak averaging; that is ema.",
    )

    start: Number = _start(0.0)


def averaging_weights(technique: Technique, total: int) -> np.ndarray:
    """Return the shares w_t for t = 1 … total, shape (total,), float64 in [0, 1].

    Args:
        technique: :class:`EMA`, :class:`SWA` or :class:`Polyak`.
        total: Updates of the whole run, 1 or more.

    Averaging starts after ``floor(start·total)`` updates; until its first point w_t is 1.

    Raises:
        InvalidValueError: It is no averaging technique, or the run ends before the first point.

    Example:
        >>> averaging_weights(SWA(start=0.5, every=2), 8).tolist()
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.5]
    """
    if technique.name not in SHARES:
        raise InvalidValueError(f"averaging {technique.name!r} is not allowed; give one of {', '.join(SHARES)}.")
    begun = min(math.floor(float(technique.start) * total + 1e-9), total - 1)  # type: ignore[attr-defined]
    since = np.arange(1, total + 1) - begun
    return np.where(since < 1, 1.0, SHARES[technique.name](technique, np.maximum(since, 1)))


def averaged(averages: Sequence[Array], parameters: Sequence[Array], weight: Array) -> list[Array]:
    """Return the averages after one update.

    Args:
        averages: Arrays of one run, the averages before; of any value where ``weight`` is 1.
        parameters: Likewise, the weights after the update.
        weight: Share w_t of this update in [0, 1], 0-d; 1 gives the parameters to the bit, 0 the averages.
    """

    def one(average: Array, x: Array) -> Array:
        xp, share = namespace(average, x), as_scalar(weight, x, x.dtype)
        # Rounding would leave a trace of the average at w = 1, and infinity in it would never go away.
        return xp.where(share >= 1, x, xp.where(share > 0, average + share * (x - average), average))

    return [one(average, x) for average, x in zip(averages, parameters, strict=True)]


def _ema_shares(technique: Any, since: np.ndarray) -> np.ndarray:
    plain, k = 1.0 - technique.decay, since.astype(float)
    if technique.warmup == "debiased":
        log = math.log(technique.decay) if technique.decay > 0 else -math.inf
        return np.minimum(1.0, plain / -np.expm1(k * log))
    shares = np.maximum(plain, k**-technique.power) if technique.warmup == "growing" else np.full(k.shape, plain)
    return np.where(since == 1, 1.0, shares)


def _swa_shares(technique: Any, since: np.ndarray) -> np.ndarray:
    last, every = int(since[-1]), int(technique.every)
    if every > last:
        raise InvalidValueError(
            f"swa: every = {every} leaves nothing to average, for the run ends {last} updates after the start; give a "
            f"whole number in [1, {last}], or an earlier start."
        )
    points = since // every
    return np.where(points == 0, 1.0, np.where(since % every == 0, 1.0 / np.maximum(points, 1), 0.0))


def _polyak_shares(technique: Any, since: np.ndarray) -> np.ndarray:
    del technique
    return 1.0 / since


SHARES: Mapping[str, Callable[[Any, np.ndarray], np.ndarray]] = MappingProxyType(
    {"ema": _ema_shares, "swa": _swa_shares, "polyak": _polyak_shares}
)
