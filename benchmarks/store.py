"""What the store costs: opening it, its share of a study's time, and finding one's way among 100,000 runs.

Targets: writing takes less than 2 % of a study's time; a store of 100,000 runs lists its studies,
and loads one of 1,000 runs for a report, in under 2 s.

Usage: ``python benchmarks/store.py [--rounds 5]``; figures go to ``benchmarks/results/store.json``.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from harness import environment, write
from thalweg.records import (
    Contender,
    Curve,
    OptimizerSpec,
    PlannedRun,
    Protocol,
    RunResult,
    RunSpec,
    StudyRecord,
    StudySpec,
)
from thalweg.store import open_store

POINTS = 30  # of one curve
STUDY_RUNS = 1000
BATCH = 64  # runs that a program hands over at once
STUDIES = 100

# In a process of its own, as a user's command pays for loading SQLAlchemy, and for Alembic when the store is new.
OPEN = """
import sys, time
import thalweg.records
began = time.perf_counter()
from thalweg.store import open_store
with open_store(sys.argv[1]) as store:
    opened = time.perf_counter()
    for use in sys.argv[2:]:
        if use == "list":
            store.list_studies()
        else:
            record = store.load_study(use)
            planned = store.study_runs(record.id)
            found = store.load_runs({run.spec.fingerprint for run in planned})
            assert len(planned) == len(found) > 0
print(opened - began, time.perf_counter() - began)
"""


def results_of(study: int) -> list[RunResult]:
    """Return the results of a study of a thousand runs, each with its own settings."""
    draw = np.random.default_rng(study)
    step = np.arange(30, 30 * POINTS + 1, 30, dtype=np.int32)
    found = []
    for number in range(STUDY_RUNS):
        rates = {"learning_rate": float(10 ** draw.uniform(-5, 0)), "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
        spec = RunSpec("digits", "0" * 64, OptimizerSpec("adam", rates, {"epsilon": "outside"}), 32, 900, 30, number)
        curve = Curve(step, *draw.random((3, POINTS), dtype=np.float32))
        found.append(RunResult(spec, "finished", None, curve, float(draw.random()), 0.9, None, None, 900))
    return found


def record_of(study: int) -> StudyRecord:
    """Return the record of a study."""
    contender = Contender("adam", "adam", "", "all", (), {"learning_rate": 1e-3})
    spec = StudySpec("digits", "0" * 64, (contender,), Protocol("quick", 16, 1, 10, 32, 900, 30), study)
    created = f"2025-01-01T{study // 60:02d}:{study % 60:02d}:00Z"
    return StudyRecord(
        spec.fingerprint[:12], spec, {"name": "digits"}, "finished", created, "thalweg compare digits", {}
    )


def write_study(path: Path, study: int, results: Sequence[RunResult]) -> float:
    """Write one study as ``compare`` does, batch after batch, and return the seconds it took."""
    planned = [PlannedRun("adam", "trial", number, result.spec) for number, result in enumerate(results)]
    # A study computes the fingerprints anyway, to look for what it need not train.
    for result in results:
        _ = result.spec.fingerprint
    with open_store(path) as store:
        began = time.perf_counter()
        store.save_study(dataclasses.replace(record_of(study), status="running"), planned)
        for first in range(0, len(results), BATCH):
            store.save_runs(results[first : first + BATCH])
        store.save_study(record_of(study))
        return time.perf_counter() - began


def in_process(path: Path, *uses: str) -> tuple[float, float]:
    """Return the seconds until a store is open and until it has been used, in a new process."""
    answer = subprocess.run(
        [sys.executable, "-c", OPEN, str(path), *uses], capture_output=True, text=True, check=True
    ).stdout.split()
    return float(answer[0]), float(answer[1])


def medians(rounds: int, work: Callable[[int], Sequence[float]]) -> list[float]:
    """Return the median over rounds of each of several times."""
    return [round(median(values), 4) for values in zip(*(work(number) for number in range(rounds)), strict=True)]


def opening(folder: Path, rounds: int) -> dict[str, float]:
    """Return what opening costs, imports included."""
    (new,) = medians(rounds, lambda number: in_process(folder / f"new-{number}.db")[:1])
    (old,) = medians(rounds, lambda _: in_process(folder / "new-0.db")[:1])
    return {"new store, seconds": new, "up-to-date store, seconds": old}


def writing(folder: Path, rounds: int) -> dict[str, Any]:
    """Return what writing a study of 1,000 runs takes, each round into a fresh store."""
    batches = [results_of(number) for number in range(rounds)]
    (seconds,) = medians(rounds, lambda number: [write_study(folder / f"w-{number}.db", number, batches[number])])
    return {"runs": STUDY_RUNS, "points per curve": POINTS, "runs per transaction": BATCH, "seconds": seconds}


def large_store(folder: Path, rounds: int) -> dict[str, Any]:
    """Return how long a store of 100,000 runs takes to be listed and read, each round in a new process."""
    path = folder / "large.db"
    first = last = 0.0
    for study in range(STUDIES):
        last = write_study(path, study, results_of(study))
        first = first or last
    middle = record_of(STUDIES // 2).id
    _, listing = medians(rounds, lambda _: in_process(path, "list"))
    _, loading = medians(rounds, lambda _: in_process(path, middle))
    _, both = medians(rounds, lambda _: in_process(path, "list", middle))
    return {
        "runs": STUDIES * STUDY_RUNS,
        "studies": STUDIES,
        "megabytes": round(path.stat().st_size / 1e6, 1),
        "write the first study, seconds": round(first, 4),
        "write the last study, seconds": round(last, 4),
        "list, seconds": listing,
        "load a study of 1,000 runs, seconds": loading,
        "list and load, seconds": both,
    }


def share_of_a_study(folder: Path) -> dict[str, Any]:
    """Return the store's share of the time of a real comparison, as it is kept in the study's record."""
    path = folder / "study.db"
    command = [sys.executable, "-m", "thalweg", "compare", "digits", "--optimizers", "sgd,momentum,adam", "--quiet"]
    done = subprocess.run([*command, "--store", str(path), "--json"], capture_output=True, text=True)
    if done.returncode:
        return {"failed": done.stderr.strip().splitlines()[-1]}
    with open_store(path, read_only=True) as store:
        record = store.load_study("last")
        runs = len(store.study_runs("last"))
    seconds = record.seconds
    return {
        "command": " ".join(command[2:]),
        "runs": runs,
        "seconds": round(seconds["total"], 2),
        "store, seconds": round(seconds["store"], 4),
        "share": round(seconds["store"] / seconds["total"], 5),
    }


def main() -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each measurement (default: 5)")
    rounds = parser.parse_args().rounds
    figures: dict[str, Any] = {"environment": environment("sqlalchemy", "alembic", "numpy")}
    with tempfile.TemporaryDirectory(prefix="store-benchmark-") as name:
        folder = Path(name)
        figures["opening"] = opening(folder, rounds)
        figures["writing"] = writing(folder, rounds)
        figures["large store"] = large_store(folder, rounds)
        figures["share of a study"] = share_of_a_study(folder)
    figures["load average at end"] = round(os.getloadavg()[0], 2)
    print(json.dumps(figures, indent=1))
    print(write("store", figures))


if __name__ == "__main__":
    main()
