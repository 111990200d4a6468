"""The leaderboard as a picture: intervals, groups that cannot be separated, default → tuned."""

from collections.abc import Mapping, Sequence

from thalweg.records.summary import Interval, LeaderboardRow, StudySummary
from thalweg.report.charts import figure, legend
from thalweg.report.formatting import MISSING, clean_interval, estimate, finite, mean_only, shorten
from thalweg.report.palette import Style
from thalweg.report.scales import Scale, fit_range
from thalweg.report.svg import line, marker, picture, tag, text
from thalweg.report.tables import Column, Table, html_table, metric_title
from thalweg.report.ties import brackets

__all__ = ["leaderboard_figure", "row_axis", "row_scale", "row_whisker"]

ROW_WIDTH, ROW_HEIGHT = 170.0, 26.0


def row_scale(rows: Sequence[LeaderboardRow]) -> Scale:
    """Return the scale of the whiskers inside the table: all tuned intervals, nothing else."""
    values = [v for row in rows for v in clean_interval(row.test_metric)]
    return Scale(*fit_range(values), 6.0, ROW_WIDTH - 6.0)


def row_axis(scale: Scale) -> str:
    """Return the small axis above the whiskers of the table."""
    ticks = scale.ticks(3)
    marks = "".join(
        line(scale(v), 13, scale(v), 17, "ax") + text(scale(v), 10, label, anchor="middle") for v, label in ticks
    )
    return f'<svg class="row" viewBox="0 0 {ROW_WIDTH:g} 17" aria-hidden="true">{marks}</svg>'


def row_whisker(interval: Interval, style: Style, scale: Scale) -> str:
    """Return one contender's interval as a small picture beside its numbers."""
    grid = "".join(line(scale(v), 0, scale(v), ROW_HEIGHT, "gr") for v, _ in scale.ticks(3))
    mean, low, high = clean_interval(interval)
    body = grid
    if mean is None:
        body += text(ROW_WIDTH / 2, 17, "diverged", anchor="middle")
    else:
        if low is not None and high is not None:
            body += line(scale(low), 13, scale(high), 13, "ci")
        body += marker(style, scale(mean), 13.0, 4.4)
    return f'<svg class="row c{style.hue}" viewBox="0 0 {ROW_WIDTH:g} {ROW_HEIGHT:g}" aria-hidden="true">{body}</svg>'


def leaderboard_figure(key: str, summary: StudySummary, styles: Mapping[str, Style]) -> str:
    """Return the figure of test metric with intervals, from the defaults to the tuned settings; none if recorded."""
    rows = summary.leaderboard
    if summary.recorded or not any(finite(row.test_metric.mean) is not None for row in rows):
        return ""
    ends = _ends(rows)
    title = f"Leaderboard: {metric_title(summary)}, default and tuned"
    said = "; ".join(f"{row.contender} {estimate(row.test_metric, 'diverged')}" for row in rows)
    wide = picture(f"{key}-w", 960, 52 + 30 * len(rows), title, said, _body(summary, styles, ends, True), "wide")
    narrow = picture(f"{key}-n", 340, 52 + 44 * len(rows), title, said, _body(summary, styles, ends, False), "narrow")
    better = "right" if summary.task.larger_is_better else "left"
    note = (
        "The filled mark is the tuned contender on the fresh seeds with its interval, the ring its default settings "
        "on the same seeds; the line between them is what tuning gained. "
        f"Further to the {better} is better. Contenders with a tick on one bracket cannot be separated. An arrow at "
        "the edge is a default off the scale, with its value."
    )
    body = legend([row.contender for row in rows], styles) + wide + narrow
    return figure(key, "From default to tuned", note, body, html_table(_numbers(summary)))


def _ends(rows: Sequence[LeaderboardRow]) -> tuple[float, float]:
    """Return the ends of the axis: every tuned interval, and the defaults that do not squash them."""
    tuned = fit_range([v for row in rows for v in clean_interval(row.test_metric)], margin=0.04)
    room = 4 * (tuned[1] - tuned[0])
    values = [*tuned]
    for row in rows:
        value = finite(row.default_test_metric.mean)
        if value is not None and tuned[0] - room <= value <= tuned[1] + room:
            values.append(value)
    return fit_range(values, margin=0.03)


def _body(summary: StudySummary, styles: Mapping[str, Style], ends: tuple[float, float], wide: bool) -> str:
    rows = summary.leaderboard
    left, right, each, top = (_label_room(rows), 810.0, 30.0, 12.0) if wide else (14.0, 306.0, 44.0, 12.0)
    scale = Scale(*ends, left, right)
    bottom = top + each * len(rows)
    parts = []
    for value, label in scale.ticks(6 if wide else 4):
        parts += [
            line(scale(value), top - 4, scale(value), bottom, "gr"),
            text(scale(value), bottom + 15, label, anchor="middle"),
        ]
    parts += [line(left, bottom, right, bottom, "ax"), text(right, bottom + 32, metric_title(summary), "lb", "end")]
    for i, row in enumerate(rows):
        y = top + each * i + (15.0 if wide else 30.0)
        style = styles[row.contender]
        if wide:
            name = text(left - 12, y + 4, shorten(row.contender, 25), "nm", "end") + text(
                right + 14, y + 4, _value(row), "vl"
            )
        else:
            name = text(left, y - 13, shorten(row.contender, 26), "nm") + text(right, y - 13, _value(row), "vl", "end")
        parts.append(f'<g class="c{style.hue}">{name}{_dumbbell(row, style, scale, y)}</g>')
    parts.append(_brackets(rows, top, each, right + 72 if wide else 324.0, wide))
    return "".join(parts)


def _label_room(rows: Sequence[LeaderboardRow]) -> float:
    return 26.0 + 8.6 * min(25, max(len(row.contender) for row in rows))


def _value(row: LeaderboardRow) -> str:
    return mean_only(row.test_metric, "diverged")


def _dumbbell(row: LeaderboardRow, style: Style, scale: Scale, y: float) -> str:
    mean, low, high = clean_interval(row.test_metric)
    default = finite(row.default_test_metric.mean)
    parts = []
    if default is not None:
        x = scale.clamped(default)
        if mean is not None:
            parts.append(line(x, y, scale(mean), y, "db"))
        if scale.low <= default <= scale.high:
            parts.append(tag("circle", cx=x, cy=y, r=4.6, class_="df"))
        else:
            turn = -1 if default < scale.low else 1
            parts.append(tag("path", d=f"M{x:.1f} {y - 4:.1f}v8l{6 * turn} -4z", class_="df"))
            parts.append(
                text(x - 8 * turn, y - 5, mean_only(row.default_test_metric), "tk", "end" if turn > 0 else None)
            )
    if mean is not None:
        if low is not None and high is not None:
            parts.append(line(scale(low), y, scale(high), y, "ci"))
        parts.append(marker(style, scale(mean), y, 5.0))
    return "".join(parts)


def _brackets(rows: Sequence[LeaderboardRow], top: float, each: float, x: float, named: bool) -> str:
    """Return the brackets: a line per group with a tick at each member."""
    parts = []
    ties = brackets(rows)
    single = all(one.track == 0 for one in ties)
    for one in ties:
        at = x + 11.0 * one.track
        heights = [top + each * (i + 0.5) for i in one.members]
        ticks = "".join(f"M{at - 5:.1f} {y:.1f}h5" for y in heights)
        parts.append(tag("path", d=f"M{at:.1f} {heights[0]:.1f}V{heights[-1]:.1f}{ticks}", class_="br"))
        if named and single:
            parts.append(text(at + 7, (heights[0] + heights[-1]) / 2 + 3.5, "not separable"))
    return "".join(parts)


def _numbers(summary: StudySummary) -> Table:
    columns = (Column("contender", "left"), Column("default"), Column("tuned"), Column("rank group"))
    rows = tuple(
        (
            row.contender,
            estimate(row.default_test_metric, MISSING),
            estimate(row.test_metric, "diverged"),
            str(row.group),
        )
        for row in summary.leaderboard
    )
    return Table(columns, rows)
