"""The figure of a schedule: its factor against the step."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thalweg.report.canvas import house_style, new_figure, save_figure, tidy
from thalweg.report.files import check_figure_path, write_atomically
from thalweg.report.palette import LIGHT
from thalweg.schedules import Schedule, schedule_notation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["schedule_figure", "write_schedule"]

POINTS = 2000  # more than a figure can show


def write_schedule(path: str | os.PathLike[str], schedule: Schedule, total: int) -> Path:
    """Write the figure of a schedule as PNG, SVG or PDF by the ending of ``path``, whole or not at all.

    Args:
        path: Where to.
        schedule: The schedule.
        total: Updates of the run.

    Raises:
        InvalidValueError: The ending is no known format, the path cannot be written, or the schedule does not fit.
        WorkError: Writing failed.
    """
    target = check_figure_path(path)
    content = save_figure(schedule_figure(schedule, total), target.suffix.lower().removeprefix("."))
    return write_atomically(target, content, "figure")


def schedule_figure(schedule: Schedule, total: int) -> "Figure":
    """Return the figure of a schedule over a run of ``total`` updates."""
    steps = np.unique(np.linspace(1, total, POINTS).round())
    with house_style():
        figure = new_figure(7.0, 3.6)
        axes = figure.subplots()
        axes.plot(
            steps,
            schedule.factor(steps, total),
            color=LIGHT.contenders[0],
            linewidth=2.0,
            marker="o" if total <= 30 else "",
            markersize=4,
            drawstyle="default" if total > 30 else "steps-mid",
        )
        axes.set_ylim(bottom=0.0)
        tidy(axes, "step", "factor")
        axes.set_title(schedule_notation(schedule))
    return figure
