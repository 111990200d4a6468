"""Curves of a training loop of the user's own, in any framework, kept as a study that reports can show."""

import math
import platform
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from thalweg.errors import InvalidValueError, UnknownNameError, UsageError
from thalweg.records import (
    RECORDED,
    Contender,
    Curve,
    OptimizerSpec,
    PlannedRun,
    Protocol,
    RunResult,
    RunSpec,
    StudyRecord,
    StudySpec,
    TaskCard,
    fingerprint,
    plain,
)
from thalweg.store import Store
from thalweg.study.environment import now
from thalweg.study.requests import LARGEST_SEED, opened_store, settings_of, shown, whole

__all__ = ["RecordedRun", "record_run"]

ROLES = ("winner", "default")  # nothing was searched: the settings are both
LARGEST_STEP = 2**31 - 1
MEASURES = ("train_loss", "validation_loss", "validation_metric")


@dataclass
class RecordedRun:
    """A run whose curve is handed over while it trains, kept when the ``with`` block ends well.

    Attributes:
        name: What is trained: runs of one name are compared with each other.
        optimizer: Name of the optimizer, as the report shows it.
        settings: Its hyperparameters.
        seed: Tells runs of one optimizer apart.
        metric: Name of the metric, empty to judge by the validation loss.
        larger_is_better: Direction of the metric.
        batch_size: Examples per step.
        store: Where it is kept.
        study: Name of the study in the store, 12 digits.
        result: The record, once kept.
    """

    name: str
    optimizer: str
    settings: Mapping[str, float]
    seed: int
    metric: str
    larger_is_better: bool
    batch_size: int
    store: str | Path | Store | None
    result: RunResult | None = None
    _points: list[dict[str, float]] = field(default_factory=list)
    _test: tuple[float, float] | None = None

    @property
    def study(self) -> str:
        """Name of the study in the store: runs of one name are one study."""
        return fingerprint(["recorded", self.name])[:12]

    def log(
        self,
        step: int,
        *,
        train_loss: float = math.nan,
        validation_loss: float = math.nan,
        validation_metric: float | None = None,
    ) -> None:
        """Add a point of the curve.

        Args:
            step: Updates taken, more than at the point before.
            train_loss: Mean training loss since the point before.
            validation_loss: Loss on the validation set; every point should have it.
            validation_metric: The metric there; every point has it if a metric was named.

        Raises:
            InvalidValueError: The step is not larger than the last, a value is no number, or the metric is missing.
        """
        step = whole("step", step, 0, LARGEST_STEP)
        if self.metric and validation_metric is None:
            raise InvalidValueError(
                f"step {step} of run {self.name!r} lacks its metric, {self.metric!r}; give validation_metric=…, or "
                "name no metric to judge by the loss."
            )
        if self._points and step <= self._points[-1]["step"]:
            raise InvalidValueError(
                f"step = {step} is not allowed after step {self._points[-1]['step']:.0f}; log points in order."
            )
        metric = math.nan if validation_metric is None else validation_metric
        given = {"train_loss": train_loss, "validation_loss": validation_loss, "validation_metric": metric}
        self._points.append({"step": step, **{name: _number(name, value) for name, value in given.items()}})

    def test(self, loss: float, metric: float = math.nan) -> None:
        """Tell loss and metric on the test set, read once at the end; without, the validation set stands in for it."""
        self._test = _number("loss", loss), _number("metric", metric)

    def __enter__(self) -> Self:
        """Refuse a run that could not be kept, before anything is trained.

        Raises:
            UsageError: The store has this run, or judges those of its name otherwise.
        """
        optimizer = OptimizerSpec(self.optimizer, dict(self.settings))
        with ExitStack() as stack:
            store = opened_store(self.store, stack)
            self._check_study(store)
            for other in self._planned(store):
                if (other.spec.optimizer, other.spec.seed) == (optimizer, self.seed):
                    raise UsageError(_there_already(self.name, other.spec))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Keep the run, unless the block was left by an error."""
        if kind is None:
            self._keep()

    def _keep(self) -> None:
        result = self._result()
        mine = [PlannedRun(_label(result.spec), role, -1, result.spec) for role in ROLES]
        with ExitStack() as stack:
            store = opened_store(self.store, stack)
            self._check_study(store)
            for other in self._results(store, self._planned(store)).values():
                _check_alike(self.name, result, other)
            store.save_runs([result])
            self._add_to_study(store, mine)
        self.result = result

    def _add_to_study(self, store: Store, mine: list[PlannedRun]) -> None:
        """Write the study's record with these runs; again if another process has added runs in the meantime."""
        after: list[PlannedRun] | None = None
        while True:
            planned = self._planned(store) if after is None else after
            planned = [*planned, *(run for run in mine if run not in planned)]
            store.save_study(self._record(planned, self._results(store, planned)), mine)
            after = self._planned(store)
            if len(after) == len(planned):
                return

    def _planned(self, store: Store) -> list[PlannedRun]:
        try:
            return list(store.study_runs(self.study))
        except UnknownNameError:
            return []

    def _results(self, store: Store, planned: Iterable[PlannedRun]) -> dict[str, RunResult]:
        return store.load_runs({run.spec.fingerprint for run in planned})

    def _check_study(self, store: Store) -> None:
        """Refuse a run that is judged otherwise than those of its name."""
        try:
            there = store.load_study(self.study)
        except UnknownNameError:
            return
        card, size = there.task_card, there.spec.protocol.batch_size
        theirs = f"{card['metric']}, {'larger' if card['larger_is_better'] else 'smaller'} is better, batch size {size}"
        direction = "larger" if self.larger_is_better else "smaller"
        mine = f"{self.metric or 'loss'}, {direction} is better, batch size {self.batch_size}"
        if mine != theirs:
            raise UsageError(
                f"run {self.name!r} is recorded with {mine}, and those stored under this name with {theirs}; record "
                "all alike, or give another name."
            )

    def _result(self) -> RunResult:
        if not self._points:
            raise InvalidValueError(
                f"run {self.name!r} has no points; call run.log(step, validation_loss=…) while it trains."
            )
        columns = {name: np.array([p[name] for p in self._points], np.float32) for name in MEASURES}
        if not self.metric:
            columns["validation_metric"] = columns["validation_loss"]
        steps = np.array([p["step"] for p in self._points], np.int32)
        lost = ~np.isfinite(columns["validation_loss"][-1:]).all()
        gap = int(steps[-1] - steps[-2]) if len(steps) > 1 else max(1, int(steps[-1]))
        spec = RunSpec(
            self.name, "recorded", OptimizerSpec(self.optimizer, dict(self.settings)), self.batch_size,
            int(steps[-1]), gap, self.seed, read_test=self._test is not None,
        )  # fmt: skip
        last = {name: float(values[-1]) for name, values in columns.items()}
        test = self._test or (last["validation_loss"], last["validation_metric"])
        return RunResult(
            spec=spec,
            status="diverged" if lost else "finished",
            diverged_at=int(steps[-1]) if lost else None,
            curve=Curve(steps, **columns),
            validation_loss=math.nan if lost else last["validation_loss"],
            validation_metric=math.nan if lost else last["validation_metric"],
            test_loss=math.nan if lost else test[0],
            test_metric=math.nan if lost else test[1] if self.metric else test[0],
            gradient_evaluations=int(steps[-1]),
        )

    def _record(self, planned: list[PlannedRun], results: Mapping[str, RunResult]) -> StudyRecord:
        """Return the study of all runs of this name; a contender counts once it has as many seeds as the others."""
        by_label: dict[str, list[RunSpec]] = {}
        for run in planned:
            if run.role == "winner":
                by_label.setdefault(run.contender, []).append(run.spec)
        seeds = max(len(specs) for specs in by_label.values())
        first = next(iter(results.values())).spec
        contenders = tuple(
            Contender(label, specs[0].optimizer.name, "", "all", (), dict(specs[0].optimizer.hyperparameters))
            for label, specs in by_label.items()
        )
        protocol = Protocol(RECORDED, 1, seeds, seeds, self.batch_size, first.steps, first.evaluate_every)
        card = TaskCard(
            name=self.name,
            title=f"{self.name}, recorded",
            source="",
            licence="",
            metric=self.metric or "loss",
            unit="",
            larger_is_better=self.larger_is_better,
            target_quantity=None,
            target_value=None,
            examples={},
            parameters=0,
        )
        return StudyRecord(
            id=self.study,
            spec=StudySpec(self.name, "recorded", contenders, protocol, 0),
            task_card=plain(card),
            status="finished",
            created=now(),
            command=f"thalweg report {self.study}",
            environment={"python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"},
        )


def record_run(
    name: str,
    *,
    optimizer: str,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    metric: str = "",
    larger_is_better: bool = False,
    batch_size: int = 1,
    store: str | Path | Store | None = None,
) -> RecordedRun:
    """Return a run of a training loop of your own, whose curve goes to the store.

    Args:
        name: What is trained; runs of one name are one study.
        optimizer: Name of the optimizer, any text.
        settings: Its numbers, e.g. ``{"learning_rate": 0.01}``; other settings are another entry of the report.
        seed: Tells runs of one entry apart, 0 … 2³¹ − 1; give every entry the same seeds.
        metric: Name of the metric; empty judges by the validation loss.
        larger_is_better: Direction of the metric.
        batch_size: Examples per step, for the report.
        store: Path, URL or open store; the user's own store by default.

    Raises:
        InvalidValueError: An argument is not what it should be.

    Example:
        >>> with record_run("mine", optimizer="adam", settings={"learning_rate": 0.01}, store="sqlite://") as run:
        ...     for step in (0, 10, 20):
        ...         run.log(step, train_loss=2.0 ** -step, validation_loss=2.0 ** -step)
        >>> run.result.validation_loss
        9.5367431640625e-07
    """
    for what, text in (("name", name), ("optimizer", optimizer)):
        if not isinstance(text, str) or not text.strip():
            raise InvalidValueError(f"{what} = {shown(text)} is not allowed; give a short text.")
    numbers = {key: _number(f"settings[{key!r}]", value) for key, value in settings_of("settings", settings).items()}
    seed, size = whole("seed", seed, 0, LARGEST_SEED), whole("batch_size", batch_size, 1)
    return RecordedRun(name, optimizer, numbers, seed, metric, bool(larger_is_better) and bool(metric), size, store)


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise InvalidValueError(
            f"{name} = {shown(value)} is not allowed; give one number, e.g. by float(…) or .item()."
        ) from error


def _label(spec: RunSpec) -> str:
    """Return what an entry is called: the optimizer with its settings."""
    told = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in spec.optimizer.hyperparameters.items())
    return f"{spec.optimizer.name} ({told})" if told else spec.optimizer.name


def _there_already(name: str, spec: RunSpec) -> str:
    return (
        f"run {name!r} with {_label(spec)} and seed {spec.seed} is in the store already; give another seed or another "
        "name."
    )


def _check_alike(name: str, result: RunResult, other: RunResult) -> None:
    if result.spec.fingerprint == other.spec.fingerprint:
        raise UsageError(_there_already(name, other.spec))
    if result.spec.read_test != other.spec.read_test:
        mine, theirs = ("a test result", "none") if result.spec.read_test else ("no test result", "one")
        raise UsageError(
            f"run {name!r} has {mine} and those stored under this name have {theirs}; call run.test(…) in all runs "
            "or in none, or give another name."
        )
    if not np.array_equal(result.curve.step, other.curve.step):
        raise UsageError(
            f"run {name!r} has {len(result.curve.step)} points up to step {result.spec.steps} and those stored under "
            f"this name have {len(other.curve.step)} up to {other.spec.steps}; log the same steps, or give another "
            "name."
        )
