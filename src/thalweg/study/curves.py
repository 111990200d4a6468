"""Curves over the fresh seeds: their spread, and when they reach the target."""

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from thalweg.records import Curve, CurveBand, RunResult, TaskCard

__all__ = ["QUANTITIES", "curve_band", "reaches", "steps_to_target"]

Quantity: TypeAlias = Literal["train_loss", "validation_loss", "validation_metric"]

QUANTITIES: tuple[Quantity, ...] = ("train_loss", "validation_loss", "validation_metric")


def curve_band(contender: str, runs: Sequence[RunResult], quantity: Quantity, card: TaskCard) -> CurveBand:
    """Return median and quartiles of a quantity over runs at every point of their curves.

    A run that has diverged stays in the count as worse than every other, so the curve shown is
    never that of the survivors; a quartile that falls on a diverged run is None.

    Args:
        contender: Label.
        runs: Runs of one contender with curves of equal length K.
        quantity: Which one.
        card: The task's direction of the metric.
    """
    values = np.array([getattr(run.curve, quantity) for run in runs], dtype=float)
    sign = -1.0 if quantity == "validation_metric" and card.larger_is_better else 1.0
    ascending = np.sort(sign * np.where(np.isfinite(values), values, sign * math.inf), axis=0)
    better, median, worse = (sign * _quantile(ascending, q) for q in (0.25, 0.5, 0.75))
    low, high = (better, worse) if sign > 0 else (worse, better)
    return CurveBand(
        contender,
        quantity,
        tuple(int(step) for step in runs[0].curve.step),
        _finite(median),
        _finite(low),
        _finite(high),
    )


def steps_to_target(curve: Curve, card: TaskCard) -> int | None:
    """Return the number of updates at the first point of a curve that reaches the target.

    Args:
        curve: Of one run.
        card: The task's target and the direction of its metric.

    Returns:
        Updates taken, or None if the target is never reached or there is none.
    """
    if card.target_quantity is None or card.target_value is None:
        return None
    reached = reaches(np.asarray(getattr(curve, card.target_quantity)), card)
    return int(curve.step[reached.argmax()]) if reached.any() else None


def reaches(values: np.ndarray, card: TaskCard) -> np.ndarray:
    """Return where values of the target's quantity reach the target; NaN never does.

    Compared in float32, in which curves are measured: an accuracy of 0.9 reaches the target 0.9.
    """
    if card.target_value is None:
        return np.zeros(values.shape, dtype=bool)
    with np.errstate(over="ignore"):  # beyond float32 is infinite, which is on the same side of any target
        measured, target = values.astype(np.float32), np.float32(card.target_value)
    if card.target_quantity == "validation_metric" and card.larger_is_better:
        return measured >= target
    return measured <= target


def _quantile(ascending: np.ndarray, q: float) -> np.ndarray:
    """Return a quantile along the first axis of sorted values that may end in infinities."""
    place = q * (len(ascending) - 1)
    lower, upper = math.floor(place), math.ceil(place)
    below, above, share = ascending[lower], ascending[upper], place - lower
    finite = np.isfinite(above)
    return np.where(finite, below + share * (np.where(finite, above, 0.0) - np.where(finite, below, 0.0)), above)


def _finite(values: np.ndarray) -> tuple[float | None, ...]:
    """Return values as Python floats, None where they are not finite."""
    return tuple(float(v) if math.isfinite(v) else None for v in values)
