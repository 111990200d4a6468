"""A comparison end to end: what is stored, what is trained, and what is trained only once."""

# ruff: noqa: RUF009 (a rule declares its fields so)

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from tiny_tasks import PLANE, RULE_FILE, TASK_FILE, NotedStore, values

from thalweg import compare, open_study
from thalweg.errors import UsageError
from thalweg.optimizers import Adam
from thalweg.optimizers.base import Number, Rule, hyperparameter
from thalweg.records import plain
from thalweg.store import open_store
from thalweg.study import Study, compare_many
from thalweg.study.profile import profile

FRESH = 10  # seeds on which winner and default are trained again
SMALL = {"trials": 2, "epochs": 2}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compare") / "studies.db"


@pytest.fixture(scope="module")
def first(path: Path) -> Study:
    return compare(PLANE, ["sgd", "adam"], store=path, **SMALL)


@pytest.fixture
def noted(path: Path, first: Study) -> Iterator[NotedStore]:
    with open_store(path) as store:
        yield NotedStore(store)


def trained_by_optimizer(store: NotedStore) -> Counter[str]:
    return Counter(run.spec.optimizer.name for run in store.trained)


def test_every_optimizer_gets_the_same_runs(first: Study) -> None:
    roles = Counter((run.contender, run.role) for run, _ in first.runs())
    assert roles == {
        (label, role): count
        for label in ("sgd", "adam")
        for role, count in (("trial", 2), ("default-trial", 1), ("winner", FRESH), ("default", FRESH))
    }
    seeds = {label: {run.spec.seed for run, _ in first.runs() if run.contender == label} for label in ("sgd", "adam")}
    assert seeds["sgd"] == seeds["adam"], "runs are paired"


def test_the_test_set_is_read_on_fresh_seeds_only(first: Study) -> None:
    for run, result in first.runs():
        assert (result.test_metric is not None) == (run.role in ("winner", "default"))


def test_numbers_of_the_leaderboard_are_those_of_its_runs(first: Study) -> None:
    for row in first.summary.leaderboard:
        winners = [r for run, r in first.runs() if (run.contender, run.role) == (row.contender, "winner")]
        # a mean of ten float64 numbers, in another order of summation
        np.testing.assert_allclose(row.test_metric.mean, np.mean([r.test_metric for r in winners]), rtol=1e-12)
        assert row.test_metric.low <= row.test_metric.mean <= row.test_metric.high
        assert row.hyperparameters == winners[0].spec.optimizer.hyperparameters


def test_an_opened_study_shows_the_same(first: Study, path: Path) -> None:
    for name in (first.id, first.id[:5], "last", "plane"):
        again = open_study(name, path)
        assert plain(again.summary) == plain(first.summary)
        assert again.best() == first.best()
    assert again.record.status == "finished"


def test_the_same_again_trains_nothing(first: Study, noted: NotedStore) -> None:
    heard = []
    again = compare(PLANE, ["sgd", "adam"], store=noted, watcher=heard.append, **SMALL)
    assert noted.trained == []
    assert heard == [], "neither compiled, trained nor timed"
    assert values(again) == values(first)
    assert plain(again.record) == plain(first.record), "the finished study stands as it was"


def test_a_third_optimizer_is_all_that_is_trained(first: Study, noted: NotedStore) -> None:
    heard = []
    more = compare(PLANE, ["sgd", "adam", "momentum"], store=noted, watcher=heard.append, **SMALL)
    assert trained_by_optimizer(noted).keys() == {"momentum"}
    assert len(noted.trained) == len({r.spec.fingerprint for r in noted.trained})
    tuning = [p for p in heard if p.phase == "tuning"]
    assert (tuning[0].runs_done, tuning[-1].runs_done, tuning[-1].runs_total) == (6, 9, 9)
    assert tuning[-1].steps_done == tuning[-1].steps_total == 3 * 6
    assert more.id != first.id
    old = {row.contender: row.test_metric for row in first.summary.leaderboard}
    new = {row.contender: row.test_metric for row in more.summary.leaderboard}
    assert new.keys() == {"sgd", "adam", "momentum"}
    assert all(new[label].mean == old[label].mean for label in old)


def test_more_trials_begin_with_those_there_are(first: Study, noted: NotedStore) -> None:
    more = compare(PLANE, ["sgd", "adam"], trials=4, epochs=2, store=noted)
    there = {run.spec.fingerprint for run in first.planned}
    assert not there & {run.spec.fingerprint for run in noted.trained}
    tuning = [run for run, _ in more.runs() if run.role in ("trial", "default-trial")]
    assert sum(run.spec.fingerprint in there for run in tuning) == 6
    assert len(tuning) == 10


def test_another_seed_is_another_study(first: Study, noted: NotedStore) -> None:
    other = compare(PLANE, ["sgd", "adam"], store=noted, seed=np.int64(1), **SMALL)
    assert other.id != first.id
    assert not {r.spec.seed for r in noted.trained} & {run.spec.seed for run in first.planned}


def test_presets_and_both_ways_of_tuning_are_entries_of_their_own(noted: NotedStore) -> None:
    study = compare(PLANE, ["adam", "adam@keras"], tune="both", store=noted, **SMALL)
    labels = {c.label: c for c in study.record.spec.contenders}
    assert labels.keys() == {
        f"{name}{only}" for name in ("adam", "adam@keras") for only in ("", " (learning rate only)")
    }
    assert [d.name for d in labels["adam (learning rate only)"].space] == ["learning_rate"]
    assert len(labels["adam"].space) > 1
    assert labels["adam@keras"].defaults["epsilon"] == 1e-7
    assert len(study.summary.leaderboard) == 4
    assert isinstance(study.best().rule, Adam)


def test_a_users_rule_file(tmp_path: Path, noted: NotedStore) -> None:
    file = tmp_path / "my_rule.py"
    file.write_text(RULE_FILE)
    reference = f"{file}:Halved"
    study = compare(PLANE, ["sgd", reference], store=noted, **SMALL)
    assert {row.contender for row in study.summary.leaderboard} == {"sgd", "halved"}
    assert trained_by_optimizer(noted).keys() == {reference}, "sgd is there already"
    assert values(open_study(study.id, noted)) == values(study)
    before = [r.validation_loss for r in noted.trained]
    noted.trained.clear()
    file.write_text(RULE_FILE.replace("FACTOR = 2", "FACTOR = 4"))
    changed = compare(PLANE, ["sgd", reference], store=noted, **SMALL)
    assert changed.id != study.id
    assert len(noted.trained) > 0, "a changed rule never meets the runs of the old one"
    assert [r.validation_loss for r in noted.trained] != before


@dataclass(frozen=True)
class Signed(Rule):
    name: ClassVar[str] = "sgd"  # the name of another rule on purpose
    formula: ClassVar[tuple[str, ...]] = ("θ ← θ − η·sign g",)

    learning_rate: Number = hyperparameter(0.05, meaning="step size η", search=(1e-3, 0.5))

    def init(self, x):
        return {}

    def update(self, x, g, state, t):
        from thalweg.arrays import namespace

        return x - self.learning_rate * namespace(x).sign(g), state


def test_a_users_rule_class(first: Study, noted: NotedStore) -> None:
    study = compare(PLANE, [Signed], store=noted, **SMALL)
    assert len(noted.trained) > 0, "a class is told from the built-in rule of its name"
    assert isinstance(study.best().rule, Signed)
    theirs = {run.spec.fingerprint for run in study.planned}
    assert not theirs & {run.spec.fingerprint for run in first.planned}
    with pytest.raises(UsageError, match="was given as a class by a running program"):
        open_study(study.id, noted).best()
    noted.trained.clear()
    compare(PLANE, [Signed], store=noted, **SMALL)
    assert noted.trained == []


def test_the_class_of_a_built_in_rule_is_that_rule(first: Study, noted: NotedStore) -> None:
    from thalweg.optimizers import OPTIMIZERS

    compare(PLANE, [OPTIMIZERS["sgd"], Adam], store=noted, **SMALL)
    assert noted.trained == []


def test_a_users_task_file(tmp_path: Path, noted: NotedStore) -> None:
    file = tmp_path / "my_task.py"
    file.write_text(TASK_FILE)
    study = compare(f"{file}:line", ["sgd"], trials=2, store=noted)
    assert study.to_dict()["task"] == "line"
    assert len(noted.trained) > 0
    noted.trained.clear()
    assert values(compare(f"{file}:line", ["sgd"], trials=2, store=noted)) == values(study)
    assert noted.trained == []
    file.write_text(TASK_FILE.replace("[2.0, -1.0]", "[2.0, -1.5]"))
    compare(file, ["sgd"], trials=2, store=noted)
    assert len(noted.trained) > 0, "another task is trained anew"


def test_several_tasks(first: Study, noted: NotedStore) -> None:
    studies = compare_many([PLANE, "bowl"], ["sgd", "adam"], trials=2, epochs=2, store=noted)
    assert [study.summary.task.name for study in studies] == ["plane", "bowl"]
    assert {run.spec.task for run in noted.trained} == {"bowl"}
    kinds = [[w.kind for w in study.summary.warnings] for study in (first, *studies)]
    assert ["tasks" in found for found in kinds] == [True, False, False]
    across = profile([study.summary for study in studies])
    assert set(across.contenders) == {"sgd", "adam"}
    assert across.tasks == ("plane", "bowl")
    assert max(across.score) <= 1
