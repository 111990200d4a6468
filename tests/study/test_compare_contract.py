"""The JSON document of a comparison, its table, and what can be done with the best optimizer."""

import json
import math
from typing import Any

import pytest
from tiny_tasks import PLANE

from thalweg import compare
from thalweg.study import Study

NUMBER = (int, float)
PROTOCOL = {
    "effort": str,
    "trials": int,
    "tuning_seeds": int,
    "confirmation_seeds": int,
    "batch_size": int,
    "steps": int,
    "evaluate_every": int,
    "sampler": str,
    "schedule": str,
    "resamples": int,
    "confidence": float,
    "win_probability": float,
    "version": int,
    "techniques": str,
}
ROW = {
    "optimizer": str,
    "hyperparameters": dict,
    "validation_loss": float,
    "test_metric": dict,
    "rank": dict,
    "steps_to_target": (float, type(None)),
    "diverged_share": float,
    "state_bytes_per_parameter": float,
    "seconds_per_step": float,
}
DOCUMENT = {
    "task": str,
    "protocol": dict,
    "warnings": list,
    "leaderboard": list,
    "runs": int,
    "seconds": dict,
    "study": str,
}


@pytest.fixture(scope="module")
def study() -> Study:
    return compare(PLANE, ["sgd", "adam"], trials=2, store="sqlite://")


@pytest.fixture(scope="module")
def document(study: Study) -> dict[str, Any]:
    text = json.dumps(study.to_dict(), allow_nan=False)  # strict JSON: no NaN, nothing but plain values
    assert json.loads(text) == study.to_dict()
    return json.loads(text)


def check(found: dict[str, Any], kinds: dict[str, Any]) -> None:
    assert list(found) == list(kinds)
    for name, kind in kinds.items():
        assert isinstance(found[name], kind), f"{name} is {found[name]!r}"
        assert not isinstance(found[name], bool)


def test_document(document: dict[str, Any], study: Study) -> None:
    check(document, DOCUMENT)
    check(document["protocol"], PROTOCOL)
    assert document["task"] == "plane"
    assert document["study"] == study.id
    assert all(isinstance(sentence, str) and sentence.endswith(".") for sentence in document["warnings"])
    assert document["runs"] == len({run.spec.fingerprint for run, _ in study.runs()})


def test_rows(document: dict[str, Any]) -> None:
    assert len(document["leaderboard"]) == 2
    for row in document["leaderboard"]:
        check(row, ROW)
        check(row["test_metric"], {"name": str, "mean": float, "low": float, "high": float})
        check(row["rank"], {"low": int, "high": int})
        assert 1 <= row["rank"]["low"] <= row["rank"]["high"] <= 2
        assert row["test_metric"]["name"] == "RMSE"
        assert all(isinstance(value, float) for value in row["hyperparameters"].values())
        assert row["seconds_per_step"] > 0
        assert 0 <= row["diverged_share"] <= 1
    state = {row["optimizer"]: row["state_bytes_per_parameter"] for row in document["leaderboard"]}
    assert state == {"sgd": 0.0, "adam": 8.0}


def test_seconds(document: dict[str, Any]) -> None:
    seconds = document["seconds"]
    assert list(seconds)[:3] == ["total", "compile", "train"]
    assert all(isinstance(value, NUMBER) and value >= 0 for value in seconds.values())
    parts = sum(value for name, value in seconds.items() if name != "total")
    assert 0 < seconds["train"] <= seconds["total"] <= parts + 1  # a second for what lies between the parts


def test_table(study: Study, document: dict[str, Any]) -> None:
    table = study.leaderboard()
    assert list(table.columns) == [
        "optimizer",
        "RMSE",
        "low",
        "high",
        "rank_low",
        "rank_high",
        "hyperparameters",
        "validation_loss",
        "steps_to_target",
        "diverged_share",
        "state_bytes_per_parameter",
        "seconds_per_step",
    ]
    assert table["optimizer"].tolist() == [row["optimizer"] for row in document["leaderboard"]]
    assert table["RMSE"].tolist() == [row["test_metric"]["mean"] for row in document["leaderboard"]]
    assert table["RMSE"].is_monotonic_increasing
    assert table["rank_low"].dtype.kind == "i"
    assert study.leaderboard().equals(table), "asking does not use it up"


def test_best(study: Study, document: dict[str, Any]) -> None:
    best, row = study.best(), document["leaderboard"][0]
    assert best.contender == row["optimizer"] == best.rule.name
    assert {name: float(value) for name, value in best.rule.values().items()} == row["hyperparameters"]
    assert all(math.isfinite(value) for value in row["hyperparameters"].values())
