"""MNIST-1D: the generator has the properties that its description states."""

import time

import numpy as np
import pytest

from thalweg.tasks import find_task, task_data
from thalweg.tasks.mnist1d import CANVAS, STROKES, mnist1d_examples


def test_examples_are_fixed_by_the_seed():
    first, again, other = (mnist1d_examples(100, seed)["x"] for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_five_thousand_examples_of_forty_points_five_hundred_a_class():
    examples = mnist1d_examples()
    assert examples["x"].shape == (5000, 40)
    assert np.bincount(examples["y"]).tolist() == [500] * 10


def test_generation_is_quick():
    began = time.process_time()
    mnist1d_examples()
    assert time.process_time() - began < 0.5


def test_templates_start_and_end_at_zero_and_differ():
    strokes = np.array(STROKES)
    assert strokes.shape == (10, 12)
    assert (strokes[:, 0] == strokes[:, -1]).all()
    assert len(np.unique(strokes, axis=0)) == 10


def test_drawings_stand_anywhere_and_fill_part_of_the_canvas():
    # A stroke is 12 of 48 to 72 points, so it covers 1/6 to 1/4 of the canvas: correlate with its own shape.
    from thalweg.tasks.mnist1d import _stretched, _templates

    rng = np.random.default_rng(0)
    drawing, inked = _stretched(_templates()[np.arange(200) % 10], rng)
    share = inked.mean(axis=1)
    assert share.min() == pytest.approx(12 / 72, abs=1.5 / CANVAS)
    assert share.max() == pytest.approx(12 / 48, abs=1.5 / CANVAS)
    assert (drawing[~inked] == 0).all()


def test_tilt_and_noise_have_the_published_strength():
    # Where no stroke is, what is left are correlated noise, independent noise and a tilt of at most 0.375.
    examples = mnist1d_examples(20_000, seed=0)["x"]
    # Smoothed over σ = 2 points, noise of 0.25 keeps 0.25·√(1/(2σ√π)) = 0.094
    centre = examples[:, 18:22].mean(axis=1)
    ends = examples[:, -1] - examples[:, 0]
    smooth = 0.25 * np.sqrt(1 / (2 * 2 * np.sqrt(np.pi)))
    quiet = np.quantile(np.abs(centre - np.median(centre)), 0.5)
    assert 0.5 * 0.6745 * smooth < quiet < 2.5 * 0.6745 * smooth
    # tilt: uniform ±0.375 between the ends, a standard deviation of 0.217, plus strokes and noise at the ends
    assert 0.217 < ends.std() < 0.45


def test_split_is_standardized_by_one_mean_and_deviation_of_the_training_set():
    data = task_data(find_task("mnist1d"))
    assert [len(part["y"]) for part in (data.train, data.validation, data.test)] == [3000, 1000, 1000]
    assert np.abs(data.train["x"].mean()) < 1e-6
    assert data.train["x"].std() == pytest.approx(1, abs=1e-5)
    for part in (data.train, data.validation, data.test):
        assert len(set(np.bincount(part["y"]))) == 1


def test_a_linear_model_tells_a_third_right():
    # Published: logistic regression 32 % (Greydanus & Kobak 2020, table 1), trained on 4000, tested on 1000. Linear
    # discriminants are of the same form and are found at once.
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    data = task_data(find_task("mnist1d"))
    x = np.concatenate([data.train["x"], data.validation["x"]])
    y = np.concatenate([data.train["y"], data.validation["y"]])
    score = LinearDiscriminantAnalysis().fit(x, y).score(data.test["x"], data.test["y"])
    assert score == pytest.approx(0.32, abs=0.03)  # 1000 test examples: standard error 0.015


def test_both_models_see_the_same_data():
    assert task_data(find_task("mnist1d")) is task_data(find_task("mnist1d-cnn"))
