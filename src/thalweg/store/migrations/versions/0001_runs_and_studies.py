"""Runs, their results and curves, studies and what they plan."""

import sqlalchemy as sa
from alembic import op

__all__ = ["upgrade"]

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
        sa.UniqueConstraint("fingerprint", name="runs_fingerprint"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "results",
        sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id"), primary_key=True, autoincrement=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("diverged_at", sa.BigInteger),
        sa.Column("validation_loss", sa.Double, nullable=False),
        sa.Column("validation_metric", sa.Double, nullable=False),
        sa.Column("test_loss", sa.Double),
        sa.Column("test_metric", sa.Double),
        sa.Column("gradient_evaluations", sa.BigInteger, nullable=False),
        sa.CheckConstraint("status IN ('finished', 'diverged')", name="results_status"),
    )
    op.create_table(
        "curves",
        sa.Column("run_id", sa.Integer, sa.ForeignKey("results.run_id"), primary_key=True, autoincrement=False),
        sa.Column("step", sa.LargeBinary, nullable=False),
        sa.Column("train_loss", sa.LargeBinary, nullable=False),
        sa.Column("validation_loss", sa.LargeBinary, nullable=False),
        sa.Column("validation_metric", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "studies",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("task", sa.Text, nullable=False),
        sa.Column("contenders", sa.Text, nullable=False),
        sa.Column("effort", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.UniqueConstraint("name", name="studies_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "planned_runs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("study_id", sa.Integer, sa.ForeignKey("studies.id"), nullable=False),
        sa.Column("run_id", sa.Integer, sa.ForeignKey("runs.id"), nullable=False),
        sa.Column("contender", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("trial", sa.Integer, nullable=False),
        sa.UniqueConstraint("study_id", "run_id", "contender", "role", "trial", name="planned_runs_place"),
        sqlite_autoincrement=True,
    )
    op.create_index("planned_runs_run", "planned_runs", ["run_id"])
