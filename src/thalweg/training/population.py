"""Train any number of runs of one task as few calls of one compiled program."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from thalweg.optimizers.base import Rule
from thalweg.records import Curve, RunResult, RunSpec
from thalweg.tasks.base import Data, Task
from thalweg.training.batches import batch_rows
from thalweg.training.plan import Plan
from thalweg.training.program import (
    DIVERGENCE_FACTOR,
    Carry,
    Curves,
    Lane,
    Structure,
    lane_program,
    measure,
    state_size,
)
from thalweg.training.progress import Phase, Progress, Watcher

__all__ = ["Engine", "Member", "Seconds"]

SECONDS_PER_CALL = 0.5  # how often progress is shown and Ctrl-C is heard


@dataclass(frozen=True)
class Member:
    """One run to train: the record of it and the rule with its hyperparameters."""

    spec: RunSpec
    rule: Rule


@dataclass
class Seconds:
    """Where the engine's time went.

    Attributes:
        trace: From Python to the compiler's input.
        compile: In the compiler, or reading its cache.
        train: In the training program.
        evaluate: Initial points and test set.
    """

    trace: float = 0.0
    compile: float = 0.0
    train: float = 0.0
    evaluate: float = 0.0


@dataclass(frozen=True)
class _Slots:
    """A device's share of a call: one optimizer, groups of members of one seed (None pads)."""

    rule: int
    groups: tuple[tuple[Member | None, ...], ...]

    def member(self, group: int, place: int) -> Member:
        """Return the member in a slot, or one like it where the slot only pads."""
        row = self.groups[group] if self.groups[group][0] is not None else self.groups[0]
        found = row[place] if row[place] is not None else row[0]
        assert found is not None
        return found


@dataclass
class Engine:
    """A task on this machine's devices, with its compiled programs.

    Args:
        task: The task, already checked.
        data: Its splits.
        rules: One prototype per optimizer that will be trained; equal type and variants are one.
        batch_size: Examples per step; the whole training set from its size on.
        window: Steps between evaluations.
        plan: Shape of the program.
    """

    task: Task
    data: Data
    rules: Sequence[Rule]
    batch_size: int
    window: int
    plan: Plan
    seconds: Seconds = field(default_factory=Seconds)

    def __post_init__(self) -> None:
        self._prototypes = list({_key(rule): rule for rule in self.rules}.values())
        self._index = {_key(rule): i for i, rule in enumerate(self._prototypes)}
        self._mesh = Mesh(np.array(jax.devices()[: self.plan.devices]), ("device",))
        self._split = NamedSharding(self._mesh, PartitionSpec("device"))
        everywhere = NamedSharding(self._mesh, PartitionSpec())
        self._examples = len(next(iter(self.data.train.values())))
        self._train = jax.device_put(dict(self.data.train), everywhere)
        self._validation = jax.device_put(dict(self.data.validation), everywhere)
        key = jax.eval_shape(lambda: jax.random.key(0))
        leaves, treedef = jax.tree.flatten(jax.eval_shape(self.task.init, key))
        self._structure = Structure(
            task=self.task,
            rules=tuple(self._prototypes),
            window=self.window,
            full_batch=self.batch_size >= self._examples,
            groups=self.plan.groups,
            width=self.plan.width,
            windows=self.plan.windows,
            treedef=treedef,
            leaves=tuple(leaves),
        )
        self._state_size = state_size(self._structure)
        self._width_of_hyperparameters = max(len(rule.hyperparameters()) for rule in self._prototypes)
        self._program: Any = None
        self._test: Any = None
        self._starts: dict[int, tuple[list[np.ndarray], float, float]] = {}

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
            members: The runs; equal runs should have been removed.
            phase: What the watcher is told.
            watcher: Told of progress several times a second; it may raise to stop the work.
            already: Runs of this phase found in the store, for the watcher.
            already_diverged: Those of them that diverged.
        """
        if not members:
            return
        self._prepare_starts(sorted({member.spec.seed for member in members}), watcher, phase)
        lanes = self._lanes(members)
        calls = [lanes[i : i + self.plan.devices] for i in range(0, len(lanes), self.plan.devices)]
        tally = _Tally(phase, watcher, already, already_diverged, len(members), members[0].spec.steps)
        self._compile(calls[0], tally)
        for call in calls:
            yield self._train_call(call, tally)

    def _lanes(self, members: Sequence[Member]) -> list[_Slots]:
        by_rule: dict[int, dict[int, list[Member]]] = defaultdict(lambda: defaultdict(list))
        for member in members:
            by_rule[self._index[_key(member.rule)]][member.spec.seed].append(member)
        lanes = []
        for rule, seeds in by_rule.items():
            groups = [
                tuple(_padded(group[i : i + self.plan.width], self.plan.width))
                for group in seeds.values()
                for i in range(0, len(group), self.plan.width)
            ]
            blank = (None,) * self.plan.width
            for i in range(0, len(groups), self.plan.groups):
                lanes.append(_Slots(rule, tuple(_padded(groups[i : i + self.plan.groups], self.plan.groups, blank))))
        return lanes

    def _prepare_starts(self, seeds: list[int], watcher: Watcher | None, phase: Phase) -> None:
        new = [seed for seed in seeds if seed not in self._starts]
        if not new:
            return
        began = time.perf_counter()
        for seed in new:
            params, loss, metric = self._start(np.int32(seed))
            self._starts[seed] = ([np.asarray(a) for a in jax.tree.leaves(params)], float(loss), float(metric))
        self.seconds.evaluate += time.perf_counter() - began

    def _start(self, seed: np.int32) -> Any:
        if not hasattr(self, "_start_program"):

            def start(seed: Any, validation: Any) -> Any:
                params = self.task.init(jax.random.key(seed))
                return params, *measure(self.task, params, validation)

            self._start_program = jax.jit(start)
        return self._start_program(seed, dict(self.data.validation))

    def _carry(self, call: Sequence[_Slots]) -> Carry:
        plan = self.plan
        places = [(slots, g, w) for slots in self._filled(call) for g in range(plan.groups) for w in range(plan.width)]
        starts = [self._starts[slots.member(g, w).spec.seed] for slots, g, w in places]
        shape = (plan.devices * plan.groups, plan.width)
        params = tuple(
            np.stack([start[0][i] for start in starts]).reshape(shape + leaf.shape)
            for i, leaf in enumerate(self._structure.leaves)
        )
        limit = DIVERGENCE_FACTOR * (1 + np.abs([start[1] for start in starts])).astype(np.float32)
        state = self._initial_state(call, shape)
        carry = Carry(params, state, np.zeros(shape, np.int32), limit.reshape(shape))
        return jax.device_put(carry, self._split)

    def _initial_state(self, call: Sequence[_Slots], shape: tuple[int, int]) -> np.ndarray:
        flats = []
        for slots in self._filled(call):
            for g in range(self.plan.groups):
                for w in range(self.plan.width):
                    flats.append(self._flat_state(slots.member(g, w)))
        return np.stack(flats).reshape((*shape, self._state_size))

    def _flat_state(self, member: Member) -> np.ndarray:
        from thalweg.optimizers import lift

        leaves = [np.asarray(a) for a in self._starts[member.spec.seed][0]]
        parts = jax.tree.leaves(lift.init_state(member.rule, leaves))
        flat = np.concatenate([np.ravel(p).astype(np.float32) for p in parts] or [np.zeros(0, np.float32)])
        return np.pad(flat, (0, self._state_size - flat.size))

    def _filled(self, call: Sequence[_Slots]) -> list[_Slots]:
        return [call[min(d, len(call) - 1)] for d in range(self.plan.devices)]

    def _lane(self, call: Sequence[_Slots], first: int, windows: int) -> Lane:
        plan, filled = self.plan, self._filled(call)
        values = np.zeros((plan.devices * plan.groups, plan.width, self._width_of_hyperparameters), np.float32)
        for d, slots in enumerate(filled):
            for g in range(plan.groups):
                for w in range(plan.width):
                    own = list(slots.member(g, w).rule.values().values())
                    values[d * plan.groups + g, w, : len(own)] = own
        rows = np.zeros((plan.devices * plan.groups, plan.windows * self.window, 0), np.int32)
        if not self._structure.full_batch:
            rows = np.zeros((*rows.shape[:2], self.batch_size), np.int32)
            for d, slots in enumerate(filled):
                for g in range(plan.groups):
                    seed, count = slots.member(g, 0).spec.seed, windows * self.window
                    part = batch_rows(seed, self._examples, self.batch_size, first, count)
                    rows[d * plan.groups + g, :count] = part
        each = np.ones(plan.devices, np.int32)
        rules = np.array([slots.rule for slots in filled], np.int32)
        return jax.device_put(Lane(rules, values, rows, each * first, each * windows), self._split)

    def _compile(self, call: Sequence[_Slots], tally: "_Tally") -> None:
        if self._program is not None:
            return
        tally.tell("compiling")
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
        example = (self._lane(call, 0, 1), self._carry(call), self._train, self._validation)
        lowered = jax.jit(sharded, donate_argnums=1).lower(*example)
        traced = time.perf_counter()
        self._program = lowered.compile()
        self.seconds.trace += traced - began
        self.seconds.compile += time.perf_counter() - traced

    def _train_call(self, call: Sequence[_Slots], tally: "_Tally") -> list[RunResult]:
        real = [member for slots in call for group in slots.groups for member in group if member is not None]
        total = real[0].spec.steps // self.window
        carry, parts, done = self._carry(call), [], 0
        while done < total:
            windows = min(self.plan.windows, total - done, tally.windows_per_call(self.window))
            began = time.perf_counter()
            lane = self._lane(call, done * self.window, windows)
            carry, curves = self._program(lane, carry, self._train, self._validation)
            parts.append([np.asarray(curve)[:windows] for curve in curves])
            elapsed = time.perf_counter() - began
            self.seconds.train += elapsed
            done += windows
            diverged = int(np.count_nonzero(np.asarray(carry.diverged_at)))
            tally.step(len(real), windows * self.window, elapsed, diverged)
        curves = Curves(*(np.concatenate(part) for part in zip(*parts, strict=True)))
        results = self._results(call, carry, curves)
        tally.finish(results)
        return results

    def _results(self, call: Sequence[_Slots], carry: Carry, curves: Curves) -> list[RunResult]:
        diverged_at = np.asarray(carry.diverged_at)
        tests = self._test_values(call, carry)
        results = []
        for d, slots in enumerate(call):
            for g, group in enumerate(slots.groups):
                for w, member in enumerate(group):
                    if member is not None:
                        row = d * self.plan.groups + g
                        own = Curves(*(curve[:, row, w] for curve in curves))
                        test = None if tests is None else (float(tests[0][row, w]), float(tests[1][row, w]))
                        results.append(self._result(member, int(diverged_at[row, w]), own, test))
        return results

    def _result(self, member: Member, diverged_at: int, curves: Curves, test: tuple[float, float] | None) -> RunResult:
        spec, (_, loss, metric) = member.spec, self._starts[member.spec.seed]
        step = np.arange(0, spec.steps + 1, self.window, dtype=np.int32)
        curve = Curve(
            step,
            np.concatenate([[np.float32(np.nan)], curves.train_loss]).astype(np.float32),
            np.concatenate([[np.float32(loss)], curves.validation_loss]).astype(np.float32),
            np.concatenate([[np.float32(metric)], curves.validation_metric]).astype(np.float32),
        )
        well = diverged_at == 0
        test = (test if well else (float("nan"), float("nan"))) if test is not None and spec.read_test else None
        return RunResult(
            spec=spec,
            status="finished" if well else "diverged",
            diverged_at=None if well else diverged_at,
            curve=curve,
            validation_loss=float(curve.validation_loss[-1]),
            validation_metric=float(curve.validation_metric[-1]),
            test_loss=None if test is None else test[0],
            test_metric=None if test is None else test[1],
            gradient_evaluations=spec.steps if well else diverged_at,
        )

    def _test_values(self, call: Sequence[_Slots], carry: Carry) -> tuple[np.ndarray, np.ndarray] | None:
        wanted = any(m is not None and m.spec.read_test for slots in call for group in slots.groups for m in group)
        if not wanted:
            return None
        began = time.perf_counter()
        if self._test is None:
            treedef = self._structure.treedef

            def test(params: Any, split: Any) -> Any:
                one = lambda leaves: measure(self.task, jax.tree.unflatten(treedef, list(leaves)), split)  # noqa: E731
                return jax.vmap(jax.vmap(one))(params)

            self._test = jax.jit(test)
        loss, metric = self._test(carry.params, dict(self.data.test))
        values = np.asarray(loss), np.asarray(metric)
        self.seconds.evaluate += time.perf_counter() - began
        return values


def _key(rule: Rule) -> tuple[Any, ...]:
    return (type(rule), *rule.structure().items())


def _padded(items: Sequence[Any], size: int, blank: Any = None) -> list[Any]:
    return [*items, *[blank] * (size - len(items))]


@dataclass
class _Tally:
    """Counts what has been done in a phase and tells the watcher."""

    phase: Phase
    watcher: Watcher | None
    already: int
    already_diverged: int
    members: int
    steps: int
    runs: int = 0
    diverged: int = 0
    member_steps: int = 0
    seconds: float = 0.0
    seconds_per_step: float = 0.0

    def windows_per_call(self, window: int) -> int:
        if self.seconds_per_step == 0.0:
            return 1
        return max(1, int(SECONDS_PER_CALL / (self.seconds_per_step * window)))

    def step(self, members: int, steps: int, seconds: float, diverged_now: int) -> None:
        self.member_steps += members * steps
        self.seconds += seconds
        self.seconds_per_step = seconds / steps
        self.tell(self.phase, diverged_now)

    def finish(self, results: Sequence[RunResult]) -> None:
        self.runs += len(results)
        self.diverged += sum(result.status == "diverged" for result in results)
        self.tell(self.phase)

    def tell(self, phase: Phase, diverged_now: int = 0) -> None:
        if self.watcher is None:
            return
        rate = self.member_steps / self.seconds if self.seconds else 0.0
        left = (self.members * self.steps - self.member_steps) / rate if rate else None
        self.watcher(
            Progress(
                phase=phase,
                runs_done=self.already + self.runs,
                runs_total=self.already + self.members,
                diverged=self.already_diverged + self.diverged + diverged_now,
                steps_done=self.member_steps,
                steps_total=self.members * self.steps,
                steps_per_second=rate,
                seconds_left=left,
            )
        )
