"""Several tasks at once: the performance profile and the map of ratios to the best."""

from collections.abc import Mapping, Sequence

from thalweg.records.summary import PerformanceProfile
from thalweg.report.charts import Axis, Line, figure, legend, overview
from thalweg.report.formatting import escape, finite, number, share, shorten, steps
from thalweg.report.palette import Style
from thalweg.report.svg import picture, tag, text
from thalweg.report.tables import Column, Table, html_table

__all__ = ["heat_figure", "profile_figure", "score_table"]

EDGES = (1.05, 1.5, 2.0, 4.0)  # upper ends of the first four shades; beyond, or missed, is the fifth


def _by_score(profile: PerformanceProfile) -> list[int]:
    return sorted(range(len(profile.contenders)), key=lambda i: (-profile.score[i], i))


def score_table(profile: PerformanceProfile) -> Table:
    """Return the scores of the profile with the absolute steps to the target beside them."""
    columns = (
        Column("contender", "left"),
        Column("score"),
        Column("tasks solved"),
        *(Column(f"{t}: steps") for t in profile.tasks),
    )
    rows = []
    for i in _by_score(profile):
        times = profile.steps_to_target[i]
        solved = sum(1 for t in times if finite(t) is not None)
        cells = [steps(t) if finite(t) is not None else "missed" for t in times]
        rows.append((profile.contenders[i], number(profile.score[i]), f"{solved} of {len(times)}", *cells))
    return Table(columns, tuple(rows))


def profile_figure(key: str, profile: PerformanceProfile, styles: Mapping[str, Style]) -> str:
    """Return the performance profile: share of tasks solved within a multiple of the best's steps."""
    order = _by_score(profile)
    lines = [Line(profile.contenders[i], profile.tau, profile.share[i], step=True) for i in order]
    if not lines or not profile.tau:
        return ""
    x = Axis("steps to target, as a multiple of the best contender's", profile.tau[0], profile.tau[-1])
    y = Axis("share of tasks solved", 0.0, 1.04)
    said = "; ".join(f"{profile.contenders[i]} score {number(profile.score[i])}" for i in order)
    chart = overview(key + "-o", lines, styles, x, y, "Performance profile", said)
    note = (
        "How many of the tasks each contender solves within so many times the steps of the best one. Height at the "
        "left edge is how often it is "
        "the best, height at the right how often it gets there at all. The score is the area under the line, scaled "
        "to 0–1. It is "
        "relative to this field: adding or leaving out a contender changes everyone's score, so the absolute steps "
        "stand beside it."
    )
    body = legend([one.contender for one in lines], styles) + chart
    return figure(key, "Performance profile over the tasks", note, body, html_table(score_table(profile)))


def heat_figure(key: str, profile: PerformanceProfile, styles: Mapping[str, Style]) -> str:
    """Return the map of every contender's ratio to the best on every task."""
    if not profile.tasks or not profile.contenders:
        return ""
    order = _by_score(profile)
    cell, high, left, top = 92.0, 30.0, 150.0, 40.0
    parts = [
        text(left + cell * (j + 0.5), top - 12, shorten(name, 14), "tk", "middle")
        for j, name in enumerate(profile.tasks)
    ]
    for row, i in enumerate(order):
        y = top + high * row
        label = profile.contenders[i]
        parts.append(text(left - 10, y + 20, shorten(label, 22), "nm", "end"))
        parts += [_cell(left + cell * j, y, cell, high, ratio) for j, ratio in enumerate(profile.ratio[i])]
    width, height = left + cell * len(profile.tasks) + 4, top + high * len(order) + 4
    said = "; ".join(f"{profile.contenders[i]}: {', '.join(_ratio_text(r) for r in profile.ratio[i])}" for i in order)
    chart = picture(key + "-m", width, height, "Ratio to the best", said, "".join(parts), "heat")
    chart = f'<div class="scroll" tabindex="0" style="--w:{width:.0f}px">{chart}</div>'
    note = (
        "Steps to the task's target as a multiple of the best contender's: × 1 is the best on that task, missed "
        "means that the target was never reached. "
        "Look along a row for a contender that is good everywhere, and down a column for a task that tells them apart."
    )
    labels = [profile.contenders[i] for i in order]
    return figure(
        key,
        "Task by task: ratio to the best",
        note,
        legend(labels, styles) + _shades() + chart,
        _ratios(profile, order),
    )


def _shade(ratio: float | None) -> int:
    value = finite(ratio)
    return len(EDGES) if value is None else sum(1 for edge in EDGES if value > edge)


def _ratio_text(ratio: float | None) -> str:
    value = finite(ratio)
    return "missed" if value is None else f"× {value:.2f}" if value < 10 else f"× {value:.0f}"


def _cell(x: float, y: float, width: float, height: float, ratio: float | None) -> str:
    shade = _shade(ratio)
    box = tag("rect", x=x + 1, y=y + 1, width=width - 2, height=height - 2, rx=3, class_=f"h{shade}")
    return box + text(x + width / 2, y + height / 2 + 4, _ratio_text(ratio), f"t{shade}", "middle")


def _shades() -> str:
    names = [f"≤ {EDGES[0]:g}", *(f"≤ {edge:g}" for edge in EDGES[1:]), "more, or missed"]
    keys = "".join(f'<li><i class="k{i}"></i><span>{escape(name)}</span></li>' for i, name in enumerate(names))
    return f'<ul class="legend shades">{keys}</ul>'


def _ratios(profile: PerformanceProfile, order: Sequence[int]) -> str:
    columns = (Column("contender", "left"), *(Column(task) for task in profile.tasks), Column("solved within 4×"))
    rows = []
    for i in order:
        ratios = profile.ratio[i]
        near = sum(1 for r in ratios if (value := finite(r)) is not None and value <= 4)
        rows.append((profile.contenders[i], *(_ratio_text(r) for r in ratios), share(near / len(ratios))))
    return html_table(Table(columns, tuple(rows)))
