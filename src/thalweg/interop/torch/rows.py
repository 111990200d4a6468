"""Sparse gradients: an elementwise rule updates the rows that have a gradient, and no other."""

import functools
from typing import Any

import torch

from thalweg.arrays import as_scalar
from thalweg.errors import InvalidValueError
from thalweg.interop.torch.nested import leaves, mapped
from thalweg.interop.torch.points import looks_ahead, rule_state
from thalweg.optimizers import lift
from thalweg.optimizers.base import Rule

__all__ = ["check_rows", "rests_without_gradient", "update_rows"]


def rests_without_gradient(rule: Rule) -> bool:
    """Return whether a number with a gradient of zero keeps its value and its state, so that rows may be left out."""
    return _rests(type(rule), tuple(rule.values().items()), tuple(rule.structure().items()))


@functools.lru_cache(maxsize=64)
def _rests(rule_class: type[Rule], values: tuple[Any, ...], structure: tuple[Any, ...]) -> bool:
    rule = rule_class.configured().with_values({**dict(values), **dict(structure)})
    point, gradient = torch.tensor([1.0, -2.0], dtype=torch.float64), torch.tensor([0.5, -1.0], dtype=torch.float64)
    inputs = {name: torch.zeros(()) if name == "loss" else [torch.zeros_like(point)] for name in rule.needs}
    points, state = lift.update(rule, [point], [gradient], lift.init_state(rule, [point]), 1, **inputs)
    again, next_state = lift.update(rule, points, [torch.zeros_like(gradient)], state, 2, **inputs)
    before, after = [*points, *leaves(state)], [*again, *leaves(next_state)]
    return all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def check_rows(rule: Rule, *, everywhere: bool) -> None:
    """Refuse sparse gradients where they mean something else.

    Args:
        rule: An elementwise rule with its settings as Python numbers.
        everywhere: Whether they are allowed too where the rule would move the other rows, which then stay.

    Raises:
        InvalidValueError: The rule would move the other rows, or needs more than the gradient.
    """
    if looks_ahead(rule) or rule.needs - {"loss"}:
        raise InvalidValueError(
            f"{rule.name}: a sparse gradient is not allowed, since the rule needs more than the gradient of some rows; "
            "give a dense one, e.g. torch.nn.Embedding(..., sparse=False)."
        )
    if not everywhere and not rests_without_gradient(rule):
        raise InvalidValueError(
            f"{rule.name}: a sparse gradient is not allowed, since the rule moves numbers without gradient too; give "
            "sparse=True to leave those where they are, as torch.optim.SparseAdam does, or a dense gradient."
        )


def update_rows(rule: Rule, parameter: Any, kept: dict[str, Any], loss: Any) -> None:
    """Update the rows of a parameter that its sparse gradient has.

    Args:
        rule: An elementwise rule with its settings as Python numbers.
        parameter: With a sparse gradient in ``grad`` that :func:`check_rows` lets pass.
        kept: The optimizer's state of the parameter.
        loss: The loss, if the rule needs it.
    """
    gradient = parameter.grad.coalesce()
    rows = tuple(gradient.indices())
    state = rule_state(kept)
    part = mapped(lambda a: a[rows] if a.shape == parameter.shape else a, state)
    inputs = {"loss": as_scalar(loss, parameter, parameter.dtype)} if "loss" in rule.needs else {}
    values = gradient.values().to(parameter.dtype)
    (new,), (new_part,) = lift.update(rule, [parameter[rows]], [values], (part,), kept["step_number"] + 1, **inputs)
    parameter[rows] = new
    for old, value in zip(leaves(state), leaves(mapped(lambda _, a: a, state, new_part)), strict=True):
        if old.shape == parameter.shape:
            old[rows] = value
        else:
            old.copy_(value)
    kept["step_number"] += 1
