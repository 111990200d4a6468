"""The shape of a compiled program, and of what it is given and gives back.

Whatever a technique needs travels as data under its own name in ``Lane.extras`` and ``Carry.extras``; a
program of plain runs has none and compiles to nothing more. Names and shapes:

=============  =======================================================  ==========================================
feature        in the lane, beginning with (members, …)                 in the carry, beginning with (members, …)
=============  =======================================================  ==========================================
schedule       ``factors`` (steps, h) float32                           –
plateau        ``plateau`` (5,) float32                                 ``plateau`` (4,) float32
accumulate     ``fires`` (steps,) bool, ``share`` (steps,) float32      ``accumulated`` gradients, ``updates`` int32
context        ``context`` (2,) float32, ``seed`` int32                 –
diffusion      ``diffusion`` (steps,) float32                           –
smoothing      ``width`` (steps,) float32, ``seed`` int32               –
estimates      ``seed`` int32                                            –
treatment      ``treatment`` (len(TREATMENTS) + 1,) float32             –
sam            ``sam`` (3,) float32                                     –
cautious       ``cautious`` (2,) float32                                –
lookahead      ``slow`` (steps,) float32                                ``slow`` arrays like what is trained
state formats  ``state`` (2,) float32, ``seed`` int32                   –
average        ``average`` (steps,) float32                             ``average`` arrays like the parameters
stopping       ``stopping`` (2,) float32                                ``stopping`` (4,) float32, ``best`` arrays
answer         –                                                        ``answer`` arrays like the parameters
=============  =======================================================  ==========================================
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

from thalweg.optimizers.base import Rule
from thalweg.tasks.base import STATE, Task

__all__ = ["DRAWS", "TREATMENTS", "Carry", "Curves", "Lane", "Structure", "kept_leaves"]

DRAWS = "key"  # among a task's techniques: its training loss draws random numbers, whatever a run asks for

# What may be done to a gradient, in the order in which it is done, with the value that does nothing.
TREATMENTS = {
    "l1": 0.0,
    "l2": 0.0,
    "centralize": 0.0,
    "clip-value": float("inf"),
    "clip-adaptive": float("inf"),
    "clip-norm": float("inf"),
    "weight-decay": 0.0,
}


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
        kept: Per leaf whether it is the model's own state, which no optimizer sees.
        features: Names of the techniques compiled in.
        decomposes: Whether the task's loss or metric decomposes matrices by LAPACK; members then take turns.
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
    kept: tuple[bool, ...] = ()
    features: frozenset[str] = frozenset()
    decomposes: bool = False

    @property
    def trained(self) -> tuple[jax.ShapeDtypeStruct, ...]:
        """Shapes and dtypes of what the optimizers see."""
        return tuple(leaf for leaf, kept in zip(self.leaves, self.kept, strict=True) if not kept)

    @property
    def in_training_mode(self) -> bool:
        """Whether steps follow the task's training loss rather than its plain loss."""
        if self.task.training_loss is None:
            return False
        asked = self.features & {"context", "diffusion"}
        return bool(asked) or any(self.kept) or DRAWS in self.task.techniques


class Carry(NamedTuple):
    """What goes from call to call; every array begins with (members,).

    Attributes:
        params: Leaves of the parameters.
        state: State of the optimizer, flattened and padded to the largest, (members, n); ignored before the first step.
        diverged_at: Step at which the member diverged, 0 while it is well, int32.
        limit: Loss above which a member counts as diverged.
        extras: What techniques carry, by name.
    """

    params: tuple[Any, ...]
    state: Any
    diverged_at: Any
    limit: Any
    extras: dict[str, Any]


class Lane(NamedTuple):
    """What one device is given for a call.

    Attributes:
        rule: Index into ``Structure.rules``, int32, 0-d.
        hyperparameters: (members, h) float32, in the order of the rule's fields, padded.
        rows: Rows of the minibatches, (members, windows · window, batch) int32; (1, …) if shared, empty if full batch.
        first: Steps already taken, int32, 0-d.
        windows: Windows to take in this call, int32, 0-d.
        extras: What techniques are given, by name; (members, …).
    """

    rule: Any
    hyperparameters: Any
    rows: Any
    first: Any
    windows: Any
    extras: dict[str, Any]


class Curves(NamedTuple):
    """Measurements of a call, each (windows, members) float32; NaN where not taken."""

    train_loss: Any
    validation_loss: Any
    validation_metric: Any


def kept_leaves(params: Any) -> tuple[bool, ...]:
    """Return for each leaf whether it lies under the key of the model's own state."""
    paths = jax.tree_util.tree_leaves_with_path(params)
    return tuple(bool(path) and getattr(path[0], "key", None) == STATE for path, _ in paths)
