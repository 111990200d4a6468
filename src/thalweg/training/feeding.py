"""What a call of the compiled program is given: shapes to compile for, and the arrays of its members."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding

from thalweg.tasks.start import Start
from thalweg.training.batches import batch_rows
from thalweg.training.branch import state_size
from thalweg.training.lanes import Call, Member, each_slot
from thalweg.training.plan import Plan
from thalweg.training.program import DIVERGENCE_FACTOR
from thalweg.training.recipe import Recipe, recipe_of
from thalweg.training.structure import Carry, Lane, Structure

__all__ = ["Feeding", "Rows"]

Rows = Callable[[Member, int, int], np.ndarray]  # (member, first step, steps) -> (steps, batch) int32

CARRIED = {"plateau": (1.0, np.inf, 0.0, 0.0), "stopping": (np.inf, 0.0, 0.0, 0.0)}  # before the first evaluation


@dataclass(frozen=True, eq=False)
class Feeding:
    """Arrays for one structure of program.

    Attributes:
        structure: What is compiled.
        plan: Shape of the program.
        batch_size: Examples per step.
        examples: Size of the training set.
        starts: Where runs begin, by seed and beginning.
        placed: Sharding that gives each device its lane.
        ordered: Rows of members whose minibatches are not drawn at random, by the order they ask for.
    """

    structure: Structure
    plan: Plan
    batch_size: int
    examples: int
    starts: Mapping[Any, Start]
    placed: NamedSharding
    ordered: Mapping[str, Rows]

    @cached_property
    def most_values(self) -> int:
        """Number of hyperparameters of the widest rule."""
        return max(len(rule.hyperparameters()) for rule in self.structure.rules)

    def start(self, member: Member) -> Start:
        """Return where a member begins."""
        return self.starts[member.spec.seed, recipe_of(member.spec.techniques).beginning]

    def shapes(self) -> tuple[Lane, Carry]:
        """Return shapes, dtypes and placement of a call's arguments."""
        structure, count = self.structure, self.plan.devices * self.plan.members
        steps = self.plan.windows * structure.window
        batch = 0 if structure.full_batch else self.batch_size
        leaf = partial(jax.ShapeDtypeStruct, sharding=self.placed)
        each = leaf((self.plan.devices,), np.int32)

        def like(array: Any) -> Any:
            return leaf((count, *np.shape(array)), np.asarray(array).dtype)

        given = Recipe().extras(structure.rules[0], structure.features, (0, steps, 1), 0, steps, self.most_values)
        lane = Lane(
            each,
            leaf((count, self.most_values), np.float32),
            leaf((self._row_sets, steps, batch), np.int32),
            each,
            each,
            {name: like(value) for name, value in given.items()},
        )
        params = tuple(leaf((count, *one.shape), one.dtype) for one in structure.leaves)
        zeros = tuple(np.zeros(one.shape, one.dtype) for one in structure.leaves)
        carried = jax.tree.map(like, self._carried(zeros))
        state = leaf((count, self._state_size), np.float32)
        return lane, Carry(params, state, leaf((count,), np.int32), leaf((count,), np.float32), carried)

    def carry(self, call: Call) -> Carry:
        """Return what a call's members start from, on the devices."""
        params = tuple(
            each_slot(call, lambda member, i=i: self.start(member).leaves[i]) for i in range(len(self.structure.leaves))
        )
        loss = each_slot(call, lambda member: np.float32(self.start(member).loss))
        limit = (DIVERGENCE_FACTOR * (1 + np.abs(loss))).astype(np.float32)
        state = np.zeros((len(loss), self._state_size), np.float32)
        each = [self._carried(self.start(member).leaves) for slots in call for member in slots.members]
        extras = jax.tree.map(lambda *values: np.stack(values), *each)
        return jax.device_put(Carry(params, state, np.zeros(loss.shape, np.int32), limit, extras), self.placed)

    def lane(self, call: Call, total: int, first: int, windows: int) -> Lane:
        """Return what a call's members are given for some windows, on the devices.

        Args:
            call: The members.
            total: Steps of their whole runs.
            first: Steps already taken.
            windows: Windows to take.
        """
        most, window = self.most_values, self.structure.window
        steps = self.plan.windows * window
        values = each_slot(call, lambda member: _padded(list(member.rule.values().values()), most))
        rows = np.zeros((self._row_sets, steps, 0 if self.structure.full_batch else self.batch_size), np.int32)
        if not self.structure.full_batch:
            firsts = [slots.members[:1] if self.structure.shared else slots.members for slots in call]
            for row, member in zip(rows, [member for some in firsts for member in some], strict=True):
                row[: windows * window] = self._rows(member, first, windows * window)
        each = np.ones(self.plan.devices, np.int32)
        rules = np.array([slots.rule for slots in call], np.int32)
        extras = self._extras(call, total, first, steps)
        return jax.device_put(Lane(rules, values, rows, each * first, each * windows, extras), self.placed)

    def _extras(self, call: Call, total: int, first: int, steps: int) -> dict[str, np.ndarray]:
        features = self.structure.features
        if not features:
            return {}
        most = max(1, self.examples // self.batch_size)
        given = [
            recipe_of(member.spec.techniques).extras(
                member.rule, features, (member.spec.seed, total, most), first, steps, self.most_values
            )
            for slots in call
            for member in slots.members
        ]
        return {name: np.stack([one[name] for one in given]) for name in given[0]}

    def _carried(self, leaves: tuple[np.ndarray, ...]) -> dict[str, Any]:
        features = self.structure.features
        carried: dict[str, Any] = {
            name: np.array(value, np.float32) for name, value in CARRIED.items() if name in features
        }
        trained = [leaf for leaf, kept in zip(leaves, self.structure.kept, strict=True) if not kept]
        if "accumulate" in features:
            carried["accumulated"] = tuple(np.zeros_like(leaf) for leaf in trained)
            carried["updates"] = np.int32(0)
        if "lookahead" in features:
            carried["slow"] = tuple(trained)
        if "stopping" in features:
            carried["best"] = tuple(leaves)
        for name in ("average", "answer"):
            if name in features:
                carried[name] = tuple(leaves)
        return carried

    def _rows(self, member: Member, first: int, count: int) -> np.ndarray:
        spec, recipe = member.spec, recipe_of(member.spec.techniques)
        sampling, order = recipe.order
        if order:
            return self.ordered[order](member, first, count)
        return batch_rows(spec.seed, self.examples, self.batch_size, first, count, sampling)

    @cached_property
    def _state_size(self) -> int:
        return state_size(self.structure)

    @property
    def _row_sets(self) -> int:
        return self.plan.devices * (1 if self.structure.shared else self.plan.members)


def _padded(values: Any, size: int) -> np.ndarray:
    padded = np.zeros(size, np.float32)
    padded[: len(values)] = values
    return padded
