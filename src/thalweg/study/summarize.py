"""From the runs of a study to everything that is shown of it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from thalweg.records import (
    CurveBand,
    ExpectedBest,
    Interval,
    LeaderboardRow,
    PlannedRun,
    RunResult,
    Sensitivity,
    StudyRecord,
    StudySummary,
    plain,
)
from thalweg.records.techniques import common_techniques, technique_label
from thalweg.study.budget import expected_best
from thalweg.study.cautions import warnings_for
from thalweg.study.contenders import LEARNING_RATE
from thalweg.study.curves import QUANTITIES, curve_band, steps_to_target
from thalweg.study.evidence import Evidence, gather
from thalweg.study.profile import profile
from thalweg.study.ranking import Ranking, rank_contenders
from thalweg.study.sensitivity import learning_rate_sensitivity
from thalweg.study.statistics import interval

__all__ = ["leaderboard_json", "profile", "summarize"]


def summarize(
    record: StudyRecord, planned: Sequence[PlannedRun], results: Mapping[str, RunResult], tasks: int = 1
) -> StudySummary:
    """Return everything that is shown of a study, finished or not.

    A contender stands on the leaderboard once its winner has been trained on every fresh seed;
    what is missing is said in a warning.

    Args:
        record: The study.
        planned: Its runs; while it is under way perhaps only those of tuning.
        results: Outcomes by fingerprint of the run; some may be missing.
        tasks: Number of tasks compared on together, for the warning that one task is but one.
    """
    evidence = gather(record, planned, results)
    ranking = _rank(evidence)
    in_order = (*ranking.order, *(c.label for c in evidence.spec.contenders if c.label not in ranking.order))
    return StudySummary(
        study=record.id,
        task=evidence.card,
        protocol={**plain(record.spec.protocol), "techniques": _common(record), **_judged_on(evidence)},
        seed=record.spec.seed,
        warnings=warnings_for(evidence, tasks),
        leaderboard=tuple(_row(evidence, record, ranking, label) for label in ranking.order),
        comparisons=ranking.comparisons,
        sensitivity=_sensitivities(evidence, in_order),
        curves=_curves(evidence, ranking.order),
        expected_best=_budgets(evidence, in_order),
        runs=evidence.found,
        seconds=dict(record.seconds),
        environment=dict(record.environment),
        command=record.command,
        created=record.created,
        spaces={c.label: tuple(plain(dimension) for dimension in c.space) for c in record.spec.contenders},
    )


def leaderboard_json(summary: StudySummary) -> dict[str, Any]:
    """Return a summary in the JSON form of ``thalweg compare --json``; missing numbers are None.

    Args:
        summary: Of one study.
    """
    seconds = {"total": None, "compile": None, "train": None, **summary.seconds}
    document = {
        "task": summary.task.name,
        "protocol": summary.protocol,
        "warnings": [warning.sentence for warning in summary.warnings],
        "leaderboard": [
            {
                "optimizer": row.contender,
                "hyperparameters": row.hyperparameters,
                "validation_loss": row.validation_loss.mean,
                "test_metric": {"name": summary.task.metric, **plain(row.test_metric)},
                "rank": {"low": row.rank[0], "high": row.rank[1]},
                "steps_to_target": row.steps_to_target,
                "diverged_share": row.diverged_share,
                "state_bytes_per_parameter": row.state_bytes_per_parameter,
                "seconds_per_step": row.seconds_per_step,
            }
            for row in summary.leaderboard
        ],
        "runs": summary.runs,
        "seconds": seconds,
        "study": summary.study,
    }
    return plain(document)


def _rank(evidence: Evidence) -> Ranking:
    """Return the ranking of the contenders that have been confirmed."""
    labels = [c.label for c in evidence.spec.contenders if c.label in evidence.confirmations]
    if not labels:
        return Ranking((), {}, {}, ())
    values = np.stack([evidence.fresh(evidence.confirmations[label].winner, "test_metric") for label in labels])
    values = np.nan_to_num(values, nan=0.0)  # only where no run on a fresh seed of the whole study was finite
    shifts = np.stack([evidence.shifts(label) for label in labels])
    better, threshold = evidence.card.larger_is_better, evidence.spec.protocol.win_probability
    return rank_contenders(labels, values, shifts, evidence.resamples, better, threshold)


def _row(evidence: Evidence, record: StudyRecord, ranking: Ranking, label: str) -> LeaderboardRow:
    """Return a contender's row of the leaderboard."""
    confirmation, table = evidence.confirmations[label], evidence.tables[label]
    winner, default = confirmation.winner, confirmation.default
    diverged = table.diverged if table.diverged.size else np.array([run.status == "diverged" for run in winner])
    steps = [steps_to_target(run.curve, evidence.card) for run in winner]
    reached = [count for count in steps if count is not None]
    has_target = evidence.card.target_quantity is not None
    return LeaderboardRow(
        contender=label,
        optimizer=confirmation.contender.optimizer,
        hyperparameters=dict(confirmation.hyperparameters),
        tuned=tuple(d.name for d in confirmation.contender.space),
        validation_loss=_interval(evidence, winner, "validation_loss"),
        test_metric=_interval(evidence, winner, "test_metric"),
        default_test_metric=_interval(evidence, default, "test_metric"),
        rank=ranking.ranks[label],
        group=ranking.groups[label],
        steps_to_target=_median_or_none(steps),
        target_share=len(reached) / len(steps) if has_target else None,
        diverged_share=float(diverged.mean()),
        state_bytes_per_parameter=record.state_bytes_per_parameter.get(label),
        seconds_per_step=record.seconds_per_step.get(label),
        gradient_evaluations=max(run.gradient_evaluations for run in winner),
    )


def _interval(evidence: Evidence, runs: Sequence[RunResult], quantity: str) -> Interval:
    """Return the mean of a quantity at the end of runs on fresh seeds, with its interval."""
    return interval(evidence.fresh(runs, quantity), evidence.resamples)


def _sensitivities(evidence: Evidence, labels: Sequence[str]) -> tuple[Sensitivity, ...]:
    """Return loss against learning rate of every contender that has one and a selection."""
    chosen = [(label, evidence.selections[label].hyperparameters) for label in labels if label in evidence.selections]
    found = (
        learning_rate_sensitivity(evidence.tables[label], settings[LEARNING_RATE])
        for label, settings in chosen
        if LEARNING_RATE in settings
    )
    return tuple(sensitivity for sensitivity in found if sensitivity is not None)


def _curves(evidence: Evidence, labels: Sequence[str]) -> tuple[CurveBand, ...]:
    """Return the curves of the winners, quantity by quantity."""
    return tuple(
        curve_band(label, evidence.confirmations[label].winner, quantity, evidence.card)
        for quantity in QUANTITIES
        for label in labels
    )


def _budgets(evidence: Evidence, labels: Sequence[str]) -> tuple[ExpectedBest, ...]:
    """Return the expected best against the budget of every contender with complete trials."""
    tables = [evidence.tables[label] for label in labels]
    return tuple(expected_best(t, evidence.resamples, evidence.worst_loss) for t in tables if t.trials)


def _median_or_none(steps: Sequence[int | None]) -> float | None:
    """Return the median with None as infinity, None if it is infinite or there is nothing."""
    middle = float(np.median([math.inf if step is None else step for step in steps])) if steps else math.inf
    return middle if math.isfinite(middle) else None


def _judged_on(evidence: Evidence) -> dict[str, str]:
    """Return what tells that recorded runs read no test set; those trained here always do, and say nothing."""
    runs = [run for confirmation in evidence.confirmations.values() for run in confirmation.winner]
    return {} if all(run.spec.read_test for run in runs) else {"judged_on": "validation"}


def _common(record: StudyRecord) -> str:
    """Return the techniques that every entry has, in a line; those of single entries stand in their labels."""
    return technique_label(common_techniques(c.techniques for c in record.spec.contenders))
