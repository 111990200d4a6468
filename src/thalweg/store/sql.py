"""The store over SQLAlchemy, the same for SQLite and PostgreSQL."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from thalweg.errors import StoreError
from thalweg.records import PlannedRun, RunResult, RunSpec, StudyRecord
from thalweg.store import codec
from thalweg.store.base import StudyListing
from thalweg.store.faults import is_transient, reported, translated
from thalweg.store.naming import resolve
from thalweg.store.tables import curves, planned_runs, results, runs, studies

__all__ = ["SqlStore"]

SHORTEST_BEGINNING = 4  # digits of a fingerprint by which a run may be named
CHUNK = 500  # values in one IN list; SQLite before 3.32 allows 999 variables
Answer = TypeVar("Answer")


class SqlStore:
    """Runs and studies in a database; see :class:`thalweg.store.Store` for what each method does."""

    def __init__(self, engine: Engine, shown: str, *, busy_seconds: float) -> None:
        self._engine = engine
        self._writer = engine.execution_options(writing=True)
        self._shown = shown
        self._busy_seconds = busy_seconds
        self._insert: Callable[..., Any] = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    @property
    def url(self) -> str:
        """Where the store is, as a path or a URL whose password is masked."""
        return self._shown

    def save_runs(self, results: Sequence[RunResult]) -> None:
        """Keep results, all or none; those already there stay as they are."""
        fresh = {result.spec.fingerprint: result for result in results}
        if fresh:
            self._write(lambda connection: self._add_results(connection, fresh))

    def load_runs(self, fingerprints: Iterable[str]) -> dict[str, RunResult]:
        """Return the results that are there, by fingerprint."""
        columns = (runs.c.fingerprint, runs.c.spec, *results.c[1:], *curves.c[1:])
        query = select(*columns).join_from(runs, results).join(curves, curves.c.run_id == results.c.run_id)
        with self._read() as connection:
            return {row[0]: run_result(row) for row in in_chunks(connection, query, fingerprints)}

    def find_runs(self, beginning: str) -> list[RunSpec]:
        """Return the runs whose fingerprint begins so and that have a result, at most 10."""
        if len(beginning) < SHORTEST_BEGINNING or set(beginning) - set("0123456789abcdef"):
            return []
        query = select(runs.c.fingerprint, runs.c.spec).join_from(runs, results)
        query = query.where(runs.c.fingerprint >= beginning, runs.c.fingerprint < beginning + "g").limit(10)
        with self._read() as connection:
            return [codec.run_spec(spec, fingerprint) for fingerprint, spec in connection.execute(query)]

    def known_runs(self, fingerprints: Iterable[str]) -> set[str]:
        """Return those of the fingerprints that have a result."""
        query = select(runs.c.fingerprint).join_from(runs, results)
        with self._read() as connection:
            return {row[0] for row in in_chunks(connection, query, fingerprints)}

    def save_study(self, record: StudyRecord, runs: Sequence[PlannedRun] = ()) -> None:
        """Keep a study's record and add the runs it plans."""
        self._write(lambda connection: self._add_study(connection, record, runs))

    def load_study(self, name: str) -> StudyRecord:
        """Return one study by id, beginning of an id, ``last`` or task."""
        with self._read() as connection:
            wanted = resolved(connection, name)
            text = connection.execute(select(studies.c.record).where(studies.c.name == wanted)).scalar_one()
            return codec.study_record(text)

    def study_runs(self, name: str) -> list[PlannedRun]:
        """Return what a study has planned, in order."""
        columns = (planned_runs.c.contender, planned_runs.c.role, planned_runs.c.trial, runs.c.spec, runs.c.fingerprint)
        query = select(*columns).join_from(planned_runs, runs).join(studies, studies.c.id == planned_runs.c.study_id)
        with self._read() as connection:
            wanted = resolved(connection, name)
            rows = connection.execute(query.where(studies.c.name == wanted).order_by(planned_runs.c.id))
            return [
                PlannedRun(contender, role, trial, codec.run_spec(spec, fingerprint))
                for contender, role, trial, spec, fingerprint in rows
            ]

    def list_studies(self) -> list[StudyListing]:
        """Return all studies, the newest first."""
        counts = (
            select(
                planned_runs.c.study_id,
                func.count(planned_runs.c.run_id.distinct()).label("planned"),
                func.count(results.c.run_id.distinct()).label("finished"),
            )
            .join_from(planned_runs, results, results.c.run_id == planned_runs.c.run_id, isouter=True)
            .group_by(planned_runs.c.study_id)
            .subquery()
        )
        s = studies.c
        query = (
            select(s.name, s.task, s.contenders, s.effort, s.status, s.created, counts.c.planned, counts.c.finished)
            .join_from(studies, counts, counts.c.study_id == s.id, isouter=True)
            .order_by(s.created.desc(), s.id.desc())
        )
        with self._read() as connection:
            return [
                StudyListing(
                    name, task, tuple(json.loads(labels)), effort, status, created, planned or 0, finished or 0
                )
                for name, task, labels, effort, status, created, planned, finished in connection.execute(query)
            ]

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        """Yield a connection to read from, all at one state of the database."""
        try:
            with reported(self._shown, self._busy_seconds), self._engine.begin() as connection:
                yield connection
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
            raise StoreError(
                f"store {self._shown!r} holds a record that cannot be read ({error}); "
                "it is damaged or was changed by another program: restore it from a copy."
            ) from error

    def _write(self, work: Callable[[Connection], None]) -> None:
        """Do the work in one transaction, again if another process was in the way."""
        deadline = time.monotonic() + self._busy_seconds
        while True:
            try:
                with self._writer.begin() as connection:
                    return work(connection)
            except SQLAlchemyError as error:
                if not is_transient(error) or time.monotonic() > deadline:
                    raise translated(error, self._shown, self._busy_seconds) from error
                time.sleep(0.02)

    def _add_results(self, connection: Connection, fresh: dict[str, RunResult]) -> None:
        """Insert results and curves of runs that have none."""
        ids = self._run_ids(connection, {key: result.spec for key, result in fresh.items()})
        done = in_chunks(connection, select(runs.c.fingerprint).join_from(runs, results), fresh)
        for (key,) in done:
            del ids[key]
        if not ids:
            return
        insert = self._insert
        rows = [result_row(run_id, fresh[key]) for key, run_id in ids.items()]
        connection.execute(insert(results).on_conflict_do_nothing(), rows)
        lines = [{"run_id": run_id, **codec.array_bytes(fresh[key].curve)} for key, run_id in ids.items()]
        connection.execute(insert(curves).on_conflict_do_nothing(), lines)

    def _add_study(self, connection: Connection, record: StudyRecord, planned: Sequence[PlannedRun]) -> None:
        """Insert or replace a study's record and insert the planned runs it lacks."""
        row = {
            "name": record.id,
            "task": record.spec.task,
            "contenders": json.dumps([contender.label for contender in record.spec.contenders]),
            "effort": record.spec.protocol.effort,
            "status": record.status,
            "created": record.created,
            "record": codec.study_text(record),
        }
        changed = {key: value for key, value in row.items() if key != "name"}
        statement = self._insert(studies).values(row).on_conflict_do_update(index_elements=["name"], set_=changed)
        connection.execute(statement)
        if not planned:
            return
        study_id = connection.execute(select(studies.c.id).where(studies.c.name == record.id)).scalar_one()
        ids = self._run_ids(connection, {run.spec.fingerprint: run.spec for run in planned})
        places = [
            {
                "study_id": study_id,
                "run_id": ids[run.spec.fingerprint],
                "contender": run.contender,
                "role": run.role,
                "trial": int(run.trial),
            }
            for run in planned
        ]
        connection.execute(self._insert(planned_runs).on_conflict_do_nothing(), places)

    def _run_ids(self, connection: Connection, specs: dict[str, RunSpec]) -> dict[str, int]:
        """Return the row number of each run by fingerprint, adding the runs that are not there."""
        query = select(runs.c.fingerprint, runs.c.id)
        ids: dict[str, int] = dict(in_chunks(connection, query, specs))
        # In one order everywhere, or two PostgreSQL writers could wait for each other.
        missing = sorted(key for key in specs if key not in ids)
        if missing:
            rows = [{"fingerprint": key, "spec": codec.spec_text(specs[key])} for key in missing]
            connection.execute(self._insert(runs).on_conflict_do_nothing(), rows)
            ids.update((key, number) for key, number in in_chunks(connection, query, missing))
        return ids


def in_chunks(connection: Connection, query: Any, fingerprints: Iterable[str]) -> Iterator[Any]:
    """Yield the rows of a query on ``runs`` that have one of the fingerprints, in no order."""
    wanted = list(dict.fromkeys(fingerprints))
    for start in range(0, len(wanted), CHUNK):
        yield from connection.execute(query.where(runs.c.fingerprint.in_(wanted[start : start + CHUNK])))


def resolved(connection: Connection, name: str) -> str:
    """Return the id of the study that a word stands for."""
    rows = connection.execute(
        select(studies.c.name, studies.c.task, studies.c.created).order_by(
            studies.c.created.desc(), studies.c.id.desc()
        )
    )
    return resolve(name, [(study, task, created) for study, task, created in rows])


def result_row(run_id: int, result: RunResult) -> dict[str, Any]:
    """Return a result's row."""
    return {
        "run_id": run_id,
        "status": result.status,
        "diverged_at": None if result.diverged_at is None else int(result.diverged_at),
        "validation_loss": result.validation_loss,
        "validation_metric": result.validation_metric,
        "test_loss": result.test_loss,
        "test_metric": result.test_metric,
        "gradient_evaluations": int(result.gradient_evaluations),
    }


def run_result(row: Any) -> RunResult:
    """Return the result that a row of ``load_runs`` holds."""
    key, spec, status, diverged_at, loss, metric, test_loss, test_metric, evaluations, *arrays = row
    return RunResult(
        spec=codec.run_spec(spec, key),
        status=status,
        diverged_at=diverged_at,
        curve=codec.curve(*arrays),
        validation_loss=loss,
        validation_metric=metric,
        test_loss=test_loss,
        test_metric=test_metric,
        gradient_evaluations=evaluations,
    )
