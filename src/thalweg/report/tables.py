"""The leaderboard and its companions as plain rows and columns, for the terminal and for the report."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from thalweg.records.summary import LeaderboardRow, StudySummary
from thalweg.report.formatting import (
    MISSING,
    duration,
    escape,
    estimate,
    finite,
    number,
    rank_text,
    seconds_per_step,
    setting,
    share,
    steps,
)

__all__ = [
    "Column",
    "Table",
    "comparison_table",
    "html_table",
    "leaderboard_table",
    "loss_text",
    "metric_title",
    "probability",
    "space_table",
    "time_to_target",
]


@dataclass(frozen=True)
class Column:
    """One column: its heading, how it is aligned, and how soon it may be left out where room is short.

    Attributes:
        title: Heading with unit.
        align: ``left`` or ``right``.
        priority: 1 always shown, 2 shown where there is room, 3 shown in the full table.
    """

    title: str
    align: Literal["left", "right"] = "right"
    priority: int = 1


@dataclass(frozen=True)
class Table:
    """Plain columns and rows; every cell is text for people."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]

    def only(self, priority: int) -> "Table":
        """Return the table with the columns of at most this priority.

        Example:
            >>> table = Table((Column("a"), Column("b", priority=3)), (("1", "2"),))
            >>> table.only(1).rows
            (('1',),)
        """
        kept = [i for i, column in enumerate(self.columns) if column.priority <= priority]
        rows = tuple(tuple(row[i] for i in kept) for row in self.rows)
        return Table(tuple(self.columns[i] for i in kept), rows)


def metric_title(summary: StudySummary, split: str = "") -> str:
    """Return the metric's name with its split and unit, e.g. ``test RMSE (k$)``; by default the split judged on."""
    unit = f" ({summary.task.unit})" if summary.task.unit else ""
    return f"{split or summary.judged_on} {summary.task.metric}{unit}"


def time_to_target(row: LeaderboardRow) -> float | None:
    """Return steps to the target times seconds per step of one run measured alone, in seconds."""
    taken, each = finite(row.steps_to_target), finite(row.seconds_per_step)
    return None if taken is None or each is None else taken * each


def hyperparameter_text(row: LeaderboardRow) -> str:
    """Return the tuned hyperparameters, e.g. ``learning_rate 0.0032, beta1 0.87``."""
    shown = [name for name in row.hyperparameters if name in row.tuned]
    return ", ".join(f"{name} {setting(row.hyperparameters[name])}" for name in shown) or MISSING


def loss_text(row: LeaderboardRow) -> str:
    """Return the validation loss with its interval; ``diverged`` only where the metric is missing as well."""
    return estimate(row.validation_loss, "diverged" if finite(row.test_metric.mean) is None else MISSING)


def _outcome(row: LeaderboardRow) -> str:
    return estimate(row.test_metric, missing="diverged")


def _reached(row: LeaderboardRow) -> str:
    if row.target_share is None:
        return MISSING
    return "never" if row.target_share == 0 else steps(row.steps_to_target)


def leaderboard_table(summary: StudySummary) -> Table:
    """Return the leaderboard, best first, in the order of the summary.

    Columns of priority 1 fit a terminal of 80 characters, ``table.only(2)`` one of 120.
    """
    target = summary.task.target_value is not None
    fields: list[tuple[Column, Callable[[LeaderboardRow], str]]] = [
        (Column("rank"), lambda row: rank_text(row.rank)),
        (Column("group"), lambda row: str(row.group)),
        (Column("optimizer", "left"), lambda row: row.contender),
        (Column(metric_title(summary)), _outcome),
        (Column("validation loss", priority=2), loss_text),
        (Column("at defaults", priority=3), lambda row: estimate(row.default_test_metric, missing="diverged")),
        (Column("steps to target", priority=1 if target else 3), _reached),
        (Column("reached", priority=2 if target else 3), lambda row: share(row.target_share)),
        (Column("diverged", priority=2), lambda row: share(row.diverged_share)),
        (Column("state (B/param)", priority=3), lambda row: number(row.state_bytes_per_parameter)),
        (Column("time per step", priority=2), lambda row: seconds_per_step(row.seconds_per_step)),
        (Column("time to target", priority=3), lambda row: duration(time_to_target(row))),
        (Column("gradients", priority=3), lambda row: steps(row.gradient_evaluations)),
        (Column("tuned hyperparameters", "left", priority=3), hyperparameter_text),
    ]
    if summary.recorded:
        known = {column.title: (column, value) for column, value in reversed(fields) if _is_known(column)}
        fields = list(reversed(known.values()))  # the result comes first, also where it is the validation loss
    rows = tuple(tuple(value(row) for _, value in fields) for row in summary.leaderboard)
    return Table(tuple(column for column, _ in fields), rows)


def _is_known(column: Column) -> bool:
    """Return whether runs that were trained elsewhere can fill a column: nothing of them was tuned or timed."""
    return not column.title.startswith(("at defaults", "steps to", "reached", "state", "time", "gradients", "tuned"))


def comparison_table(summary: StudySummary) -> Table:
    """Return every pair of contenders with difference, probability and verdict."""
    columns = (
        Column("A", "left"), Column("B", "left"), Column(f"A − B, {metric_title(summary)}"), Column("P(A better)"),
        Column("verdict", "left"),
    )  # fmt: skip
    words = {"first": "A better", "second": "B better", "not separable": "not separable"}
    rows = tuple(
        (
            pair.first, pair.second, estimate(pair.difference, signed=True), probability(pair.probability_first_better),
            words[pair.verdict],
        )
        for pair in summary.comparisons
    )  # fmt: skip
    return Table(columns, rows)


def probability(value: float | None) -> str:
    """Return a probability with two decimals that says 0 or 1 only where it is exactly so."""
    value = finite(value)
    if value is None:
        return MISSING
    if 0 < value < 0.005:
        return "<0.01"
    if 0.995 <= value < 1:
        return ">0.99"
    return f"{value:.2f}"


def space_table(summary: StudySummary) -> Table:
    """Return the spaces searched, with each winner's value beside its range."""
    columns = (
        Column("contender", "left"), Column("hyperparameter", "left"), Column("from"), Column("to"),
        Column("scale", "left"),
        Column("chosen"),
    )  # fmt: skip
    chosen = {row.contender: row.hyperparameters for row in summary.leaderboard}
    scales = {"log": "logarithmic", "linear": "linear", "complement": "logarithmic in 1 − value"}
    rows = []
    for label, space in summary.spaces.items():
        for dimension in space:
            name = str(dimension.get("name", MISSING))
            scale = str(dimension.get("scale", MISSING))
            value = chosen.get(label, {}).get(name)
            ends = (number(dimension.get("low"), 6), number(dimension.get("high"), 6))
            rows.append((label, name, *ends, scales.get(scale, scale), setting(value)))
    return Table(columns, tuple(rows))


def html_table(table: Table, class_: str = "plain") -> str:
    """Return a table as HTML; the first left column of each row is its heading."""
    lead = next((i for i, column in enumerate(table.columns) if column.align == "left"), 0)
    head = "".join(f'<th scope="col"{_side(column)}>{escape(column.title)}</th>' for column in table.columns)
    rows = "".join(f"<tr>{_cells(table.columns, row, lead)}</tr>" for row in table.rows)
    return f'<table class="{class_}"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _side(column: Column) -> str:
    return ' class="l"' if column.align == "left" else ""


def _cells(columns: Sequence[Column], row: Sequence[str], lead: int) -> str:
    cells = []
    for i, (column, cell) in enumerate(zip(columns, row, strict=True)):
        name, scope = ("th", ' scope="row"') if i == lead else ("td", "")
        cells.append(f"<{name}{scope}{_side(column)}>{escape(cell)}</{name}>")
    return "".join(cells)
