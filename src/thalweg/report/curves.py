"""Training curves of the tuned contenders with their spread over the fresh seeds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from thalweg.records.summary import CurveBand, StudySummary
from thalweg.report.charts import Axis, Line, figure, legend, overview, panel, shared_paths, spread
from thalweg.report.formatting import finite, number
from thalweg.report.palette import Style
from thalweg.report.scales import fit_range
from thalweg.report.svg import Frame, polyline
from thalweg.report.tables import Column, Table, html_table, metric_title

__all__ = ["loss_figure", "metric_figure", "robust_axis"]

LONGEST_TABLE = 21  # rows of the table twin; more points are thinned out


def robust_axis(title: str, lines: Sequence[Line], steepest: float = 8.0) -> Axis:
    """Return an axis that holds every line but the wildest values, logarithmic over a long range.

    Values above ten times the largest middle value at the end are cut off unless all lines go there.
    """
    middle = [v for one in lines for y in one.y if (v := finite(y)) is not None]
    spread_ends = [v for one in lines for y in (*one.low, *one.high) if (v := finite(y)) is not None]
    values = sorted([*middle, *spread_ends])
    if not values:
        return Axis(title, 0.0, 1.0)
    top = values[min(len(values) - 1, int(0.99 * len(values)))]
    log = values[0] > 0 and top / values[0] > steepest
    return Axis(title, *fit_range([values[0], top], log, 0.04), log)


def _lines(bands: Sequence[CurveBand], quantity: str) -> dict[str, Line]:
    return {
        one.contender: Line(one.contender, one.step, one.median, one.low, one.high)
        for one in bands
        if one.quantity == quantity and one.step
    }


def _steps_axis(lines: Sequence[Line]) -> Axis:
    last = max(x for one in lines for x in one.x)
    return Axis("step", 0.0, float(max(last, 1)))


def loss_figure(key: str, summary: StudySummary, styles: Mapping[str, Style]) -> str:
    """Return the figure of training and validation loss along training."""
    validation, training = _lines(summary.curves, "validation_loss"), _lines(summary.curves, "train_loss")
    shown = list((validation or training).values())
    if not shown:
        return ""
    x, above = _steps_axis(shown), robust_axis(summary.task.loss, shown)
    y = _panel_axis(above, training.values())
    which = "validation" if validation else "training"
    title = f"{which.capitalize()} loss of the {'' if summary.recorded else 'tuned '}contenders"
    chart = overview(f"{key}-o", shown, styles, x, above, title, _ending(shown))
    context = shared_paths(f"{key}-x", shown, x, y)
    panels = []
    for i, one in enumerate(shown):
        draw = partial(_draw_loss, one=one, training=training.get(one.contender) if validation else None)
        panels.append(
            panel(f"{key}-{i}", one.contender, styles[one.contender], x, y, _ending([one]), draw, None, f"{key}-x")
        )
    note = (
        f"Above, the median {which} loss of every contender; below, one panel each: the band holds the middle half of "
        f"the {'seeds' if summary.recorded else 'fresh seeds'}, the dotted line is the training loss, the faint lines "
        "are the other contenders. A validation loss that turns up while the training loss falls is overfitting; a "
        "wide band is luck with the seed."
    )
    body = (
        legend([one.contender for one in shown], styles)
        + chart
        + context
        + f'<div class="panels">{"".join(panels)}</div>'
    )
    return figure(key, "Loss along training", note, body, html_table(_numbers(shown)))


def _panel_axis(axis: Axis, training: Iterable[Line]) -> Axis:
    """Return the axis of the panels: lower for the training loss, but no more than a decade on a log axis."""
    lowest = min((v for one in training for y in one.y if (v := finite(y)) is not None), default=axis.low)
    low = max(lowest, axis.low / 10) if axis.log else lowest
    return replace(axis, low=min(axis.low, low))


def _draw_loss(f: Frame, one: Line, training: Line | None) -> str:
    under = polyline(f, training.x, training.y, "ln tr") if training else ""
    return spread(f, one) + under


def metric_figure(key: str, summary: StudySummary, styles: Mapping[str, Style]) -> str:
    """Return the figure of the task's metric on the validation set along training."""
    shown = list(_lines(summary.curves, "validation_metric").values())
    if not shown or (summary.recorded and metric_title(summary) == "validation loss"):  # the figure before shows it
        return ""
    task = summary.task
    unit = f" ({task.unit})" if task.unit else ""
    x, y = _steps_axis(shown), _metric_axis(f"validation {task.metric}{unit}", shown, task.larger_is_better)
    title = f"Validation {task.metric} of the {'' if summary.recorded else 'tuned '}contenders"
    chart = overview(f"{key}-o", shown, styles, x, y, title, _ending(shown))
    context = shared_paths(f"{key}-x", shown, x, y)
    panels = "".join(
        panel(
            f"{key}-{i}",
            one.contender,
            styles[one.contender],
            x,
            y,
            _ending([one]),
            partial(spread, one=one),
            None,
            f"{key}-x",
        )
        for i, one in enumerate(shown)
    )
    better = "higher" if task.larger_is_better else "lower"
    note = (
        f"Median and middle half over the {'seeds' if summary.recorded else 'fresh seeds'}, {better} is better. Look "
        "for who is early as well as who is best: lines that meet at the end differ only in speed. The steep beginning "
        "may be cut off below so that the end can be read."
    )
    body = legend([one.contender for one in shown], styles) + chart + context + f'<div class="panels">{panels}</div>'
    return figure(key, f"Validation {task.metric} along training", note, body, html_table(_numbers(shown)))


def _metric_axis(title: str, lines: Sequence[Line], larger_is_better: bool) -> Axis:
    """Return a linear axis that leaves out the first steep part where it would flatten the rest."""
    if not larger_is_better:
        return robust_axis(title, lines)
    values = sorted(v for one in lines for y in (*one.y, *one.low, *one.high) if (v := finite(y)) is not None)
    if not values:
        return Axis(title, 0.0, 1.0)
    ends = [v for one in lines if one.y and (v := finite(one.y[-1])) is not None]
    worst = min(ends, default=values[0])
    low = min(values[len(values) // 6], worst - 0.3 * (values[-1] - worst))
    return Axis(title, *fit_range([max(low, values[0]), values[-1]], False, 0.04))


def _ending(lines: Sequence[Line]) -> str:
    words = []
    for one in lines:
        last = next((v for y in reversed(one.y) if (v := finite(y)) is not None), None)
        words.append(f"{one.contender} ends at {number(last)}" if last is not None else f"{one.contender} diverged")
    return "; ".join(words) + "."


def _numbers(lines: Sequence[Line]) -> Table:
    points = lines[0].x
    stride = max(1, -(-len(points) // LONGEST_TABLE))
    kept = sorted({*range(0, len(points), stride), len(points) - 1})
    columns = (Column("step", "left"), *(Column(one.contender) for one in lines))
    rows = tuple((str(points[i]), *(_cell(one, i) for one in lines)) for i in kept)
    return Table(columns, rows)


def _cell(one: Line, i: int) -> str:
    if i >= len(one.y):
        return number(None)
    middle = number(one.y[i])
    low, high = (finite(one.low[i]), finite(one.high[i])) if one.low else (None, None)
    return middle if low is None or high is None or low == high else f"{middle} [{number(low)}, {number(high)}]"
