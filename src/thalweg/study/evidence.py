"""All that a summary is computed from, put in order once."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from thalweg.records import Contender, PlannedRun, RunResult, StudyRecord, StudySpec, TaskCard
from thalweg.study.selection import Selection, TrialTable, select_from, trial_tables
from thalweg.study.statistics import Resamples, counted, draw, search_shifts, worst_of

__all__ = ["Confirmation", "Evidence", "gather"]


@dataclass(frozen=True)
class Confirmation:
    """A contender's runs on the fresh seeds.

    Attributes:
        contender: The contender.
        trial: Trial index of the winner, −1 for the defaults.
        hyperparameters: The winner's, all of them.
        winner: Its runs, one per fresh seed, in the order of the plan.
        default: The default's runs likewise; empty if any is missing.
    """

    contender: Contender
    trial: int
    hyperparameters: Mapping[str, float]
    winner: tuple[RunResult, ...]
    default: tuple[RunResult, ...]


@dataclass(frozen=True)
class Evidence:
    """A study's outcomes.

    Attributes:
        spec: The study.
        card: Facts about its task.
        tables: The tuning runs by label.
        selections: The settings chosen by label.
        confirmations: By label, of those whose winner has been run on every fresh seed.
        resamples: For every interval.
        worst_loss: What a diverged tuning run counts as, NaN if every one diverged.
        worst_metric: Likewise for the metric.
        worst_fresh: Likewise on the fresh seeds, for ``test_metric`` and ``validation_loss``.
        found: Planned runs, each once, that have a result.
        planned: Planned runs, each once.
    """

    spec: StudySpec
    card: TaskCard
    tables: Mapping[str, TrialTable]
    selections: Mapping[str, Selection]
    confirmations: Mapping[str, Confirmation]
    resamples: Resamples
    worst_loss: float
    worst_metric: float
    worst_fresh: Mapping[str, float]
    found: int
    planned: int

    def fresh(self, runs: Sequence[RunResult], quantity: str) -> np.ndarray:
        """Return a quantity at the end of runs on fresh seeds, shape (n,), a diverged run as the worst.

        Args:
            runs: Of a :class:`Confirmation`.
            quantity: ``test_metric`` or ``validation_loss``.
        """
        return counted(_at_end(runs, quantity), self.worst_fresh[quantity])

    def shifts(self, label: str) -> np.ndarray:
        """Return what each resampled search adds to a contender's metric, shape (B,)."""
        if not (math.isfinite(self.worst_loss) and math.isfinite(self.worst_metric)):
            return np.zeros(len(self.resamples.trials))
        trial = self.confirmations[label].trial
        return search_shifts(self.tables[label], self.resamples, trial, self.worst_loss, self.worst_metric)


def gather(record: StudyRecord, planned: Sequence[PlannedRun], results: Mapping[str, RunResult]) -> Evidence:
    """Return the outcomes of a study in order.

    Args:
        record: The study.
        planned: Its runs, all or only those of tuning while it is under way.
        results: Outcomes by fingerprint; some may be missing.
    """
    spec, card = record.spec, TaskCard(**record.task_card)
    tables = trial_tables(spec, planned, results)
    confirmations = _confirmations(spec, planned, results)
    fresh = [run for c in confirmations.values() for run in (*c.winner, *c.default)]
    better = card.larger_is_better
    fingerprints = {run.spec.fingerprint for run in planned}
    return Evidence(
        spec=spec,
        card=card,
        tables=tables,
        selections=select_from(spec, tables),
        confirmations=confirmations,
        resamples=draw(spec.protocol, spec.seed),
        worst_loss=worst_of(np.concatenate([t.loss.ravel() for t in tables.values()] or [[]]), False),
        worst_metric=worst_of(np.concatenate([t.metric.ravel() for t in tables.values()] or [[]]), better),
        worst_fresh={
            "test_metric": worst_of(_at_end(fresh, "test_metric"), better),
            "validation_loss": worst_of(_at_end(fresh, "validation_loss"), False),
        },
        found=len(fingerprints & results.keys()),
        planned=len(fingerprints),
    )


def _confirmations(
    spec: StudySpec, planned: Sequence[PlannedRun], results: Mapping[str, RunResult]
) -> dict[str, Confirmation]:
    """Return the runs on fresh seeds of every contender whose winner's are all there."""
    runs: dict[tuple[str, str], list[PlannedRun]] = defaultdict(list)
    for run in planned:
        if run.role in ("winner", "default"):
            runs[run.contender, run.role].append(run)

    def complete(label: str, role: str) -> tuple[RunResult, ...]:
        own = runs[label, role]
        found = [results[run.spec.fingerprint] for run in own if run.spec.fingerprint in results]
        return tuple(found) if len(found) == spec.protocol.confirmation_seeds == len(own) else ()

    confirmations = {}
    for contender in spec.contenders:
        winner = complete(contender.label, "winner")
        if winner:
            first = runs[contender.label, "winner"][0]
            settings = first.spec.optimizer.hyperparameters
            default = complete(contender.label, "default")
            confirmations[contender.label] = Confirmation(contender, first.trial, settings, winner, default)
    return confirmations


def _at_end(runs: Sequence[RunResult], quantity: str) -> np.ndarray:
    """Return a quantity at the end of runs, NaN where a run diverged or did not measure it."""
    values = [getattr(run, quantity) if run.status == "finished" else None for run in runs]
    return np.array([math.nan if value is None else value for value in values], dtype=float)
