"""The fuzzing of requests and records in a reduced form, and that it finds what is broken."""

import dataclasses
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import thalweg as tw
from thalweg.records import OptimizerSpec, RunSpec

ROOT = Path(__file__).parents[2]


def load_script():
    spec = importlib.util.spec_from_file_location("fuzz_specs", ROOT / "scripts" / "fuzz_specs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_specs"] = module
    spec.loader.exec_module(module)
    return module


fuzz_specs = load_script()


@pytest.fixture(scope="module")
def task():
    import jax.numpy as jnp

    part = {"x": np.arange(12, dtype=np.float32).reshape(6, 2)}
    loss = lambda params, batch: jnp.mean((batch["x"] @ params["w"] - 1) ** 2)  # noqa: E731
    return tw.Task("fuzzed", lambda key: {"w": jnp.zeros(2)}, loss, tw.Data(part, part, part), batch_size=2, epochs=2)


@pytest.mark.slow
def test_every_request_is_answered_and_every_record_kept(task):
    figures = fuzz_specs.campaign(task, cases=60, number=1)
    assert figures["failures"] == []
    assert figures["cases"] == 75
    assert {"compare: answered", "train: answered", "race: answered"} <= figures["outcomes"].keys()
    assert figures["outcomes"]["record: equal"] == 15
    json.dumps(figures)


@pytest.mark.parametrize(
    ("place", "broken", "case"),
    [
        ("thalweg.study.race.point", lambda name, value: tuple(map(float, value)), ("race", {"start": 5})),
        ("thalweg.study.rules.listed", lambda name, value, example: value, ("race", {"optimizers": 5})),
        ("fuzz_specs.SENTENCE", fuzz_specs.re.compile("never"), ("race", {"start": (1,)})),
    ],
)
def test_a_request_that_is_not_answered_is_found(place, broken, case, monkeypatch):
    name, arguments = case
    arguments = {"landscape": "bowl", "optimizers": ["sgd"], "steps": 1, **arguments}
    with fuzz_specs.open_store("sqlite://") as store:
        fuzz_specs.check_request(name, arguments, store, fuzz_specs.Counter())
        monkeypatch.setattr(place, broken)
        with pytest.raises((AssertionError, TypeError, ValueError)):
            fuzz_specs.check_request(name, arguments, store, fuzz_specs.Counter())


def test_a_campaign_tells_of_failures(task, monkeypatch):
    monkeypatch.setattr("fuzz_specs.SENTENCE", fuzz_specs.re.compile("never"))
    figures = fuzz_specs.campaign(task, cases=40, number=1)
    assert len(figures["failures"]) == 1
    assert "no sentence" in figures["failures"][0]


def test_a_record_that_comes_back_changed_is_found(task, monkeypatch):
    with fuzz_specs.open_store("sqlite://") as store:
        kept = store.load_runs

        def load(fingerprints):
            found = kept(fingerprints).items()
            return {key: dataclasses.replace(r, spec=dataclasses.replace(r.spec, seed=7)) for key, r in found}

        spec = RunSpec("task", "v", OptimizerSpec("sgd", {"learning_rate": 0.1}), 1, 2, 1, seed=3)
        fuzz_specs.check_record(spec, store, fuzz_specs.Counter())
        monkeypatch.setattr(store, "load_runs", load)
        with pytest.raises(AssertionError):
            fuzz_specs.check_record(spec, store, fuzz_specs.Counter())
