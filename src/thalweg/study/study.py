"""A finished or stored comparison, as people use it."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from thalweg.errors import UsageError, WorkError
from thalweg.optimizers.base import Rule
from thalweg.records import Contender, PlannedRun, RunResult, StudyRecord, StudySummary
from thalweg.store import Store
from thalweg.study.best import Best
from thalweg.study.requests import opened_store
from thalweg.study.rules import find_rule, is_found_by_name
from thalweg.study.summarize import leaderboard_json, summarize

if TYPE_CHECKING:
    from pathlib import Path

    import pandas

__all__ = ["Best", "Study", "open_study"]


@dataclass(frozen=True)
class Study:
    """A comparison with its runs.

    Attributes:
        record: What the store keeps of it.
        planned: Its runs as planned.
        results: Outcomes by fingerprint of the run.
        tasks: How many tasks the same optimizers are compared on.
        rules: The classes of its optimizers by label, as far as they are at hand.

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
    rules: Mapping[str, type[Rule]] = field(default_factory=dict)

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
            UsageError: The leader is a rule of the user's that has changed since or cannot be found again.
        """
        rows = self.summary.leaderboard
        if not rows:
            raise WorkError(f"study {self.id} has no finished contender yet; run the same comparison again to go on.")
        contender = next(c for c in self.record.spec.contenders if c.label == rows[0].contender)
        rule_class = self.rules.get(contender.label) or _found_again(contender)
        rule = rule_class(**{**contender.structure, **rows[0].hyperparameters})
        return Best(contender.label, rule, contender.techniques, self.record.spec.protocol.steps)

    def runs(self) -> list[tuple[PlannedRun, RunResult]]:
        """Return every run that has a result with its place in the study."""
        found = ((run, self.results.get(run.spec.fingerprint)) for run in self.planned)
        return [(run, result) for run, result in found if result is not None]

    def to_dict(self) -> dict[str, Any]:
        """Return the study in the JSON form of ``thalweg compare --json``."""
        return leaderboard_json(self.summary)


def _found_again(contender: Contender) -> type[Rule]:
    if contender.source and not is_found_by_name(contender.optimizer):
        raise UsageError(
            f"optimizer {contender.label!r} was given as a class by a running program and is not kept with the study; "
            "run the same comparison again in that program."
        )
    found = find_rule(contender.optimizer)
    if found.source != contender.source:
        raise UsageError(
            f"optimizer {contender.optimizer!r} has changed since the study; run the same comparison again."
        )
    return found.rule_class


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
    with ExitStack() as stack:
        opened = opened_store(store, stack, create=False)
        record = opened.load_study(name)
        planned = tuple(opened.study_runs(record.id))
        return Study(record, planned, opened.load_runs({run.spec.fingerprint for run in planned}))
