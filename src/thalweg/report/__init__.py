"""What is shown of a study: tables, figures and the self-contained report, drawn from summaries alone."""

from thalweg.report.formatting import duration, estimate, number, seconds_per_step, share
from thalweg.report.page import render_report, write_report
from thalweg.report.race import race_figure, race_table, write_race
from thalweg.report.run_page import render_training_report, write_training_report
from thalweg.report.tables import Column, Table, comparison_table, leaderboard_table, space_table
from thalweg.report.training import training_figure, write_training
from thalweg.report.verdict import verdict, verdict_over_tasks

__all__ = [
    "Column",
    "Table",
    "comparison_table",
    "duration",
    "estimate",
    "leaderboard_table",
    "number",
    "race_figure",
    "race_table",
    "render_report",
    "render_training_report",
    "seconds_per_step",
    "share",
    "space_table",
    "training_figure",
    "verdict",
    "verdict_over_tasks",
    "write_race",
    "write_report",
    "write_training",
    "write_training_report",
]
