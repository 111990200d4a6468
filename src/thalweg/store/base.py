"""What a store does, whatever database is behind it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol, Self, runtime_checkable

from thalweg.records import PlannedRun, RunResult, RunSpec, StudyRecord

__all__ = ["Store", "StudyListing"]


@dataclass(frozen=True)
class StudyListing:
    """One line of a list of studies.

    Attributes:
        id: First 12 digits of the study's fingerprint.
        task: Task name.
        contenders: Labels of those who take part.
        effort: ``quick``, ``standard``, ``thorough`` or ``custom``.
        status: ``running`` or ``finished``.
        created: ISO 8601 time, UTC.
        runs_planned: Runs that the study has planned so far.
        runs_finished: Those of them whose result is in the store, diverged ones included.
    """

    id: str
    task: str
    contenders: tuple[str, ...]
    effort: str
    status: Literal["running", "finished"]
    created: str
    runs_planned: int
    runs_finished: int


@runtime_checkable
class Store(Protocol):
    """Runs and studies, kept. Nothing is ever deleted, a kept result never changes.

    Every method may raise :class:`~thalweg.errors.StoreError` when the database is locked for
    too long, full, damaged or lost; every method that writes may raise
    :class:`~thalweg.errors.StoreUsageError` when the store may only be read.

    Attributes:
        url: Where it is: a path, or a URL whose password is masked. For people and records, not
            for connecting again.
    """

    @property
    def url(self) -> str:
        """Where the store is, as a path or a URL whose password is masked."""
        ...

    def save_runs(self, results: Sequence[RunResult]) -> None:
        """Keep results, all of them or, if the process dies, none.

        A run whose fingerprint already has a result is left as it is. Curves are kept in
        float32, steps in int32, as :class:`~thalweg.records.Curve` states.

        Args:
            results: Any number of them; equal fingerprints are kept once.
        """
        ...

    def load_runs(self, fingerprints: Iterable[str]) -> dict[str, RunResult]:
        """Return the results that are there, by fingerprint; missing ones are left out.

        Args:
            fingerprints: ``RunSpec.fingerprint`` of each wanted run, any number.
        """
        ...

    def find_runs(self, beginning: str) -> list[RunSpec]:
        """Return the runs whose fingerprint begins so and that have a result, at most 10.

        Args:
            beginning: First digits of ``RunSpec.fingerprint``, 4 or more.
        """
        ...

    def known_runs(self, fingerprints: Iterable[str]) -> set[str]:
        """Return those of the fingerprints that have a result."""
        ...

    def save_study(self, record: StudyRecord, runs: Sequence[PlannedRun] = ()) -> None:
        """Keep a study's record, replacing an older one of the same id, and add planned runs.

        Args:
            record: The study.
            runs: Runs that it plans, trained or not; those it already has are not added again.
        """
        ...

    def load_study(self, name: str) -> StudyRecord:
        """Return one study.

        Args:
            name: Its id, the beginning of it, ``last`` for the newest, or the name of a task
                of which there is one study.

        Raises:
            UnknownNameError: There is no such study.
            UsageError: More than one study fits.
        """
        ...

    def study_runs(self, name: str) -> list[PlannedRun]:
        """Return what a study has planned, in the order in which it was saved.

        Args:
            name: As for :meth:`load_study`.

        Raises:
            UnknownNameError: There is no such study.
            UsageError: More than one study fits.
        """
        ...

    def list_studies(self) -> list[StudyListing]:
        """Return all studies, the newest first."""
        ...

    def close(self) -> None:
        """Let go of the database; using the store afterwards opens it again."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
