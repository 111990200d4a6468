"""One run, watched."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thalweg.optimizers.base import Rule
from thalweg.records import OptimizerSpec, RunResult, RunSpec, TaskCard
from thalweg.store import Store
from thalweg.study.requests import LARGEST_SEED, check_watcher, opened_store, settings_of, single, whole
from thalweg.study.rules import check_compiles, configured, resolve
from thalweg.study.workbench import ready_task
from thalweg.tasks.base import Task
from thalweg.training.plan import Plan
from thalweg.training.population import Engine, Member
from thalweg.training.progress import Progress, Watcher

__all__ = ["TrainedRun", "train"]

WINDOWS_PER_CALL = 64


@dataclass(frozen=True)
class TrainedRun:
    """A single run with what is needed to show it.

    Attributes:
        result: The run's record, curve and final values, the test set included.
        task_card: Facts about the task.
        rule: The optimizer with its settings.
        from_store: Whether the store already held the run, so nothing was trained.
        seconds: ``trace``, ``compile``, ``train`` and ``evaluate``; zeros if from the store.
    """

    result: RunResult
    task_card: TaskCard
    rule: Rule
    from_store: bool
    seconds: Mapping[str, float]


def train(
    task: str | Task,
    optimizer: str | type[Rule],
    hyperparameters: Mapping[str, Any] | None = None,
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    store: str | Path | Store | None = None,
    watcher: Watcher | None = None,
) -> TrainedRun:
    """Train one network with one optimizer and return its curve and final values.

    Args:
        task: Name, ``path/to/file.py[:name]``, or a :class:`thalweg.Task`.
        optimizer: Name, preset, file reference or Rule class.
        hyperparameters: Hyperparameters and variants that differ from the defaults.
        epochs: Passes over the training data; the task's own by default.
        batch_size: Examples per step; the task's own by default.
        seed: Fixes initial parameters and batch order, 0 … 2³¹ − 1.
        store: Path, URL or open store; the user's own store by default.
        watcher: Told of progress several times a second.

    Raises:
        UsageError: A name, number or file is not usable.
        StoreError: The store failed while working.

    Example:
        >>> run = train("digits-logistic", "sgd", {"learning_rate": 0.1}, epochs=3, store="sqlite://")
        >>> run.result.status
        'finished'
    """
    ready = ready_task(task)
    seed = whole("seed", seed, 0, LARGEST_SEED)
    check_watcher(watcher)
    reference, rule_class, preset, source = resolve([optimizer])[0]
    rule = single(configured(rule_class, preset, settings_of("hyperparameters", hyperparameters)))
    if source:
        check_compiles([(rule.name, rule)], ready.leaves)
    lengths = ready.schedule(epochs, batch_size)
    name = reference.removesuffix(f"@{preset}") if preset else reference
    values = {key: float(value) for key, value in rule.values().items()}
    spec = RunSpec(
        task=ready.reference,
        task_version=ready.version,
        optimizer=OptimizerSpec(name, values, rule.structure(), source),
        batch_size=lengths.batch_size,
        steps=lengths.steps,
        evaluate_every=lengths.evaluate_every,
        seed=seed,
        read_test=True,
    )
    with ExitStack() as stack:
        opened = opened_store(store, stack)
        known = opened.load_runs([spec.fingerprint]).get(spec.fingerprint)
        if known is not None:
            _tell_done(watcher, known)
            return TrainedRun(
                known, ready.card, rule, True, dict.fromkeys(("trace", "compile", "train", "evaluate"), 0.0)
            )
        windows = min(WINDOWS_PER_CALL, spec.steps // spec.evaluate_every)
        engine = Engine(ready.task, ready.data, [rule], spec.batch_size, spec.evaluate_every, Plan(1, windows, 1))
        (results,) = engine.train([Member(spec, rule)], phase="training", watcher=watcher)
        opened.save_runs(results)
    parts = {name: getattr(engine.seconds, name) for name in ("trace", "compile", "train", "evaluate")}
    return TrainedRun(results[0], ready.card, rule, False, parts)


def _tell_done(watcher: Watcher | None, result: RunResult) -> None:
    if watcher is not None:
        steps, diverged = result.spec.steps, int(result.status == "diverged")
        watcher(Progress("training", 1, 1, diverged, steps, steps, 0.0, 0.0))
