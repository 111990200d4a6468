"""Sort runs into lanes: one optimizer per lane, every slot filled."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from thalweg.optimizers.base import Rule
from thalweg.records import RunSpec
from thalweg.training.plan import Plan
from thalweg.training.recipe import recipe_of

__all__ = ["Call", "Member", "Slots", "calls_for", "each_slot", "rule_key"]


@dataclass(frozen=True)
class Member:
    """One run to train: the record of it and the rule with its hyperparameters."""

    spec: RunSpec
    rule: Rule


@dataclass(frozen=True)
class Slots:
    """A device's share of a call.

    Attributes:
        rule: Index of the optimizer.
        members: One member per slot.
        real: Whether the slot's result counts; the others repeat a member to fill the shape.
    """

    rule: int
    members: tuple[Member, ...]
    real: tuple[bool, ...]


Call: TypeAlias = tuple[Slots, ...]  # one per device


def rule_key(rule: Rule) -> tuple[Any, ...]:
    """Return what tells two rules' programs apart: the class and its variants."""
    return (type(rule), *rule.structure().items())


def calls_for(
    members: Sequence[Member], index: dict[tuple[Any, ...], int], plan: Plan, shared: bool = False
) -> list[Call]:
    """Return the calls of the program that train all members.

    Args:
        members: The runs, all different.
        index: Position of each optimizer in the program, by :func:`rule_key`.
        plan: Shape of the program.
        shared: Whether the members of a lane must have the same minibatches.
    """
    alike: dict[tuple[Any, ...], list[Member]] = defaultdict(list)
    for member in members:
        alike[index[rule_key(member.rule)], _minibatches(member) if shared else None].append(member)
    lanes = [_lane(rule, part, plan.members) for (rule, _), own in alike.items() for part in _parts(own, plan.members)]
    return [_call(part, plan.devices) for part in _parts(lanes, plan.devices)]


def each_slot(call: Call, value: Callable[[Member], Any]) -> np.ndarray:
    """Return ``value(member)`` of every slot, stacked to (devices · members, …)."""
    return np.stack([value(member) for slots in call for member in slots.members])


def _minibatches(member: Member) -> tuple[Any, ...]:
    return member.spec.seed, recipe_of(member.spec.techniques).order


def _parts(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[i : i + size] for i in range(0, len(items), size)]


def _lane(rule: int, members: Sequence[Member], size: int) -> Slots:
    spare = size - len(members)
    return Slots(rule, (*members, *[members[0]] * spare), (True,) * len(members) + (False,) * spare)


def _call(lanes: Sequence[Slots], devices: int) -> Call:
    last = lanes[-1]
    idle = Slots(last.rule, last.members, (False,) * len(last.real))
    return (*lanes, *[idle] * (devices - len(lanes)))
