"""Reduce on plateau: the factor falls when the loss has stopped falling."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from thalweg.arrays import Array, as_scalar, namespace
from thalweg.schedules.base import Schedule
from thalweg.settings import Number, hyperparameter

__all__ = ["Plateau", "PlateauState", "plateau_start", "plateau_step"]


class PlateauState(NamedTuple):
    """What is remembered between evaluations, arrays of one shape and dtype.

    Attributes:
        factor: What the hyperparameter is multiplied by now.
        best: Lowest loss so far, infinite at first.
        waited: Evaluations since it was met.
        cooling: Evaluations of the cool-down that are left.
    """

    factor: Array
    best: Array
    waited: Array
    cooling: Array


@dataclass(frozen=True)
class Plateau(Schedule):
    """Multiplied by a number below 1 whenever the validation loss has not fallen for a while.

    It is known only while a run goes on: :func:`plateau_step` takes each evaluation's loss, and ``factor`` is 1.

    References:
        He, Zhang, Ren and Sun (2016), Deep Residual Learning for Image Recognition, section 3.4.
    """

    name: ClassVar[str] = "plateau"
    title: ClassVar[str] = "Reduce on plateau"
    formula: ClassVar[tuple[str, ...]] = (
        "at each evaluation, with its loss ℓ:",
        "better = ℓ < best·(1 − θ);  best ← ℓ if better",
        "waited ← 0 if better or cooling > 0, else waited + 1;  cooling ← max(cooling − 1, 0)",
        "if waited > p:  f ← max(d·f, e),  waited ← 0,  cooling ← c",
    )
    borders: ClassVar[tuple[str, ...]] = (
        "First update: 1; it stays 1 until the evaluation number p + 2 at the earliest, as the first one is better "
        "than none.",
        "Last update and after the end: whatever it has come to.",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "He, Zhang, Ren and Sun (2016), Deep Residual Learning for Image Recognition, arXiv:1512.03385, section 3.4: "
        "divided by 10 when the error plateaus",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "torch's ReduceLROnPlateau(mode = min, threshold_mode = rel) is equal, but leaves out decreases of the rate "
        "below eps = 1e-8; min_lr = minimum·learning rate.",
        "Optax' contrib.reduce_on_plateau reduces after patience evaluations, not patience + 1, averages "
        "accumulation_size of them, and looks at no loss while it cools down.",
        "Keras' ReduceLROnPlateau reduces after patience evaluations, by an absolute min_delta.",
        "A loss that is NaN counts as not better. A relative threshold means nothing for losses below zero.",
    )

    decay: Number = hyperparameter(
        0.1, meaning="what is multiplied at each reduction, d", low_open=True, high=1.0, high_open=True
    )
    patience: Number = hyperparameter(10, meaning="evaluations p without progress that are borne", whole=True)
    threshold: Number = hyperparameter(
        1e-4, meaning="share θ by which a loss must be lower to count", high=1.0, high_open=True
    )
    cooldown: Number = hyperparameter(
        0, meaning="evaluations c after a reduction that are not counted against it", whole=True
    )
    minimum: Number = hyperparameter(0.0, meaning="lowest factor e", high=1.0)

    @property
    def adaptive(self) -> bool:
        """Whether the factor depends on the losses met: it does."""
        return True

    def factor(self, step: ArrayLike, total: int) -> Any:  # noqa: ARG002 (a schedule's signature)
        """Return 1 at every update: what the losses will say is not known ahead."""
        return np.ones(np.shape(step))


def plateau_start(like: Array) -> PlateauState:
    """Return the state before the first evaluation.

    Args:
        like: Array of floats whose library, shape, dtype and device are used, one number per run.
    """
    xp = namespace(like)
    nothing = xp.zeros_like(like)
    return PlateauState(factor=xp.ones_like(like), best=nothing + xp.inf, waited=nothing, cooling=nothing)


def plateau_step(state: PlateauState, loss: Array, numbers: Mapping[str, Number]) -> PlateauState:
    """Return the state after an evaluation.

    Args:
        state: The state before, from :func:`plateau_start` or this function.
        loss: The evaluation's loss, lower is better; of the state's shape and dtype. NaN counts as not better.
        numbers: The settings of :class:`Plateau` by name, as ``Plateau().values()`` gives them: numbers or arrays that
            broadcast with the state.

    Example:
        >>> state = plateau_start(np.asarray(0.0))
        >>> for loss in (1.0, 1.0, 1.0):
        ...     state = plateau_step(state, np.asarray(loss), Plateau(patience=1).values())
        >>> float(state.factor)
        0.1
    """
    xp = namespace(loss)
    decay, patience, threshold, cooldown, minimum = (
        as_scalar(numbers[key], loss, loss.dtype) if isinstance(numbers[key], int | float) else numbers[key]
        for key in ("decay", "patience", "threshold", "cooldown", "minimum")
    )
    nothing = xp.zeros_like(loss)
    better = loss < state.best * (1 - threshold)
    best = xp.where(better, loss, state.best)
    waited = xp.where(better | (state.cooling > 0), nothing, state.waited + 1)
    cooling = xp.where(state.cooling > 0, state.cooling - 1, nothing)
    reduces = waited > patience
    lowered = xp.where(state.factor * decay > minimum, state.factor * decay, minimum + nothing)
    lowered = xp.where(lowered < state.factor, lowered, state.factor)
    return PlateauState(
        factor=xp.where(reduces, lowered, state.factor),
        best=best,
        waited=xp.where(reduces, nothing, waited),
        cooling=xp.where(reduces, cooldown + nothing, cooling),
    )
