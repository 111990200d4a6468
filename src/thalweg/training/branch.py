"""The steps that one optimizer takes within a window: gradient, techniques, update."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from thalweg.optimizers import lift
from thalweg.optimizers.base import Rule
from thalweg.tasks.base import Context
from thalweg.techniques import ascended, averaged, cautious, pulled_back
from thalweg.training.inputs import Problem, rule_inputs
from thalweg.training.lapack import over_members, rule_decomposes
from thalweg.training.merging import merge, unmerge
from thalweg.training.storing import as_stored
from thalweg.training.structure import Carry, Lane, Structure
from thalweg.training.treatment import decayed, penalties, treated

__all__ = ["Branch", "state_size"]

PER_STEP = (
    "factors",
    "fires",
    "share",
    "diffusion",
    "width",
    "slow",
    "average",
)  # extras of a lane with a value per step


class Moving(NamedTuple):
    """What changes from step to step; under ``vmap`` that of one member.

    Attributes:
        points: Trained parameters, as the rule sees them.
        state: State of the rule.
        kept: The model's own state.
        bad: Step of the divergence, or 0.
        total: Sum of the training losses.
        extras: What techniques carry, by name.
    """

    points: tuple[Any, ...]
    state: Any
    kept: tuple[Any, ...]
    bad: Any
    total: Any
    extras: dict[str, Any]


class Given(NamedTuple):
    """What a member is given for a step.

    Attributes:
        values: Hyperparameters of the run.
        limit: Loss above which it has diverged.
        numbers: The lane's extras that hold for all steps.
        tick: The lane's extras of this step.
    """

    values: Any
    limit: Any
    numbers: dict[str, Any]
    tick: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Branch:
    """The steps of one optimizer within a window of the program."""

    structure: Structure
    rule: Rule
    state_size: int

    def run(self, lane: Lane, k: Any, carry: Carry, train: Any) -> tuple[Carry, Any, Any]:
        """Return the carry after the window, the answers to judge, and the sum of the losses."""
        window, values = self.structure.window, self._rates(lane, carry)
        trained, kept = self._parted(carry.params)
        points = jax.vmap(self._merge)(trained)
        state = jax.vmap(partial(self._state, lane.first + k == 0))(values, points, carry.state)
        moving = Moving(points, state, kept, carry.diverged_at, jnp.zeros_like(carry.limit), carry.extras)
        numbers = {name: value for name, value in lane.extras.items() if name not in PER_STEP}
        per_step = {name: value for name, value in lane.extras.items() if name in PER_STEP}
        ticks = jax.tree.map(lambda a: _steps_of(a, k, window), {"rows": lane.rows, **per_step})
        step = partial(self._step, values, carry.limit, numbers, train)
        (moving, _), _ = jax.lax.scan(step, (moving, lane.first + k * window), ticks, length=window)
        answers = self._answers(values, moving)
        params = self._joined(jax.vmap(self._unmerge)(moving.points), moving.kept)
        packed = jax.vmap(self._pack)(carry.limit, moving.state)
        return Carry(params, packed, moving.bad, carry.limit, moving.extras), answers, moving.total

    @cached_property
    def _takes_turns(self) -> bool:
        return self.structure.decomposes or rule_decomposes(self.rule, self.structure.trained)

    def _rates(self, lane: Lane, carry: Carry) -> Any:
        """Return the hyperparameters of this window: reduced on a plateau, if that is asked for."""
        if "plateau" not in self.structure.features:
            return lane.hyperparameters
        names = list(self.rule.hyperparameters())
        if "learning_rate" not in names:
            return lane.hyperparameters
        scale = carry.extras["plateau"][:, 0]
        column = names.index("learning_rate")
        return lane.hyperparameters.at[:, column].multiply(scale)

    def _step(self, values: Any, limit: Any, numbers: Any, train: Any, c: Any, tick: Any) -> tuple[Any, None]:
        moving, t = c
        t = t + 1
        rows = tick.pop("rows")
        batch, axis = train, None
        if not self.structure.full_batch:
            rows, axis = (rows[0], None) if self.structure.shared else (rows, 0)
            batch = jax.tree.map(lambda a: a[rows], train)
        uphill = jnp.any(numbers["sam"][:, 0] > 0) if "sam" in numbers else None
        each = over_members(partial(self._member_step, t, uphill), (axis, 0, 0), one_by_one=self._takes_turns)
        return (each(batch, Given(values, limit, numbers, tick), moving), t), None

    def _member_step(self, t: Any, uphill: Any, batch: Any, given: Given, moving: Moving) -> Moving:
        values = given.values * given.tick["factors"] if "factors" in given.tick else given.values
        rule = self._bound(values)
        look = self._unmerge(lift.lookahead(rule, moving.points, moving.state))
        key = jax.random.fold_in(jax.random.key(given.numbers["seed"]), t) if "seed" in given.numbers else None
        shift = self._shift(look, key, given)
        objective = self._objective(batch, key, given, moving, shift)
        (loss, kept), gradient = jax.value_and_grad(objective, has_aux=True)(look)
        kept = kept if any(self.structure.kept) else moving.kept
        bad = moving.bad
        if not self.rule.full_batch:  # a line search may look far off; where it stands is judged by the validation loss
            bad = jnp.where((bad == 0) & ~(loss <= given.limit), t, bad)
        where, value, gradient = self._uphill(objective, look, loss, gradient, given, uphill)
        extras = dict(moving.extras)
        fires, time = None, t
        if "accumulated" in extras:
            gradient, fires, time = self._accumulated(gradient, given, extras)
        leaves = self._unmerge(moving.points)
        gradient = treated(gradient, look, given.numbers, self.structure.features)
        merged, inputs = self._merge(gradient), {}
        if rule.needs:
            value = value + penalties(look, given.numbers, self.structure.features)
            problem = self._problem(objective, batch, shift, where, value, key, given, moving)
            now, ways = t.astype(jnp.float32), {"merge": self._merge, "unmerge": self._unmerge}
            inputs = rule_inputs(rule, problem, moving.points, merged, moving.state, now, **ways)
        points, state = lift.update(rule, moving.points, merged, moving.state, time.astype(jnp.float32), **inputs)
        points = self._after(rule, points, leaves, gradient, given)
        if "state" in given.numbers:
            ways = (self._merge, self._unmerge)
            state = as_stored(rule, state, self.structure.features, given.numbers["state"], key, *ways)
        if fires is not None:
            points, state = jax.tree.map(partial(jnp.where, fires), (points, state), (moving.points, moving.state))
        if "slow" in extras:
            slow, fast = pulled_back(extras["slow"], self._unmerge(points), given.tick["slow"])
            extras["slow"], points = tuple(slow), self._merge(fast)
        if "average" in extras:
            weight = given.tick["average"] if fires is None else jnp.where(fires, given.tick["average"], 0.0)
            newest = self._joined(extras.get("slow", self._unmerge(points)), kept)
            extras["average"] = tuple(averaged(extras["average"], newest, weight))
        return Moving(points, state, kept, bad, moving.total + loss.astype(moving.total.dtype), extras)

    def _uphill(
        self, objective: Any, where: Any, loss: Any, gradient: Any, given: Given, uphill: Any
    ) -> tuple[Any, Any, Any]:
        """Return the point whose gradient counts, with loss and gradient there; ``uphill``: whether any member asks."""
        if "sam" not in given.numbers:
            return where, loss, gradient
        radius, adaptive, floor = given.numbers["sam"]
        above = tuple(ascended(where, gradient, radius, adaptive, floor))

        def there() -> tuple[Any, Any]:
            (value, _), slope = jax.value_and_grad(objective, has_aux=True)(above)
            return value, slope

        found = jax.lax.cond(uphill, there, lambda: (loss, gradient))
        value, slope = jax.tree.map(lambda new, old: jnp.where(radius > 0, new, old), found, (loss, gradient))
        return above, value, slope

    def _after(self, rule: Rule, points: Any, before: Any, gradient: Any, given: Given) -> Any:
        """Return the points once techniques have acted on the rule's step."""
        if "cautious" in given.numbers:
            on, floor = given.numbers["cautious"]
            points = self._merge(cautious(self._unmerge(points), before, gradient, floor, on))
        if "weight-decay" in self.structure.features:
            rate = getattr(rule, "learning_rate", 1.0)
            points = self._merge(decayed(self._unmerge(points), before, rate, given.numbers))
        return points

    def _shift(self, where: Any, key: Any, given: Given) -> Any:
        """Return what the smoothing adds to the trained leaves before the loss is taken, or None."""
        if key is None or "width" not in given.tick:
            return None
        keys = jax.random.split(jax.random.fold_in(key, 1), len(where))
        noise = [jax.random.normal(one, x.shape, x.dtype) for one, x in zip(keys, where, strict=True)]
        return tuple(given.tick["width"] * e for e in noise)

    def _objective(self, batch: Any, key: Any, given: Given, moving: Moving, shift: Any) -> Any:
        """Return the minibatch's loss as a function of the trained leaves, which also gives the model's next state."""
        structure = self.structure
        # What nobody in the program asks for is None, and leaves nothing of itself in it.
        dropout, smoothing = given.numbers.get("context", (None, None))
        diffusion = given.tick.get("diffusion")
        used = None if key is None else jax.random.fold_in(key, 0)

        def objective(leaves: Any) -> tuple[Any, Any]:
            tree = self._tree(_shifted(leaves, shift), moving.kept)
            if not structure.in_training_mode:
                return structure.task.loss(tree, batch), moving.kept
            context = Context(used, dropout, smoothing, diffusion)
            value, state = structure.task.training_loss(tree, batch, context)  # type: ignore[misc]
            return value, tuple(jax.tree.leaves(state))

        return objective

    def _problem(
        self, objective: Any, batch: Any, shift: Any, where: Any, value: Any, key: Any, given: Given, moving: Moving
    ) -> Problem:
        """Return what the inputs of a rule are computed from."""
        task, features = self.structure.task, self.structure.features

        def penalized(leaves: Any) -> Any:
            return objective(leaves)[0] + penalties(leaves, given.numbers, features)

        def gradient(leaves: Any) -> Any:
            plain, _ = jax.grad(objective, has_aux=True)(leaves)
            return treated(plain, leaves, given.numbers, features)

        def sampled(leaves: Any, key: Any) -> Any:
            return task.sampled_loss(self._tree(_shifted(leaves, shift), moving.kept), batch, key)  # type: ignore[misc]

        return Problem(penalized, gradient, sampled if task.sampled_loss else None, where, value, key)

    def _accumulated(self, gradient: Any, given: Given, extras: dict[str, Any]) -> tuple[Any, Any, Any]:
        """Return the mean gradient of the group, whether it is complete, and the update's number."""
        share, fires = given.tick["share"], given.tick["fires"]
        mean = tuple(a + share * g for a, g in zip(extras["accumulated"], gradient, strict=True))
        time = extras["updates"] + 1
        extras["accumulated"] = tuple(jnp.where(fires, 0.0, a) for a in mean)
        extras["updates"] = jnp.where(fires, time, extras["updates"])
        return mean, fires, time

    def _answers(self, values: Any, moving: Moving) -> Any:
        if "average" in moving.extras:
            return moving.extras["average"]
        points = jax.vmap(self._merge)(moving.extras["slow"]) if "slow" in moving.extras else moving.points
        return self._joined(jax.vmap(self._answer)(values, points, moving.state), moving.kept)

    def _answer(self, values: Any, points: Any, state: Any) -> tuple[Any, ...]:
        return self._unmerge(lift.answer(self._bound(values), points, state))

    def _bound(self, values: Any) -> Rule:
        return self.rule.with_values({name: values[i] for i, name in enumerate(self.rule.hyperparameters())})

    def _merge(self, arrays: Any) -> tuple[Any, ...]:
        return merge(self.rule, arrays, self.structure.trained)

    def _unmerge(self, points: Any) -> tuple[Any, ...]:
        return unmerge(self.rule, points, self.structure.trained)

    def _parted(self, leaves: Sequence[Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return the trained leaves and the model's own."""
        marked = list(zip(leaves, self.structure.kept, strict=True))
        return tuple(x for x, kept in marked if not kept), tuple(x for x, kept in marked if kept)

    def _joined(self, trained: Sequence[Any], kept: Sequence[Any]) -> tuple[Any, ...]:
        """Return all leaves in the order of the parameters' flattening."""
        mine, theirs = iter(trained), iter(kept)
        return tuple(next(theirs) if is_kept else next(mine) for is_kept in self.structure.kept)

    def _tree(self, trained: Sequence[Any], kept: Sequence[Any]) -> Any:
        return jax.tree.unflatten(self.structure.treedef, list(self._joined(trained, kept)))

    def _state(self, new: Any, values: Any, points: Any, flat: Any) -> Any:
        first = lift.init_state(self._bound(values), points)
        return jax.tree.map(lambda own, old: jnp.where(new, own, old), first, self._unpack(flat))

    def _unpack(self, flat: Any) -> Any:
        layout = _state_layout(self.rule, self.structure.trained)
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


def state_size(structure: Structure) -> int:
    """Return the length of the longest optimizer state, flattened, of one member.

    It is 1 where no rule has any: XLA hands empty arrays back on other devices than it wants them on.
    """
    return max(1, *(_state_layout(rule, structure.trained).size for rule in structure.rules))


class _StateLayout(NamedTuple):
    parts: list[Any]
    treedef: Any
    size: int


def _state_layout(rule: Rule, leaves: Sequence[Any]) -> _StateLayout:
    def init(leaves: Any) -> Any:
        return lift.init_state(rule, merge(rule, leaves, leaves))

    parts, treedef = jax.tree.flatten(jax.eval_shape(init, tuple(leaves)))
    return _StateLayout(parts, treedef, sum(int(np.prod(part.shape)) for part in parts))


def _shifted(leaves: Any, shift: Any) -> Any:
    return leaves if shift is None else tuple(x + e for x, e in zip(leaves, shift, strict=True))


def _steps_of(array: Any, k: Any, window: int) -> Any:
    """Return a window's part of (members, steps, …) as (window, members, …)."""
    return jnp.swapaxes(jax.lax.dynamic_slice_in_dim(array, k * window, window, axis=1), 0, 1)
