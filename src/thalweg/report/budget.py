"""Expected best against budget: what tuning buys, and what the defaults give for nothing."""

from collections.abc import Mapping, Sequence
from functools import partial

from thalweg.records.summary import ExpectedBest, StudySummary
from thalweg.report.charts import Axis, Line, figure, legend, overview, panel, shared_paths, spread
from thalweg.report.curves import robust_axis
from thalweg.report.formatting import finite, number
from thalweg.report.palette import Style
from thalweg.report.svg import Frame, line, tag
from thalweg.report.tables import Column, Table, html_table

__all__ = ["budget_figure"]


def budget_figure(key: str, summary: StudySummary, styles: Mapping[str, Style]) -> str:
    """Return the figure of the expected best validation loss after k trials."""
    known = [one for one in summary.expected_best if one.budget]
    if not known:
        return ""
    lines = [Line(one.contender, one.budget, one.mean, one.low, one.high) for one in known]
    defaults = [Line(one.contender, (0,), (one.default,)) for one in known]
    last = float(max(one.budget[-1] for one in known))
    x = Axis("trials", -0.03 * last, last)  # room for the defaults at zero trials
    y = robust_axis(f"validation {summary.task.loss}", [*lines, *defaults])
    chart = overview(
        f"{key}-o", lines, styles, x, y, "Expected best validation loss after k trials", _words(known), defaults
    )
    context = shared_paths(f"{key}-x", lines, x, y)
    panels = "".join(
        panel(
            f"{key}-{i}", one.contender, styles[one.contender], x, y, _words([one]), partial(spread, one=lines[i]),
            partial(_default_mark, default=one.default), f"{key}-x",
        )
        for i, one in enumerate(known)
    )  # fmt: skip
    note = (
        "The best validation loss to expect if only so many of the trials had been run, with its interval. The "
        "hollow marks at zero trials and the dashed levels "
        "show the untuned defaults: where the line crosses the level, tuning starts to pay. Lines that cross each "
        "other mean "
        "that the ranking depends on how long one tunes. Near the right end the band narrows by construction, not by "
        "certainty."
    )
    body = legend([one.contender for one in known], styles) + chart + context + f'<div class="panels">{panels}</div>'
    return figure(key, "Expected best against budget", note, body, html_table(_numbers(known)))


def _default_mark(f: Frame, default: float | None) -> str:
    known = finite(default)
    if known is None or (f.y.log and known <= 0):
        return ""
    y = f.y.clamped(known)
    return line(f.left, y, f.right, y, "pk") + tag("circle", cx=f.x(0.0), cy=y, r=5.0, class_="df")


def _words(known: Sequence[ExpectedBest]) -> str:
    return "; ".join(
        f"{one.contender}: {number(one.mean[0])} after {one.budget[0]} trial, {number(one.mean[-1])} after "
        f"{one.budget[-1]}, "
        f"default {number(one.default)}"
        for one in known
    )


def _numbers(known: Sequence[ExpectedBest]) -> Table:
    longest = max(known, key=lambda one: len(one.budget)).budget
    kept = [k for k in longest if k in {1, 2, 4, 8, 16, 32, 64, longest[-1]}]
    columns = (
        Column("contender", "left"),
        Column("default"),
        *(Column(f"{k} trials" if k > 1 else "1 trial") for k in kept),
    )
    rows = []
    for one in known:
        at = {k: i for i, k in enumerate(one.budget)}
        cells = [
            f"{number(one.mean[at[k]])} [{number(one.low[at[k]])}, {number(one.high[at[k]])}]"
            if k in at
            else number(None)
            for k in kept
        ]
        rows.append((one.contender, number(one.default), *cells))
    return Table(columns, tuple(rows))
