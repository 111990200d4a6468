"""The leaderboard and the pairwise verdicts as tables of the report."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from thalweg.records.summary import Comparison, LeaderboardRow, StudySummary
from thalweg.report.charts import swatch
from thalweg.report.formatting import (
    MISSING,
    duration,
    escape,
    estimate,
    mean_only,
    number,
    rank_text,
    seconds_per_step,
    setting,
    share,
    steps,
)
from thalweg.report.palette import Style
from thalweg.report.scales import Scale
from thalweg.report.tables import comparison_table, html_table, loss_text, metric_title, probability, time_to_target
from thalweg.report.ties import Bracket, brackets
from thalweg.report.whiskers import row_axis, row_scale, row_whisker

__all__ = ["leaderboard_section", "matrix_section", "spaces_table"]


def leaderboard_section(summary: StudySummary, styles: Mapping[str, Style]) -> str:
    """Return the leaderboard: brackets join what cannot be separated, whiskers stand in the rows."""
    scale = row_scale(summary.leaderboard)
    columns = _recorded_columns(summary, scale) if summary.recorded else _columns(summary, scale)
    head = "".join(f'<th scope="col"{_class(one.class_)}>{one.title}</th>' for one in columns)
    ties = brackets(summary.leaderboard)
    rows = []
    for i, row in enumerate(summary.leaderboard):
        cells = "".join(one.cell(row, styles[row.contender]) for one in columns)
        rows.append(f"<tr>{_ties(ties, i)}{cells}</tr>")
    top = f"<thead><tr>{_ties(ties, -1)}{head}</tr></thead>"
    few = " few" if summary.recorded else ""
    table = f'<table class="board{few}">{top}<tbody>{"".join(rows)}</tbody></table>'
    return f'<div class="scroll" tabindex="0">{table}</div><p class="note">{escape(_note(summary))}</p>'


def _note(summary: StudySummary) -> str:
    task = summary.task
    level = summary.protocol.get("confidence")
    interval = f"{100 * level:g} % interval" if isinstance(level, int | float) else "interval"
    target = ""
    if task.target_value is not None:
        sign = "≥" if task.target_quantity == "validation_metric" and task.larger_is_better else "≤"
        name = f"validation {task.metric}" if task.target_quantity == "validation_metric" else f"validation {task.loss}"
        target = f" Target: {name} {sign} {number(task.target_value)}; it ships with the task."
    seeds, drawn = ("seeds", "seeds") if summary.recorded else ("fresh seeds", "configurations and seeds")
    alone = "" if summary.recorded else " Time to target is steps × time per step of one run measured alone."
    return (
        f"Means over the {seeds} with {interval}; the rank is the interval of ranks over resampled {drawn}. A bracket "
        "joins, tick by tick, contenders that cannot be separated; others are separated only where the pairs below say "
        f"so.{target}{alone}"
    )


def _ties(ties: Sequence[Bracket], position: int) -> str:
    """Return the cells of one row in which its brackets pass by; a tick marks the members."""
    cells = []
    for track in range(max((one.track for one in ties), default=-1), -1, -1):
        marks = ""
        for one in ties:
            if one.track == track and one.members[0] <= position <= one.members[-1]:
                ends = {one.members[0]: "f", one.members[-1]: "l"}.get(position, "")
                member = "m" if position in one.members else ""
                marks = f'<i class="{" ".join(word for word in (member, ends) if word)}"></i>'
        cells.append(f'<td class="tie">{marks}</td>')
    return "".join(cells)


class _BoardColumn(NamedTuple):
    title: str
    class_: str
    cell: Callable[[LeaderboardRow, Style], str]


def _columns(summary: StudySummary, scale: Scale) -> list[_BoardColumn]:
    loss = summary.task.loss if summary.task.loss != "loss" else MISSING
    return [
        *_outcome(summary, scale, lambda row: f"default {mean_only(row.default_test_metric, 'diverged')}"),
        _BoardColumn(f"validation loss{_below(loss)}", "", _loss),
        _BoardColumn(f"steps to target{_below('seeds reaching it')}", "", _reached),
        _BoardColumn(f"diverged{_below('of all trials')}", "", _lost),
        _BoardColumn(f"state{_below('bytes / param')}", "", lambda row, _: _td(number(row.state_bytes_per_parameter))),
        _BoardColumn(f"time to target{_below('per step, alone')}", "", _time),
        _BoardColumn("tuned hyperparameters", "hp", lambda row, _: _settings(row, row.tuned)),
    ]


def _recorded_columns(summary: StudySummary, scale: Scale) -> list[_BoardColumn]:
    """Return the columns of runs trained elsewhere: nothing was tuned, timed or aimed at a target."""
    loss = _BoardColumn("validation loss", "", _loss)
    return [
        *_outcome(summary, scale, lambda _: MISSING),
        *([] if metric_title(summary) == loss.title else [loss]),
        _BoardColumn(f"diverged{_below('of all runs')}", "", _lost),
        _BoardColumn("hyperparameters", "hp", lambda row, _: _settings(row, list(row.hyperparameters))),
    ]


def _outcome(summary: StudySummary, scale: Scale, under: Callable[[LeaderboardRow], str]) -> list[_BoardColumn]:
    """Return rank, name, result with what stands under it, and the result as a picture."""

    def result(row: LeaderboardRow, _: Style) -> str:
        return _td(f"{escape(estimate(row.test_metric, 'diverged'))}{_below(under(row))}")

    return [
        _BoardColumn("rank", "", lambda row, _: _td(rank_text(row.rank))),
        _BoardColumn("optimizer", "who", _name),
        _BoardColumn(escape(metric_title(summary)), "", result),
        _BoardColumn(row_axis(scale), "", lambda row, style: _td(row_whisker(row.test_metric, style, scale))),
    ]


def _name(row: LeaderboardRow, style: Style) -> str:
    name = escape(row.contender)
    return f'<th scope="row" class="who">{swatch(style)}<span title="{name}">{name}</span></th>'


def _loss(row: LeaderboardRow, _: Style) -> str:
    return _td(escape(loss_text(row)))


def _reached(row: LeaderboardRow, _: Style) -> str:
    reached = MISSING if row.target_share is None else "never" if row.target_share == 0 else steps(row.steps_to_target)
    return _td(f"{reached}{_below(share(row.target_share))}")


def _lost(row: LeaderboardRow, _: Style) -> str:
    return _td(escape(share(row.diverged_share)), "bad" if row.diverged_share > 0.3 else "")


def _time(row: LeaderboardRow, _: Style) -> str:
    return _td(f"{duration(time_to_target(row))}{_below(seconds_per_step(row.seconds_per_step))}")


def _td(inside: str, class_: str = "") -> str:
    return f"<td{_class(class_)}>{inside}</td>"


def _class(class_: str) -> str:
    return f' class="{class_}"' if class_ else ""


def _below(words: str) -> str:
    return "" if words == MISSING else f'<span class="sub">{escape(words)}</span>'


def _settings(row: LeaderboardRow, names: Sequence[str]) -> str:
    shown = [name for name in row.hyperparameters if name in names]
    settings = " ".join(f"<code>{escape(name)}={setting(row.hyperparameters[name])}</code>" for name in shown)
    return _td(settings or MISSING, "hp")


def matrix_section(summary: StudySummary) -> str:
    """Return the pairwise verdicts: row against column, a sign and a word, never colour alone."""
    labels = [row.contender for row in summary.leaderboard]
    if not summary.comparisons or len(labels) < 2:
        return ""
    found = {(pair.first, pair.second): pair for pair in summary.comparisons}
    head = "".join(f'<th scope="col" title="{escape(label)}">{i}</th>' for i, label in enumerate(labels, 1))
    rows = "".join(
        f'<tr><th scope="row" class="l">{i} {escape(label)}</th>'
        + "".join(_verdict_cell(found, label, other) for other in labels)
        + "</tr>"
        for i, label in enumerate(labels, 1)
    )
    threshold = summary.protocol.get("win_probability", 0.75)
    note = (
        "Row against column, paired by seed: ▲ the row is better, ▼ the column is better, = not separable. The "
        "number is the probability that the "
        f"row is better. A win needs a probability of at least {number(threshold)} and an interval of the difference "
        "that excludes a tie."
    )
    table = f'<table class="matrix"><thead><tr><td class="me"></td>{head}</tr></thead><tbody>{rows}</tbody></table>'
    every = f'<div class="scroll">{html_table(comparison_table(summary))}</div>'
    return (
        f'<h3>Who beats whom</h3><p class="note">{escape(note)}</p><div class="scroll" tabindex="0">{table}</div>'
        f"<details><summary>All pairs with their differences</summary>{every}</details>"
    )


def _verdict_cell(found: Mapping[tuple[str, str], Comparison], row: str, column: str) -> str:
    if row == column:
        return '<td class="me"></td>'
    pair, turned = found.get((row, column)), found.get((column, row))
    if pair is None and turned is None:
        return f"<td>{MISSING}</td>"
    if pair is not None:
        chance, won, lost = pair.probability_first_better, pair.verdict == "first", pair.verdict == "second"
        said = f"{row} − {column}: {estimate(pair.difference, signed=True)}"
    else:
        assert turned is not None
        chance, won, lost = 1 - turned.probability_first_better, turned.verdict == "second", turned.verdict == "first"
        said = f"{column} − {row}: {estimate(turned.difference, signed=True)}"
    class_, sign = ("w", "▲") if won else ("o", "▼") if lost else ("n", "=")
    return f'<td class="{class_}" title="{escape(said)}">{sign}<small>{escape(probability(chance))}</small></td>'


def spaces_table(summary: StudySummary) -> str:
    """Return the searched ranges: one row per contender, one column per hyperparameter, the chosen value below."""
    names = list(dict.fromkeys(str(d.get("name", MISSING)) for space in summary.spaces.values() for d in space))
    chosen = {row.contender: row.hyperparameters for row in summary.leaderboard}
    head = "".join(f'<th scope="col" class="l">{escape(name)}</th>' for name in names)
    rows = []
    for label, space in summary.spaces.items():
        by_name = {str(d.get("name", MISSING)): d for d in space}
        cells = "".join(_space_cell(by_name.get(name), chosen.get(label, {}).get(name)) for name in names)
        rows.append(f'<tr><th scope="row" class="l">{escape(label)}</th>{cells}</tr>')
    top = f'<tr><th scope="col" class="l">contender</th>{head}</tr>'
    return f'<table class="spaces"><thead>{top}</thead><tbody>{"".join(rows)}</tbody></table>'


def _space_cell(dimension: Mapping[str, Any] | None, value: float | None) -> str:
    if dimension is None:
        return '<td class="l sub">default</td>' if value is not None else f'<td class="l">{MISSING}</td>'
    scale = {"log": "log", "linear": "linear", "complement": "log in 1 − value"}.get(str(dimension.get("scale")), "")
    ends = f"{number(dimension.get('low'), 6)} to {number(dimension.get('high'), 6)}"
    return f'<td class="l">{ends}{_below(f"{scale}, chosen {setting(value)}" if value is not None else scale)}</td>'
