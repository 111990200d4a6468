"""What is done to a gradient before the rule sees it, and to the parameters after."""

from collections.abc import Sequence
from typing import Any

from thalweg.techniques import centralize, clip_adaptively, clip_by_norm, clip_by_value, penalized, penalty
from thalweg.techniques import decayed as shrunk
from thalweg.training.structure import TREATMENTS

__all__ = ["decayed", "penalties", "treated"]


def treated(
    gradient: Sequence[Any], leaves: Sequence[Any], numbers: dict[str, Any], features: frozenset[str]
) -> tuple[Any, ...]:
    """Return the gradient after every treatment compiled in.

    Args:
        gradient: One member's gradient by trained array.
        leaves: Where the gradient is taken: its parameters, or where the rule looks.
        numbers: What the member is given; the numbers of the treatments are under ``treatment``.
        features: What is compiled in.

    Penalties come first, as parts of the loss; then the gradient is centralized; then it is clipped, by value,
    by unit and by its norm.
    """
    given = _numbers(numbers)
    if features & {"l1", "l2"}:
        gradient = penalized(gradient, leaves, given["l1"], given["l2"])
    if "centralize" in features:
        gradient = centralize(gradient, given["centralize"])
    if "clip-value" in features:
        gradient = clip_by_value(gradient, given["clip-value"])
    if "clip-adaptive" in features:
        gradient = clip_adaptively(gradient, leaves, given["clip-adaptive"], given["epsilon"])
    if "clip-norm" in features:
        gradient = clip_by_norm(gradient, given["clip-norm"])
    return tuple(gradient)


def penalties(leaves: Sequence[Any], numbers: dict[str, Any], features: frozenset[str]) -> Any:
    """Return what the penalties compiled in add to the loss, 0-d or the number 0.

    Args:
        leaves: One member's parameters.
        numbers: What the member is given.
        features: What is compiled in.
    """
    if not features & {"l1", "l2"}:
        return 0.0
    given = _numbers(numbers)
    return penalty(leaves, given["l1"], given["l2"])


def decayed(leaves: Sequence[Any], before: Sequence[Any], rate: Any, numbers: dict[str, Any]) -> tuple[Any, ...]:
    """Return the parameters after decoupled weight decay.

    Args:
        leaves: One member's parameters after the rule's step.
        before: Likewise before it.
        rate: Learning rate of the step, 0-d.
        numbers: What the member is given.
    """
    return tuple(shrunk(leaves, before, rate, _numbers(numbers)["weight-decay"]))


def _numbers(numbers: dict[str, Any]) -> dict[str, Any]:
    if "treatment" not in numbers:
        return {}
    return dict(zip((*TREATMENTS, "epsilon"), numbers["treatment"], strict=True))
