"""Train any number of runs of one task as few calls of one compiled program."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from thalweg.optimizers.base import Rule
from thalweg.records import Curve, RunResult
from thalweg.tasks.base import Data, Task
from thalweg.tasks.start import Start, measure, start_of
from thalweg.training.batches import batch_rows
from thalweg.training.lanes import Call, Member, calls_for, each_slot, rule_key
from thalweg.training.plan import Plan
from thalweg.training.program import (
    DIVERGENCE_FACTOR,
    Carry,
    Curves,
    Lane,
    Structure,
    lane_program,
    state_size,
)
from thalweg.training.progress import Phase, Watcher
from thalweg.training.tally import Tally

__all__ = ["Engine", "Member", "Seconds"]


@dataclass
class Seconds:
    """Where an engine's time went.

    Attributes:
        trace: From Python to the compiler's input.
        compile: In the compiler, or reading its cache.
        train: In the training program.
        evaluate: Initial points and test set, their compilation included.
    """

    trace: float = 0.0
    compile: float = 0.0
    train: float = 0.0
    evaluate: float = 0.0


@dataclass(eq=False)
class Engine:
    """A task on this machine's devices, with its compiled programs.

    Args:
        task: The task, already checked.
        data: Its splits.
        rules: One prototype per optimizer that will be trained; equal class and variants are one.
        batch_size: Examples per step; the whole training set from its size on.
        window: Steps between evaluations.
        plan: Shape of the program.
        shared: Whether a lane holds one seed only and its members share their minibatches. Faster by a tenth or
            two where the runs of a seed fill lanes; wasteful where they do not.
    """

    task: Task
    data: Data
    rules: Sequence[Rule]
    batch_size: int
    window: int
    plan: Plan
    shared: bool = False
    seconds: Seconds = field(default_factory=Seconds)
    _starts: dict[int, Start] = field(default_factory=dict)

    def train(
        self,
        members: Sequence[Member],
        *,
        phase: Phase = "training",
        watcher: Watcher | None = None,
        already: int = 0,
        already_diverged: int = 0,
    ) -> Iterator[list[RunResult]]:
        """Yield the results of each call's members as soon as they are trained.

        Args:
            members: The runs, all different, of equal length.
            phase: What the watcher is told.
            watcher: Told of progress several times a second; it may raise to stop the work.
            already: Runs of this phase found in the store, for the watcher.
            already_diverged: Those of them that diverged.
        """
        if not members:
            return
        tally = Tally(phase, watcher, already, already_diverged, len(members), members[0].spec.steps)
        if "_program" not in self.__dict__:
            tally.tell("compiling")
        for seed in {member.spec.seed for member in members} - set(self._starts):
            began = time.perf_counter()
            self.begin_at(seed, start_of(self.task, self.data, seed))
            self.seconds.evaluate += time.perf_counter() - began
        for call in calls_for(members, self._index, self.plan, self.shared):
            results = self._train_call(call, members[0].spec.steps, tally)
            yield results
            tally.finish(results)  # told only when they are kept: the watcher may stop the work

    def begin_at(self, seed: int, start: Start) -> None:
        """Let the runs of a seed begin there rather than where the task's ``init`` says."""
        self._starts[seed] = start

    @cached_property
    def _prototypes(self) -> tuple[Rule, ...]:
        return tuple({rule_key(rule): rule for rule in self.rules}.values())

    @cached_property
    def _index(self) -> dict[tuple[Any, ...], int]:
        return {rule_key(rule): i for i, rule in enumerate(self._prototypes)}

    @cached_property
    def _mesh(self) -> Mesh:
        return Mesh(np.array(jax.devices()[: self.plan.devices]), ("device",))

    @cached_property
    def _by_device(self) -> NamedSharding:
        return NamedSharding(self._mesh, PartitionSpec("device"))

    @cached_property
    def _data_on_devices(self) -> tuple[Any, Any]:
        everywhere = NamedSharding(self._mesh, PartitionSpec())
        return jax.device_put((dict(self.data.train), dict(self.data.validation)), everywhere)

    @cached_property
    def _examples(self) -> int:
        return len(next(iter(self.data.train.values())))

    @cached_property
    def _structure(self) -> Structure:
        key = jax.eval_shape(partial(jax.random.key, 0))
        leaves, treedef = jax.tree.flatten(jax.eval_shape(self.task.init, key))
        return Structure(
            task=self.task,
            rules=self._prototypes,
            window=self.window,
            full_batch=self.batch_size >= self._examples,
            members=self.plan.members,
            shared=self.shared,
            windows=self.plan.windows,
            treedef=treedef,
            leaves=tuple(leaves),
        )

    @cached_property
    def _program(self) -> Any:
        began = time.perf_counter()
        on_device = lane_program(self._structure)

        def program(lane: Lane, carry: Carry, train: Any, validation: Any) -> tuple[Carry, Curves]:
            own = lane._replace(rule=lane.rule[0], first=lane.first[0], windows=lane.windows[0])
            return on_device(own, carry, train, validation)

        split, whole = PartitionSpec("device"), PartitionSpec()
        sharded = jax.shard_map(
            program,
            mesh=self._mesh,
            in_specs=(split, split, whole, whole),
            out_specs=(split, PartitionSpec(None, "device")),
            check_vma=False,
        )
        lowered = jax.jit(sharded, donate_argnums=1).lower(*self._program_arguments())
        traced = time.perf_counter()
        compiled = lowered.compile()
        self.seconds.trace += traced - began
        self.seconds.compile += time.perf_counter() - traced
        return compiled

    def _program_arguments(self) -> tuple[Any, ...]:
        count = self.plan.devices * self.plan.members
        steps = self.plan.windows * self.window
        batch = 0 if self._structure.full_batch else self.batch_size
        leaf = partial(jax.ShapeDtypeStruct, sharding=self._by_device)
        each = leaf((self.plan.devices,), np.int32)
        lane = Lane(
            each,
            leaf((count, self._most_values), np.float32),
            leaf((self._row_sets, steps, batch), np.int32),
            each,
            each,
        )
        params = tuple(leaf((count, *one.shape), one.dtype) for one in self._structure.leaves)
        state = leaf((count, self._state_size), np.float32)
        carry = Carry(params, state, leaf((count,), np.int32), leaf((count,), np.float32))
        return lane, carry, *self._data_on_devices

    @cached_property
    def _state_size(self) -> int:
        return state_size(self._structure)

    @property
    def _row_sets(self) -> int:
        return self.plan.devices * (1 if self.shared else self.plan.members)

    @cached_property
    def _most_values(self) -> int:
        return max(len(rule.hyperparameters()) for rule in self._prototypes)

    @cached_property
    def _test_program(self) -> Any:
        def measured(test: Any, leaves: Any) -> Any:
            return measure(self.task, jax.tree.unflatten(self._structure.treedef, list(leaves)), test)

        def program(params: Any, test: Any) -> Any:
            return jax.vmap(partial(measured, test))(params)

        return jax.jit(program)

    def _train_call(self, call: Call, steps: int, tally: Tally) -> list[RunResult]:
        program, carry = self._program, self._carry(call)
        real = sum(mask for slots in call for mask in slots.real)
        parts, done, total = [], 0, steps // self.window
        while done < total:
            windows = min(self.plan.windows, total - done, tally.windows_per_call(self.window))
            began = time.perf_counter()
            carry, curves = program(self._lane(call, done * self.window, windows), carry, *self._data_on_devices)
            parts.append([np.asarray(curve)[:windows] for curve in curves])
            elapsed = time.perf_counter() - began
            self.seconds.train += elapsed
            done += windows
            diverged = sum(_real_values(call, np.asarray(carry.diverged_at) > 0))
            newest = float(parts[-1][0][-1, 0]) if real == 1 else None
            tally.step(real, windows * self.window, elapsed, diverged, newest)
        curves = Curves(*(np.concatenate(part) for part in zip(*parts, strict=True)))
        return self._results(call, carry, curves)

    def _carry(self, call: Call) -> Carry:
        params = tuple(
            each_slot(call, lambda member, i=i: self._starts[member.spec.seed].leaves[i])
            for i in range(len(self._structure.leaves))
        )
        loss = each_slot(call, lambda member: np.float32(self._starts[member.spec.seed].loss))
        limit = (DIVERGENCE_FACTOR * (1 + np.abs(loss))).astype(np.float32)
        state = np.zeros((len(loss), self._state_size), np.float32)
        return jax.device_put(Carry(params, state, np.zeros(loss.shape, np.int32), limit), self._by_device)

    def _lane(self, call: Call, first: int, windows: int) -> Lane:
        most, steps = self._most_values, self.plan.windows * self.window
        values = each_slot(call, lambda member: _padded(list(member.rule.values().values()), most))
        rows = np.zeros((self._row_sets, steps, 0 if self._structure.full_batch else self.batch_size), np.int32)
        if not self._structure.full_batch:
            count = windows * self.window
            first_ones = [slots.members[:1] if self.shared else slots.members for slots in call]
            seeds = [member.spec.seed for some in first_ones for member in some]
            for row, seed in zip(rows, seeds, strict=True):
                row[:count] = batch_rows(seed, self._examples, self.batch_size, first, count)
        each = np.ones(self.plan.devices, np.int32)
        rules = np.array([slots.rule for slots in call], np.int32)
        return jax.device_put(Lane(rules, values, rows, each * first, each * windows), self._by_device)

    def _results(self, call: Call, carry: Carry, curves: Curves) -> list[RunResult]:
        test = self._test_values(call, carry)
        columns = [np.asarray(carry.diverged_at), *(np.moveaxis(curve, 0, -1) for curve in curves), *test]
        members = _real_values(call, [member for slots in call for member in slots.members])
        values = zip(*(_real_values(call, column) for column in columns), strict=True)
        return [self._result(member, *value) for member, value in zip(members, values, strict=True)]

    def _result(
        self,
        member: Member,
        diverged_at: np.int32,
        train_loss: np.ndarray,
        validation_loss: np.ndarray,
        validation_metric: np.ndarray,
        test_loss: np.float32,
        test_metric: np.float32,
    ) -> RunResult:
        spec, start, well = member.spec, self._starts[member.spec.seed], diverged_at == 0
        curve = Curve(
            np.arange(0, spec.steps + 1, self.window, dtype=np.int32),
            _prepended(np.nan, train_loss),
            _prepended(start.loss, validation_loss),
            _prepended(start.metric, validation_metric),
        )
        return RunResult(
            spec=spec,
            status="finished" if well else "diverged",
            diverged_at=None if well else int(diverged_at),
            curve=curve,
            validation_loss=float(curve.validation_loss[-1]),
            validation_metric=float(curve.validation_metric[-1]),
            test_loss=(float(test_loss) if well else float("nan")) if spec.read_test else None,
            test_metric=(float(test_metric) if well else float("nan")) if spec.read_test else None,
            gradient_evaluations=spec.steps if well else int(diverged_at),
        )

    def _test_values(self, call: Call, carry: Carry) -> tuple[np.ndarray, np.ndarray]:
        nothing = np.full(np.shape(carry.limit), np.nan, np.float32)
        if not any(_real_values(call, each_slot(call, lambda member: np.bool_(member.spec.read_test)))):
            return nothing, nothing
        began = time.perf_counter()
        loss, metric = (np.asarray(value) for value in self._test_program(carry.params, dict(self.data.test)))
        self.seconds.evaluate += time.perf_counter() - began
        return loss, metric


def _padded(values: Any, size: int) -> np.ndarray:
    padded = np.zeros(size, np.float32)
    padded[: len(values)] = values
    return padded


def _prepended(first: float, rest: np.ndarray) -> np.ndarray:
    return np.concatenate([np.full(1, first, np.float32), rest])


def _real_values(call: Call, values: Iterable[Any]) -> list[Any]:
    mask = [keep for slots in call for keep in slots.real]
    return [value for value, keep in zip(values, mask, strict=True) if keep]
