"""How long one step of one run takes when nothing else is trained beside it.

A run inside a population has no wall time of its own, so each optimizer is measured alone: one
member, one device, the same program otherwise. The figures are kept with the machine's compiled
programs, so that they are measured once per task, batch size and optimizer.
"""

import contextlib
import json
import time
from collections.abc import Mapping
from dataclasses import replace

from thalweg.optimizers.base import Rule
from thalweg.records import OptimizerSpec, RunSpec, fingerprint
from thalweg.tasks.base import Data, Task
from thalweg.tasks.start import start_of
from thalweg.training.devices import cache_folder, core_count
from thalweg.training.plan import Plan
from thalweg.training.population import Engine, Member
from thalweg.training.progress import Progress, Watcher
from thalweg.training.recipe import recipe_of

__all__ = ["seconds_per_step"]

REPEATS = 5
SECONDS_PER_REPEAT = 0.02


def seconds_per_step(
    task: Task,
    data: Data,
    rules: Mapping[str, Rule],
    *,
    batch_size: int,
    window: int,
    version: str = "",
    watcher: Watcher | None = None,
    techniques: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, float]:
    """Return seconds per update of one run trained alone, by label; evaluation is not counted.

    Args:
        task: The task.
        data: Its splits.
        rules: The optimizers by label.
        batch_size: Examples per step.
        window: Steps per call into the measured program, 1 or more.
        version: Fingerprint of the task; empty measures again every time.
        watcher: Told that measuring goes on.
        techniques: Techniques by label, where a run has any.
    """
    known = _read(version) if version else {}
    used = {label: _costly((techniques or {}).get(label, {})) for label in rules}
    keys = {label: _key(rule, batch_size, used[label]) for label, rule in rules.items()}
    missing = {label: rule for label, rule in rules.items() if keys[label] not in known}
    if missing:
        if watcher is not None:
            watcher(Progress("timing", 0, len(missing), 0, 0, 0, 0.0, None))
        for label, seconds in _measure(task, data, missing, used, batch_size, window).items():
            known[keys[label]] = seconds
        if version:
            _write(version, known)
    return {label: known[keys[label]] for label in rules}


def _measure(
    task: Task,
    data: Data,
    rules: Mapping[str, Rule],
    techniques: Mapping[str, Mapping[str, str]],
    batch_size: int,
    window: int,
) -> dict[str, float]:
    tiny = Data(data.train, {k: v[:1] for k, v in data.validation.items()}, data.test)
    found = {}
    for features in sorted({_features(techniques[label]) for label in rules}):
        some = {label: rule for label, rule in rules.items() if _features(techniques[label]) == features}
        engine = Engine(
            task, tiny, list(some.values()), batch_size, window, Plan(1, 64, 1), features=frozenset(features)
        )
        engine.begin_at(0, start_of(task, data, 0))
        found.update({label: _alone(engine, rule, window, techniques[label]) for label, rule in some.items()})
    return found


def _features(techniques: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(recipe_of(techniques).features))


def _costly(techniques: Mapping[str, str]) -> dict[str, str]:
    """Return the techniques that change what is computed in a step."""
    return {key: text for key, text in techniques.items() if recipe_of({key: text}).features}


def _alone(engine: Engine, rule: Rule, window: int, techniques: Mapping[str, str]) -> float:
    def run(windows: int) -> float:
        spec = RunSpec("", "", OptimizerSpec(rule.name, {}), engine.batch_size, windows * window, window, 0)
        spec = replace(spec, techniques=techniques)
        before = engine.seconds.train
        for _ in engine.train([Member(spec, rule)]):
            pass
        return (engine.seconds.train - before) / spec.steps

    first = run(1)
    windows = max(1, min(64, round(SECONDS_PER_REPEAT / max(1e-9, first * window))))
    return min(run(windows) for _ in range(REPEATS))  # whatever else the machine does only adds


def _key(rule: Rule, batch_size: int, techniques: Mapping[str, str]) -> str:
    name = f"{type(rule).__module__}.{type(rule).__qualname__}"
    plain = [name, rule.structure(), batch_size, core_count()]
    return fingerprint([*plain, dict(techniques)] if techniques else plain)[:16]


def _path(version: str):
    return cache_folder() / "timings" / f"{version[:16]}.json"


def _read(version: str) -> dict[str, float]:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(_path(version).read_text())
        return {str(key): float(value) for key, value in found.items()}
    return {}


def _write(version: str, known: Mapping[str, float]) -> None:
    with contextlib.suppress(OSError):
        path = _path(version)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{time.monotonic_ns()}.tmp")
        beside.write_text(json.dumps(dict(known)))
        beside.replace(path)
