"""The kill campaign on a small program that keeps runs, sound or broken in a known way."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Keeps 12 runs of a study in batches of 2, waiting between them; broken as its argument says.
STUDY = """
import json, sys, time
import numpy as np
from thalweg.records import *
from thalweg.store import open_store

def main():
    fault, store = sys.argv[1], sys.argv[sys.argv.index("--store") + 1]
    optimizer = OptimizerSpec("sgd", {"learning_rate": 0.1})
    specs = [RunSpec("toy", "v", optimizer, 8, 4, 2, seed) for seed in range(12)]
    study = StudySpec("toy", "v", (), Protocol("quick", 1, 1, 1, 8, 4, 2), 0)
    record = StudyRecord("abc", study, {}, "running", "2025", "", {})
    with open_store(store) as kept:
        kept.save_study(record, [PlannedRun("sgd", "trial", -1, spec) for spec in specs])
        done = kept.load_runs([spec.fingerprint for spec in specs])
        resumed = bool(done)
        todo = specs if fault == "retrains" else [spec for spec in specs if spec.fingerprint not in done]
        for first in range(0, len(todo), 2):
            time.sleep(0.06)
            values = np.full(2, 0.5 + (fault == "drifts" and resumed), np.float32)
            curve = Curve(np.array([2, 4], np.int32), values, values, values)
            batch = todo[first : first + 2]
            kept.save_runs([RunResult(s, "finished", None, curve, s.seed / 7, 0.5, None, None, 4) for s in batch])
        if fault == "stumbles" and resumed:
            raise SystemExit("it stumbled")
        losses = [run.validation_loss for run in kept.load_runs([spec.fingerprint for spec in specs]).values()]
    best = min(losses) + (fault == "drifts" and resumed)
    print(json.dumps({"leaderboard": [{"loss": best, "seconds_per_step": time.time()}], "seconds": time.time()}))
    return 0
"""


def load_campaign():
    spec = importlib.util.spec_from_file_location("kill_campaign", ROOT / "scripts" / "kill_campaign.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["kill_campaign"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


kill_campaign = load_campaign()


@pytest.fixture
def program(tmp_path, monkeypatch):
    (tmp_path / "small_study.py").write_text(STUDY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return lambda fault: kill_campaign.Program("small_study:main", (fault,))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("none", set()),
        ("retrains", {"runs trained twice"}),
        ("drifts", {"runs that differ", "leaderboards that differ"}),
        ("stumbles", {"failures"}),
    ],
)
def test_a_campaign_finds_what_is_broken(program, fault, expected):
    # Most kills hit a study half done, where every fault shows: 40 of them do not all miss.
    figures = kill_campaign.campaign(
        program(fault), kills=4 if fault == "none" else 40, seed=3, stop_early=True, quiet=True
    )
    assert figures["undisturbed"]["equal"]
    assert figures["runs per study"] == 12
    complaints = {"runs trained twice", "runs that differ", "leaderboards that differ", "failures"}
    found = {name for name in complaints if figures[name]}
    # Killed after its last result, a program that drifts has only its leaderboard wrong.
    assert found <= expected
    assert bool(found) == bool(expected)
    assert figures["clean"] == (not expected)
    assert bool(figures["examples of differences"]) == ("runs that differ" in found)
    assert figures["kills"] >= (4 if fault == "none" else 1)
    json.dumps(figures, allow_nan=False)


def test_timings_are_left_out_wherever_they_stand():
    document = {"seconds": {"total": 1}, "leaderboard": [{"loss": 1, "seconds_per_step": 2}], "study": "a"}
    assert kill_campaign.without_timings(document) == {"leaderboard": [{"loss": 1}], "study": "a"}


def test_a_digest_tells_results_apart():
    import dataclasses
    import math

    import numpy as np

    from thalweg.records import Curve, OptimizerSpec, RunResult, RunSpec

    values = np.array([1, 2], np.float32)
    curve = Curve(np.array([2, 4], np.int32), values, values, values)
    result = RunResult(
        RunSpec("t", "v", OptimizerSpec("sgd", {}), 1, 4, 2, 0), "finished", None, curve, 1.0, 1.0, None, None, 4
    )
    nudged = np.nextafter(values, np.float32(9))
    others = [
        dataclasses.replace(result, test_loss=math.nan),
        dataclasses.replace(result, validation_loss=math.nextafter(1.0, 2.0)),
        dataclasses.replace(result, status="diverged"),
        dataclasses.replace(result, curve=dataclasses.replace(curve, validation_loss=nudged)),
    ]
    assert len({kill_campaign.digest(run) for run in [result, *others]}) == 5
    assert kill_campaign.digest(dataclasses.replace(result)) == kill_campaign.digest(result)


def test_a_store_that_is_not_there_yet_has_no_results(tmp_path):
    assert kill_campaign.finished_fingerprints(tmp_path / "runs.db") == set()
    (tmp_path / "runs.db").touch()
    assert kill_campaign.finished_fingerprints(tmp_path / "runs.db") == set()
