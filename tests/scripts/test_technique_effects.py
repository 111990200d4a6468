"""The examples of techniques: a measurement in small, its sign, and a page that is what its figures say."""

import dataclasses
import importlib
import json
import sys
from pathlib import Path

import pytest

from thalweg.records import Interval

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def effects():
    sys.path.insert(0, str(SCRIPTS))
    try:
        yield importlib.import_module("technique_effects")
    finally:
        sys.path.remove(str(SCRIPTS))


def test_page_is_what_its_figures_say(effects) -> None:
    figures = json.loads(effects.FIGURES.read_text(encoding="utf-8"))
    assert effects.PAGE.read_text(encoding="utf-8") == effects.page(figures)
    assert [case["name"] for case in figures["cases"]] == [case.name for case in effects.CASES]
    for kept, case in zip(figures["cases"], effects.CASES, strict=True):
        assert json.loads(json.dumps(dataclasses.asdict(case))).items() <= kept.items()
        assert kept["command"] == case.command


def test_an_initializer_that_learns_nothing_hurts(effects) -> None:
    case = effects.Case("tiny", "Tiny", "It hurts.", "digits", "adam", ("none", "initializer=zero"), (), 1, 2)
    measured = effects.measure(case, "sqlite://")
    (row,) = measured["effects"]
    baseline, zero = measured["entries"]
    mean, low, high = row["loss"]
    assert row["verdict"] == "hurts"
    assert mean == pytest.approx(zero["test loss"] - baseline["test loss"])
    assert 0 < low <= mean <= high
    assert row["metric"][0] < 0  # accuracy falls
    assert row["probability lower loss"] < 0.25


def test_difference_is_turned_with_its_interval(effects) -> None:
    assert effects.turned(Interval(1.0, -2.0, 3.0), keep=False) == Interval(-1.0, -3.0, 2.0)
    assert effects.turned(Interval(1.0, -2.0, 3.0), keep=True) == Interval(1.0, -2.0, 3.0)
    assert effects.spread([-0.0125, -0.031, 0.006]) == "−0.0125 [−0.0310, +0.0060]"
