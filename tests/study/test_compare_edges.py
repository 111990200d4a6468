"""Comparisons at the edges: no metric, no target, whole batches, landscapes, everything diverges, one fresh seed."""

# ruff: noqa: RUF009 (a rule declares its fields so)

import math
from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
import pytest
from tiny_tasks import DATA, squares, task_with

from thalweg import compare, open_study, train
from thalweg.errors import InvalidValueError, TaskError, UserFileError
from thalweg.optimizers.base import Number, Rule, hyperparameter
from thalweg.store import open_store
from thalweg.study import plan
from thalweg.tasks import Data

SMALL = {"trials": 2, "epochs": 2, "store": "sqlite://"}


def kinds(study) -> dict[str, list[str | None]]:
    found: dict[str, list[str | None]] = {}
    for warning in study.summary.warnings:
        found.setdefault(warning.kind, []).append(warning.contender)
    return found


def test_a_task_without_metric_and_target_is_judged_by_its_loss():
    study = compare(task_with(metric=None, target=None, loss_name="squared error"), ["sgd", "adam"], **SMALL)
    document = study.to_dict()
    assert [row["test_metric"]["name"] for row in document["leaderboard"]] == ["squared error"] * 2
    assert [row["steps_to_target"] for row in document["leaderboard"]] == [None, None]
    means = [row.test_metric.mean for row in study.summary.leaderboard]
    assert means == sorted(means), "smaller is better"
    for run, result in study.runs():
        if run.role == "winner":
            assert result.test_metric == result.test_loss
    assert "target" not in kinds(study)


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(InvalidValueError, match=r"batch_size = 1000 is more than the \d+ training examples"):
        compare(task_with(), ["sgd"], batch_size=1000, **SMALL)


def test_a_batch_can_be_all_of_the_data():
    study = compare(task_with(), ["sgd"], batch_size=len(DATA.train["y"]), **SMALL)
    protocol = study.to_dict()["protocol"]
    assert (protocol["batch_size"], protocol["steps"]) == (len(DATA.train["y"]), 2)
    assert study.to_dict()["leaderboard"][0]["test_metric"]["mean"] > 0


def test_a_landscape_is_a_task():
    study = compare("rosenbrock", ["sgd", "adam"], **{**SMALL, "epochs": 50})
    card = study.summary.task
    assert (card.name, card.metric, card.parameters) == ("rosenbrock", "distance to the minimum", 2)
    assert study.to_dict()["protocol"]["steps"] == 50
    assert len(study.summary.leaderboard) == 2


def test_one_fresh_seed_is_warned_of(monkeypatch):
    monkeypatch.setattr(plan, "CONFIRMATION_SEEDS", 1)
    study = compare(task_with(), ["sgd", "adam"], **SMALL)
    assert study.to_dict()["protocol"]["confirmation_seeds"] == 1
    assert len(kinds(study)["seeds"]) == 2, "one for tuning, one for the winners"
    for row in study.to_dict()["leaderboard"]:
        assert math.isfinite(row["test_metric"]["mean"])


@dataclass(frozen=True)
class Exploding(Rule):
    name: ClassVar[str] = "exploding"
    formula: ClassVar[tuple[str, ...]] = ("θ ← θ + 10¹⁵·η·(1 + |θ|)",)

    learning_rate: Number = hyperparameter(1.0, meaning="step size η", search=(0.5, 2.0))

    def init(self, x):
        return {}

    def update(self, x, g, state, t):
        return x + 1e15 * self.learning_rate * (1 + abs(x)), state


def test_an_optimizer_that_always_diverges_is_last_and_told_of():
    study = compare(task_with(), ["sgd", Exploding], **SMALL)
    first, last = study.to_dict()["leaderboard"]
    assert (first["optimizer"], last["optimizer"]) == ("sgd", "exploding")
    assert (first["diverged_share"], last["diverged_share"]) == (0.0, 1.0)
    assert kinds(study)["all diverged"] == ["exploding"]
    assert study.best().contender == "sgd"
    for run, result in study.runs():
        assert result.status == ("diverged" if run.contender == "exploding" else "finished")
        if run.contender == "exploding":
            assert result.diverged_at is not None
            assert math.isnan(result.validation_loss)


def test_where_every_optimizer_diverges_there_is_still_an_answer():
    study = compare(task_with(), [Exploding], **SMALL)
    (row,) = study.to_dict()["leaderboard"]
    assert row["diverged_share"] == 1.0
    assert row["test_metric"]["mean"] is None or math.isfinite(row["test_metric"]["mean"])
    assert kinds(study)["all diverged"] == ["exploding"]
    assert study.leaderboard()["optimizer"].tolist() == ["exploding"]


def test_data_are_made_once_and_are_those_that_the_version_names():
    calls = []

    def drawn() -> Data:
        calls.append(None)
        return Data(*({name: a + np.float32(len(calls)) for name, a in part.items()} for part in vars(DATA).values()))

    first = train(task_with(data=drawn), "sgd", epochs=1, store="sqlite://")
    assert len(calls) == 1
    second = train(task_with(data=drawn), "sgd", epochs=1, store="sqlite://")
    assert first.result.spec.task_version != second.result.spec.task_version
    assert first.result.validation_loss != second.result.validation_loss


@dataclass(frozen=True)
class Branching(Rule):
    """Works on NumPy, where arrays have values, and not when compiled."""

    name: ClassVar[str] = "branching"
    formula: ClassVar[tuple[str, ...]] = ("θ ← θ − η·g if g is large",)

    learning_rate: Number = hyperparameter(0.1, meaning="step size η")

    def init(self, x):
        return {}

    def update(self, x, g, state, t):
        return (x - self.learning_rate * g if float(g.max()) > 0 else x), state


@dataclass(frozen=True)
class OnlyNumPy(Rule):
    name: ClassVar[str] = "only-numpy"
    formula: ClassVar[tuple[str, ...]] = ("θ ← θ − η·sign g",)

    learning_rate: Number = hyperparameter(0.1, meaning="step size η")

    def init(self, x):
        return {}

    def update(self, x, g, state, t):
        return x - self.learning_rate * np.sign(np.asarray(g)), state


class NotFrozen(Rule):
    name = "plain"
    formula = ("θ ← θ",)

    def init(self, x):
        return {}

    def update(self, x, g, state, t):
        return x, state


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Branching, "optimizer 'branching' raises ConcretizationTypeError when JAX compiles it"),
        (OnlyNumPy, "optimizer 'only-numpy' raises TracerArrayConversionError when JAX compiles it"),
        (NotFrozen, "NotFrozen is no dataclass; put @dataclass"),
        (Rule, "Rule lacks init and update"),
    ],
)
def test_a_rule_that_cannot_be_trained_is_refused_before_anything_is_stored(rule, words):
    with open_store("sqlite://") as store:
        for work in (lambda: compare(task_with(), [rule], store=store), lambda: train(task_with(), rule, store=store)):
            with pytest.raises(UserFileError, match=words) as raised:
                work()
            assert str(raised.value).endswith(".")
            assert "\n" not in str(raised.value)
        assert store.list_studies() == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"loss": lambda p, b: (b["x"] @ p["w"] - b["y"]) ** 2}, "its loss returned an array of shape"),
        ({"loss": lambda p, b: jnp.log(-jnp.abs(squares(p, b)))}, "the loss at the start is"),
        ({"loss": lambda p, b: b["z"]}, "its loss raised KeyError: 'z'"),
        ({"data": Data(DATA.train, DATA.validation, {**DATA.test, "y": DATA.test["y"] * np.nan})}, "holds nan"),
        ({"epochs": 0}, "epochs = 0 is not allowed"),
        ({"batch_size": 2.5}, "batch_size = 2.5 is not allowed"),
        ({"init": lambda key: {}}, "init returned no parameters"),
        ({"init": lambda key: {"w": jnp.zeros(3), "none": jnp.zeros((0, 3))}}, "parameter none has shape"),
    ],
)
def test_a_task_that_breaks_its_contract_is_refused_before_anything_is_stored(changes, words):
    with open_store("sqlite://") as store:
        with pytest.raises(TaskError, match=words) as raised:
            compare(task_with(**changes), ["sgd"], store=store)
        assert str(raised.value).endswith(".")
        assert "\n" not in str(raised.value)
        assert store.list_studies() == []


def test_a_long_training_of_a_prime_number_of_epochs_still_has_a_curve():
    study = compare(task_with(), ["sgd"], **{**SMALL, "epochs": 53})
    _, result = study.runs()[0]
    assert result.curve.step[-1] == 53 * 3
    assert len(result.curve.step) > 2


def test_opening_a_study_closes_the_store(tmp_path):
    path = tmp_path / "studies.db"
    study = compare(task_with(), ["sgd"], **{**SMALL, "store": path})
    assert open_study("last", path).id == study.id  # an open store would be a ResourceWarning, which is an error here
