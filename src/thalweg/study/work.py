"""The execution of one study: what the store lacks is trained, in as few programs as there are model structures."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from thalweg.errors import UsageError
from thalweg.optimizers.base import Rule
from thalweg.optimizers.lift import state_bytes_per_parameter
from thalweg.records import Contender, PlannedRun, RunResult, StudyRecord, StudySpec, plain
from thalweg.store import Store
from thalweg.study.environment import describe_environment, now
from thalweg.study.orders import orders_of
from thalweg.study.plan import confirmation_runs, tuning_runs
from thalweg.study.recipes import model_options
from thalweg.study.rules import make_rule, prototype
from thalweg.study.selection import select_winners
from thalweg.study.study import Study
from thalweg.study.weights import loaded_for
from thalweg.study.workbench import ReadyTask
from thalweg.training.calibration import calibrated, has_convolution
from thalweg.training.plan import Plan, choose_plan, core_cache_bytes
from thalweg.training.population import Engine, Member, Seconds
from thalweg.training.progress import Phase, Watcher
from thalweg.training.recipe import recipe_of

__all__ = ["Work"]

MOST_PADDING = 1.15  # slots over runs
SHARING_BYTES = 1e11  # bytes touched while tuning, about twenty seconds, of which sharing saves a tenth or two

Options = tuple[tuple[str, str], ...]


@dataclass
class Work:
    """The execution of one study.

    Attributes:
        ready: The task with the model that all entries share, or most of them.
        spec: The study.
        classes: Optimizers by label.
        store: Where runs are kept.
        watcher: Told of progress, or None.
        results: Outcomes by fingerprint of the run.
        store_seconds: Time spent on the store.
        seconds: Time spent on training.
    """

    ready: ReadyTask
    spec: StudySpec
    classes: dict[str, type[Rule]]
    store: Store
    watcher: Watcher | None
    results: dict[str, RunResult] = field(default_factory=dict)
    store_seconds: float = 0.0
    seconds: Seconds = field(default_factory=Seconds)
    _plans: dict[Options, Plan] = field(default_factory=dict)
    _engines: dict[tuple[Options, bool], Engine] = field(default_factory=dict)

    def run(self, began: float, command: str) -> Study:
        """Train what is missing and return the study.

        Args:
            began: When the request was made, by ``time.perf_counter``.
            command: The shell command that repeats it.
        """
        tuning = tuning_runs(self.spec)
        self._load(tuning)
        finished = self._finished()
        if finished is not None:
            return finished
        self._prepare_engines()
        record = self._record(command)
        self._save_study(record, tuning)
        prepared = time.perf_counter()
        self._train(tuning, "tuning")
        selections = select_winners(self.spec, tuning, self.results)
        confirming = confirmation_runs(self.spec, selections)
        self._load(confirming)
        self._save_study(record, confirming)
        self._train(confirming, "confirming")
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

    def _record(self, command: str) -> StudyRecord:
        return StudyRecord(
            id=self.spec.fingerprint[:12],
            spec=self.spec,
            task_card=plain(self.ready.card),
            status="running",
            created=now(),
            command=command,
            environment=describe_environment(next(iter(self._plans.values()))),
            state_bytes_per_parameter={
                c.label: state_bytes_per_parameter(prototype(self.classes[c.label], c)) for c in self.spec.contenders
            },
        )

    def _options(self, contender: Contender) -> Options:
        return tuple(sorted(model_options(contender.techniques).items()))

    def _variant(self, options: Options) -> ReadyTask:
        return self.ready.variant(dict(options))

    def _prepare_engines(self) -> None:
        """Decide, per structure of the model, how the work is cut into lanes."""
        for contender in self._incomplete() or self.spec.contenders:
            options = self._options(contender)
            if options not in self._plans:
                self._plans[options] = self._plan(options)

    def _plan(self, options: Options) -> Plan:
        import jax

        protocol, ready = self.spec.protocol, self._variant(options)
        mine = [c for c in self.spec.contenders if self._options(c) == options]
        prototypes = [prototype(self.classes[c.label], c) for c in mine]
        phases = [(protocol.trials + 1) * protocol.tuning_seeds, 2 * protocol.confirmation_seeds]
        size = ready.member_bytes(prototypes, protocol.batch_size)
        alone = has_convolution(ready.task, ready.data)
        plan = choose_plan(
            max(size, core_cache_bytes()) if alone else size,
            phases,
            protocol.steps // protocol.evaluate_every,
            len(jax.devices()),
            len(mine),
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

    def _engine(self, options: Options, phase: Phase) -> Engine:
        """Return the program for a structure of the model, compiled for the entries that have work left."""
        plan = self._plans[options]
        shared = phase == "tuning" and self._worth_sharing(options, plan)
        if (options, shared) not in self._engines:
            self._engines.pop((options, not shared), None)  # its data need not stay on the devices
            mine = [c for c in self._incomplete() if self._options(c) == options]
            ready, protocol = self._variant(options), self.spec.protocol
            recipes = [recipe_of(c.techniques) for c in mine]
            self._engines[options, shared] = Engine(
                ready.task,
                ready.data,
                [prototype(self.classes[c.label], c) for c in mine],
                protocol.batch_size,
                protocol.evaluate_every,
                plan,
                shared,
                seconds=self.seconds,
                features=frozenset().union(*(recipe.features for recipe in recipes)),
                ordered=orders_of(ready, recipes, protocol.batch_size, protocol.steps),
                loaded=loaded_for(recipes, self.store),
            )
        return self._engines[options, shared]

    def _worth_sharing(self, options: Options, plan: Plan) -> bool:
        """Return whether lanes of one seed pay for the second program that the mixed seeds of the confirmation need."""
        protocol = self.spec.protocol
        entries = [c for c in self.spec.contenders if self._options(c) == options]
        runs = protocol.trials + 1
        lanes = -(-runs // plan.members)
        parameters = self._variant(options).card.parameters
        touched = 4 * 4 * parameters * protocol.steps * runs * protocol.tuning_seeds
        return lanes * plan.members <= MOST_PADDING * runs and touched * len(entries) >= SHARING_BYTES

    def _incomplete(self) -> list:
        """Return the contenders that have anything left to train, so that only they are compiled."""
        tuning = tuning_runs(self.spec)
        selections = select_winners(self.spec, tuning, self.results)
        confirming = confirmation_runs(self.spec, selections)
        self._load(confirming)
        missing = {run.contender for run in (*tuning, *confirming) if run.spec.fingerprint not in self.results}
        return [c for c in self.spec.contenders if c.label in missing]

    def _train(self, planned: Sequence[PlannedRun], phase: Phase) -> None:
        there = {run.spec.fingerprint for run in planned} & set(self.results)
        todo = {run.spec.fingerprint: run for run in planned if run.spec.fingerprint not in self.results}
        diverged = sum(self.results[known].status == "diverged" for known in there)
        options = {c.label: self._options(c) for c in self.spec.contenders}
        already = len(there)
        for one in dict.fromkeys(options[run.contender] for run in todo.values()):
            some = [run for run in todo.values() if options[run.contender] == one]
            members = [Member(run.spec, make_rule(self.classes[run.contender], run.spec.optimizer)) for run in some]
            engine = self._engine(one, phase)
            for finished in engine.train(
                members, phase=phase, watcher=self.watcher, already=already, already_diverged=diverged
            ):
                began = time.perf_counter()
                self.store.save_runs(finished)
                self.store_seconds += time.perf_counter() - began
                self.results.update({result.spec.fingerprint: result for result in finished})
            already += len(some)
            diverged += sum(self.results[run.spec.fingerprint].status == "diverged" for run in some)

    def _seconds_per_step(self) -> dict[str, float]:
        from thalweg.training.timing import seconds_per_step

        protocol = self.spec.protocol
        found: dict[str, float] = {}
        for options in dict.fromkeys(self._options(c) for c in self.spec.contenders):
            mine = [c for c in self.spec.contenders if self._options(c) == options]
            ready = self._variant(options)
            found |= seconds_per_step(
                ready.task,
                ready.data,
                {c.label: prototype(self.classes[c.label], c) for c in mine},
                batch_size=protocol.batch_size,
                window=protocol.evaluate_every,
                version=ready.version,
                watcher=self.watcher,
                techniques={c.label: c.techniques for c in mine},
            )
        return found
