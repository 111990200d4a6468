"""Parameters of stored runs: trained again once from the run's record, then kept beside the compiled programs.

The store keeps what runs measured, not their weights. A run is a value, so its weights follow from its record.
"""

import contextlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from thalweg.errors import TaskError, UnknownNameError
from thalweg.optimizers.user_rules import resolve_optimizer
from thalweg.records import RunSpec
from thalweg.store import Store
from thalweg.study.orders import orders_of
from thalweg.study.recipes import model_options
from thalweg.study.rules import make_rule
from thalweg.study.workbench import ready_task
from thalweg.training.beginning import parameter_paths
from thalweg.training.devices import cache_folder
from thalweg.training.plan import Plan
from thalweg.training.population import Engine, Member
from thalweg.training.recipe import Recipe, recipe_of

__all__ = ["keep_weights", "loaded_for", "weights_of"]

WINDOWS_PER_CALL = 64


def loaded_for(recipes: Iterable[Recipe], store: Store) -> dict[str, dict[str, np.ndarray]]:
    """Return the parameters of every run that others start from, by the notation of the start.

    Raises:
        UnknownNameError: The store has no such run.
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
    with contextlib.suppress(OSError, ValueError), np.load(path) as kept:
        return dict(kept)
    ready = ready_task(spec.task, model_options(spec.techniques))
    if ready.version != spec.task_version:
        raise TaskError(f"task {spec.task!r} has changed since run {spec.fingerprint[:12]}; train that run again.")
    rule = make_rule(resolve_optimizer(spec.optimizer.name).rule_class, spec.optimizer)
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
    for _ in engine.train([Member(spec, rule)]):
        pass
    weights = dict(zip(parameter_paths(ready.task), engine.parameters[spec.fingerprint], strict=True))
    keep_weights(spec.fingerprint, weights)
    return weights


def keep_weights(fingerprint: str, weights: dict[str, np.ndarray]) -> None:
    """Keep a run's parameters for later; a cache that cannot be written is done without."""
    path = _path(fingerprint)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".tmp.npz")
        np.savez(beside, **weights)  # pyright: ignore[reportArgumentType]
        beside.replace(path)


def _stored(start: str, store: Store) -> RunSpec:
    """Return the run that ``run:FINGERPRINT`` names, by its beginning."""
    wanted = start.removeprefix("run:")
    found = store.find_runs(wanted)
    if len(found) != 1:
        raise UnknownNameError("start: run", wanted, [spec.fingerprint[:12] for spec in found])
    return found[0]


def _path(fingerprint: str) -> Path:
    return cache_folder() / "weights" / f"{fingerprint[:32]}.npz"
