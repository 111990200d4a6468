"""The adding problem: what its data are, and that both networks can be trained on it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.initializers import initialize, parse_bias
from thalweg.tasks import find_task, task_data, with_options
from thalweg.tasks.adding import BLIND_LOSS, adding_examples
from thalweg.tasks.base import Context
from thalweg.tasks.check import check_task

NAMES = ("adding-rnn", "adding-gru")


def test_target_is_the_sum_of_two_marked_numbers_one_of_each_half():
    found = adding_examples(500, 20)
    numbers, marks = found["x"][..., 0], found["x"][..., 1]
    assert (marks[:, :10].sum(axis=1) == 1).all()
    assert (marks[:, 10:].sum(axis=1) == 1).all()
    assert set(np.unique(marks)) == {0, 1}
    np.testing.assert_array_equal((numbers * marks).sum(axis=1), found["y"])
    assert (marks.sum(axis=0) > 20).all()  # any place, each about 50 of 500 times
    assert numbers.min() >= 0
    assert numbers.max() < 1


def test_answering_one_costs_a_sixth():
    y = adding_examples(100_000, 2)["y"].astype(np.float64)
    error = (y - 1) ** 2
    assert error.mean() == pytest.approx(BLIND_LOSS, abs=4 * error.std() / len(y) ** 0.5)


def test_examples_are_fixed_and_differ():
    first, again, other = (adding_examples(50, 10, seed)["x"] for seed in (0, 0, 1))
    assert (first == again).all()
    assert not (first == other)[..., 0].any()
    assert len(np.unique(first[..., 0])) == first[..., 0].size


@pytest.mark.parametrize("name", NAMES)
def test_a_short_task_passes_the_check(name):
    short = with_options(find_task(name), length=4, hidden=4)
    assert check_task(short).notes == ()
    assert short.data().train["x"].shape == (6000, 4, 2)
    assert dict(short.chosen) == {"length": 4, "hidden": 4}


@pytest.mark.parametrize("name", NAMES)
def test_training_learns_to_add_over_a_short_distance(name):
    optax = pytest.importorskip("optax")
    task = with_options(find_task(name), length=6, hidden=16)
    train, validation = task_data(task).train, dict(task_data(task).validation)
    rule = optax.adam(1e-2)
    params = jax.jit(task.init)(jax.random.key(0))

    def step(carry, rows):
        params, state = carry
        batch = {key: jnp.asarray(array)[rows] for key, array in train.items()}
        updates, state = rule.update(jax.grad(task.loss)(params, batch), state)
        return (optax.apply_updates(params, updates), state), None

    rows = np.random.default_rng(0).integers(6000, size=(300, 50))
    (params, _), _ = jax.jit(lambda p: jax.lax.scan(step, (p, rule.init(p)), rows))(params)
    assert float(task.loss(params, validation)) < BLIND_LOSS / 5


@pytest.mark.parametrize("name", NAMES)
def test_evaluation_and_plain_training_are_one_loss(name):
    task = with_options(find_task(name), length=4, hidden=4)
    params = jax.jit(task.init)(jax.random.key(0))
    batch = {key: array[:10] for key, array in task_data(task).train.items()}
    if task.training_loss is None:
        assert task.techniques == frozenset()
        return
    training, key = jax.jit(task.training_loss), jax.random.key(0)
    loss, state = training(params, batch, Context(key, None, None, None))
    assert float(loss) == pytest.approx(float(jax.jit(task.loss)(params, batch)), rel=1e-6)
    assert state == {}
    wide, _ = training(params, batch, Context(key, None, None, jnp.float32(3)))
    assert float(wide) != pytest.approx(float(loss), rel=1e-3)


def test_open_gates_reach_the_gated_networks_gates_alone():
    task = with_options(find_task("adding-gru"), hidden=3)
    leaves = jax.tree.leaves_with_path(jax.jit(task.init)(jax.random.key(0)))
    start = {jax.tree_util.keystr(path, simple=True, separator="."): np.asarray(leaf) for path, leaf in leaves}
    strategy = [parse_bias("open-gates:2")]
    drawn = initialize(start, None, strategy, roles=task.roles, output=task.output, targets=None, seed=0)
    for gate, value in (("reset", 2), ("update", 2), ("candidate", 0)):
        assert (drawn[f"cell.{gate}.bias"] == value).all()


def test_an_odd_length_is_refused_in_a_sentence():
    with pytest.raises(
        InvalidValueError, match="length = 5 is not allowed; give a whole number from 2 to 1000 in steps"
    ):
        with_options(find_task("adding-rnn"), length=5)
    with pytest.raises(UnknownNameError, match="lenght"):
        with_options(find_task("adding-gru"), lenght=10)
