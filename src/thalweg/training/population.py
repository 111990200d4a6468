"""Train any number of runs of one task as few calls of one compiled program."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from thalweg.optimizers.base import Rule
from thalweg.records import RunResult
from thalweg.tasks.base import Data, Task
from thalweg.tasks.callbacks import callback_errors
from thalweg.tasks.start import Start, first_batch, measure
from thalweg.training.beginning import begin
from thalweg.training.feeding import Feeding, Rows
from thalweg.training.inputs import RANDOM, check_inputs
from thalweg.training.lanes import Call, Member, calls_for, each_slot, rule_key
from thalweg.training.lapack import over_members, uses_lapack
from thalweg.training.outcome import final_leaves, real_values, results_of
from thalweg.training.plan import Plan
from thalweg.training.program import lane_program
from thalweg.training.progress import Phase, Watcher
from thalweg.training.recipe import Recipe, recipe_of
from thalweg.training.structure import DRAWS, Carry, Curves, Lane, Structure, kept_leaves
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
        features: Names of the techniques to compile in; those of the members to be trained must be among them.
        keep_parameters: Whether :attr:`parameters` gathers the runs' final parameters.
        parameters: Final parameters by fingerprint of the run, as leaves in JAX's order.
        ordered: Rows of runs that ask for an order of their own, by that order's notation.
        loaded: Parameters of other runs that runs start from, by what ``start`` says.
    """

    task: Task
    data: Data
    rules: Sequence[Rule]
    batch_size: int
    window: int
    plan: Plan
    shared: bool = False
    seconds: Seconds = field(default_factory=Seconds)
    features: frozenset[str] = frozenset()
    keep_parameters: bool = False
    parameters: dict[str, tuple[np.ndarray, ...]] = field(default_factory=dict)
    ordered: dict[str, Rows] = field(default_factory=dict)
    loaded: dict[str, Any] = field(default_factory=dict)
    _starts: dict[Any, Start] = field(default_factory=dict)

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
        for member in members:
            self._check_inputs(member)
        tally = Tally(phase, watcher, already, already_diverged, len(members), members[0].spec.steps)
        if "_program" not in self.__dict__:
            tally.tell("compiling")
        wanted = {(member.spec.seed, recipe_of(member.spec.techniques).beginning) for member in members}
        for seed, beginning in sorted(wanted - set(self._starts)):
            began = time.perf_counter()
            self._starts[seed, beginning] = begin(self.task, self.data, seed, beginning, self.loaded)
            self.seconds.evaluate += time.perf_counter() - began
        for call in calls_for(members, self._index, self.plan, self.shared):
            results = self._train_call(call, members[0].spec.steps, tally)
            yield results
            tally.finish(results)  # told only when they are kept: the watcher may stop the work

    def begin_at(self, seed: int, start: Start) -> None:
        """Let the runs of a seed begin there rather than where the task's ``init`` says."""
        self._starts[seed, Recipe().beginning] = start

    def _check_inputs(self, member: Member) -> None:
        grouped = recipe_of(member.spec.techniques).grouped
        check_inputs(
            member.rule, where=f"task {self.task.name!r}", sampled=self.task.sampled_loss is not None, grouped=grouped
        )

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
        params = jax.eval_shape(self.task.init, key)
        leaves, treedef = jax.tree.flatten(params)
        estimated = any(rule.needs & RANDOM for rule in self._prototypes)
        elsewhere = any(type(rule).answer is not Rule.answer for rule in self._prototypes)
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
            kept=kept_leaves(params),
            decomposes=uses_lapack(partial(measure, self.task), params, first_batch(self.task, self.data)),
            features=self.features
            | ({"answer"} if elsewhere or "lookahead" in self.features else set())
            | ({"estimates"} if estimated else set())
            | ({"context"} if DRAWS in self.task.techniques else set()),
        )

    @cached_property
    def _feeding(self) -> Feeding:
        return Feeding(
            self._structure, self.plan, self.batch_size, self._examples, self._starts, self._by_device, self.ordered
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
        shapes = (*self._feeding.shapes(), *self._data_on_devices)
        lowered = jax.jit(sharded, donate_argnums=1).lower(*shapes)
        traced = time.perf_counter()
        compiled = lowered.compile()
        self.seconds.trace += traced - began
        self.seconds.compile += time.perf_counter() - traced
        return compiled

    @cached_property
    def _test_program(self) -> Any:
        def measured(test: Any, leaves: Any) -> Any:
            return measure(self.task, jax.tree.unflatten(self._structure.treedef, list(leaves)), test)

        def program(params: Any, test: Any) -> Any:
            return over_members(partial(measured, test), one_by_one=self._structure.decomposes)(params)

        return jax.jit(program)

    @callback_errors()
    def _train_call(self, call: Call, steps: int, tally: Tally) -> list[RunResult]:
        program, carry = self._program, self._feeding.carry(call)
        real = sum(mask for slots in call for mask in slots.real)
        parts, done, total = [], 0, steps // self.window
        while done < total:
            windows = min(self.plan.windows, total - done, tally.windows_per_call(self.window))
            began = time.perf_counter()
            lane = self._feeding.lane(call, steps, done * self.window, windows)
            carry, curves = program(lane, carry, *self._data_on_devices)
            parts.append([np.asarray(curve)[:windows] for curve in curves])
            elapsed = time.perf_counter() - began
            self.seconds.train += elapsed
            done += windows
            diverged = sum(real_values(call, np.asarray(carry.diverged_at) > 0))
            newest = float(parts[-1][0][-1, 0]) if real == 1 else None
            tally.step(real, windows * self.window, elapsed, diverged, newest)
        curves = Curves(*(np.concatenate(part) for part in zip(*parts, strict=True)))
        self._keep(call, carry)
        starts = [self._feeding.start(member) for slots in call for member in slots.members]
        return results_of(call, carry, curves, self._test_values(call, carry), starts, self.window)

    def _keep(self, call: Call, carry: Carry) -> None:
        if not self.keep_parameters:
            return
        columns = [np.asarray(leaf) for leaf in final_leaves(carry)]
        members = [member for slots in call for member in slots.members]
        each = [(member, tuple(leaf[i] for leaf in columns)) for i, member in enumerate(members)]
        self.parameters.update({member.spec.fingerprint: leaves for member, leaves in real_values(call, each)})

    def _test_values(self, call: Call, carry: Carry) -> tuple[np.ndarray, np.ndarray]:
        nothing = np.full(np.shape(carry.limit), np.nan, np.float32)
        if not any(real_values(call, each_slot(call, lambda member: np.bool_(member.spec.read_test)))):
            return nothing, nothing
        began = time.perf_counter()
        loss, metric = (np.asarray(value) for value in self._test_program(final_leaves(carry), dict(self.data.test)))
        self.seconds.evaluate += time.perf_counter() - began
        return loss, metric
