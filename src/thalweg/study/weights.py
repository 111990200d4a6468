"""Parameters of stored runs: trained again once from the run's record, then kept beside the compiled programs.

The store keeps what runs measured, not their weights. A run is a value, so its weights follow from its record.
"""

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np

from thalweg.errors import InvalidValueError, TaskError
from thalweg.optimizers.base import Rule
from thalweg.records import RunResult, RunSpec
from thalweg.store import Store
from thalweg.study.orders import orders_of
from thalweg.study.recipes import model_options
from thalweg.study.rules import find_rule, make_rule
from thalweg.study.workbench import ReadyTask, ready_task
from thalweg.training.beginning import parameter_paths
from thalweg.training.devices import cache_folder
from thalweg.training.plan import Plan
from thalweg.training.population import Engine, Member, Seconds
from thalweg.training.progress import Watcher
from thalweg.training.recipe import Recipe, recipe_of

__all__ = ["AloneTrained", "loaded_for", "named_in_full", "train_alone", "weights_of"]

WINDOWS_PER_CALL = 64


class AloneTrained(NamedTuple):
    """A run trained by itself.

    Attributes:
        result: Its record.
        weights: Its final parameters by path.
        seconds: Where the time went.
    """

    result: RunResult
    weights: dict[str, np.ndarray]
    seconds: Seconds


def loaded_for(recipes: Iterable[Recipe], store: Store) -> dict[str, dict[str, np.ndarray]]:
    """Return the parameters of every run that others start from, by the notation of the start.

    Raises:
        InvalidValueError: The store has no such run.
        UsageError: Its task or optimizer cannot be found again.
    """
    starts = {recipe.beginning[2] for recipe in recipes} - {""}
    return {start: weights_of(_stored(start, store), store) for start in starts}


def weights_of(spec: RunSpec, store: Store) -> dict[str, np.ndarray]:
    """Return a run's final parameters by path, from the cache or by training it again.

    Args:
        spec: The run.
        store: Where the runs are that it itself starts from.
    """
    path = _path(spec.fingerprint)
    with contextlib.suppress(OSError, ValueError, EOFError, BadZipFile), np.load(path) as kept:
        return dict(kept)
    ready = ready_task(spec.task, model_options(spec.techniques))
    if ready.version != spec.task_version:
        raise TaskError(f"task {spec.task!r} has changed since run {spec.fingerprint[:12]}; train that run again.")
    rule = make_rule(find_rule(spec.optimizer.name).rule_class, spec.optimizer)
    return train_alone(ready, rule, spec, store).weights


def train_alone(
    ready: ReadyTask, rule: Rule, spec: RunSpec, store: Store, watcher: Watcher | None = None
) -> AloneTrained:
    """Train a single run, and keep its weights beside the compiled programs.

    Args:
        ready: The run's task.
        rule: Its optimizer with its settings.
        spec: The run.
        store: Where the runs are that it itself starts from.
        watcher: Told of progress several times a second.
    """
    recipe = recipe_of(spec.techniques)
    engine = Engine(
        ready.task,
        ready.data,
        [rule],
        spec.batch_size,
        spec.evaluate_every,
        Plan(1, min(WINDOWS_PER_CALL, spec.steps // spec.evaluate_every), 1),
        features=recipe.features,
        keep_parameters=True,
        ordered=orders_of(ready, [recipe], spec.batch_size, spec.steps),
        loaded=loaded_for([recipe], store),
    )
    (results,) = engine.train([Member(spec, rule)], watcher=watcher)
    weights = dict(zip(parameter_paths(ready.task), engine.parameters[spec.fingerprint], strict=True))
    _keep(spec.fingerprint, weights)
    return AloneTrained(results[0], weights, engine.seconds)


def _keep(fingerprint: str, weights: dict[str, np.ndarray]) -> None:
    """Keep a run's parameters for later; a cache that cannot be written is done without."""
    path = _path(fingerprint)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}.npz")
        np.savez(beside, **weights)  # pyright: ignore[reportArgumentType]
        beside.replace(path)


def named_in_full(techniques: Mapping[str, str], store: Store) -> dict[str, str]:
    """Return techniques in which a run to start from is named by its whole fingerprint, however short it was given.

    Raises:
        InvalidValueError: The store has no such run, or several that begin so.
    """
    start = techniques.get("start")
    if start is None:
        return dict(techniques)
    return {**techniques, "start": f"run:{_stored(start, store).fingerprint}"}


def _stored(start: str, store: Store) -> RunSpec:
    """Return the run that ``run:FINGERPRINT`` names, by its beginning."""
    wanted = start.removeprefix("run:")
    found = store.find_runs(wanted) if wanted else []
    if len(found) > 1:
        few = ", ".join(spec.fingerprint[:12] for spec in found[:3])
        raise InvalidValueError(f"start = {start!r} is the beginning of {len(found)} runs ({few}, …); give more of it.")
    if not found:
        raise InvalidValueError(
            f"start = {start!r} names no run of this store; give run: and the fingerprint that `thalweg train` shows, "
            "or its first digits."
        )
    return found[0]


def _path(fingerprint: str) -> Path:
    return cache_folder() / "weights" / f"{fingerprint[:32]}.npz"
