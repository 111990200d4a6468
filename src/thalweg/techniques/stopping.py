"""Early stopping: training ends when the validation loss no longer falls, and the best weights are the result."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from thalweg.arrays import Array, as_scalar, namespace
from thalweg.settings import Number, hyperparameter
from thalweg.techniques.base import ActsOn, Technique

__all__ = ["EarlyStopping", "StopState", "stop_start", "stop_step"]


@dataclass(frozen=True)
class EarlyStopping(Technique):
    """Training ends after so many evaluations without a lower validation loss; the weights of the lowest are kept.

    References:
        Prechelt (1998), Early stopping – but when?, criterion UP.
    """

    name: ClassVar[str] = "early-stopping"
    title: ClassVar[str] = "Early stopping"
    acts_on: ClassVar[ActsOn] = "length"
    formula: ClassVar[tuple[str, ...]] = (
        "improved if L + δ < L*, then L* ← L, x* ← x",
        "stop after p evaluations in a row without improvement; the result is x*",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Prechelt (1998), Early stopping – but when?, Neural Networks: Tricks of the Trade, criterion UP",
        "Goodfellow, Bengio and Courville (2016), Deep Learning, algorithm 7.1",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "Comparison and counting are those of Keras (EarlyStopping), where patience 0 and 1 mean the same and 0 is the "
        "default; here patience is 1 or more.",
        "Keras keeps the last weights unless restore_best_weights is set; here the best ones are the result.",
        "In Keras a first loss of NaN is taken for the best and nothing ever improves on it; here NaN is no "
        "improvement, and training may recover.",
        "torch and optax have none.",
    )

    patience: Number = hyperparameter(10, meaning="evaluations p without improvement", low=1, whole=True)
    min_delta: Number = hyperparameter(0.0, meaning="least improvement δ of the loss, in its unit")


class StopState(NamedTuple):
    """What early stopping remembers.

    Attributes:
        best: Lowest validation loss so far, infinite before the first, 0-d.
        waited: Evaluations since, 0-d of the dtype of the loss.
        stopped: Whether training has ended, 0-d bool.
    """

    best: Array
    waited: Array
    stopped: Array


def stop_start(loss: Array) -> StopState:
    """Return the state before the first evaluation.

    Args:
        loss: Any 0-d array of the library, device and dtype of the losses; its value does not matter.
    """
    xp = namespace(loss)
    zero = xp.zeros_like(loss)
    return StopState(zero + as_scalar(float("inf"), loss, loss.dtype), zero, zero > 0)


def stop_step(state: StopState, loss: Array, patience: Array, min_delta: Array) -> tuple[StopState, Array]:
    """Return the state after one evaluation, and whether its weights are the best so far.

    Args:
        state: From :func:`stop_start` or the previous call.
        loss: Validation loss, 0-d; NaN is no improvement.
        patience: Evaluations without improvement after which training ends, 1 or more, 0-d; infinite for never.
        min_delta: Least improvement that counts, 0 or more, 0-d.

    Once stopped, the state stays as it is and nothing counts as an improvement.
    """
    xp = namespace(loss)
    most, least = as_scalar(patience, loss, loss.dtype), as_scalar(min_delta, loss, loss.dtype)
    going = ~state.stopped
    improved = going & (loss + least < state.best)
    waited = xp.where(improved, xp.zeros_like(loss), xp.where(going, state.waited + 1, state.waited))
    stopped = state.stopped | (going & ~improved & (waited >= most))
    return StopState(xp.where(improved, loss, state.best), waited, stopped), improved
