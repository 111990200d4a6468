"""What the methods with a line search share: all parameters as one vector, the trial point, the accepted step.

One update of such a method is one evaluation of loss and gradient. The parameters are the last accepted point; the
gradient is taken at the trial point of :mod:`~thalweg.optimizers.line_search`. The first update evaluates the start and
moves nothing.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from thalweg.arrays import Array, namespace
from thalweg.optimizers.base import State, zeros_like
from thalweg.optimizers.line_search import Limits, Search, advance, chosen, start

__all__ = ["Accepted", "begin", "continued", "dot", "evaluate", "joined", "looked_at", "parted"]

Arrays = tuple[Array, ...]


class Accepted(NamedTuple):
    """What is known after an evaluation.

    Attributes:
        done: Whether a step has been accepted; what follows holds only then.
        first: Whether this was the evaluation of the start.
        failed: Whether the accepted step is none, because the search found nothing better.
        step: The step, a vector.
        gradient: At the new point, a vector.
        loss: At the new point, 0-d.
        search: The search, to go on with if it is not done.
        kept: Gradient at the best length of the search, to be kept if it is not done.
    """

    done: Array
    first: Array
    failed: Array
    step: Array
    gradient: Array
    loss: Array
    search: Search
    kept: Array


def joined(arrays: Sequence[Array]) -> Array:
    """Return the elements of all arrays as one vector, in their common dtype."""
    xp = namespace(*arrays)
    return xp.concat([xp.reshape(a, (-1,)) for a in arrays])


def parted(vector: Array, like: Sequence[Array]) -> Arrays:
    """Return arrays shaped like those given from what :func:`joined` made of them."""
    xp, parts, begin_at = namespace(vector), [], 0
    for a in like:
        end = begin_at + math.prod(a.shape)
        parts.append(xp.reshape(vector[begin_at:end], a.shape))
        begin_at = end
    return tuple(parts)


def dot(a: Array, b: Array) -> Array:
    """Return the inner product of two vectors, 0-d."""
    return namespace(a, b).sum(a * b)


def begin(x: Arrays, number: Array) -> State:
    """Return the state before the start has been evaluated.

    Args:
        x: All parameters.
        number: Any 0-d array of the dtype in which numbers are kept.
    """
    zeros = zeros_like(joined(x))
    zero = zeros_like(number)
    return {"direction": zeros, "gradient": zeros, "kept": zeros, "search": start(zero, zero, zero)}


def looked_at(x: Arrays, state: State) -> Arrays:
    """Return the trial point."""
    return parted(joined(x) + state["search"]["trial"] * state["direction"], x)


def evaluate(g: Arrays, loss: Array, state: State, t: Array, limits: Limits) -> Accepted:
    """Return what the loss and the gradient at the trial point lead to.

    Args:
        g: Gradients.
        loss: Loss there, 0-d.
        state: With what :func:`begin` or :func:`continued` made.
        t: Number of the update; at 1 the start is accepted as it is.
        limits: Of the line search.
    """
    xp = namespace(*g)
    slope_of, direction = joined(g), state["direction"]
    reach = xp.max(xp.abs(direction))
    search, done, kept = advance(state["search"], loss, dot(slope_of, direction), reach, limits)
    first = t == 1
    best = xp.where(kept, slope_of, state["kept"])
    return Accepted(
        done=xp.logical_or(done, first),
        first=first,
        failed=xp.logical_and(search["low"] == 0, xp.logical_not(first)),
        step=xp.where(first, zeros_like(direction), search["low"] * direction),
        gradient=xp.where(first, slope_of, best),
        loss=xp.where(first, loss, search["low_loss"]),
        search=search,
        kept=best,
    )


def continued(accepted: Accepted, state: State, direction: Array, trial: Array) -> State:
    """Return the part of the state that :func:`begin` made: a new search, or the same one at its next trial.

    Args:
        accepted: From :func:`evaluate`.
        state: Before.
        direction: In which to search if the step is done, a vector.
        trial: The length to try first there, 0-d.
    """
    fresh = start(accepted.loss, dot(direction, accepted.gradient), trial)
    return {
        "direction": chosen(accepted.done, direction, state["direction"]),
        "gradient": chosen(accepted.done, accepted.gradient, state["gradient"]),
        "kept": chosen(accepted.done, accepted.gradient, accepted.kept),
        "search": chosen(accepted.done, fresh, accepted.search),
    }
