"""Lane sizes are measured where that pays, kept, and convolutions are never stacked."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.optimizers import SGD
from thalweg.tasks import Data, Task
from thalweg.training import calibration
from thalweg.training.plan import Plan

SPLIT = {"x": np.ones((8, 6, 1), np.float32), "y": np.ones(8, np.float32)}
DATA = Data(SPLIT, SPLIT, SPLIT)


def init(key):
    return {"kernel": jax.random.normal(key, (3, 1, 2))}


def convolving(params, batch):
    out = jax.lax.conv_general_dilated(
        batch["x"], params["kernel"], (1,), "SAME", dimension_numbers=("NHC", "HIO", "NHC")
    )
    return jnp.mean((out.sum((1, 2)) - batch["y"]) ** 2)


def multiplying(params, batch):
    return jnp.mean((batch["x"][:, :3, 0] @ params["kernel"][:, 0] - batch["y"][:, None]) ** 2)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("THALWEG_CACHE", str(tmp_path))
    return tmp_path


def calibrate(plan, touched):
    task = Task("tiny", init, multiplying, DATA, batch_size=4)
    return calibration.calibrated(
        plan, task, DATA, [SGD()], batch_size=4, window=2, touched_bytes=touched, version="v" * 64
    )


def test_convolutions_are_seen_also_inside_jit():
    assert calibration.has_convolution(Task("a", init, convolving, DATA, batch_size=4), DATA)
    assert calibration.has_convolution(Task("a", init, jax.jit(convolving), DATA, batch_size=4), DATA)
    assert not calibration.has_convolution(Task("a", init, multiplying, DATA, batch_size=4), DATA)


def test_little_work_is_not_measured(cache, monkeypatch):
    monkeypatch.setattr(calibration, "_microseconds", lambda *a: pytest.fail("measured"))
    assert calibrate(Plan(8, 2, 1), 1e6) == Plan(8, 2, 1)
    assert not list(cache.rglob("*.json"))


@pytest.mark.parametrize(("speed", "chosen"), [({1: 1.0}, 1), ({32: 5.0}, 32), ({32: 9.5}, 8), ({}, 8)])
def test_the_clearly_fastest_size_is_chosen_and_kept(cache, monkeypatch, speed, chosen):
    monkeypatch.setattr(calibration, "_microseconds", lambda plan, *a: speed.get(plan.members, 10.0))
    assert calibrate(Plan(8, 2, 1), 1e15).members == chosen
    monkeypatch.setattr(calibration, "_microseconds", lambda *a: pytest.fail("measured again"))
    assert calibrate(Plan(8, 2, 1), 1e15).members == chosen


def test_sizes_are_really_measured(cache):
    plan = calibrate(Plan(2, 3, 1), 1e15)
    (told,) = [json.loads(path.read_text()) for path in cache.rglob("lanes/*.json")]
    assert plan.members == told["members"]
    assert set(told["microseconds per member-step"]) == {"1", "2", "8"}
    assert all(value > 0 for value in told["microseconds per member-step"].values())
