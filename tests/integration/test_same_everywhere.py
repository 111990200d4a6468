"""The same comparison gives the same bits in another process, from another cache, and after it was killed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from thalweg import open_study

PROGRAM = Path(__file__).with_name("tiny_comparison.py")


def started(folder: Path, cache: str, hash_seed: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "THALWEG_CACHE": str(folder / cache), "PYTHONHASHSEED": str(hash_seed)}
    words = [sys.executable, str(PROGRAM), str(folder / f"{cache}-{hash_seed}.db")]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def finished(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("everywhere")


@pytest.fixture(scope="module")
def first(folder: Path) -> dict[str, Any]:
    return finished(started(folder, "one", 1))


def test_another_process_with_another_cache(folder: Path, first: dict[str, Any]) -> None:
    second = finished(started(folder, "two", 2))
    assert second["version"] == first["version"], "the order of a set is no part of a task"
    assert second["numbers"] == first["numbers"]
    assert second["document"] == first["document"]


def test_killed_twice(folder: Path, first: dict[str, Any]) -> None:
    kept = 0
    for phase, least in (("tuning", 3), ("confirming", 5)):
        with started(folder, "one", 3) as process:
            assert process.stdout is not None
            for line in process.stdout:
                word, _, done = line.partition(" ")
                if word == phase and int(done) >= least:
                    break
            else:
                pytest.fail("it ended before it could be killed")
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        study = open_study("last", folder / "one-3.db")
        assert study.record.status == "running"
        assert len(study.results) >= kept + least
        assert any("not finished" in warning.sentence for warning in study.summary.warnings)
        kept = len(study.results)
    process = started(folder, "one", 3)
    last = finished(process)
    assert last["numbers"] == first["numbers"]
    assert last["document"] == first["document"]
    assert open_study("last", folder / "one-3.db").record.status == "finished"
