"""A comparison's outcome in the terminal: warnings first, then the table, then where to go on."""

from typing import TYPE_CHECKING

from thalweg.cli.output import console
from thalweg.cli.tables import drawn_to_fit

if TYPE_CHECKING:
    from rich.console import Console

    from thalweg.records import PerformanceProfile, StudySummary

__all__ = ["show_profile", "show_study"]


def show_study(summary: "StudySummary", screen: "Console | None" = None) -> None:
    """Print the warnings, the leaderboard and what the study cost.

    Args:
        summary: The outcome.
        screen: Where to print; standard output by default.
    """
    from rich.text import Text

    from thalweg.report.tables import leaderboard_table
    from thalweg.report.verdict import verdict

    screen = screen or console()
    screen.print(Text(summary.task.title or summary.task.name, style="bold"))
    screen.print(Text(_rules(summary), style="dim"))
    for warning in summary.warnings:
        screen.print(Text(f"! {warning.sentence}", style="yellow"))
    screen.print()
    screen.print(drawn_to_fit(leaderboard_table(summary), screen))
    screen.print()
    screen.print(Text(verdict(summary)))
    screen.print(Text(_cost(summary), style="dim"))


def show_profile(profile: "PerformanceProfile", screen: "Console | None" = None) -> None:
    """Print a performance profile over several tasks: steps to each target, and the score."""
    from thalweg.report.formatting import MISSING, number, steps
    from thalweg.report.tables import Column, Table

    screen = screen or console()
    columns = (Column("optimizer", "left"), Column("score"), *(Column(task) for task in profile.tasks))
    rows = [
        (label, number(score), *(MISSING if taken is None else steps(taken) for taken in row))
        for label, score, row in zip(profile.contenders, profile.score, profile.steps_to_target, strict=True)
    ]
    table = Table(columns, tuple(sorted(rows, key=lambda row: row[1], reverse=True)))
    screen.print(drawn_to_fit(table, screen, "Steps to the target of each task, and the score over all"))


def _rules(summary: "StudySummary") -> str:
    rules = summary.protocol
    fresh = _counted(rules["confirmation_seeds"], "fresh seed")
    techniques = f", with {rules['techniques']}" if rules.get("techniques") else ""
    if summary.recorded:
        return f"{_counted(rules['confirmation_seeds'], 'seed')} recorded from elsewhere; {rules['steps']:,} steps"
    return (
        f"{rules['trials']} settings × {_counted(rules['tuning_seeds'], 'seed')} tuned on validation data, "
        f"then {fresh}; {rules['steps']:,} steps of batch size {rules['batch_size']}{techniques}"
    )


def _cost(summary: "StudySummary") -> str:
    from thalweg.report.formatting import duration

    parts = [f"{name} {duration(summary.seconds[name])}" for name in ("compile", "train") if summary.seconds.get(name)]
    spent = f"{duration(summary.seconds.get('total'))}" + (f" ({', '.join(parts)})" if parts else "")
    return f"Study {summary.study} · {summary.runs:,} runs · {spent}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
