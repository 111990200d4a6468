"""The report of a single run: how it ended, its curves, its settings."""

import os
from pathlib import Path

import numpy as np

from thalweg.records.runs import RunResult
from thalweg.records.summary import Interval, TaskCard
from thalweg.report.cards import fact_card
from thalweg.report.charts import Axis, Line, figure, legend, overview
from thalweg.report.curves import robust_axis
from thalweg.report.files import write_atomically
from thalweg.report.formatting import escape, finite, number, setting, steps
from thalweg.report.palette import style_contenders
from thalweg.report.shell import document
from thalweg.report.tables import Column, Table, html_table
from thalweg.report.verdict import metric_words

__all__ = ["render_training_report", "write_training_report"]

LONGEST_TABLE = 41  # rows of the table; more points are thinned out


def render_training_report(run: RunResult, task: TaskCard) -> str:
    """Return the report of one run as one HTML document.

    Args:
        run: What was trained and how it went.
        task: Names, units and the target.
    """
    spec = run.spec
    header = (
        '<header><p class="over">Thalweg · one training run</p>'
        f"<h1>{escape(spec.optimizer.name)} on {escape(task.name)}</h1>"
        f'<p class="verdict">{escape(_verdict(run, task))}</p></header>'
    )
    settings = [(name, setting(value)) for name, value in spec.optimizer.hyperparameters.items()]
    settings += [(name, str(value)) for name, value in spec.optimizer.structure.items()]
    settings += [
        ("steps", steps(spec.steps)), ("batch size", str(spec.batch_size)), ("seed", str(spec.seed)),
        *((name, str(value)) for name, value in spec.techniques.items()),
        ("gradient evaluations", steps(run.gradient_evaluations)), ("task", task.title or task.name),
        ("parameters", f"{task.parameters:,}"), ("run", spec.fingerprint[:12]),
    ]  # fmt: skip
    card = f'<section id="settings"><h2>Settings</h2>{fact_card(settings)}</section>'
    footer = "<footer>Thalweg · this file needs no network and holds no script.</footer>"
    return document(
        f"{spec.optimizer.name} on {task.name}",
        [header, _loss_figure(run, task), _metric_figure(run, task), card, footer],
    )


def write_training_report(path: str | os.PathLike[str], run: RunResult, task: TaskCard) -> Path:
    """Write the report of one run to a file, whole or not at all, and return its path.

    Raises:
        InvalidValueError: The path names a directory, or lies in none, or may not be written.
        WorkError: The file could not be written, e.g. because the disk is full.
    """
    return write_atomically(path, render_training_report(run, task).encode(), "report")


def _verdict(run: RunResult, task: TaskCard) -> str:
    if run.status == "diverged":
        where = f"step {steps(run.diverged_at)} of {steps(run.spec.steps)}"
        return f"The run diverged at {where}; a smaller learning rate is the first thing to try."
    split, value = (
        ("test", run.test_metric) if finite(run.test_metric) is not None else ("validation", run.validation_metric)
    )
    words = metric_words(task, Interval(finite(value), None, None))
    return (
        f"{words} {split} {task.metric} after {steps(run.spec.steps)} steps, with a validation loss of "
        f"{number(run.validation_loss)}; "
        "one run with one seed, so nothing is said of the spread."
    )


def _points(run: RunResult) -> tuple[int, ...]:
    return tuple(int(step) for step in run.curve.step)


def _values(array: np.ndarray) -> tuple[float | None, ...]:
    return tuple(finite(float(value)) for value in array)


def _step_axis(run: RunResult) -> Axis:
    return Axis("step", 0.0, float(max((*_points(run), 1))))


def _loss_figure(run: RunResult, task: TaskCard) -> str:
    at = _points(run)
    lines = [
        Line("validation", at, _values(run.curve.validation_loss)),
        Line("training", at, _values(run.curve.train_loss)),
    ]
    if task.target_quantity == "validation_loss" and task.target_value is not None:
        lines.append(Line("target", (0, at[-1]), (task.target_value,) * 2))
    styles = style_contenders([one.contender for one in lines])
    said = f"validation loss ends at {number(run.validation_loss)}"
    chart = overview("loss", lines, styles, _step_axis(run), robust_axis(task.loss, lines), "Loss", said)
    note = (
        "The training loss is the mean over the minibatches since the last point, the validation loss is of the "
        "whole validation set. "
        "Training falling while validation rises is overfitting; both flat from the start is too small a learning rate."
    )
    return figure(
        "figure-loss",
        "Loss along training",
        note,
        legend([one.contender for one in lines], styles) + chart,
        _numbers(run, task),
    )


def _metric_figure(run: RunResult, task: TaskCard) -> str:
    at = _points(run)
    lines = [Line("validation", at, _values(run.curve.validation_metric))]
    if task.target_quantity == "validation_metric" and task.target_value is not None:
        lines.append(Line("target", (0, at[-1]), (task.target_value,) * 2))
    styles = style_contenders([one.contender for one in lines])
    unit = f" ({task.unit})" if task.unit else ""
    y = robust_axis(f"validation {task.metric}{unit}", lines, steepest=20.0)
    said = f"validation {task.metric} ends at {number(run.validation_metric)}"
    chart = overview("metric", lines, styles, _step_axis(run), y, task.metric, said)
    note = f"On the whole validation set; {'higher' if task.larger_is_better else 'lower'} is better."
    return figure(
        "figure-metric",
        f"Validation {task.metric} along training",
        note,
        legend([one.contender for one in lines], styles) + chart,
        "",
    )


def _numbers(run: RunResult, task: TaskCard) -> str:
    curve, at = run.curve, _points(run)
    stride = max(1, -(-len(at) // LONGEST_TABLE))
    kept = sorted({*range(0, len(at), stride), len(at) - 1})
    series = (curve.train_loss, curve.validation_loss, curve.validation_metric)
    rows = tuple((str(at[i]), *(number(float(values[i]), 4) for values in series)) for i in kept)
    columns = (
        Column("step", "left"),
        Column("training loss"),
        Column("validation loss"),
        Column(f"validation {task.metric}"),
    )
    return html_table(Table(columns, rows))
