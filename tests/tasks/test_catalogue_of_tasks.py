"""The catalogue: names, facts told without JAX, references, versions."""

import dataclasses
import functools
import json
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from thalweg.errors import UnknownNameError, UserFileError
from thalweg.landscapes import LANDSCAPES
from thalweg.tasks import (
    Data,
    Task,
    classification,
    find_task,
    load_task,
    task_data,
    task_listing,
    task_names,
    task_version,
)
from thalweg.tasks.base import STATE
from thalweg.tasks.check import check_task
from thalweg.tasks.models import mlp
from thalweg.tasks.table import ENTRIES

EXAMPLE = Path(__file__).parents[2] / "examples" / "my_task.py"
DATA_TASKS = [name for name in ENTRIES if name not in LANDSCAPES]


@pytest.mark.parametrize("name", [*DATA_TASKS, "rosenbrock", "monkey-saddle"])
def test_the_table_tells_the_truth(name):
    entry, task = ENTRIES[name], find_task(name)
    params = jax.eval_shape(task.init, jax.random.key(0))  # by shape alone, as compiling takes long
    data = task_data(task)
    rows = sum(len(next(iter(part.values()))) for part in (data.train, data.validation, data.test))
    assert (task.name, task.title, task.licence) == (entry.name, entry.title, entry.licence)
    trained = {name: value for name, value in params.items() if name != STATE}
    assert sum(leaf.size for leaf in jax.tree.leaves(trained)) == entry.parameters
    assert entry.examples in (rows, 0)
    assert (entry.examples == 0) == (entry.kind == "landscape")
    assert task.target is not None
    assert task.source
    assert task.description


@pytest.mark.parametrize("name", ["breast-cancer", "diabetes", "rosenbrock"])
def test_built_in_tasks_pass_the_check_of_users_tasks(name):
    assert check_task(find_task(name)).notes == ()


@pytest.mark.parametrize("name", DATA_TASKS)
def test_splits_are_about_sixty_twenty_twenty_of_32_bit_numbers(name):
    data = task_data(find_task(name))
    counts = np.array([len(part["y"]) for part in (data.train, data.validation, data.test)])
    np.testing.assert_allclose(counts / counts.sum(), [0.6, 0.2, 0.2], atol=0.003)  # whole rows only
    assert data.train["x"].dtype == (np.int32 if name.startswith("text-") else np.float32)
    assert data.train["y"].dtype in (np.int32, np.float32)


def test_listing_is_json_and_loads_no_jax():
    code = (
        "import json, sys; from thalweg.tasks import task_listing; rows = task_listing(); "
        "assert not {'jax', 'sklearn', 'scipy', 'torch'} & set(sys.modules); print(json.dumps(rows))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    rows = json.loads(done.stdout)
    assert [row["name"] for row in rows] == list(task_names())
    assert set(rows[0]) == {"name", "title", "kind", "examples", "parameters", "licence"}


def test_every_landscape_is_a_task():
    assert set(LANDSCAPES) < set(task_names())
    assert len(task_listing()) == len(DATA_TASKS) + len(LANDSCAPES)


def test_unknown_task_offers_the_nearest_name():
    with pytest.raises(UnknownNameError, match="task 'digit' is not known: did you mean 'digits'"):
        load_task("digit")


def test_a_users_file_is_a_task_from_day_one():
    loaded = load_task(str(EXAMPLE))
    assert loaded.task.name == "wine-mlp"
    assert len(loaded.source_fingerprint) == 64
    assert load_task(f"{EXAMPLE}:wine").task.name == "wine-mlp"
    assert check_task(loaded.task).parameters == 13 * 16 + 16 + 16 * 3 + 3


def test_a_file_without_a_task_is_said_to_have_none(tmp_path):
    path = tmp_path / "empty.py"
    path.write_text("x = 1\n")
    with pytest.raises(UserFileError, match="Task"):
        load_task(str(path))


PART = {"x": np.eye(3, dtype=np.float32), "y": np.arange(3, dtype=np.int32)}


def make(width=4, factor=2.0, **fields):
    model = mlp((3, width, 3))
    task = classification("mine", model.init, lambda p, x: factor * model.apply(p, x), Data(PART, PART, PART))
    return dataclasses.replace(task, **fields)


def test_version_is_the_same_for_the_same_task():
    assert task_version(find_task("digits")) == task_version(find_task("digits"))
    assert task_version(make()) == task_version(make())


def other_data():
    changed = {**PART, "x": PART["x"] + np.float32(1e-7)}
    return Data(PART, PART, changed)


def other_dtype():
    return Data({**PART, "y": PART["y"].astype(np.int64)}, PART, PART)


@pytest.mark.parametrize(
    "changed",
    [
        make(name="other"),
        make(version=2),
        make(data=other_data()),
        make(data=other_dtype()),
        make(width=5),
        make(factor=3.0),
        make(loss=lambda params, batch: 1.0),
        make(metric=None),
    ],
    ids=["name", "version", "data", "dtype", "width", "factor", "loss", "metric"],
)
def test_version_changes_with_everything_a_run_depends_on(changed):
    assert task_version(changed) != task_version(make())


def test_version_changes_with_the_source():
    assert task_version(make(), "a") != task_version(make(), "b")


def helper(value):
    return value * FACTOR


FACTOR = 2.0


def test_version_follows_functions_and_numbers_reached_by_name(monkeypatch):
    task = Task(
        "mine", lambda key: {}, functools.partial(lambda k, params, batch: helper(k), 3), Data(PART, PART, PART)
    )
    before = task_version(task)
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 3.0)
    assert task_version(task) != before


def test_version_is_cheap():
    import time

    task = find_task("digits")
    task_version(task)
    began = time.perf_counter()
    for _ in range(5):
        task_version(task)
    assert (time.perf_counter() - began) / 5 < 0.02
