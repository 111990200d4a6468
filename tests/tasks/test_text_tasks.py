"""The text, its windows, and the two character models: what they may see, what they are judged by, that they learn."""

import importlib.resources
import itertools
import math
from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.tasks import find_task, task_data, with_options
from thalweg.tasks.base import Context
from thalweg.tasks.character_models import ROWS_AT_ONCE
from thalweg.tasks.check import check_task
from thalweg.tasks.text import CHARACTERS, VOCABULARY, as_text, text_data

SMALL = {
    "text-gru": {"hidden": 16, "window": 16, "characters": 10_000},
    "text-transformer": {"width": 16, "layers": 1, "window": 16, "characters": 10_000},
}
NAMES = tuple(SMALL)
TEXT = (importlib.resources.files("thalweg.tasks") / "data" / "shakespeare.txt").read_text(encoding="ascii")


def small(name, **options):
    return with_options(find_task(name), **{**SMALL[name], **options})


def some(task, rows):
    return {key: jnp.asarray(array[:rows]) for key, array in task_data(task).train.items()}


def test_vocabulary_is_the_texts_characters():
    assert len(TEXT) == CHARACTERS
    assert "".join(sorted(set(TEXT))) == VOCABULARY


@pytest.mark.parametrize(("characters", "window"), [(10_000, 16), (10_007, 33), (200_000, 64)])
def test_splits_are_pieces_of_the_text_that_share_no_character(characters, window):
    data, begin = text_data(characters, window), 0
    for part in (data.train, data.validation, data.test):
        rows = len(part["x"])
        assert part["x"].shape == part["y"].shape == (rows, window)
        assert as_text(part["x"]) == TEXT[begin : begin + rows * window]
        assert as_text(part["y"]) == TEXT[begin + 1 : begin + rows * window + 1]
        begin += rows * window + 1  # also what the last row looks ahead to
    assert characters - window - 3 < begin <= characters


def test_stated_frequencies_are_the_texts():
    text = TEXT[:200_000]
    single, pairs = Counter(text), Counter(itertools.pairwise(text))
    alone = -sum(n / len(text) * math.log2(n / len(text)) for n in single.values())
    paired = -sum(n / (len(text) - 1) * math.log2(n / single[first]) for (first, _), n in pairs.items())
    assert (round(alone, 1), round(paired, 1)) == (4.8, 3.5)
    assert "alone give 4.8 bits per character, those of pairs 3.5" in find_task("text-gru").description


@pytest.mark.parametrize("name", NAMES)
def test_small_tasks_pass_the_check_and_start_near_a_blind_guess(name):
    checked = check_task(small(name))
    assert checked.notes == ()
    assert checked.initial_loss == pytest.approx(math.log(len(VOCABULARY)), abs=1)
    assert checked.initial_metric == pytest.approx(checked.initial_loss / math.log(2), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_later_changes_nothing_before(name):
    task, place = small(name), 9
    params = jax.jit(task.init)(jax.random.key(0))
    x = np.array(task_data(task).train["x"][:4])
    other = x.copy()
    other[:, place:] = (other[:, place:] + 1) % len(VOCABULARY)
    losses = jax.jit(lambda x, y: task.loss(params, {"x": x, "y": y}))

    def gain(x):
        # What another label of the first places changes: their logits' differences, and nothing of later places.
        first, second = np.zeros_like(x), np.zeros_like(x)
        second[:, :place] = 1
        return float(losses(x, first)) - float(losses(x, second))

    assert gain(x) == pytest.approx(gain(other), abs=1e-6)
    assert float(losses(x, np.zeros_like(x))) != float(losses(other, np.zeros_like(x)))
    changed = x.copy()
    changed[:, 0] = (changed[:, 0] + 1) % len(VOCABULARY)
    assert abs(gain(x) - gain(changed)) > 1e-4


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rows", [ROWS_AT_ONCE, ROWS_AT_ONCE + 37, 2 * ROWS_AT_ONCE])
def test_loss_of_many_rows_is_the_mean_over_all(name, rows):
    task = small(name)
    params, batch = jax.jit(task.init)(jax.random.key(0)), some(task, rows)
    one = jax.jit(jax.vmap(lambda x, y: task.loss(params, {"x": x[None], "y": y[None]})))
    each = np.asarray(one(batch["x"], batch["y"]), np.float64)
    assert float(jax.jit(task.loss)(params, batch)) == pytest.approx(each.mean(), rel=1e-5)
    assert abs(each[-30:].mean() - each.mean()) > 1e-4  # rows differ, so it matters that each counts once


@pytest.mark.parametrize("name", NAMES)
def test_training_mode_is_the_loss_until_a_technique_is_asked_for(name):
    task = small(name)
    params, batch, key = jax.jit(task.init)(jax.random.key(0)), some(task, 8), jax.random.key(1)
    plain, state = jax.jit(task.training_loss)(params, batch, Context(key, None, None, None))
    assert float(plain) == pytest.approx(float(jax.jit(task.loss)(params, batch)), rel=1e-6)
    assert state == {}

    @jax.jit
    def training(dropout, smoothing):
        return task.training_loss(params, batch, Context(key, dropout, smoothing, None))[0]

    assert float(training(0.0, 0.0)) == pytest.approx(float(plain), rel=1e-6)
    assert float(training(0.5, 0.0)) != pytest.approx(float(plain), rel=1e-4)
    assert float(training(0.0, 0.5)) != pytest.approx(float(plain), rel=1e-4)
    assert {"dropout", "label_smoothing"} <= task.techniques


@pytest.mark.parametrize("name", NAMES)
def test_a_short_training_lowers_the_loss_of_every_member(name):
    optax = pytest.importorskip("optax")
    task = small(name)
    train, rule = task_data(task).train, optax.adam(1e-2)
    params = jax.jit(jax.vmap(task.init))(jax.random.split(jax.random.key(0), 2))

    def step(carry, rows):
        params, state = carry
        batch = {key: jnp.asarray(array)[rows] for key, array in train.items()}
        loss, gradient = jax.vmap(jax.value_and_grad(task.loss), (0, None))(params, batch)
        updates, state = rule.update(gradient, state)
        largest = jnp.max(jnp.array([jnp.max(jnp.abs(leaf)) for leaf in jax.tree.leaves(gradient)]))
        return (optax.apply_updates(params, updates), state), (loss, largest)

    rows = np.random.default_rng(0).integers(len(train["y"]), size=(120, 16))
    _, (losses, slopes) = jax.jit(lambda p: jax.lax.scan(step, (p, rule.init(p)), rows))(params)
    assert np.isfinite(np.asarray(slopes)).all()
    assert (np.asarray(losses)[-10:].mean(axis=0) < 2.9).all()  # below the frequencies' 3.3 nats


@pytest.mark.parametrize("name", NAMES)
def test_roles_name_arrays_that_exist(name):
    task = small(name)
    shapes = jax.eval_shape(task.init, jax.random.key(0))
    paths = {jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in jax.tree.leaves_with_path(shapes)}
    assert set(task.roles) <= paths
    assert task.roles["output.bias"] == "output-bias"
