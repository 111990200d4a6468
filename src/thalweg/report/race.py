"""The figure of a race: a map of the landscape with every path on it, and the cost against the step."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thalweg.records.race import RaceEntry, RaceResult
from thalweg.report.canvas import house_style, line_look, new_figure, save_figure, tidy
from thalweg.report.files import check_figure_path, write_atomically
from thalweg.report.formatting import number, setting, shorten
from thalweg.report.palette import LIGHT, Style, style_contenders
from thalweg.report.tables import Column, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["race_figure", "race_table", "write_race"]

LEVELS = 22
MARKED = 12  # markers along a path or a cost line


def write_race(path: str | os.PathLike[str], race: RaceResult) -> Path:
    """Write the figure of a race as PNG, SVG or PDF by the ending of ``path``, whole or not at all.

    Raises:
        InvalidValueError: The ending is no known format, or the path cannot be written.
        WorkError: Writing failed.
    """
    target = check_figure_path(path)
    content = save_figure(race_figure(race), target.suffix.lower().removeprefix("."))
    return write_atomically(target, content, "figure")


def race_figure(race: RaceResult) -> "Figure":
    """Return the figure of a race: the map on the left, the cost above the lowest known value on the right.

    Paths are straight between iterates, since nothing lies between them. On the map darker is larger,
    on a logarithmic scale of the height above the lowest value seen.
    """
    styles = style_contenders([entry.label for entry in race.entries])
    with house_style():
        figure = new_figure(12.0, 5.6)
        left, right = figure.subplots(ncols=2, width_ratios=(1.15, 1.0))
        floor = _floor(race)
        _draw_map(left, race, floor)
        for entry in race.entries:
            _draw_path(left, entry, styles[entry.label], race)
        _draw_points(left, race)
        _draw_cost(right, race, styles, floor)
        handles, labels = right.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(5, max(1, len(labels))), frameon=False)
    return figure


def _floor(race: RaceResult) -> float:
    """Return the lowest value known: the landscape's own, or the lowest on the map and the paths."""
    if race.lowest is not None:
        return race.lowest
    values = [race.grid_z, *(entry.value for entry in race.entries)]
    return min((float(np.nanmin(v)) for v in values if np.isfinite(v).any()), default=0.0)


def _height(values: np.ndarray, floor: float) -> np.ndarray:
    """Return the logarithm of one plus the height above ``floor``, in units of the median height."""
    above = np.where(np.isfinite(values), values - floor, np.nan)
    positive = above[np.isfinite(above) & (above > 0)]
    unit = float(np.quantile(positive, 0.05)) if positive.size else 1.0
    return np.log1p(np.maximum(above, 0.0) / max(unit, 1e-12))


def _draw_map(axes: "Axes", race: RaceResult, floor: float) -> None:
    height = np.ma.masked_invalid(_height(np.asarray(race.grid_z, float), floor))
    axes.contourf(
        race.grid_x, race.grid_y, height, levels=LEVELS, cmap="bone_r", vmax=1.5 * float(height.max()), antialiased=True
    )
    axes.contour(race.grid_x, race.grid_y, height, levels=LEVELS, colors=LIGHT.paper, linewidths=0.35, alpha=0.7)
    x_low, x_high, y_low, y_high = race.domain
    axes.set(xlim=(x_low, x_high), ylim=(y_low, y_high), xlabel="x", ylabel="y")
    axes.set_title(f"{race.title or race.landscape}: darker is larger")


def _draw_path(axes: "Axes", entry: RaceEntry, style: Style, race: RaceResult) -> None:
    path = np.asarray(entry.path, float)
    known = path[np.isfinite(path).all(axis=1)]
    if not len(known):
        return
    look = line_look(style)
    # A finite iterate far outside would still be drawn to; keep coordinates within what a canvas can hold.
    x_low, x_high, y_low, y_high = race.domain
    wide = 50 * max(x_high - x_low, y_high - y_low)
    known = np.clip(known, -wide, wide)
    halo = {**look, "color": LIGHT.paper, "linewidth": 3.4, "marker": "", "linestyle": "-"}
    axes.plot(known[:, 0], known[:, 1], **halo)
    axes.plot(known[:, 0], known[:, 1], markevery=max(1, len(known) // MARKED), **look)
    end = "X" if entry.status == "diverged" else look["marker"]
    axes.plot(
        *known[-1], marker=end, markersize=10, color=look["color"], markeredgecolor=LIGHT.ink, linestyle="", zorder=5
    )


def _draw_points(axes: "Axes", race: RaceResult) -> None:
    if race.minima:
        xs, ys = zip(*race.minima, strict=True)
        axes.plot(
            xs,
            ys,
            linestyle="",
            marker="*",
            markersize=15,
            markerfacecolor="#ffffff",
            markeredgecolor=LIGHT.ink,
            zorder=6,
        )
    axes.plot(
        *race.start,
        linestyle="",
        marker="o",
        markersize=9,
        markerfacecolor="none",
        markeredgecolor=LIGHT.ink,
        markeredgewidth=2,
        zorder=6,
    )
    axes.annotate("start", race.start, xytext=(8, 8), textcoords="offset points", fontweight="bold", zorder=7)


def _draw_cost(axes: "Axes", race: RaceResult, styles: dict[str, Style], floor: float) -> None:
    begins = [
        float(entry.value[0]) - floor for entry in race.entries if len(entry.value) and np.isfinite(entry.value[0])
    ]
    least = 1e-12 * max([1e-6, *begins])  # below, rounding is all there is
    for entry in race.entries:
        value = np.asarray(entry.value, float)
        above = np.where(np.isfinite(value), np.maximum(value - floor, least), np.nan)
        ending = (
            f"diverged at step {entry.diverged_at}" if entry.status == "diverged" else f"{number(entry.best_value)}"
        )
        label = f"{shorten(entry.label, 30)} ({ending})"
        axes.plot(
            np.arange(len(above)),
            above,
            label=label,
            markevery=max(1, len(above) // MARKED),
            **line_look(styles[entry.label]),
        )
    axes.set_yscale("log")
    tidy(
        axes, "step", f"cost above the {'lowest value' if race.lowest is not None else 'lowest seen'}, {number(floor)}"
    )
    axes.set_title("Cost against step")


def race_table(race: RaceResult) -> Table:
    """Return the outcome of a race as rows, lowest value first; diverged entries last."""
    columns = (
        Column("optimizer", "left"), Column("best value"), Column("last value"), Column("distance to minimum"),
        Column("outcome", "left"),
        Column("hyperparameters", "left", priority=2),
    )  # fmt: skip

    def key(entry: RaceEntry) -> tuple[bool, float]:
        best = float(entry.best_value)
        return entry.status == "diverged", best if np.isfinite(best) else np.inf

    rows = []
    for entry in sorted(race.entries, key=key):
        finite = np.asarray(entry.value, float)
        finite = finite[np.isfinite(finite)]
        outcome = f"diverged at step {entry.diverged_at}" if entry.status == "diverged" else f"{race.steps} steps"
        settings = ", ".join(f"{name} {setting(value)}" for name, value in entry.hyperparameters.items())
        last = number(float(finite[-1])) if finite.size else number(None)
        rows.append((entry.label, number(entry.best_value), last, number(entry.distance), outcome, settings))
    return Table(columns, tuple(rows))
