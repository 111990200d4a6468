"""One compiled program that trains members of any of several optimizers.

The program is a loop over windows of steps with a switch over the optimizers in it::

    while window < windows            evaluated on the validation set after every window
      switch(rule)                    one branch per optimizer, each with its own update
        scan over the window's steps  gradient and update of all members of the lane at once

Hyperparameters, seeds, minibatches, the choice of the optimizer and the number of windows are data; only
shapes, the model and the set of optimizers are compiled. Every device runs its own lane: its own optimizer
and members. Where all members of a lane are of one seed they can share their minibatches, which
lets the compiler merge their products into larger ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from thalweg.optimizers import lift
from thalweg.optimizers.base import Rule
from thalweg.tasks.base import Task
from thalweg.tasks.start import measure
from thalweg.training.merging import merge, unmerge

__all__ = ["DIVERGENCE_FACTOR", "Carry", "Curves", "Lane", "Structure", "lane_program", "state_size"]

DIVERGENCE_FACTOR = 1e6  # a loss above this multiple of 1 + |initial loss| counts as diverged


@dataclass(frozen=True, eq=False)
class Structure:
    """What compiles into one program.

    Attributes:
        task: Model, loss and metric.
        rules: One prototype per optimizer; only its type and variants matter.
        window: Steps between two evaluations.
        full_batch: Whether every step uses the whole training set.
        members: Members per lane.
        shared: Whether the members of a lane share their minibatches, being of one seed.
        windows: Most windows per call.
        treedef: Structure of the parameters.
        leaves: Shapes and dtypes of the parameters of one member.
    """

    task: Task
    rules: tuple[Rule, ...]
    window: int
    full_batch: bool
    members: int
    shared: bool
    windows: int
    treedef: Any
    leaves: tuple[jax.ShapeDtypeStruct, ...]


class Carry(NamedTuple):
    """What goes from call to call; every array begins with (members,).

    Attributes:
        params: Leaves of the parameters.
        state: State of the optimizer, flattened and padded to the largest, (members, n); ignored before the first step.
        diverged_at: Step at which the member diverged, 0 while it is well, int32.
        limit: Loss above which a member counts as diverged.
    """

    params: tuple[Any, ...]
    state: Any
    diverged_at: Any
    limit: Any


class Lane(NamedTuple):
    """What one device is given for a call.

    Attributes:
        rule: Index into ``Structure.rules``, int32, 0-d.
        hyperparameters: (members, h) float32, in the order of the rule's fields, padded.
        rows: Rows of the minibatches, (members, windows · window, batch) int32; (1, …) if shared, empty if full batch.
        first: Updates already taken, int32, 0-d.
        windows: Windows to take in this call, int32, 0-d.
    """

    rule: Any
    hyperparameters: Any
    rows: Any
    first: Any
    windows: Any


class Curves(NamedTuple):
    """Measurements of a call, each (windows, members) float32; NaN where not taken."""

    train_loss: Any
    validation_loss: Any
    validation_metric: Any


def lane_program(structure: Structure) -> Callable[[Lane, Carry, Any, Any], tuple[Carry, Curves]]:
    """Return the program of one device: ``(lane, carry, train, validation) -> (carry, curves)``."""
    size = state_size(structure)
    branches = [_Branch(structure, rule, size).run for rule in structure.rules]

    def judge(leaves: Any, validation: Any) -> tuple[Any, Any]:
        return measure(structure.task, jax.tree.unflatten(structure.treedef, list(leaves)), validation)

    def window(lane: Lane, train: Any, validation: Any, k: Any, c: Any) -> tuple[Carry, Curves]:
        old, curves = c
        new, answers, total = jax.lax.switch(lane.rule, branches, lane, k, old, train)
        loss, metric = jax.vmap(judge, in_axes=(0, None))(answers, validation)
        end = lane.first + (k + 1) * structure.window
        bad = jnp.where((new.diverged_at == 0) & ~jnp.isfinite(loss), end, new.diverged_at)
        keep = partial(_where_member, bad == 0)  # the diverged stand still at their last good window
        taken = Curves(*(jnp.where(bad == 0, value, jnp.nan) for value in (total / structure.window, loss, metric)))
        return (
            Carry(jax.tree.map(keep, new.params, old.params), keep(new.state, old.state), bad, old.limit),
            jax.tree.map(lambda curve, value: curve.at[k].set(value.astype(jnp.float32)), curves, taken),
        )

    def program(lane: Lane, carry: Carry, train: Any, validation: Any) -> tuple[Carry, Curves]:
        blank = jnp.full((structure.windows, structure.members), jnp.nan, jnp.float32)
        body = partial(window, lane, train, validation)
        return jax.lax.fori_loop(0, lane.windows, body, (carry, Curves(blank, blank, blank)))

    return program


def state_size(structure: Structure) -> int:
    """Return the length of the longest optimizer state, flattened, of one member.

    It is 1 where no rule has any: XLA hands empty arrays back on other devices than it wants them on.
    """
    return max(1, *(_state_layout(rule, structure.leaves).size for rule in structure.rules))


class _StateLayout(NamedTuple):
    parts: list[Any]
    treedef: Any
    size: int


def _state_layout(rule: Rule, leaves: Sequence[Any]) -> _StateLayout:
    def init(leaves: Any) -> Any:
        return lift.init_state(rule, merge(rule, leaves, leaves))

    parts, treedef = jax.tree.flatten(jax.eval_shape(init, tuple(leaves)))
    return _StateLayout(parts, treedef, sum(int(np.prod(part.shape)) for part in parts))


@dataclass(frozen=True, eq=False)
class _Branch:
    """The steps of one optimizer within a window of the program."""

    structure: Structure
    rule: Rule
    state_size: int

    def run(self, lane: Lane, k: Any, carry: Carry, train: Any) -> tuple[Carry, Any, Any]:
        """Return the carry after the window, the answers to judge, and the sum of the losses."""
        window, values = self.structure.window, lane.hyperparameters
        rows = jax.lax.dynamic_slice_in_dim(lane.rows, k * window, window, axis=1)
        points = jax.vmap(self._merge)(carry.params)
        state = jax.vmap(partial(self._state, lane.first + k == 0))(values, points, carry.state)
        begin = (points, state, lane.first + k * window, carry.diverged_at, jnp.zeros_like(carry.limit))
        step = partial(self._step, values, carry.limit, train)
        (points, state, _, bad, total), _ = jax.lax.scan(step, begin, jnp.swapaxes(rows, 0, 1), length=window)
        answers = jax.vmap(self._answer)(values, points, state)
        params = jax.vmap(self._unmerge)(points)
        return Carry(params, jax.vmap(self._pack)(carry.limit, state), bad, carry.limit), answers, total

    def _step(self, values: Any, limit: Any, train: Any, c: Any, rows: Any) -> tuple[Any, None]:
        points, state, t, bad, total = c
        t = t + 1
        losses, gradients = self._gradients(values, points, state, train, rows)
        bad = jnp.where((bad == 0) & ~(losses <= limit), t, bad)
        time = t.astype(jnp.float32)
        points, state = jax.vmap(partial(self._update, time))(values, points, gradients, state)
        return (points, state, t, bad, total + losses.astype(total.dtype)), None

    def _gradients(self, values: Any, points: Any, state: Any, train: Any, rows: Any) -> tuple[Any, Any]:
        if self.structure.full_batch:
            return jax.vmap(partial(self._gradient, train))(values, points, state)
        if self.structure.shared:
            batch = jax.tree.map(lambda a: a[rows[0]], train)
            return jax.vmap(partial(self._gradient, batch))(values, points, state)
        batches = jax.tree.map(lambda a: a[rows], train)
        return jax.vmap(self._gradient)(batches, values, points, state)

    def _gradient(self, batch: Any, values: Any, points: Any, state: Any) -> tuple[Any, Any]:
        def loss(leaves: Any) -> Any:
            return self.structure.task.loss(jax.tree.unflatten(self.structure.treedef, list(leaves)), batch)

        where = self._unmerge(lift.lookahead(self._bound(values), points, state))
        value, gradients = jax.value_and_grad(loss)(where)
        return value, self._merge(gradients)

    def _update(self, t: Any, values: Any, points: Any, gradients: Any, state: Any) -> tuple[Any, Any]:
        return lift.update(self._bound(values), points, gradients, state, t)

    def _answer(self, values: Any, points: Any, state: Any) -> tuple[Any, ...]:
        return self._unmerge(lift.answer(self._bound(values), points, state))

    def _bound(self, values: Any) -> Rule:
        return self.rule.with_values({name: values[i] for i, name in enumerate(self.rule.hyperparameters())})

    def _merge(self, arrays: Any) -> tuple[Any, ...]:
        return merge(self.rule, arrays, self.structure.leaves)

    def _unmerge(self, points: Any) -> tuple[Any, ...]:
        return unmerge(self.rule, points, self.structure.leaves)

    def _state(self, new: Any, values: Any, points: Any, flat: Any) -> Any:
        first = lift.init_state(self._bound(values), points)
        return jax.tree.map(lambda own, old: jnp.where(new, own, old), first, self._unpack(flat))

    def _unpack(self, flat: Any) -> Any:
        layout = _state_layout(self.rule, self.structure.leaves)
        ends = np.cumsum([int(np.prod(part.shape)) for part in layout.parts])
        pieces = [
            flat[end - int(np.prod(part.shape)) : end].reshape(part.shape).astype(part.dtype)
            for part, end in zip(layout.parts, ends, strict=True)
        ]
        return jax.tree.unflatten(layout.treedef, pieces)

    def _pack(self, limit: Any, state: Any) -> Any:
        del limit  # gives a rule without state the members' axis
        used = [piece.ravel().astype(jnp.float32) for piece in jax.tree.leaves(state)]
        rest = self.state_size - sum(piece.size for piece in used)
        return jnp.concatenate([*used, jnp.zeros(rest, jnp.float32)])


def _where_member(keep: Any, new: Any, old: Any) -> Any:
    return jnp.where(keep.reshape(keep.shape + (1,) * (new.ndim - keep.ndim)), new, old)
