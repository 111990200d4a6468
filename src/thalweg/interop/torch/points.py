"""Where a rule's points are: where it takes its gradient, and what it answers with."""

import functools
from typing import Any

import torch

from thalweg.interop.torch.nested import leaves
from thalweg.interop.torch.storage import read
from thalweg.optimizers import lift
from thalweg.optimizers.base import Rule

__all__ = ["OWN_KEYS", "answer_of", "answers_elsewhere", "look_of", "looks_ahead", "rule_state"]

OWN_KEYS = ("step_number", "base_point", "tree_state")  # what the optimizer keeps beside the rule's state


def looks_ahead(rule: Rule) -> bool:
    """Return whether the rule, with its variants, takes its gradient elsewhere than at its parameters."""
    return type(rule).lookahead is not Rule.lookahead and _moves(
        type(rule), tuple(rule.structure().items()), "lookahead"
    )


def answers_elsewhere(rule: Rule) -> bool:
    """Return whether the rule, with its variants, answers with another point than its parameters."""
    return type(rule).answer is not Rule.answer and _moves(type(rule), tuple(rule.structure().items()), "answer")


def look_of(rule: Rule, points: list[torch.Tensor], state: Any) -> tuple[torch.Tensor, ...]:
    """Return where the next gradient is to be taken; one point with its state, or a whole tree."""
    return lift.lookahead(rule, points, state if rule.whole_tree else (state,))


def answer_of(rule: Rule, points: list[torch.Tensor], state: Any) -> tuple[torch.Tensor, ...]:
    """Return what counts as the result; one point with its state, or a whole tree."""
    return lift.answer(rule, points, state if rule.whole_tree else (state,))


def rule_state(kept: dict[str, Any]) -> dict[str, Any]:
    """Return the rule's own part of what is kept for a parameter, read from its codes if it is stored in such."""
    return {key: read(value) for key, value in kept.items() if key not in OWN_KEYS}


@functools.lru_cache(maxsize=256)
def _moves(rule_class: type[Rule], structure: tuple[tuple[str, Any], ...], hook: str) -> bool:
    """Return whether a hook hands on another array than it was given."""
    rule = rule_class.configured().with_values(dict(structure))
    numbers = {name: torch.tensor(float(value)) for name, value in rule.values().items()}
    bound, array = rule.with_values({**numbers, **dict(structure)}), torch.ones(2, 2)
    points: Any = (array,) if rule.whole_tree else array
    with torch.no_grad():
        found = getattr(bound, hook)(points, bound.init(points))
    return any(a is not b for a, b in zip(leaves(found), leaves(points), strict=True))
