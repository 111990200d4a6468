"""The tables as the newest migration leaves them.

::

    studies ──< planned_runs >── runs ──1 results ──1 curves

A run is there from the moment it is planned, its result and curve from the moment it is trained.
Records are kept as JSON text, with the columns beside it that queries need. A number that is not
finite is kept as such in PostgreSQL; SQLite, which has no NaN, keeps the text ``NaN``, which it,
like PostgreSQL, sorts above all numbers.
"""

import math
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

__all__ = ["Number", "curves", "metadata", "planned_runs", "results", "runs", "studies"]


class Number(TypeDecorator[float]):
    """A double that keeps NaN apart from a missing value."""

    impl = Double
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        """Return how a float or None is given to the database, past the type's own conversion."""
        nan = "NaN" if dialect.name == "sqlite" else math.nan

        def process(value: float | None) -> float | str | None:
            if value is None:
                return None
            number = float(value)
            return nan if math.isnan(number) else number

        return process

    def process_result_value(self, value: Any, dialect: Dialect) -> float | None:
        """Return the float or None that was kept."""
        del dialect
        return None if value is None else float(value)


metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("spec", Text, nullable=False),
    UniqueConstraint("fingerprint", name="runs_fingerprint"),
    sqlite_autoincrement=True,
)

results = Table(
    "results",
    metadata,
    Column("run_id", Integer, ForeignKey("runs.id"), primary_key=True, autoincrement=False),
    Column("status", Text, nullable=False),
    Column("diverged_at", BigInteger),
    Column("validation_loss", Number, nullable=False),
    Column("validation_metric", Number, nullable=False),
    Column("test_loss", Number),
    Column("test_metric", Number),
    Column("gradient_evaluations", BigInteger, nullable=False),
    CheckConstraint("status IN ('finished', 'diverged')", name="results_status"),
)

curves = Table(
    "curves",
    metadata,
    Column("run_id", Integer, ForeignKey("results.run_id"), primary_key=True, autoincrement=False),
    Column("step", LargeBinary, nullable=False),
    Column("train_loss", LargeBinary, nullable=False),
    Column("validation_loss", LargeBinary, nullable=False),
    Column("validation_metric", LargeBinary, nullable=False),
)

studies = Table(
    "studies",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("task", Text, nullable=False),
    Column("contenders", Text, nullable=False),
    Column("effort", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created", Text, nullable=False),
    Column("record", Text, nullable=False),
    UniqueConstraint("name", name="studies_name"),
    sqlite_autoincrement=True,
)

planned_runs = Table(
    "planned_runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", Integer, ForeignKey("studies.id"), nullable=False),
    Column("run_id", Integer, ForeignKey("runs.id"), nullable=False),
    Column("contender", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("trial", Integer, nullable=False),
    UniqueConstraint("study_id", "run_id", "contender", "role", "trial", name="planned_runs_place"),
    Index("planned_runs_run", "run_id"),
    sqlite_autoincrement=True,
)
