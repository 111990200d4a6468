"""One compiled program that trains members of any of several optimizers.

The program is a loop over windows of steps with a switch over the optimizers in it::

    while window < windows            evaluated on the validation set after every window
      switch(rule)                    one branch per optimizer, each with its own update
        scan over the window's steps  gradient, techniques and update of all members of the lane at once

Hyperparameters, schedules, seeds, minibatches, the choice of the optimizer and the number of windows are data;
only shapes, the model, the set of optimizers and the set of techniques are compiled. Every device runs its own
lane: its own optimizer and members. Where all members of a lane are of one seed they can share their
minibatches, which lets the compiler merge their products into larger ones.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from thalweg.tasks.start import measure
from thalweg.training.branch import Branch, state_size
from thalweg.training.judging import plateau_step, stop_step
from thalweg.training.lapack import over_members
from thalweg.training.structure import Carry, Curves, Lane, Structure

__all__ = ["DIVERGENCE_FACTOR", "lane_program"]

DIVERGENCE_FACTOR = 1e6  # a loss above this multiple of 1 + |initial loss| counts as diverged


def lane_program(structure: Structure) -> Callable[[Lane, Carry, Any, Any], tuple[Carry, Curves]]:
    """Return the program of one device: ``(lane, carry, train, validation) -> (carry, curves)``."""
    size = state_size(structure)
    branches = [Branch(structure, rule, size).run for rule in structure.rules]

    def judge(leaves: Any, validation: Any) -> tuple[Any, Any]:
        return measure(structure.task, jax.tree.unflatten(structure.treedef, list(leaves)), validation)

    def window(lane: Lane, train: Any, validation: Any, k: Any, c: Any) -> tuple[Carry, Curves]:
        old, curves = c
        new, answers, total = jax.lax.switch(lane.rule, branches, lane, k, old, train)
        loss, metric = over_members(judge, (0, None), one_by_one=structure.decomposes)(answers, validation)
        end = lane.first + (k + 1) * structure.window
        bad = jnp.where((new.diverged_at == 0) & ~jnp.isfinite(loss), end, new.diverged_at)
        going = bad == 0
        if "stopping" in structure.features:
            going = going & (old.extras["stopping"][:, 2] == 0)  # the stopped stand still, and so do their curves
        keep = partial(_where_member, going)  # the diverged stand still at their last good window
        taken = Curves(*(jnp.where(bad == 0, value, jnp.nan) for value in (total / structure.window, loss, metric)))
        extras = _judged(structure, lane, new.extras, answers, loss, end)
        return (
            Carry(
                jax.tree.map(keep, new.params, old.params),
                keep(new.state, old.state),
                bad,
                old.limit,
                jax.tree.map(keep, extras, old.extras),
            ),
            jax.tree.map(lambda curve, value: curve.at[k].set(value.astype(jnp.float32)), curves, taken),
        )

    def program(lane: Lane, carry: Carry, train: Any, validation: Any) -> tuple[Carry, Curves]:
        blank = jnp.full((structure.windows, structure.members), jnp.nan, jnp.float32)
        body = partial(window, lane, train, validation)
        return jax.lax.fori_loop(0, lane.windows, body, (carry, Curves(blank, blank, blank)))

    return program


def _judged(structure: Structure, lane: Lane, extras: dict[str, Any], answers: Any, loss: Any, end: Any) -> Any:
    """Return what techniques carry, once they have heard the validation loss."""
    extras = dict(extras)
    if "plateau" in structure.features:
        extras["plateau"] = jax.vmap(plateau_step)(extras["plateau"], loss, lane.extras["plateau"])
    if "stopping" in structure.features:
        extras["stopping"], improved = jax.vmap(partial(stop_step, end))(
            extras["stopping"], loss, lane.extras["stopping"]
        )
        better = partial(_where_member, improved)
        extras["best"] = jax.tree.map(better, tuple(answers), extras["best"])
    if "answer" in structure.features:
        extras["answer"] = tuple(answers)
    return extras


def _where_member(keep: Any, new: Any, old: Any) -> Any:
    return jnp.where(keep.reshape(keep.shape + (1,) * (new.ndim - keep.ndim)), new, old)
