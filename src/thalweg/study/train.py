"""One run, watched."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thalweg.optimizers.base import Rule
from thalweg.records import OptimizerSpec, RunResult, RunSpec, TaskCard
from thalweg.store import Store
from thalweg.study.recipes import Items, check_recipe, model_options, techniques_from
from thalweg.study.requests import LARGEST_SEED, check_watcher, opened_store, settings_of, single, whole
from thalweg.study.rules import check_compiles, configured, resolve
from thalweg.study.weights import named_in_full, train_alone, weights_of
from thalweg.study.workbench import ready_task
from thalweg.tasks.base import Task
from thalweg.training.progress import Progress, Watcher

__all__ = ["TrainedRun", "train"]

PARTS = ("trace", "compile", "train", "evaluate")


@dataclass(frozen=True)
class TrainedRun:
    """A single run with what is needed to show it.

    Attributes:
        result: The run's record, curve and final values, the test set included.
        task_card: Facts about the task.
        rule: The optimizer with its settings.
        from_store: Whether the store already held the run, so nothing was trained.
        seconds: ``trace``, ``compile``, ``train`` and ``evaluate``; zeros if from the store.
        store: Where the run is kept.
    """

    result: RunResult
    task_card: TaskCard
    rule: Rule
    from_store: bool
    seconds: Mapping[str, float]
    store: str | Path | Store | None = None

    @property
    def parameters(self) -> dict[str, np.ndarray]:
        """The trained parameters by path, e.g. ``layer1.weight``; trained again where they were not kept.

        Raises:
            UsageError: The task or the optimizer was made in a running program and its weights were not kept.
        """
        with ExitStack() as stack:
            return weights_of(self.result.spec, opened_store(self.store, stack))


def train(
    task: str | Task,
    optimizer: str | type[Rule],
    hyperparameters: Mapping[str, Any] | None = None,
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    schedule: object = None,
    initializer: object = None,
    techniques: Items | None = None,
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
        schedule: Schedule of the learning rate, e.g. ``"cosine"``; constant by default.
        initializer: Where the weights start, e.g. ``"he"``; as the task says by default.
        techniques: What else the run is trained with, e.g. ``["clip-norm:1", "model.activation=tanh"]``.
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
    used = _used(techniques, schedule, initializer)
    ready = ready_task(task, model_options(used))
    seed = whole("seed", seed, 0, LARGEST_SEED)
    check_watcher(watcher)
    reference, rule_class, preset, source = resolve([optimizer])[0]
    rule = single(configured(rule_class, preset, settings_of("hyperparameters", hyperparameters)))
    if source:
        check_compiles([(rule.name, rule)], ready.leaves)
    lengths = ready.schedule(epochs, batch_size)
    check_recipe(used, [rule], ready, lengths)
    name = reference.removesuffix(f"@{preset}") if preset else reference
    values = {key: float(value) for key, value in rule.values().items()}
    with ExitStack() as stack:
        opened = opened_store(store, stack)
        spec = RunSpec(
            task=ready.reference,
            task_version=ready.version,
            optimizer=OptimizerSpec(name, values, rule.structure(), source),
            batch_size=lengths.batch_size,
            steps=lengths.steps,
            evaluate_every=lengths.evaluate_every,
            seed=seed,
            read_test=True,
            techniques=named_in_full(used, opened),
        )
        known = opened.load_runs([spec.fingerprint]).get(spec.fingerprint)
        if known is not None:
            _tell_done(watcher, known)
            return TrainedRun(known, ready.card, rule, True, dict.fromkeys(PARTS, 0.0), store)
        trained = train_alone(ready, rule, spec, opened, watcher)
        opened.save_runs([trained.result])
    seconds = {name: getattr(trained.seconds, name) for name in PARTS}
    return TrainedRun(trained.result, ready.card, rule, False, seconds, store)


def _used(techniques: Items | None, schedule: object, initializer: object) -> dict[str, str]:
    """Return all techniques asked for, however they were."""
    used = techniques_from(techniques)
    for name, value in (("schedule", schedule), ("initializer", initializer)):
        used |= techniques_from({name: value}) if value is not None else {}
    return used


def _tell_done(watcher: Watcher | None, result: RunResult) -> None:
    if watcher is not None:
        steps, diverged = result.spec.steps, int(result.status == "diverged")
        watcher(Progress("training", 1, 1, diverged, steps, steps, 0.0, 0.0))
