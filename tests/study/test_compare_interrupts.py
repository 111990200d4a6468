"""A comparison that is stopped loses nothing that was told to be done, and goes on to the same end."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_tasks import PLANE, NotedStore, values

from thalweg import compare, open_study
from thalweg.errors import StoreError
from thalweg.store import open_store
from thalweg.study import Study
from thalweg.training.plan import Plan
from thalweg.training.progress import Progress

OPTIMIZERS = ("sgd", "adam")


@pytest.fixture(autouse=True)
def _small_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four runs a call, so that there is a middle in which to stop."""
    monkeypatch.setattr("thalweg.study.work.choose_plan", lambda *_: Plan(members=4, windows=4, devices=1))


def work(store: Any, watcher: Callable[[Progress], None] | None = None) -> Study:
    return compare(PLANE, OPTIMIZERS, trials=2, store=store, watcher=watcher)


@pytest.fixture(scope="module")
def undisturbed() -> Study:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("thalweg.study.work.choose_plan", lambda *_: Plan(members=4, windows=4, devices=1))
        return work("sqlite://")


def stop_at(count: int, phase: str) -> Callable[[Progress], None]:
    def watch(progress: Progress) -> None:
        if progress.phase == phase and progress.runs_done >= count:
            raise KeyboardInterrupt

    return watch


def bits(study: Study) -> dict[str, Any]:
    """Return every number of every run, so that equal means equal to the last bit."""
    return {
        key: (
            run.status,
            repr((run.validation_loss, run.validation_metric, run.test_loss, run.test_metric)),
            *(part.tobytes() for part in vars(run.curve).values()),
        )
        for key, run in study.results.items()
    }


@pytest.mark.parametrize(
    ("phase", "done"), [("compiling", 0), ("tuning", 0), ("tuning", 3), ("confirming", 10), ("confirming", 20)]
)
def test_control_c(phase: str, done: int, undisturbed: Study, tmp_path: Path) -> None:
    path = tmp_path / "studies.db"
    with pytest.raises(KeyboardInterrupt):
        work(path, stop_at(done, phase))
    stopped = open_study("last", path)
    assert stopped.record.status == "running"
    assert stopped.id == undisturbed.id
    assert any("The study is not finished" in w.sentence for w in stopped.summary.warnings)
    kept = len(stopped.results)
    assert kept >= done + (6 if phase == "confirming" else 0), "what was told to be done is kept"
    with open_store(path) as store:
        noted = NotedStore(store)
        finished = work(noted)
    assert len(noted.trained) == len(undisturbed.results) - kept, "nothing is trained twice"
    assert values(finished) == values(undisturbed)
    assert bits(finished) == bits(undisturbed)
    again = open_study("last", path)
    assert again.record.status == "finished"
    assert values(again) == values(undisturbed)


def test_a_store_that_fails_at_any_time_leaves_a_study_that_goes_on(undisturbed: Study, tmp_path: Path) -> None:
    path = tmp_path / "studies.db"
    seen: list[int] = []
    for _ in range(30):
        with open_store(path) as store:
            noted = NotedStore(store, fail=lambda n: n.saves == 4)  # three more saves each time
            try:
                finished = work(noted)
            except StoreError:
                seen.append(len(open_study("last", store).results))
            else:
                break
        assert seen == sorted(seen)
    assert len(seen) >= 3
    assert values(finished) == values(undisturbed)
    assert bits(finished) == bits(undisturbed)


def test_a_store_that_fails_at_once_has_no_study() -> None:
    with open_store("sqlite://") as store:
        noted = NotedStore(store, fail=lambda n: True)
        with pytest.raises(StoreError):
            work(noted)
        assert store.list_studies() == []
        assert noted.trained == []
