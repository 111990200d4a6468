"""A line search that asks for one loss and gradient at a time, for the methods that minimize one function.

A search goes along x + a·d for a step length a that meets the strong Wolfe conditions::

    loss(a) ≤ loss(0) + c₁·a·slope(0),    |slope(a)| ≤ c₂·|slope(0)|

It is a value: a dictionary of numbers, among them ``trial``, the length to be tried next. :func:`advance` takes the
loss and the slope found there and gives the next one. Nothing waits for anything, so searches of many runs go
on side by side in one program, each at its own stage.
"""

from typing import Any, NamedTuple

from thalweg.arrays import Array, Namespace, namespace
from thalweg.optimizers.base import Number, hyperparameter

__all__ = [
    "Advance",
    "Limits",
    "Search",
    "advance",
    "chosen",
    "curvature",
    "evaluations",
    "start",
    "sufficient_decrease",
]

Search = dict[str, Array]

SHORTEST = 1e-9  # a bracket that moves no parameter by more than this is not searched further


class Limits(NamedTuple):
    """When a search is content or gives up; 0-d arrays.

    Attributes:
        decrease: c₁ of the first Wolfe condition.
        curvature: c₂ of the second.
        evaluations: How many evaluations may follow the first one.
    """

    decrease: Number
    curvature: Number
    evaluations: Number


class Advance(NamedTuple):
    """What one evaluation has led to.

    Attributes:
        search: The search with its next trial; ``low`` and ``low_loss`` are the best length so far and its loss.
        done: Whether ``low`` is the answer; it is 0 if no length was found to be better than none.
        kept: Whether ``low`` is the length just tried, so that its gradient is to be kept.
    """

    search: Search
    done: Array
    kept: Array


class _Point(NamedTuple):
    """A length, the loss and the slope there."""

    at: Array
    loss: Array
    slope: Array


def sufficient_decrease() -> Any:
    """Declare c₁ of the strong Wolfe conditions."""
    return hyperparameter(
        1e-4, meaning="c₁: the loss must fall by this part of what the slope promises", high=1.0, high_open=True
    )


def curvature(default: float) -> Any:
    """Declare c₂ of the strong Wolfe conditions."""
    return hyperparameter(
        default, meaning="c₂: the slope must shrink to this part of itself", high=1.0, high_open=True, low_open=True
    )


def evaluations(default: float = 25.0) -> Any:
    """Declare how long a search may last."""
    return hyperparameter(default, meaning="evaluations of one search after its first, then the best is taken")


def start(loss: Array, slope: Array, trial: Array) -> Search:
    """Return a new search.

    Args:
        loss: At the accepted point, 0-d.
        slope: Of the loss along the direction there, negative; 0-d.
        trial: First length to be tried, 0-d.
    """
    zero = namespace(loss).zeros_like(loss)
    return {
        "trial": trial,
        "start_loss": loss,
        "start_slope": slope,
        "low": zero,
        "low_loss": loss,
        "low_slope": slope,
        "high": zero,
        "high_loss": zero,
        "high_slope": zero,
        "bracketed": zero,
        "cramped": zero,
        "count": zero,
    }


def advance(search: Search, loss: Array, slope: Array, reach: Array, limits: Limits) -> Advance:
    """Return the search after the evaluation at its trial length.

    First the length grows until an acceptable one or a bracket is found, then the bracket shrinks around an acceptable
    one; each new length is the minimum of the cubic through two known points. A loss that is not finite counts as
    infinite.

    Args:
        search: From :func:`start` or the last call.
        loss: At the trial length, 0-d.
        slope: Of the loss along the direction there, 0-d.
        reach: Largest component of the direction, 0-d.
        limits: When to stop.

    References:
        Nocedal and Wright (2006), Numerical Optimization, algorithms 3.5 and 3.6 and equation 3.59, with the
        safeguards of Schmidt's minFunc that torch.optim.LBFGS has.
    """
    xp = namespace(loss)
    finite = xp.logical_and(xp.isfinite(loss), xp.isfinite(slope))
    new = _Point(search["trial"], xp.where(finite, loss, xp.inf), xp.where(finite, slope, 0.0))
    low, high = _point(search, "low"), _point(search, "high")
    bracketed, count = search["bracketed"] > 0, search["count"]
    above = new.loss > search["start_loss"] + limits.decrease * new.at * search["start_slope"]
    better, flat = new.loss < low.loss, xp.abs(new.slope) <= -limits.curvature * search["start_slope"]
    rises = xp.logical_or(above, xp.logical_and(count > 1, xp.logical_not(better)))
    found = xp.where(bracketed, xp.logical_and(better, xp.logical_not(above)), xp.logical_not(rises))
    found = xp.logical_and(found, flat)
    closes = xp.logical_or(rises, xp.logical_and(xp.logical_not(found), new.slope >= 0))
    closed = xp.logical_or(bracketed, closes)
    kept = xp.logical_or(better, xp.logical_not(closed))
    turns = xp.logical_or(above, new.slope * (high.at - low.at) >= 0)
    passed = xp.logical_or(turns, xp.logical_not(bracketed))  # the old best end becomes the other end
    new_high = chosen(better, chosen(passed, low, high), new)
    new_low = chosen(kept, new, low)
    small = xp.logical_and(closed, xp.abs(new_high.at - new_low.at) * reach < SHORTEST)
    inside, cramped = _inside(xp, new_low, new_high, search["cramped"] > 0)
    further = _cubic_minimum(xp, low, new, new.at + 0.01 * (new.at - low.at), 10 * new.at)
    after = {
        **search,
        **_named(new_low, "low"),
        **_named(new_high, "high"),
        "trial": xp.where(closed, inside, further),
        "bracketed": xp.astype(closed, loss.dtype),
        "cramped": xp.astype(xp.logical_and(closed, cramped), loss.dtype),
        "count": count + 1,
    }
    return Advance(after, xp.logical_or(xp.logical_or(found, small), count >= limits.evaluations), kept)


def chosen(condition: Array, yes: Any, no: Any) -> Any:
    """Return one of two trees of arrays of the same structure.

    Args:
        condition: 0-d boolean array.
        yes: An array, a point of a line, or a dictionary of these.
        no: The like.
    """
    if isinstance(yes, dict):
        return {key: chosen(condition, yes[key], no[key]) for key in yes}
    if isinstance(yes, _Point):
        return _Point(*(chosen(condition, a, b) for a, b in zip(yes, no, strict=True)))
    return namespace(yes).where(condition, yes, no)


def _point(search: Search, name: str) -> _Point:
    return _Point(search[name], search[f"{name}_loss"], search[f"{name}_slope"])


def _named(point: _Point, name: str) -> Search:
    return {name: point.at, f"{name}_loss": point.loss, f"{name}_slope": point.slope}


def _inside(xp: Namespace, low: _Point, high: _Point, cramped: Array) -> tuple[Array, Array]:
    """Return the next length inside a bracket, and whether it is close to an end.

    A length twice running close to an end, or beyond it, is moved a tenth of the bracket away from it.
    """
    left, right = xp.minimum(low.at, high.at), xp.maximum(low.at, high.at)
    length = _cubic_minimum(xp, low, high, left, right)
    margin = 0.1 * (right - left)
    close = xp.minimum(right - length, length - left) < margin
    outside = xp.logical_or(length >= right, length <= left)
    pushed = xp.logical_and(close, xp.logical_or(cramped, outside))
    away = xp.where(right - length < length - left, right - margin, left + margin)
    return xp.where(pushed, away, length), xp.logical_and(close, xp.logical_not(pushed))


def _cubic_minimum(xp: Namespace, a: _Point, b: _Point, least: Array, most: Array) -> Array:
    """Return the minimum of the cubic through two points and slopes, kept between two lengths; else their middle."""
    rise = b.loss - a.loss
    usable = xp.logical_and(xp.isfinite(rise), a.at != b.at)
    gap = xp.where(usable, b.at - a.at, 1.0)
    d1 = a.slope + b.slope - 3 * xp.where(usable, rise, 0.0) / gap
    square = d1 * d1 - a.slope * b.slope
    # Between its points from left to right the root is positive, from right to left negative.
    d2 = xp.sqrt(xp.where(square >= 0, square, 0.0)) * xp.sign(gap)
    divisor = b.slope - a.slope + 2 * d2
    usable = xp.logical_and(xp.logical_and(usable, square >= 0), divisor != 0)
    minimum = b.at - gap * ((b.slope + d2 - d1) / xp.where(usable, divisor, 1.0))
    return xp.where(usable, xp.minimum(xp.maximum(minimum, least), most), (least + most) / 2)
