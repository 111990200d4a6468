"""What is shown of a study: tables, figures and the self-contained report, drawn from summaries alone."""

from thalweg.report.formatting import duration, estimate, number, seconds_per_step, share
from thalweg.report.page import render_report, write_report
from thalweg.report.tables import Column, Table, comparison_table, leaderboard_table, space_table
from thalweg.report.verdict import verdict

__all__ = [
    "Column",
    "Table",
    "comparison_table",
    "duration",
    "estimate",
    "leaderboard_table",
    "number",
    "render_report",
    "seconds_per_step",
    "share",
    "space_table",
    "verdict",
    "write_report",
]
