"""Techniques as people call them, and as a run's record keeps them."""

from pathlib import Path

import pytest

import thalweg as tw
from thalweg.errors import InvalidValueError, UnknownNameError, UsageError
from thalweg.records.techniques import technique_label
from thalweg.schedules import Cosine
from thalweg.study.recipes import alternatives, techniques_from
from thalweg.study.weights import _path
from thalweg.techniques import ClipNorm

SMALL = {"epochs": 2, "store": "sqlite://"}


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (["clip-norm:0.5"], {"clip-norm": "clip-norm:threshold=0.5"}),
        ({"clip-norm": 0.5}, {"clip-norm": "clip-norm:threshold=0.5"}),
        ([ClipNorm(0.5)], {"clip-norm": "clip-norm:threshold=0.5"}),
        (["clip-norm:threshold=0.5"], {"clip-norm": "clip-norm:threshold=0.5"}),
        (["schedule=cosine:warmup=0.1"], {"schedule.learning_rate": "cosine:warmup=0.1"}),
        ({"schedule": Cosine(warmup=0.1)}, {"schedule.learning_rate": "cosine:warmup=0.1"}),
        ([Cosine(warmup=0.1)], {"schedule.learning_rate": "cosine:warmup=0.1"}),
        (["schedule.momentum=polynomial"], {"schedule.momentum": "polynomial"}),
        (["initializer=he", "bias=zero+marginal"], {"initializer": "he", "bias": "zero+marginal"}),
        (["model.activation=tanh", "sampling=replacement"], {"model.activation": "tanh", "sampling": "replacement"}),
        (["growth=step:at=0.5/0.75"], {"growth": "step:at=0.5/0.75"}),
        (None, {}),
        ({"schedule": None, "initializer": "none", "model.normalization": "none"}, {"model.normalization": "none"}),
    ],
)
def test_every_way_to_ask_is_one_record(asked: object, kept: dict[str, str]) -> None:
    found = techniques_from(asked)  # type: ignore[arg-type]
    assert found.keys() == kept.keys()
    for key, text in kept.items():
        assert techniques_from([f"{key}={text}"]) == {key: found[key]}


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        (["clip-nrm:1"], UnknownNameError, "did you mean 'clip-norm'"),
        (["clip-norm:-1"], InvalidValueError, "give a number in (0, inf)"),
        (["clip-norm:1", "clip-norm:2"], InvalidValueError, "given twice"),
        (["schedule=cosin"], UnknownNameError, "did you mean 'cosine'"),
        (["initializer=hee"], UsageError, "'he'"),
        (["sampling=anyhow"], UnknownNameError, "sequential"),
        (["ema", "swa"], InvalidValueError, "both average the weights"),
        ([3], InvalidValueError, "give a notation"),
        (["dropout:1"], InvalidValueError, "[0, 1)"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(asked: list, error: type[Exception], said: str) -> None:
    with pytest.raises(error) as raised:
        techniques_from(asked)
    assert said in str(raised.value)
    assert str(raised.value).count("\n") == 0


def test_alternatives_are_every_combination() -> None:
    found = alternatives([["none", "clip-norm:1"], ["schedule=constant", "schedule=cosine"]])
    assert len(found) == 4
    assert {technique_label(one) for one in found} == {
        "constant", "cosine", "clip-norm + constant", "clip-norm + cosine",
    }  # fmt: skip
    assert alternatives(None) == [{}]
    assert alternatives(["none", "ema"]) == alternatives([["none", "ema"]])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"schedule": "cosine", "optimizer": "adadelta"}, None),
        ({"techniques": ["schedule.momentum=cosine"]}, "hyperparameter 'momentum' is not known"),
        ({"techniques": ["model.activation=sine"]}, "activation"),
        ({"techniques": ["model.width=0"]}, "width"),
        ({"techniques": ["start=run:0123456789"]}, "names no run of this store"),
        ({"techniques": ["start=run:"]}, "names no run of this store"),
        ({"task": "rosenbrock", "techniques": ["dropout:0.1"]}, "no training loss that heeds it"),
        ({"task": "rosenbrock", "techniques": ["growth=step"]}, "no batch to grow"),
        ({"techniques": ["initializer=sparse:k=1000"]}, "1000"),
    ],
)
def test_what_does_not_suit_the_task_or_the_optimizer(asked: dict, said: str | None) -> None:
    task, optimizer = asked.pop("task", "digits"), asked.pop("optimizer", "sgd")
    if said is None:
        assert tw.train(task, optimizer, epochs=1, store="sqlite://", **asked).result.status == "finished"
        return
    with pytest.raises(UsageError) as raised:
        tw.train(task, optimizer, epochs=1, store="sqlite://", **asked)
    assert said in str(raised.value)


def test_a_comparison_of_techniques_pairs_them_on_one_program() -> None:
    study = tw.compare("digits-logistic", ["sgd"], trials=2, vary=["none", "clip-norm:1", "schedule=cosine"], **SMALL)
    assert set(study.leaderboard()["optimizer"]) == {"sgd", "sgd + clip-norm", "sgd + cosine"}
    seeds = {label: set() for label in study.leaderboard()["optimizer"]}
    for planned, result in study.runs():
        if planned.role == "winner":
            seeds[planned.contender].add(result.spec.seed)
    assert len({frozenset(one) for one in seeds.values()}) == 1


def test_structures_of_a_model_are_compared_side_by_side() -> None:
    study = tw.compare("digits", ["sgd"], trials=1, vary=["none", "model.activation=tanh"], **SMALL)
    found = {planned.contender: result.validation_loss for planned, result in study.runs() if planned.trial == -1}
    assert set(found) == {"sgd", "sgd + activation tanh"}
    assert len(set(found.values())) == 2


def test_a_run_starts_from_the_weights_of_another(tmp_path: Path) -> None:
    store = str(tmp_path / "store.db")
    first = tw.train("digits-logistic", "sgd", epochs=3, store=store)
    then = tw.train(
        "digits-logistic", "sgd", epochs=1, store=store, techniques=[f"start=run:{first.result.spec.fingerprint[:12]}"]
    )
    assert then.result.curve.validation_loss[0] == pytest.approx(first.result.validation_loss, rel=1e-5)
    assert then.result.spec.techniques["start"] == f"run:{first.result.spec.fingerprint}"
    whole = [f"start=run:{first.result.spec.fingerprint}"]
    assert tw.train("digits-logistic", "sgd", epochs=1, store=store, techniques=whole).from_store
    again = tw.train("digits-logistic", "sgd", epochs=3, store=store)
    assert again.from_store
    kept = again.parameters
    assert set(kept) == {"layer1.weight", "layer1.bias"}
    for damaged in (b"", b"PK", b"nothing"):  # a cache file cut short is made anew
        _path(again.result.spec.fingerprint).write_bytes(damaged)
        assert again.parameters["layer1.weight"].tolist() == kept["layer1.weight"].tolist()


def test_a_users_schedule_is_part_of_the_run(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    text = (
        "from dataclasses import dataclass\nfrom typing import ClassVar\nimport numpy as np\n"
        "from thalweg.schedules import Schedule\n\n"
        "@dataclass(frozen=True)\nclass Half(Schedule):\n    name: ClassVar[str] = 'half'\n"
        "    def factor(self, step, total):\n        return np.full(np.shape(step), 0.5)\n"
    )
    path.write_text(text)
    one = techniques_from([f"schedule={path}:Half"])
    path.write_text(text.replace("0.5", "0.25"))
    two = techniques_from([f"schedule={path}:Half"])
    assert one["source.schedule.learning_rate"] != two["source.schedule.learning_rate"]
    run = tw.train("digits-logistic", "sgd", schedule=f"{path}:Half", **SMALL)
    assert run.result.status == "finished"
