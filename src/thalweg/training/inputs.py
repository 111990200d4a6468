"""What a rule asks for beside the gradient, computed for one member's step.

A second gradient costs about one gradient more, a product with the Hessian about two, as it is the derivative of the
gradient along a direction; the Hessian itself is never made. Where a rule says that it does not use them at a step
(``asks``), they are zeros and cost nothing: the number of the step is the same for all members of a lane, so the choice
remains a branch of the compiled program.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from thalweg.errors import InvalidValueError
from thalweg.optimizers import lift
from thalweg.optimizers.base import Rule

__all__ = ["RANDOM", "Problem", "check_inputs", "gradients_taken", "rule_inputs"]

RANDOM = frozenset({"hessian_diagonal", "gauss_newton_diagonal"})  # what is estimated with random numbers

COST = {"hessian_diagonal": 2, "hessian_product": 2, "second_gradient": 1, "gauss_newton_diagonal": 1}  # in gradients

SIGNS, LABELS = 2, 3  # keep their random numbers apart from each other's and from those of techniques

Leaves: TypeAlias = tuple[Any, ...]


class Problem(NamedTuple):
    """What a member minimizes at a step; all leaves are shaped like the parameters.

    Attributes:
        loss: ``leaves -> 0-d array``: the minibatch's loss, penalties included.
        gradient: ``leaves -> leaves``: its gradient as a rule would be given it, clipped for instance.
        sampled: ``(leaves, key) -> (0-d array, number)``: mean loss of labels drawn from the model, and how many
            labels; None if the task has none.
        at: Where the rule has its gradient taken.
        value: The loss there, penalties included; those are of where the way uphill began, if there was one.
        key: Key of the step and seed, or None where nothing random is needed.
    """

    loss: Callable[[Leaves], Any]
    gradient: Callable[[Leaves], Leaves]
    sampled: Callable[[Leaves, Any], tuple[Any, Any]] | None
    at: Leaves
    value: Any
    key: Any


def check_inputs(rule: Rule, *, where: str, sampled: bool, grouped: bool) -> None:
    """Refuse a rule whose inputs cannot be had.

    Args:
        rule: The optimizer.
        where: What is trained, for the sentence.
        sampled: Whether the task can draw labels from its model.
        grouped: Whether one update may take several minibatches.

    Raises:
        InvalidValueError: The task cannot draw labels, or the inputs of several minibatches would have to be joined.
    """
    if "gauss_newton_diagonal" in rule.needs and not sampled:
        raise InvalidValueError(
            f"optimizer {rule.name} draws labels from the model, and {where} has no sampled_loss; take "
            "a task that has one, such as a built-in task of classification, or another optimizer."
        )
    if rule.needs and grouped:
        raise InvalidValueError(
            f"optimizer {rule.name} needs {', '.join(sorted(rule.needs))} of one minibatch, and here several "
            "minibatches make one update; leave their joining out, or choose another optimizer."
        )


def gradients_taken(rule: Rule, steps: int, per_step: int = 1) -> int:
    """Return how many gradients of minibatches a run has cost; a product with the Hessian counts as two.

    Args:
        rule: The optimizer.
        steps: Updates that the run has taken.
        per_step: Gradients of every step before the rule asks for more: two with sharpness-aware minimization.

    Example:
        >>> from thalweg.optimizers import Adam, SophiaH
        >>> gradients_taken(Adam(), 100), gradients_taken(SophiaH(update_interval=10), 100)
        (100, 120)
    """
    more = sum(COST.get(name, 0) for name in rule.needs)
    asked = rule.asks(np.arange(1, steps + 1, dtype=np.float64)) if more else 0
    return per_step * steps + more * int(np.sum(np.broadcast_to(asked, steps)))


def rule_inputs(
    rule: Rule,
    problem: Problem,
    points: Leaves,
    gradient: Leaves,
    state: Any,
    t: Any,
    *,
    merge: Callable[[Leaves], Leaves] = tuple,
    unmerge: Callable[[Leaves], Leaves] = tuple,
) -> dict[str, Any]:
    """Return what ``rule.needs`` names for one update.

    Args:
        rule: The optimizer, its hyperparameters 0-d arrays.
        problem: What is minimized.
        points: Parameters as the rule sees them.
        gradient: Gradient likewise.
        state: Its state.
        t: Number of the step, 0-d; not mapped over members, or the choice of ``asks`` is no branch.
        merge: From arrays shaped like the parameters to those that the rule sees.
        unmerge: The way back.
    """
    made = {
        "hessian_diagonal": lambda: _hutchinson(problem),
        "gauss_newton_diagonal": lambda: _gauss_newton(problem),
        "second_gradient": lambda: problem.gradient(unmerge(lift.second_points(rule, points, gradient, state))),
        "hessian_product": lambda: _product(problem, unmerge(lift.directions(rule, points, gradient, state))),
    }
    wanted = sorted(rule.needs - {"loss"})
    inputs: dict[str, Any] = {"loss": problem.value} if "loss" in rule.needs else {}
    if not wanted:
        return inputs

    def compute() -> Mapping[str, Leaves]:
        return {name: tuple(merge(made[name]())) for name in wanted}

    def zeros() -> Mapping[str, Leaves]:
        return {name: tuple(jnp.zeros_like(x) for x in points) for name in wanted}

    asked = rule.asks(t)
    if isinstance(asked, bool):
        return {**inputs, **(compute() if asked else zeros())}
    return {**inputs, **jax.lax.cond(asked, compute, zeros)}


def _hutchinson(problem: Problem) -> Leaves:
    """Return z·(H·z) for random signs z.

    References:
        Bekas, Kokiopoulou and Saad (2007), An estimator for the diagonal of a matrix, section 2.
    """
    keys = jax.random.split(jax.random.fold_in(problem.key, SIGNS), len(problem.at))
    signs = tuple(jax.random.rademacher(key, x.shape, x.dtype) for key, x in zip(keys, problem.at, strict=True))
    return tuple(z * hz for z, hz in zip(signs, _product(problem, signs), strict=True))


def _product(problem: Problem, direction: Leaves) -> Leaves:
    _, product = jax.jvp(jax.grad(problem.loss), (tuple(problem.at),), (tuple(direction),))
    return product


def _gauss_newton(problem: Problem) -> Leaves:
    """Return n·ĝ² for the gradient ĝ of the mean loss of n labels drawn from the model.

    References:
        Liu, Li, Hall, Liang and Ma (2024), Sophia, algorithm 2.
    """
    if problem.sampled is None:
        raise InvalidValueError("gauss_newton_diagonal: there is no loss of sampled labels.")
    sampled, key = problem.sampled, jax.random.fold_in(problem.key, LABELS)
    gradient, count = jax.grad(lambda leaves: sampled(leaves, key), has_aux=True)(tuple(problem.at))
    return tuple(count * g * g for g in gradient)
