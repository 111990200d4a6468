"""The factors of a whole run, checked: none negative, NaN, infinite or outside what the hyperparameter allows."""

import math

import numpy as np

from thalweg.errors import InvalidValueError, ThalwegError
from thalweg.schedules.base import Schedule
from thalweg.schedules.catalogue import schedule_notation
from thalweg.settings import Hyperparameter

__all__ = ["checked_factors"]


def checked_factors(
    schedule: Schedule,
    total: int,
    *,
    base: float = 1.0,
    name: str = "the factor",
    known: Hyperparameter | None = None,
) -> np.ndarray:
    """Return a schedule's factor at every update of a run, or refuse it.

    Args:
        schedule: The schedule; one that follows the loss is checked in what is known ahead.
        total: Updates of the run, 1 or more.
        base: The hyperparameter's own value, which the factors multiply.
        name: The hyperparameter, for messages.
        known: What the hyperparameter allows; None for any finite number.

    Returns:
        float64 array of shape (total,), for updates 1 … total.

    Raises:
        InvalidValueError: A factor is negative, NaN or infinite, or makes a value that is not allowed; the sentence
            names schedule, hyperparameter, update and value.

    Example:
        >>> from thalweg.schedules import Polynomial
        >>> checked_factors(Polynomial(), 4).tolist()
        [1.0, 0.75, 0.5, 0.25]
    """
    if total < 1:
        raise InvalidValueError(f"a schedule over {total} updates is not possible; give 1 or more.")
    factors = _factors(schedule, total)
    with np.errstate(invalid="ignore", over="ignore"):
        values = factors * base
        wrong = ~np.isfinite(values) | (factors < 0) | ~_allowed(values, known)
    if wrong.any():
        first = int(np.argmax(wrong))
        made = _fault(float(factors[first]), float(values[first]), base, name, known)
        raise InvalidValueError(
            f"schedule {schedule_notation(schedule)!r} at update {first + 1:,} of {total:,} makes {made}."
        )
    return factors


def _allowed(values: np.ndarray, known: Hyperparameter | None) -> np.ndarray:
    """Return where the hyperparameter may have such values."""
    if known is None:
        return np.ones(values.shape, dtype=bool)
    above = values > known.low if known.low_open else values >= known.low
    below = values < known.high if known.high_open else values <= known.high
    return above & below & ((values == np.floor(values)) if known.whole else True)


def _factors(schedule: Schedule, total: int) -> np.ndarray:
    try:
        factors = np.asarray(schedule.factor(np.arange(1, total + 1), total), dtype=np.float64)
    except ThalwegError:
        raise
    except Exception as error:  # a user's own schedule
        message = " ".join(str(error).split())
        raise InvalidValueError(
            f"schedule {schedule.name!r} raises {type(error).__name__} over {total:,} updates: {message}; "
            "mend the schedule."
        ) from error
    if factors.shape != (total,):
        raise InvalidValueError(
            f"schedule {schedule.name!r} gives factors of shape {factors.shape} for {total:,} updates; "
            "return one per update."
        )
    return factors


def _fault(factor: float, value: float, base: float, name: str, known: Hyperparameter | None) -> str:
    """Return what a schedule makes of the hyperparameter that is not allowed, what is, and how to mend it."""
    if not math.isfinite(factor) or factor < 0:
        what = "the factor" if name == "the factor" else f"the factor of {name}"
        return f"{what} {factor:g}; it must be a finite number that is not negative: change the schedule"
    wanted = known.wanted() if known else "a finite number"
    mend = "change the schedule" if name == "the factor" else f"change the schedule or {name} = {base:g}"
    return f"{name} {value:g}; it must be {wanted}: {mend}"
