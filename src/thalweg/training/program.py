"""One compiled program that trains members of any of several optimizers.

The program is a switch over the optimizers around a loop over windows of steps::

    switch(rule)                      one branch per optimizer, each with its own update
      while window < windows          evaluated on the validation set after every window
        scan over the window's steps  gradient and update of all members of the lane at once

Hyperparameters, seeds, minibatches, the choice of the optimizer and the number of windows are data; only
shapes, the model and the set of optimizers are compiled. Every device runs its own lane: its own optimizer
and members. Each member gathers its own minibatch even where seeds are equal: with both factors batched
XLA's CPU backend multiplies member by member, with shared rows it transposes the weights of every step
(13.8 against 17.0 µs of processor time per step of a 64-32-10 perceptron).
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
        windows: Most windows per call.
        treedef: Structure of the parameters.
        leaves: Shapes and dtypes of the parameters of one member.
    """

    task: Task
    rules: tuple[Rule, ...]
    window: int
    full_batch: bool
    members: int
    windows: int
    treedef: Any
    leaves: tuple[jax.ShapeDtypeStruct, ...]


class Carry(NamedTuple):
    """What goes from call to call; every array begins with (members,).

    Attributes:
        params: Leaves of the parameters.
        state: State of the optimizer, flattened and padded to the largest, (members, n).
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
        rows: Rows of the minibatches, (members, windows · window, batch) int32; empty if full batch.
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

    def program(lane: Lane, carry: Carry, train: Any, validation: Any) -> tuple[Carry, Curves]:
        return jax.lax.switch(lane.rule, branches, lane, carry, train, validation)

    return program


def state_size(structure: Structure) -> int:
    """Return the length of the longest optimizer state, flattened, of one member."""
    return max(_state_layout(rule, structure.leaves).size for rule in structure.rules)


class _StateLayout(NamedTuple):
    parts: list[Any]
    treedef: Any
    size: int


def _state_layout(rule: Rule, leaves: Sequence[Any]) -> _StateLayout:
    parts, treedef = jax.tree.flatten(jax.eval_shape(partial(lift.init_state, rule), tuple(leaves)))
    return _StateLayout(parts, treedef, sum(int(np.prod(part.shape)) for part in parts))


@dataclass(frozen=True, eq=False)
class _Branch:
    """The training loop of one optimizer within the program."""

    structure: Structure
    rule: Rule
    state_size: int

    def run(self, lane: Lane, carry: Carry, train: Any, validation: Any) -> tuple[Carry, Curves]:
        s = self.structure
        blank = jnp.full((s.windows, s.members), jnp.nan, jnp.float32)
        begin = (carry.params, jax.vmap(self._unpack)(carry.state), carry.diverged_at, Curves(blank, blank, blank))
        body = partial(self._window, lane, carry.limit, train, validation)
        params, state, diverged_at, curves = jax.lax.fori_loop(0, lane.windows, body, begin)
        return Carry(params, jax.vmap(self._pack)(carry.limit, state), diverged_at, carry.limit), curves

    def _window(self, lane: Lane, limit: Any, train: Any, validation: Any, k: Any, c: Any) -> Any:
        params, state, diverged_at, curves = c
        window = self.structure.window
        rows = jax.lax.dynamic_slice_in_dim(lane.rows, k * window, window, axis=1)
        begin = (params, state, lane.first + k * window, diverged_at, jnp.zeros_like(limit))
        step = partial(self._step, lane.hyperparameters, limit, train)
        (new_params, new_state, t, bad, total), _ = jax.lax.scan(step, begin, jnp.swapaxes(rows, 0, 1), length=window)
        loss, metric = jax.vmap(partial(self._judge, validation))(lane.hyperparameters, new_params, new_state)
        bad = jnp.where((bad == 0) & ~jnp.isfinite(loss), t, bad)
        well = bad == 0
        taken = Curves(*(jnp.where(well, value, jnp.nan) for value in (total / window, loss, metric)))
        keep = partial(_where_member, well)  # the diverged stand still at their last good window
        return (
            jax.tree.map(keep, new_params, params),
            jax.tree.map(keep, new_state, state),
            bad,
            jax.tree.map(lambda curve, value: curve.at[k].set(value.astype(jnp.float32)), curves, taken),
        )

    def _step(self, hyperparameters: Any, limit: Any, train: Any, c: Any, rows: Any) -> tuple[Any, None]:
        params, state, t, bad, total = c
        t = t + 1
        losses, gradients = self._gradients(hyperparameters, params, state, train, rows)
        bad = jnp.where((bad == 0) & ~(losses <= limit), t, bad)
        time = t.astype(jnp.float32)
        params, state = jax.vmap(partial(self._update, time))(hyperparameters, params, gradients, state)
        return (params, state, t, bad, total + losses.astype(total.dtype)), None

    def _gradients(self, hyperparameters: Any, params: Any, state: Any, train: Any, rows: Any) -> tuple[Any, Any]:
        if self.structure.full_batch:
            return jax.vmap(partial(self._gradient, train))(hyperparameters, params, state)
        batches = jax.tree.map(lambda a: a[rows], train)
        return jax.vmap(self._gradient)(batches, hyperparameters, params, state)

    def _gradient(self, batch: Any, values: Any, leaves: Any, state: Any) -> tuple[Any, Any]:
        def loss(points: Any) -> Any:
            return self.structure.task.loss(jax.tree.unflatten(self.structure.treedef, list(points)), batch)

        return jax.value_and_grad(loss)(lift.lookahead(self._bound(values), leaves, state))

    def _update(self, t: Any, values: Any, leaves: Any, gradients: Any, state: Any) -> tuple[Any, Any]:
        return lift.update(self._bound(values), leaves, gradients, state, t)

    def _judge(self, validation: Any, values: Any, leaves: Any, state: Any) -> tuple[Any, Any]:
        answer = lift.answer(self._bound(values), leaves, state)
        return measure(self.structure.task, jax.tree.unflatten(self.structure.treedef, list(answer)), validation)

    def _bound(self, values: Any) -> Rule:
        return self.rule.with_values({name: values[i] for i, name in enumerate(self.rule.hyperparameters())})

    def _unpack(self, flat: Any) -> Any:
        layout = _state_layout(self.rule, self.structure.leaves)
        ends = np.cumsum([int(np.prod(part.shape)) for part in layout.parts])
        pieces = [
            flat[end - int(np.prod(part.shape)) : end].reshape(part.shape).astype(part.dtype)
            for part, end in zip(layout.parts, ends, strict=True)
        ]
        return jax.tree.unflatten(layout.treedef, pieces)

    def _pack(self, limit: Any, state: Any) -> Any:
        del limit  # gives a rule without state the members' axes
        used = [piece.ravel().astype(jnp.float32) for piece in jax.tree.leaves(state)]
        rest = self.state_size - sum(piece.size for piece in used)
        return jnp.concatenate([*used, jnp.zeros(rest, jnp.float32)])


def _where_member(keep: Any, new: Any, old: Any) -> Any:
    return jnp.where(keep.reshape(keep.shape + (1,) * (new.ndim - keep.ndim)), new, old)
