"""Studies whose truth is known: losses from a formula and a random generator instead of training."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from thalweg.records import (
    Contender,
    Curve,
    Dimension,
    PlannedRun,
    Protocol,
    RunResult,
    RunSpec,
    StudyRecord,
    StudySpec,
)
from thalweg.study.plan import confirmation_runs, protocol_for, tuning_runs
from thalweg.study.selection import select_winners

Outcome = Callable[[RunSpec, np.random.Generator], float | None]  # validation loss, None if the run diverges

RATE = Dimension("learning_rate", 1e-4, 1.0, "log")
MOMENTUM = Dimension("momentum", 0.5, 0.99, "complement")
CARD = {
    "name": "digits",
    "title": "",
    "source": "",
    "licence": "",
    "metric": "accuracy",
    "unit": "",
    "larger_is_better": True,
    "target_quantity": "validation_loss",
    "target_value": 0.3,
    "examples": {"train": 1000, "validation": 300, "test": 300},
    "parameters": 10,
}


def contender(label: str, space: Sequence[Dimension] = (RATE,), **changes: object) -> Contender:
    """An entry with defaults 0.01 and 0.9."""
    defaults = {"learning_rate": 0.01, **({"momentum": 0.9} if MOMENTUM in space else {})}
    return replace(Contender(label, label, "", "all", tuple(space), defaults), **changes)


def protocol(effort: str = "quick", **overrides: object) -> Protocol:
    return protocol_for(effort, 32, 100, 10, **{"resamples": 2000, **overrides})


def study(contenders: Sequence[Contender], rules: Protocol | None = None, seed: int = 0) -> StudySpec:
    return StudySpec("digits", "v1", tuple(contenders), rules or protocol(), seed)


def bowl(depth: float = 0.2, best: float = 0.03, noise: float = 0.01, curvature: float = 0.2) -> Outcome:
    """A loss with its least value ``depth`` at the rate ``best``, quadratic in decades."""

    def outcome(spec: RunSpec, rng: np.random.Generator) -> float:
        distance = np.log10(spec.optimizer.hyperparameters["learning_rate"] / best)
        return float(depth + curvature * distance**2 + noise * rng.normal())

    return outcome


def result(spec: RunSpec, loss: float | None, accuracy: float | None = None) -> RunResult:
    """The outcome of a run that falls straight from 2 to ``loss``; the test accuracy is 1 − loss/4."""
    points = spec.steps // spec.evaluate_every
    step = np.arange(1, points + 1, dtype=np.int32) * spec.evaluate_every
    if loss is None:
        nothing = np.full(points, np.nan, np.float32)
        test = np.nan if spec.read_test else None
        curve = Curve(step, nothing, nothing, nothing)
        return RunResult(spec, "diverged", 7, curve, np.nan, np.nan, test, test, spec.steps)
    falling = np.linspace(2.0, loss, points).astype(np.float32)
    accuracy = 1 - loss / 4 if accuracy is None else accuracy
    curve = Curve(step, falling, falling, 1 - falling / 4)
    test_loss, test_metric = (loss, accuracy) if spec.read_test else (None, None)
    return RunResult(spec, "finished", None, curve, loss, accuracy, test_loss, test_metric, spec.steps)


def train(planned: Sequence[PlannedRun], outcomes: Mapping[str, Outcome], luck: int = 0) -> dict[str, RunResult]:
    """Results by fingerprint; equal runs have equal results, whatever the study."""
    found = {}
    for run in planned:
        digits = int(run.spec.fingerprint[:12], 16)
        rng = np.random.default_rng([luck, digits])
        found[run.spec.fingerprint] = result(run.spec, outcomes[run.contender](run.spec, rng))
    return found


@dataclass(frozen=True)
class Simulated:
    """A finished study."""

    record: StudyRecord
    planned: tuple[PlannedRun, ...]
    results: dict[str, RunResult]


def simulate(spec: StudySpec, outcomes: Mapping[str, Outcome], luck: int = 0, **card: object) -> Simulated:
    """Carry a study out to its end."""
    tuning = tuning_runs(spec)
    results = train(tuning, outcomes, luck)
    confirming = confirmation_runs(spec, select_winners(spec, tuning, results))
    results.update(train(confirming, outcomes, luck))
    record = StudyRecord(
        spec.fingerprint[:12], spec, {**CARD, **card}, "finished", "2025-01-01T00:00:00Z", "thalweg compare digits", {}
    )
    return Simulated(record, (*tuning, *confirming), results)
