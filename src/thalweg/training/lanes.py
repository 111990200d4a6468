"""Sort runs into lanes: one optimizer per lane, groups of one seed, every slot filled."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from thalweg.optimizers.base import Rule
from thalweg.records import RunSpec
from thalweg.training.plan import Plan

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
        members: One member per slot, shape (groups, width) as nested tuples.
        real: Whether the slot's result counts; the others repeat a member to fill the shape.
    """

    rule: int
    members: tuple[tuple[Member, ...], ...]
    real: tuple[tuple[bool, ...], ...]


Call: TypeAlias = tuple[Slots, ...]  # one per device


def rule_key(rule: Rule) -> tuple[Any, ...]:
    """Return what tells two rules' programs apart: the class and its variants."""
    return (type(rule), *rule.structure().items())


def calls_for(members: Sequence[Member], index: dict[tuple[Any, ...], int], plan: Plan) -> list[Call]:
    """Return the calls of the program that train all members.

    Args:
        members: The runs, all different.
        index: Position of each optimizer in the program, by :func:`rule_key`.
        plan: Shape of the program.
    """
    by_rule: dict[int, dict[int, list[Member]]] = defaultdict(lambda: defaultdict(list))
    for member in members:
        by_rule[index[rule_key(member.rule)]][member.spec.seed].append(member)
    lanes = []
    for rule, by_seed in by_rule.items():
        groups = [_filled(part, plan.width) for same in by_seed.values() for part in _parts(same, plan.width)]
        lanes += [_lane(rule, part, plan.groups) for part in _parts(groups, plan.groups)]
    return [_call(part, plan.devices) for part in _parts(lanes, plan.devices)]


def each_slot(call: Call, value: Callable[[Slots, Member], Any]) -> np.ndarray:
    """Return ``value(slots, member)`` of every slot, stacked to (devices · groups, width, …)."""
    rows = [np.stack([value(slots, member) for member in group]) for slots in call for group in slots.members]
    return np.stack(rows)


def _parts(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[i : i + size] for i in range(0, len(items), size)]


def _filled(members: Sequence[Member], width: int) -> tuple[tuple[Member, ...], tuple[bool, ...]]:
    spare = width - len(members)
    return (*members, *[members[0]] * spare), (True,) * len(members) + (False,) * spare


def _lane(rule: int, groups: Sequence[Any], count: int) -> Slots:
    spare = count - len(groups)
    members = tuple(group for group, _ in groups) + (groups[0][0],) * spare
    real = tuple(mask for _, mask in groups) + ((False,) * len(groups[0][1]),) * spare
    return Slots(rule, members, real)


def _call(lanes: Sequence[Slots], devices: int) -> Call:
    last = lanes[-1]
    idle = Slots(last.rule, last.members, tuple((False,) * len(row) for row in last.real))
    return (*lanes, *[idle] * (devices - len(lanes)))
