"""The main job: a fair comparison of optimizers on a task, from question to stored verdict.

One way through: spec → plan → population → curves → store → statistics. Whatever the store already
holds is not trained again, so the same command goes on where it was stopped.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias

from thalweg.errors import UsageError
from thalweg.optimizers.base import Rule
from thalweg.optimizers.lift import state_bytes_per_parameter
from thalweg.records import PlannedRun, RunResult, StudyRecord, StudySpec, plain
from thalweg.store import Store
from thalweg.study.contenders import contenders_for
from thalweg.study.environment import describe_environment, now
from thalweg.study.plan import confirmation_runs, protocol_for, tuning_runs
from thalweg.study.requests import LARGEST_SEED, check_watcher, listed, opened_store, whole
from thalweg.study.rules import check_compiles, make_rule, prototype, resolve
from thalweg.study.selection import select_winners
from thalweg.study.study import Study
from thalweg.study.workbench import ReadyTask, ready_task
from thalweg.tasks.base import Task
from thalweg.training.calibration import calibrated, has_convolution
from thalweg.training.devices import prepare_jax
from thalweg.training.plan import Plan, choose_plan, core_cache_bytes
from thalweg.training.population import Engine, Member, Seconds
from thalweg.training.progress import Phase, Watcher

__all__ = ["DEFAULT_OPTIMIZERS", "compare", "compare_many"]

DEFAULT_OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "nadam")

MOST_PADDING = 1.15  # slots over runs
SHARING_BYTES = 1e11  # bytes touched while tuning, about twenty seconds, of which sharing saves a tenth or two

StoreLike: TypeAlias = str | Path | Store | None
OptimizerLike: TypeAlias = str | type[Rule]


def compare(
    task: str | Task,
    optimizers: Sequence[OptimizerLike] | None = None,
    effort: str = "quick",
    *,
    tune: Literal["all", "learning-rate", "both"] = "all",
    epochs: int | None = None,
    batch_size: int | None = None,
    trials: int | None = None,
    tuning_seeds: int | None = None,
    seed: int = 0,
    store: StoreLike = None,
    watcher: Watcher | None = None,
    command: str = "",
) -> Study:
    """Compare optimizers on a task under the protocol and return the study.

    Args:
        task: Name, ``path/to/file.py[:name]``, or a :class:`thalweg.Task`.
        optimizers: Names (``adam``), presets (``adam@torch``), files (``./my_rule.py:MyRule``) or Rule
            classes; eight well-known ones by default.
        effort: ``quick`` (16 trials × 1 seed), ``standard`` (32 × 3) or ``thorough`` (100 × 5).
        tune: Search ``all`` hyperparameters, the ``learning-rate`` only, or ``both`` as separate entries.
        epochs: Passes over the training data; the task's own by default.
        batch_size: Examples per step; the task's own by default.
        trials: Sampled configurations per optimizer, instead of the effort's.
        tuning_seeds: Seeds per configuration while tuning, instead of the effort's.
        seed: Seed of the study, 0 … 2³¹ − 1.
        store: Path, URL or open store; the user's own store by default.
        watcher: Told of progress several times a second.
        command: The shell command that repeats the study, for the report.

    Raises:
        UsageError: A name, number or file is not usable; one sentence says which and what is.
        StoreError: The store failed while working.
    """
    began = time.perf_counter()
    prepare_jax()
    ready = ready_task(task)
    rules = resolve(DEFAULT_OPTIMIZERS if optimizers is None else optimizers)
    seed = whole("seed", seed, 0, LARGEST_SEED)
    check_watcher(watcher)
    contenders = contenders_for(rules, tune)
    lengths = ready.schedule(epochs, batch_size)
    wishes = {"trials": trials, "tuning_seeds": tuning_seeds}
    protocol = protocol_for(
        effort,
        lengths.batch_size,
        lengths.steps,
        lengths.evaluate_every,
        **{name: whole(name, value, 1) for name, value in wishes.items() if value is not None},
    )
    spec = StudySpec(ready.reference, ready.version, contenders, protocol, seed)
    classes = {c.label: _class_of(rules, c.optimizer, c.preset) for c in contenders}
    check_compiles(((c.label, prototype(classes[c.label], c)) for c in contenders if c.source), ready.leaves)
    with ExitStack() as stack:
        work = _Work(ready, spec, classes, opened_store(store, stack), watcher)
        return work.run(began, command)


def compare_many(
    tasks: Sequence[str | Task], optimizers: Sequence[OptimizerLike] | None = None, **settings
) -> list[Study]:
    """Compare the same optimizers on several tasks, one study each; see :func:`compare`."""
    chosen = listed("tasks", tasks, "['digits', 'breast-cancer']")
    return [replace(compare(task, optimizers, **settings), tasks=len(chosen)) for task in chosen]


def _class_of(rules: Sequence[tuple[str, type[Rule], str, str]], optimizer: str, preset: str) -> type[Rule]:
    suffix = f"@{preset}" if preset else ""
    return next(rule for reference, rule, _, _ in rules if reference == optimizer + suffix)


@dataclass
class _Work:
    """The execution of one study."""

    ready: ReadyTask
    spec: StudySpec
    classes: dict[str, type[Rule]]
    store: Store
    watcher: Watcher | None
    results: dict[str, RunResult] = field(default_factory=dict)
    store_seconds: float = 0.0
    seconds: Seconds = field(default_factory=Seconds)

    def run(self, began: float, command: str) -> Study:
        tuning = tuning_runs(self.spec)
        self._load(tuning)
        finished = self._finished()
        if finished is not None:
            return finished
        plan = self._plan()
        record = self._record(plan, command)
        self._save_study(record, tuning)
        engine = self._engine(plan, shared=self._worth_sharing(plan))
        prepared = time.perf_counter()
        self._train(engine, tuning, "tuning")
        selections = select_winners(self.spec, tuning, self.results)
        confirming = confirmation_runs(self.spec, selections)
        self._load(confirming)
        self._save_study(record, confirming)
        if engine.shared:
            engine = self._engine(plan)
        self._train(engine, confirming, "confirming")
        trained = time.perf_counter()
        per_step = self._seconds_per_step()
        timed = time.perf_counter()
        seconds = {
            "total": timed - began,
            "prepare": prepared - began,
            "trace": self.seconds.trace,
            "compile": self.seconds.compile,
            "train": self.seconds.train,
            "evaluate": self.seconds.evaluate,
            "store": self.store_seconds,
            "timing": timed - trained,
        }
        record = replace(record, status="finished", seconds=seconds, seconds_per_step=per_step)
        self._save_study(record, [])
        return Study(record, (*tuning, *confirming), self.results, rules=self.classes)

    def _finished(self) -> Study | None:
        """Return the study as it stands in the store if nothing of it is left to do."""
        if self._incomplete():
            return None
        with suppress(UsageError):
            record = self.store.load_study(self.spec.fingerprint[:12])
            if record.status == "finished" and record.spec == self.spec:
                planned = tuple(self.store.study_runs(record.id))
                return Study(record, planned, self.results, rules=self.classes)
        return None

    def _load(self, planned: Sequence[PlannedRun]) -> None:
        began = time.perf_counter()
        wanted = {run.spec.fingerprint for run in planned} - set(self.results)
        self.results.update(self.store.load_runs(wanted))
        self.store_seconds += time.perf_counter() - began

    def _save_study(self, record: StudyRecord, planned: Sequence[PlannedRun]) -> None:
        began = time.perf_counter()
        self.store.save_study(record, planned)
        self.store_seconds += time.perf_counter() - began

    def _record(self, plan: Plan, command: str) -> StudyRecord:
        return StudyRecord(
            id=self.spec.fingerprint[:12],
            spec=self.spec,
            task_card=plain(self.ready.card),
            status="running",
            created=now(),
            command=command,
            environment=describe_environment(plan),
            state_bytes_per_parameter={
                c.label: state_bytes_per_parameter(prototype(self.classes[c.label], c)) for c in self.spec.contenders
            },
        )

    def _plan(self) -> Plan:
        import jax

        protocol = self.spec.protocol
        prototypes = [prototype(self.classes[c.label], c) for c in self.spec.contenders]
        phases = [(protocol.trials + 1) * protocol.tuning_seeds, 2 * protocol.confirmation_seeds]
        ready, size = self.ready, self.ready.member_bytes(prototypes, protocol.batch_size)
        alone = has_convolution(ready.task, ready.data)
        plan = choose_plan(
            max(size, core_cache_bytes()) if alone else size,
            phases,
            protocol.steps // protocol.evaluate_every,
            len(jax.devices()),
            len(self.spec.contenders),
        )
        return calibrated(
            plan,
            ready.task,
            ready.data,
            prototypes,
            batch_size=protocol.batch_size,
            window=protocol.evaluate_every,
            touched_bytes=float(size) * protocol.steps * sum(phases) * len(prototypes),
            version=ready.version,
        )

    def _engine(self, plan: Plan, shared: bool = False) -> Engine:
        protocol = self.spec.protocol
        rules = [prototype(self.classes[c.label], c) for c in self._incomplete()]
        window = protocol.evaluate_every
        return Engine(
            self.ready.task, self.ready.data, rules, protocol.batch_size, window, plan, shared, seconds=self.seconds
        )

    def _worth_sharing(self, plan: Plan) -> bool:
        """Return whether lanes of one seed pay for the second program that the mixed seeds of the confirmation need."""
        protocol = self.spec.protocol
        runs = protocol.trials + 1
        lanes = -(-runs // plan.members)
        touched = 4 * 4 * self.ready.card.parameters * protocol.steps * runs * protocol.tuning_seeds
        return lanes * plan.members <= MOST_PADDING * runs and touched * len(self.spec.contenders) >= SHARING_BYTES

    def _incomplete(self) -> list:
        """Return the contenders that have anything left to train, so that only they are compiled."""
        tuning = tuning_runs(self.spec)
        selections = select_winners(self.spec, tuning, self.results)
        confirming = confirmation_runs(self.spec, selections)
        self._load(confirming)
        missing = {run.contender for run in (*tuning, *confirming) if run.spec.fingerprint not in self.results}
        return [c for c in self.spec.contenders if c.label in missing]

    def _train(self, engine: Engine, planned: Sequence[PlannedRun], phase: Phase) -> None:
        there = {run.spec.fingerprint for run in planned} & set(self.results)
        todo = {run.spec.fingerprint: run for run in planned if run.spec.fingerprint not in self.results}
        members = [
            Member(run.spec, make_rule(self.classes[run.contender], run.spec.optimizer)) for run in todo.values()
        ]
        diverged = sum(self.results[known].status == "diverged" for known in there)
        for finished in engine.train(
            members, phase=phase, watcher=self.watcher, already=len(there), already_diverged=diverged
        ):
            began = time.perf_counter()
            self.store.save_runs(finished)
            self.store_seconds += time.perf_counter() - began
            self.results.update({result.spec.fingerprint: result for result in finished})

    def _seconds_per_step(self) -> dict[str, float]:
        from thalweg.training.timing import seconds_per_step

        protocol = self.spec.protocol
        rules = {c.label: prototype(self.classes[c.label], c) for c in self.spec.contenders}
        return seconds_per_step(
            self.ready.task,
            self.ready.data,
            rules,
            batch_size=protocol.batch_size,
            window=protocol.evaluate_every,
            version=self.spec.task_version,
            watcher=self.watcher,
        )
