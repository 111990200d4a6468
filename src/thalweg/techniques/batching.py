"""How minibatches are drawn, and how they grow along a run.

A batch of k·b examples is k minibatches of b in a row whose gradients are averaged before one update is made. So the
size of a batch is a table of numbers, and a run whose batch grows compiles to the same program as any other.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar, Literal, NamedTuple, TypeAlias

import numpy as np

from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.settings import Number, hyperparameter, variant
from thalweg.techniques.base import ActsOn, Technique

__all__ = [
    "SAMPLINGS",
    "Accumulate",
    "Accumulation",
    "Growth",
    "Sampling",
    "SamplingKind",
    "accumulation",
    "growth_multipliers",
    "sample_rows",
]

SamplingKind: TypeAlias = Literal["shuffled", "replacement", "sequential"]
SAMPLINGS: tuple[SamplingKind, ...] = ("shuffled", "replacement", "sequential")
REPLACEMENT = 1  # keeps its random numbers apart from those of the shuffled order


@dataclass(frozen=True)
class Sampling(Technique):
    """How the examples of a minibatch are drawn.

    References:
        Bottou (2012), Stochastic gradient descent tricks (shuffled).
    """

    name: ClassVar[str] = "sampling"
    title: ClassVar[str] = "Sampling of minibatches"
    acts_on: ClassVar[ActsOn] = "order"
    formula: ClassVar[tuple[str, ...]] = (
        "shuffled: every epoch goes through a fresh permutation of the examples",
        "replacement: every example of every minibatch is drawn from all, independently",
        "sequential: every epoch goes through the examples as they are stored",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Bottou (2012), Stochastic gradient descent tricks",
        "Robbins and Monro (1951), A Stochastic Approximation Method, Annals of Mathematical Statistics 22(3) "
        "(independent draws)",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "An incomplete last batch of an epoch is left out, as with drop_last=True in torch's DataLoader; torch and "
        "Keras keep it by default. In a shuffled run other examples are left out in every epoch, in a sequential one "
        "always the same.",
        "Proofs of convergence mostly assume replacement; practice shuffles.",
    )
    example: ClassVar[str] = "sampling=replacement"

    kind: str = variant("shuffled", choices=SAMPLINGS, meaning="how examples are drawn")


@dataclass(frozen=True)
class Growth(Technique):
    """The batch grows as the learning rate would decay, and the rate stays.

    References:
        Smith, Kindermans, Ying and Le (2018), Don't decay the learning rate, increase the batch size.
    """

    name: ClassVar[str] = "growth"
    title: ClassVar[str] = "Growing batch"
    acts_on: ClassVar[ActsOn] = "order"
    formula: ClassVar[tuple[str, ...]] = (
        "k = round(1/f), f the factor of a schedule at the group's first minibatch",
        "g ← mean of the gradients of k minibatches in a row, then one update",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Smith, Kindermans, Ying and Le (2018), Don't decay the learning rate, increase the batch size, "
        "arXiv:1711.00489",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The paper argues that the scale of the noise, η·N/B, is what matters while B is far below N, the number of "
        "examples; it grows B up to about N/10 and lets the rate decay from there on.",
        "A last group that the run does not complete is applied with the size it has reached.",
        "torch users write it as gradient accumulation; optax has MultiSteps, which averages likewise and takes the "
        "size as a function of the update, not of the examples seen.",
    )
    example: ClassVar[str] = "growth=step:at=0.5/0.75"


@dataclass(frozen=True)
class Accumulate(Technique):
    """Several minibatches in a row make one update, as if they were one batch.

    References:
        Goyal, Dollár, Girshick, Noordhuis et al. (2017), Accurate, large minibatch SGD, section 2.
    """

    name: ClassVar[str] = "accumulate"
    title: ClassVar[str] = "Gradient accumulation"
    acts_on: ClassVar[ActsOn] = "order"
    formula: ClassVar[tuple[str, ...]] = ("g ← mean of the gradients of k minibatches in a row, then one update",)
    sources: ClassVar[tuple[str, ...]] = (
        "Goyal, Dollár, Girshick, Noordhuis et al. (2017), Accurate, large minibatch SGD: training ImageNet in 1 hour, "
        "section 2 (what a large batch's gradient is), arXiv:1706.02677",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "A run has as many minibatches as without, and so k times fewer updates; schedules count minibatches.",
        "torch users add up gradients and divide the loss by k themselves; optax (MultiSteps) and Keras "
        "(gradient_accumulation_steps) take the mean, as here.",
        "A last group that the run does not complete is applied with the size it has reached; optax and Keras drop it.",
        "With a growing batch the two sizes are multiplied.",
    )

    steps: Number = hyperparameter(4, meaning="minibatches k per update", low=1, whole=True)


class Accumulation(NamedTuple):
    """Which minibatches are joined into one update.

    Attributes:
        fires: Whether an update is made after the minibatch, (ticks,) bool.
        weight: Share of the minibatch's gradient in the update's, (ticks,) float64; each group's add up to 1.
    """

    fires: np.ndarray
    weight: np.ndarray


def growth_multipliers(factors: np.ndarray, most: int) -> np.ndarray:
    """Return how many times larger a batch is than at first, where a rate would have decayed: round(1/f), int64.

    Args:
        factors: Factors f of a learning rate, each in [0, 1], as a schedule gives them.
        most: Largest multiplier allowed, 1 or more; factors of 0 get it. Examples // batch size makes full batches.

    Halves are rounded up.

    Raises:
        InvalidValueError: A factor is outside [0, 1] or NaN, or ``most`` is below 1.

    Example:
        >>> growth_multipliers(np.array([1.0, 0.5, 0.4, 0.0]), most=8).tolist()
        [1, 2, 3, 8]
    """
    factors = np.asarray(factors, float)
    if most < 1:
        raise InvalidValueError(f"most = {most!r} is not allowed; give a whole number of at least 1.")
    wrong = ~((factors >= 0) & (factors <= 1))
    if wrong.any():
        step = int(np.flatnonzero(wrong)[0])
        raise InvalidValueError(
            f"growth: the schedule's factor at step {step + 1} is {factors.flat[step]:g}, and a batch can grow only as "
            "a rate decays; give a schedule whose factors lie in [0, 1]."
        )
    least = 1.0 / most
    return np.floor(1.0 / np.maximum(factors, least) + 0.5).astype(np.int64).clip(1, most)


def accumulation(multipliers: np.ndarray, ticks: int) -> Accumulation:
    """Return after which minibatches an update is made, and the share of each in its update.

    Args:
        multipliers: Minibatches per update in force at each minibatch, whole numbers of at least 1, (ticks,) or
            more; the one at a group's first minibatch decides.
        ticks: Minibatches of the whole run, 1 or more.

    A last group that the run does not complete is applied with the size it has reached, so that no example is
    paid for in vain.

    Raises:
        InvalidValueError: Too few multipliers, or one that is no whole number of at least 1.

    Example:
        >>> accumulation(np.array([1, 2, 2, 2, 2]), 4).fires.tolist()
        [True, False, True, True]
    """
    multipliers = np.asarray(multipliers)
    if len(multipliers) < ticks:
        raise InvalidValueError(
            f"multipliers: {len(multipliers)} are given for {ticks} minibatches; give one for each minibatch."
        )
    used = multipliers[:ticks]
    wrong = ~((used >= 1) & (used == np.floor(used)))
    if wrong.any():
        raise InvalidValueError(f"multiplier {used[wrong][0]!s} is not allowed; give whole numbers of at least 1.")
    fires, weight = np.zeros(ticks, bool), np.zeros(ticks)
    first = 0
    while first < ticks:
        size = min(int(used[first]), ticks - first)
        weight[first : first + size] = 1.0 / size
        first += size
        fires[first - 1] = True
    return Accumulation(fires, weight)


def sample_rows(kind: str, seed: int, examples: int, batch_size: int, first: int, count: int) -> np.ndarray:
    """Return the rows of ``count`` consecutive minibatches, shape (count, batch_size), int32.

    Args:
        kind: ``shuffled``, ``replacement`` or ``sequential``; see :class:`Sampling`.
        seed: Seed of the run, 0 or more.
        examples: Size of the training set.
        batch_size: Rows per minibatch, in [1, examples].
        first: Minibatches already drawn, 0 at the start.
        count: Number of minibatches.

    Any part of the sequence can be asked for by itself and is always the same.

    Raises:
        UnknownNameError: No such kind.
        InvalidValueError: The batch is empty or larger than the training set.
    """
    if kind not in SAMPLINGS:
        raise UnknownNameError("sampling", kind, SAMPLINGS)
    if not 1 <= batch_size <= examples:
        raise InvalidValueError(
            f"batch size {batch_size} is not allowed with {examples} training examples; give a whole number in "
            f"[1, {examples}]."
        )
    per_epoch = examples // batch_size
    epochs = range(first // per_epoch, max(-(-(first + count) // per_epoch), first // per_epoch + 1))
    rows = np.concatenate([_epoch(kind, seed, examples, batch_size, epoch) for epoch in epochs])
    start = first - epochs.start * per_epoch
    return rows[start : start + count]


@lru_cache(maxsize=4096)
def _epoch(kind: str, seed: int, examples: int, batch_size: int, epoch: int) -> np.ndarray:
    shape = (examples // batch_size, batch_size)
    if kind == "replacement":
        rng = np.random.default_rng((seed, epoch, REPLACEMENT))
        return rng.integers(examples, size=shape, dtype=np.int32)
    order = np.arange(examples, dtype=np.int32)
    if kind == "shuffled":
        order = np.random.default_rng((seed, epoch)).permutation(examples).astype(np.int32)
    return order[: shape[0] * shape[1]].reshape(shape)
