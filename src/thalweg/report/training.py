"""The figure of one run: training and validation loss, and the task's metric, against the step."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thalweg.records.runs import RunResult
from thalweg.records.summary import TaskCard
from thalweg.report.canvas import house_style, new_figure, save_figure, tidy
from thalweg.report.files import check_figure_path, write_atomically
from thalweg.report.formatting import number, setting
from thalweg.report.palette import LIGHT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["training_figure", "write_training"]


def write_training(path: str | os.PathLike[str], run: RunResult, task: TaskCard) -> Path:
    """Write the figure of a run as PNG, SVG or PDF by the ending of ``path``, whole or not at all.

    Raises:
        InvalidValueError: The ending is no known format, or the path cannot be written.
        WorkError: Writing failed.
    """
    target = check_figure_path(path)
    content = save_figure(training_figure(run, task), target.suffix.lower().removeprefix("."))
    return write_atomically(target, content, "figure")


def training_figure(run: RunResult, task: TaskCard) -> "Figure":
    """Return the figure of a run: losses on the left, the metric on the validation set on the right.

    Args:
        run: What was trained.
        task: Names and units for the axes, and the target.
    """
    with house_style():
        figure = new_figure(11.0, 4.4)
        left, right = figure.subplots(ncols=2)
        _draw_losses(left, run, task)
        _draw_metric(right, run, task)
        if run.diverged_at is not None:
            for axes in (left, right):
                axes.axvline(run.diverged_at, color=LIGHT.warn, linewidth=1.4, linestyle="--")
            left.annotate(
                f"diverged at step {run.diverged_at}", (run.diverged_at, 0.97), xycoords=("data", "axes fraction"),
                color=LIGHT.warn,
                xytext=(-5, 0), textcoords="offset points", ha="right", va="top",
            )  # fmt: skip
        figure.suptitle(_title(run), x=0.01, ha="left", fontweight="bold", color=LIGHT.ink, fontsize=11.5)
    return figure


def _title(run: RunResult) -> str:
    settings = ", ".join(f"{name} {setting(value)}" for name, value in run.spec.optimizer.hyperparameters.items())
    return (
        f"{run.spec.optimizer.name} on {run.spec.task} ({settings}; batch {run.spec.batch_size}, seed {run.spec.seed})"
    )


def _draw_losses(axes: "Axes", run: RunResult, task: TaskCard) -> None:
    curve = run.curve
    values = np.concatenate([curve.train_loss, curve.validation_loss])
    values = values[np.isfinite(values)]
    axes.plot(
        curve.step,
        curve.train_loss,
        color=LIGHT.contenders[1],
        linestyle="--",
        linewidth=1.6,
        label="training, since the last point",
    )
    axes.plot(curve.step, curve.validation_loss, color=LIGHT.contenders[0], linewidth=2.0, label="validation")
    if values.size and values.min() > 0 and values.max() / values.min() > 6:
        axes.set_yscale("log")
    if task.target_quantity == "validation_loss" and task.target_value is not None:
        _draw_target(axes, task.target_value)
    tidy(axes, "step", task.loss)
    axes.set_title("Loss")
    axes.legend()


def _draw_metric(axes: "Axes", run: RunResult, task: TaskCard) -> None:
    curve = run.curve
    axes.plot(curve.step, curve.validation_metric, color=LIGHT.contenders[0], linewidth=2.0, label="validation")
    if task.target_quantity == "validation_metric" and task.target_value is not None:
        _draw_target(axes, task.target_value)
    unit = f" ({task.unit})" if task.unit else ""
    tidy(axes, "step", f"{task.metric}{unit}")
    ends = ["diverged" if run.status == "diverged" else f"validation {number(run.validation_metric)}"]
    if run.test_metric is not None and run.status != "diverged":
        ends.append(f"test {number(run.test_metric)}")
    axes.set_title(f"{task.metric.capitalize() if task.metric.islower() else task.metric}: {', '.join(ends)}")


def _draw_target(axes: "Axes", value: float) -> None:
    axes.axhline(value, color=LIGHT.quiet, linewidth=1.2, linestyle=":", label=f"target {number(value)}")
