"""The example of the hand-coded network runs, the same every time, and the page about it shows what is printed."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from thalweg.handcoded import Network
from thalweg.optimizers import SGD

ROOT = Path(__file__).parents[2]


@pytest.fixture
def example(monkeypatch):
    """The example's module, on 70 images for one pass."""
    spec = importlib.util.spec_from_file_location("handcoded_network", ROOT / "examples" / "handcoded_network.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(__import__("sys").modules, "handcoded_network", module)  # dataclasses look themselves up
    spec.loader.exec_module(module)
    whole = module.load_problem()
    small = module.Problem(whole.x[:70], whole.y[:70], whole.test_x, whole.test_y, passes=1, sweep_passes=3)
    monkeypatch.setattr(module, "load_problem", lambda: small)
    return module


def test_the_example_is_the_same_every_time(example, tmp_path, capsys):
    printed, drawn = [], []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        example.main([str(tmp_path / name)])
        printed.append(capsys.readouterr().out)
        drawn.append({file.name: file.read_bytes() for file in (tmp_path / name).iterdir()})
    assert printed[0] == printed[1]
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == {"handcoded-learning-rates.svg", "handcoded-optimizers.svg"}
    assert all((ROOT / "docs" / "images" / name).stat().st_size < 150_000 for name in drawn[0])


def test_the_last_batch_of_each_epoch_is_what_the_printed_loop_takes(example):
    problem = example.load_problem()
    longer = example.Problem(problem.x, problem.y, problem.x, problem.y, passes=3)
    assert example.printed_loop(longer, 0.1).shape == (5,)
    orders = [np.random.default_rng((5, epoch)).permutation(70)[32:64] for epoch in range(3)]
    run = longer.train(example.METHODS[1], 0.1, 5, 3, rows=orders)
    assert example.printed_loop(longer, 0.1)[0] == longer.loss(run.network)


def test_intervals_are_students(example):
    from scipy import stats

    values = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    mean, low, high = example.log_interval(values)
    there = stats.ttest_1samp(np.log(values), 0).confidence_interval(0.95)
    np.testing.assert_allclose([mean, low, high], [4.0, np.exp(there.low), np.exp(there.high)])


def test_the_page_shows_the_trace_as_it_is():
    network = Network.random((3, 4, 2), seed=0, l2=0.01)
    trace = network.explain_step(np.eye(3), np.array([0, 1, 1]), optimizer=SGD(learning_rate=0.1))
    assert f"```text\n{trace}\n```" in (ROOT / "docs" / "handcoded.md").read_text(encoding="utf-8")
