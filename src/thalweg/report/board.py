"""The leaderboard and the pairwise verdicts as tables of the report."""

from collections.abc import Mapping, Sequence
from typing import Any

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
from thalweg.report.tables import comparison_table, html_table, loss_text, metric_title, probability, time_to_target
from thalweg.report.ties import Bracket, brackets
from thalweg.report.whiskers import row_axis, row_scale, row_whisker

__all__ = ["leaderboard_section", "matrix_section", "spaces_table"]


def leaderboard_section(summary: StudySummary, styles: Mapping[str, Style]) -> str:
    """Return the leaderboard: brackets join what cannot be separated, whiskers stand in the rows."""
    scale = row_scale(summary.leaderboard)
    titles = (
        ("rank", ""), ("optimizer", "who"), (escape(metric_title(summary)), ""), (row_axis(scale), ""),
        (f"validation loss{_below(summary.task.loss if summary.task.loss != 'loss' else MISSING)}", ""),
        (f"steps to target{_below('seeds reaching it')}", ""), (f"diverged{_below('of all trials')}", ""),
        (f"state{_below('bytes / param')}", ""), (f"time to target{_below('per step, alone')}", ""),
        ("tuned hyperparameters", "hp"),
    )  # fmt: skip
    head = "".join(f'<th scope="col" class="{c}">{t}</th>' if c else f'<th scope="col">{t}</th>' for t, c in titles)
    ties = brackets(summary.leaderboard)
    rows = []
    for i, row in enumerate(summary.leaderboard):
        style = styles[row.contender]
        rows.append(f"<tr>{_ties(ties, i)}{_row(row, style, row_whisker(row.test_metric, style, scale))}</tr>")
    top = f"<thead><tr>{_ties(ties, -1)}{head}</tr></thead>"
    table = f'<table class="board">{top}<tbody>{"".join(rows)}</tbody></table>'
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
    return (
        f"Means over the fresh seeds with {interval}; the rank is the interval of ranks over resampled "
        "configurations and seeds. A bracket joins, tick by tick, contenders that cannot be separated; others "
        f"are separated only where the pairs below say so.{target} Time to target is steps × time per step of one "
        "run measured alone."
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


def _row(row: LeaderboardRow, style: Style, whisker: str) -> str:
    name = f'<span title="{escape(row.contender)}">{escape(row.contender)}</span>'
    default = mean_only(row.default_test_metric, "diverged")
    reached = MISSING if row.target_share is None else "never" if row.target_share == 0 else steps(row.steps_to_target)
    lost = ' class="bad"' if row.diverged_share > 0.3 else ""
    return (
        f'<td>{rank_text(row.rank)}</td><th scope="row" class="who">{swatch(style)}{name}</th>'
        f"<td>{escape(estimate(row.test_metric, 'diverged'))}{_below(f'default {default}')}</td><td>{whisker}</td>"
        f"<td>{escape(loss_text(row))}</td><td>{reached}{_below(share(row.target_share))}</td>"
        f"<td{lost}>{escape(share(row.diverged_share))}</td><td>{number(row.state_bytes_per_parameter)}</td>"
        f"<td>{duration(time_to_target(row))}{_below(seconds_per_step(row.seconds_per_step))}</td>"
        f'<td class="hp">{_settings(row)}</td>'
    )


def _below(words: str) -> str:
    return "" if words == MISSING else f'<span class="sub">{escape(words)}</span>'


def _settings(row: LeaderboardRow) -> str:
    shown = [name for name in row.hyperparameters if name in row.tuned]
    return " ".join(f"<code>{escape(name)}={setting(row.hyperparameters[name])}</code>" for name in shown) or MISSING


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
