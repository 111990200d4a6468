"""A study's runs and curves as two tidy tables, each column with its meaning."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from thalweg.records import PlannedRun, RunResult, StudyRecord, plain

__all__ = ["ExportColumn", "ExportTable", "curves_table", "runs_table"]

Kind: TypeAlias = Literal["text", "integer", "double", "single", "boolean"]
Rows: TypeAlias = Sequence[tuple[PlannedRun, RunResult]]


@dataclass(frozen=True)
class ExportColumn:
    """One column of an exported table.

    Attributes:
        name: Heading.
        kind: Type of its values; any of them may be None, a number may be NaN.
        meaning: What it holds, with its unit.
        values: One per row: a sequence, or an array of steps or measurements.
    """

    name: str
    kind: Kind
    meaning: str
    values: Sequence[Any] | np.ndarray


@dataclass(frozen=True)
class ExportTable:
    """A table with a name and columns of equal length."""

    name: str
    columns: tuple[ExportColumn, ...]


def runs_table(record: StudyRecord, rows: Rows) -> ExportTable:
    """Return one row per run in its place in the study.

    A run that stands at two places (the default settings may be a trial as well) has two rows
    with one fingerprint. Hyperparameters, variants and techniques have a column each, with the
    prefix ``hyperparameter.``, ``variant.`` or ``technique.``; None where an optimizer has none
    of that name.

    Args:
        record: The study.
        rows: Its runs that have a result.
    """
    specs = [result.spec for _, result in rows]
    absent = "; missing where the optimizer has none of that name"
    columns = (
        ExportColumn("study", "text", "id of the study", [record.id] * len(rows)),
        *place_columns(rows),
        *outcome_columns(record, rows),
        *settings(
            "hyperparameter", f"a number of the rule{absent}", [spec.optimizer.hyperparameters for spec in specs]
        ),
        *settings("variant", f"a choice of the rule{absent}", [spec.optimizer.structure for spec in specs]),
        *settings("technique", "what else differs from plain training", [spec.techniques for spec in specs]),
        ExportColumn("fingerprint", "text", "SHA-256 of the run's settings", [spec.fingerprint for spec in specs]),
    )
    return ExportTable("runs", columns)


def place_columns(rows: Rows) -> list[ExportColumn]:
    """Return what was run, and as what."""
    specs = [result.spec for _, result in rows]
    roles = "trial, default-trial (the defaults among the tuning runs), or winner and default (both on fresh seeds)"
    return [
        ExportColumn("task", "text", "name of the task", [spec.task for spec in specs]),
        ExportColumn("contender", "text", "label, unique within the study", [run.contender for run, _ in rows]),
        ExportColumn("optimizer", "text", "name of the optimizer", [spec.optimizer.name for spec in specs]),
        ExportColumn("role", "text", roles, [run.role for run, _ in rows]),
        ExportColumn(
            "trial", "integer", "number of the configuration, -1 for defaults", [run.trial for run, _ in rows]
        ),
        ExportColumn("seed", "integer", "fixes initial weights and batch order", [spec.seed for spec in specs]),
        ExportColumn("batch_size", "integer", "examples per step", [spec.batch_size for spec in specs]),
        ExportColumn("steps", "integer", "updates planned", [spec.steps for spec in specs]),
    ]


def outcome_columns(record: StudyRecord, rows: Rows) -> list[ExportColumn]:
    """Return how the runs ended."""
    loss, metric = quantities(record)
    results = [result for _, result in rows]
    diverged = "update at which the loss was no longer finite or exploded; missing if it never did"
    unread = "; missing where it was not read, NaN if diverged"
    return [
        ExportColumn("status", "text", "finished or diverged", [result.status for result in results]),
        ExportColumn("diverged_at", "integer", diverged, [result.diverged_at for result in results]),
        number("validation_loss", f"{loss} on the validation set at the end; NaN if diverged", results),
        number("validation_metric", f"{metric} on the validation set at the end; NaN if diverged", results),
        number("test_loss", f"{loss} on the test set at the end{unread}", results),
        number("test_metric", f"{metric} on the test set at the end{unread}", results),
        ExportColumn(
            "gradient_evaluations",
            "integer",
            "minibatch gradients computed",
            [result.gradient_evaluations for result in results],
        ),
    ]


def curves_table(record: StudyRecord, rows: Rows) -> ExportTable:
    """Return one row per measured point of every run, each run once however often it is planned.

    Args:
        record: The study.
        rows: Its runs that have a result.
    """
    loss, metric = quantities(record)
    once = {result.spec.fingerprint: result.curve for _, result in rows}
    names = [name for name, curve in once.items() for _ in range(len(curve.step))]

    def joined(part: str, dtype: type) -> np.ndarray:
        return np.concatenate([np.empty(0, dtype), *(getattr(curve, part) for curve in once.values())])

    def measured(part: str, meaning: str) -> ExportColumn:
        return ExportColumn(part, "single", f"{meaning}; NaN after a divergence", joined(part, np.float32))

    columns = (
        ExportColumn("run", "text", "fingerprint of the run, as in the table of runs", names),
        ExportColumn("step", "integer", "updates taken", joined("step", np.int32)),
        measured("train_loss", f"{loss}, mean over the minibatches since the previous point"),
        measured("validation_loss", f"{loss} on the whole validation set"),
        measured("validation_metric", f"{metric} on the whole validation set"),
    )
    return ExportTable("curves", columns)


def quantities(record: StudyRecord) -> tuple[str, str]:
    """Return the names of the task's loss and metric, with the metric's unit."""
    card = record.task_card
    unit = f" in {card['unit']}" if card.get("unit") else ""
    return str(card.get("loss") or "loss"), str(card.get("metric") or "metric") + unit


def number(name: str, meaning: str, results: Sequence[RunResult]) -> ExportColumn:
    """Return the column of one numeric field of the results."""
    return ExportColumn(name, "double", meaning, [getattr(result, name) for result in results])


def settings(prefix: str, meaning: str, rows: Sequence[Mapping[str, Any]]) -> list[ExportColumn]:
    """Return a column for every key that occurs, in order of first occurrence."""
    keys = dict.fromkeys(key for row in rows for key in row)
    return [setting(f"{prefix}.{key}", meaning, [row.get(key) for row in rows]) for key in keys]


def setting(name: str, meaning: str, values: list[Any]) -> ExportColumn:
    """Return a column of settings with the narrowest type that holds all of them."""
    there = [value for value in values if value is not None]
    if all(isinstance(value, bool) for value in there):
        return ExportColumn(name, "boolean", meaning, values)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in there):
        return ExportColumn(name, "double", meaning, [None if value is None else float(value) for value in values])
    return ExportColumn(name, "text", meaning, [None if value is None else as_text(value) for value in values])


def as_text(value: Any) -> str:
    """Return a word as it is, and anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
