"""A finished or stored comparison, as people use it."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from thalweg.errors import WorkError
from thalweg.optimizers.base import Rule
from thalweg.optimizers.user_rules import resolve_optimizer
from thalweg.records import PlannedRun, RunResult, StudyRecord, StudySummary
from thalweg.store import Store, open_store
from thalweg.study.summarize import leaderboard_json, summarize

if TYPE_CHECKING:
    from pathlib import Path

    import pandas

__all__ = ["Best", "Study", "open_study"]


@dataclass(frozen=True)
class Best:
    """The leading contender with its tuned settings.

    Attributes:
        contender: Label.
        rule: The optimizer, tuned.
    """

    contender: str
    rule: Rule


@dataclass(frozen=True)
class Study:
    """A comparison with its runs.

    Attributes:
        record: What the store keeps of it.
        planned: Its runs as planned.
        results: Outcomes by fingerprint of the run.
        tasks: How many tasks the same optimizers are compared on.

    Example:
        >>> import thalweg as tw
        >>> study = tw.compare("digits-logistic", ["sgd", "adam"], epochs=2, trials=2, store="sqlite://")
        >>> sorted(study.leaderboard()["optimizer"])
        ['adam', 'sgd']
    """

    record: StudyRecord
    planned: tuple[PlannedRun, ...]
    results: dict[str, RunResult]
    tasks: int = 1

    @property
    def id(self) -> str:
        """Its name in the store, 12 hexadecimal digits."""
        return self.record.id

    @cached_property
    def summary(self) -> StudySummary:
        """Leaderboard, warnings, comparisons and curves with their intervals."""
        return summarize(self.record, self.planned, self.results, tasks=self.tasks)

    def leaderboard(self) -> "pandas.DataFrame":
        """Return the leaderboard as a table, the best first."""
        import pandas

        rows = []
        for row in self.to_dict()["leaderboard"]:
            test, rank = row.pop("test_metric"), row.pop("rank")
            rows.append(
                {
                    "optimizer": row.pop("optimizer"),
                    test["name"]: test["mean"],
                    "low": test["low"],
                    "high": test["high"],
                    "rank_low": rank["low"],
                    "rank_high": rank["high"],
                    **row,
                }
            )
        return pandas.DataFrame(rows)

    def best(self) -> Best:
        """Return the first of the leaderboard with its tuned settings.

        Raises:
            WorkError: No contender has results yet.
        """
        rows = self.summary.leaderboard
        if not rows:
            raise WorkError(f"study {self.id} has no finished contender yet; run the same comparison again to go on.")
        contender = next(c for c in self.record.spec.contenders if c.label == rows[0].contender)
        rule_class = resolve_optimizer(contender.optimizer).rule_class
        return Best(contender.label, rule_class(**{**contender.structure, **rows[0].hyperparameters}))

    def runs(self) -> list[tuple[PlannedRun, RunResult]]:
        """Return every run that has a result with its place in the study."""
        found = ((run, self.results.get(run.spec.fingerprint)) for run in self.planned)
        return [(run, result) for run, result in found if result is not None]

    def to_dict(self) -> dict[str, Any]:
        """Return the study in the JSON form of ``thalweg compare --json``."""
        return leaderboard_json(self.summary)


def open_study(name: str, store: "str | Path | Store | None" = None) -> Study:
    """Return a study from the store.

    Args:
        name: Its id, the beginning of it, ``last``, or the name of a task of which there is one study.
        store: Path, URL or open store; the user's own store by default.

    Raises:
        UnknownNameError: There is no such study.
        UsageError: More than one study fits.
        StoreUsageError: The store cannot be used.
    """
    opened = store if isinstance(store, Store) else open_store(store, create=False)
    record = opened.load_study(name)
    planned = tuple(opened.study_runs(record.id))
    return Study(record, planned, opened.load_runs({run.spec.fingerprint for run in planned}))
