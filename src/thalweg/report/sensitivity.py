"""Learning-rate sensitivity: how well each contender does at each rate that was tried."""

from collections.abc import Mapping, Sequence

from thalweg.records.summary import Sensitivity, StudySummary
from thalweg.report.charts import Axis, figure, legend, panel
from thalweg.report.formatting import escape, finite, number, share
from thalweg.report.palette import Style
from thalweg.report.scales import fit_range
from thalweg.report.svg import Frame, line, polyline, tag, text
from thalweg.report.tables import Column, Table, html_table

__all__ = ["sensitivity_figure"]

PLOT = (38.0, 64.0, 262.0, 162.0)
STRIP = 51.0  # height of the strip of divergence marks


def sensitivity_figure(key: str, summary: StudySummary, styles: Mapping[str, Style]) -> str:
    """Return the figure of validation loss against learning rate, one panel per contender."""
    known = [one for one in summary.sensitivity if one.learning_rate]
    if not known:
        return ""
    x = Axis("learning rate", *fit_range([r for one in known for r in one.learning_rate], log=True), log=True)
    y, best = _loss_axis(known, summary.task.loss)
    joined = {label for label, space in summary.spaces.items() if len(space) == 1}
    joined |= {row.contender for row in summary.leaderboard if row.tuned == ("learning_rate",)}
    panels = "".join(
        _panel(f"{key}-{i}", one, styles[one.contender], (x, y), best, one.contender in joined)
        for i, one in enumerate(known)
    )
    note = (
        "Each mark is one configuration that was tried: the median over its tuning seeds, the whisker from the best to "
        "the worst seed. A wide low valley forgives a wrong learning rate, a narrow one does not. A cross in the "
        "strip above counts a rate at which runs diverged; an arrow at the upper edge is a loss off the scale. The "
        "ring is "
        "the default, the vertical line the rate that was chosen, the dashed level the best loss any contender "
        "reached. "
        "Marks are joined only where the learning rate alone was tuned: elsewhere the other hyperparameters change "
        "as well."
    )
    labels = [one.contender for one in known]
    body = legend(labels, styles) + f'<div class="panels">{panels}</div>'
    return figure(key, "Sensitivity to the learning rate", note, body, _numbers(known))


def _loss_axis(known: Sequence[Sensitivity], loss: str) -> tuple[Axis, float | None]:
    medians = sorted(v for one in known for m in one.median if (v := finite(m)) is not None)
    ends = [v for one in known for end in (*one.low, *one.median) if (v := finite(end)) is not None]
    title = f"validation {loss}"
    if not medians:
        return Axis(title, 0.0, 1.0), None
    cap = max(medians[int(0.8 * (len(medians) - 1))] * 1.5, medians[0] * 1.5) if medians[0] > 0 else medians[-1]
    log = min(ends) > 0 and min(cap, max(ends)) / min(ends) > 6
    return Axis(title, *fit_range([min(min(ends), cap), min(cap, max(ends))], log), log), medians[0]


def _panel(key: str, one: Sensitivity, style: Style, ends: tuple[Axis, Axis], best: float | None, joined: bool) -> str:
    x, y = ends
    diverged = sum(1 for part in one.diverged_share if part > 0)
    description = (
        f"{one.contender}: validation loss at {len(one.learning_rate)} learning rates from "
        f"{number(min(one.learning_rate))} to {number(max(one.learning_rate))}; chosen {number(one.best)}; "
        f"runs diverged at {diverged} of them."
    )

    def draw(f: Frame) -> str:
        level = line(f.left, f.y(best), f.right, f.y(best), "lv") if best is not None else ""
        chosen = finite(one.best)
        pick = line(f.x(chosen), f.top, f.x(chosen), f.bottom, "pk") if chosen else ""
        path = polyline(f, one.learning_rate, _capped(one.median, y.high), "ln th") if joined else ""
        strip = tag("rect", x=f.left, y=STRIP - 8, width=f.right - f.left, height=16.0, class_="sp")
        word = "" if diverged else text((f.left + f.right) / 2, STRIP + 3.5, "none diverged", "tk", "middle")
        marks = _medians(f, one) + "".join(_mark(f, one, i) for i in range(len(one.learning_rate)))
        return strip + word + level + pick + path + marks

    return panel(key, one.contender, style, x, y, description, over=draw, box=PLOT)


def _capped(values: Sequence[float | None], cap: float) -> list[float | None]:
    return [None if (v := finite(value)) is None else min(v, cap) for value in values]


def _medians(f: Frame, one: Sensitivity) -> str:
    """Return whiskers, medians and crosses, one path each; the dots are the round caps of lines without length."""
    whiskers, dots, most, some = "", "", "", ""
    for i, rate in enumerate(one.learning_rate):
        x = f"{f.x(rate):.1f}"
        low, high, median = finite(one.low[i]), finite(one.high[i]), finite(one.median[i])
        if low is not None and high is not None and high > low:
            whiskers += f"M{x} {f.y.clamped(high):.1f}V{f.y.clamped(low):.1f}"
        if median is not None and median <= f.y.high:
            dots += f"M{x} {f.y.clamped(median):.1f}h0"
        if one.diverged_share[i] > 0:
            cross = f"M{f.x(rate) - 3:.1f} {STRIP - 3:g}l6 6m0-6l-6 6"
            most, some = (most + cross, some) if one.diverged_share[i] >= 0.5 else (most, some + cross)
    paths = ((whiskers, "wh"), (dots, "pt"), (most, "dv"), (some, "dv hf"))
    return "".join(tag("path", d=d, class_=class_) for d, class_ in paths if d)


def _mark(f: Frame, one: Sensitivity, i: int) -> str:
    """Return what marks one configuration beyond its dot: off the scale, the default."""
    x, median = f.x(one.learning_rate[i]), finite(one.median[i])
    parts = []
    if median is not None and median > f.y.high:
        parts.append(tag("path", d=f"M{x - 3:.1f} {f.top + 4:.1f}h6l-3 -5z", class_="mk"))
    if one.is_default[i]:
        y = STRIP if median is None else f.y.clamped(median)
        parts.append(tag("circle", cx=x, cy=y, r=5.6, class_="df"))
    return "".join(parts)


def _numbers(known: Sequence[Sensitivity]) -> str:
    """Return one table per contender."""
    columns = tuple(Column(title) for title in ("learning rate", "median loss", "seeds", "diverged"))
    parts = []
    for one in known:
        rows = tuple(
            (
                f"{number(rate)}{' (default)' if one.is_default[i] else ''}",
                number(one.median[i]),
                _range(one.low[i], one.high[i]),
                share(one.diverged_share[i]),
            )
            for i, rate in enumerate(one.learning_rate)
        )
        parts.append(f"<h4>{escape(one.contender)}</h4>{html_table(Table(columns, rows))}")
    return "".join(parts)


def _range(low: float | None, high: float | None) -> str:
    """Return the best and the worst seed, or nothing where they are the same."""
    return "" if finite(low) is None or low == high else f"{number(low)} to {number(high)}"
