"""The hand-coded network is trained as JAX and Thalweg's engine train the same network on the same minibatches."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.handcoded import Network, Step, minibatches, show_loss, train
from thalweg.optimizers import OPTIMIZERS, SGD, AdaGrad, Adam, Nesterov, lift
from thalweg.records import OptimizerSpec, RunSpec
from thalweg.tasks import Data, Metric, Task, losses
from thalweg.tasks.digits import digits_data
from thalweg.training.batches import batch_rows
from thalweg.training.plan import Plan
from thalweg.training.population import Engine, Member

L2, BATCH, STEPS, SEED = 1e-3, 32, 40, 5


def digits():
    train_part = digits_data().train
    return np.asarray(train_part["x"], np.float64), train_part["y"]


X, Y = digits()
NETWORK = Network.random((64, 16, 10), seed=2, l2=L2)


def penalized_loss(params, batch):
    hidden = jax.nn.relu(batch["x"] @ params["W1"] + params["b1"])
    data_loss = losses.cross_entropy(hidden @ params["W2"] + params["b2"], batch["y"])
    return data_loss + L2 / 2 * (jnp.sum(params["W1"] ** 2) + jnp.sum(params["W2"] ** 2))


def tree(network):
    return dict(zip(("W1", "b1", "W2", "b2"), network.parameters, strict=True))


def jax_loop(rule, rows):
    """Train by JAX's gradients and the same rule on JAX's arrays; returns losses and parameters."""
    with jax.enable_x64(True):
        params, treedef = jax.tree.flatten(jax.tree.map(jnp.asarray, tree(NETWORK)))
        batches = {"x": jnp.asarray(X), "y": jnp.asarray(Y)}

        def step(carry, now):
            leaves, state = carry
            t, picked = now
            batch = {name: array[picked] for name, array in batches.items()}

            def loss(points):
                return penalized_loss(jax.tree.unflatten(treedef, list(points)), batch)

            value, gradients = jax.value_and_grad(loss)(lift.lookahead(rule, leaves, state))
            return lift.update(rule, leaves, gradients, state, t), value

        times = jnp.arange(1.0, len(rows) + 1)
        begin = (tuple(params), lift.init_state(rule, params))
        (leaves, state), values = jax.jit(lambda: jax.lax.scan(step, begin, (times, jnp.asarray(rows))))()
        answer = jax.tree.unflatten(treedef, list(lift.answer(rule, leaves, state)))
        return np.asarray(values), {name: np.asarray(value) for name, value in answer.items()}


@pytest.mark.parametrize("rule", [SGD(), AdaGrad(), Adam(), Nesterov()], ids=lambda rule: rule.name)
def test_it_trains_as_the_same_loop_in_jax_does(rule):
    rows = batch_rows(SEED, len(X), BATCH, 0, STEPS)
    own = train(NETWORK, X, Y, rule, rows=rows)
    losses_there, params = jax_loop(rule, rows)
    # Both sum in float64, in different orders; forty steps amplify that a little.
    np.testing.assert_allclose(own.losses, losses_there, rtol=1e-10)
    for name, value in tree(own.network).items():
        np.testing.assert_allclose(value, params[name], rtol=1e-8, atol=1e-10)


@functools.cache
def jax_gradient():
    """Loss and gradients at arrays W1, b1, W2, b2, compiled once."""

    def loss(params, x, y):
        return penalized_loss(params, {"x": x, "y": y})

    return jax.jit(jax.value_and_grad(loss))


@pytest.mark.parametrize("rule", [kind() for kind in OPTIMIZERS.values() if not kind.needs], ids=lambda rule: rule.name)
def test_every_rule_trains_it_as_with_jax_gradients(rule):
    rows = batch_rows(SEED, len(X), BATCH, 0, STEPS)
    own = train(NETWORK, X, Y, rule, rows=rows)
    leaves, names = NETWORK.parameters, ("W1", "b1", "W2", "b2")
    state, found = lift.init_state(rule, leaves), []
    with jax.enable_x64(True):
        for t, picked in enumerate(rows, start=1):
            look = dict(zip(names, lift.lookahead(rule, leaves, state), strict=True))
            value, gradients = jax_gradient()(look, X[picked], Y[picked])
            found.append(float(value))
            leaves, state = lift.update(rule, leaves, [np.asarray(gradients[name]) for name in names], state, t)
    np.testing.assert_allclose(own.losses, found, rtol=1e-10)
    for one, other in zip(own.network.parameters, lift.answer(rule, leaves, state), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10)


def engine_curve(rule, steps, window, dtype=np.float64):
    """Loss on the training set after every window, by Thalweg's engine.

    The engine records float32, so the task's metric is what that leaves out; both together are float64.
    """

    def rest(params, split):
        value = penalized_loss(params, split)
        return value - value.astype(jnp.float32).astype(value.dtype)

    with jax.enable_x64(dtype == np.float64):
        part = {"x": X.astype(dtype), "y": Y}
        begin = {name: array.astype(dtype) for name, array in tree(NETWORK).items()}
        metric = Metric("rest", rest, larger_is_better=False)
        task = Task(
            "by-hand", lambda key: jax.tree.map(jnp.asarray, begin), penalized_loss, Data(part, part, part), metric
        )
        spec = RunSpec("by-hand", "1", OptimizerSpec(rule.name, rule.values()), BATCH, steps, window, SEED)
        engine = Engine(task, task.data, [rule], BATCH, window, Plan(1, steps // window, 1))
        ((result,),) = engine.train([Member(spec, rule)])
    curve = result.curve
    return curve.validation_loss.astype(np.float64) + curve.validation_metric, curve.train_loss[1:]


def own_curve(rule, steps, window):
    networks = []
    done = train(
        NETWORK,
        X,
        Y,
        rule,
        rows=minibatches(len(X), BATCH, 4, SEED)[:steps],
        on_step=lambda s: networks.append(s.network),
    )
    return np.array([one.gradients(X, Y).loss for one in [*networks, done.network][::window]]), done.losses


def test_the_loss_curve_is_the_engines_in_float64():
    rule = SGD(learning_rate=0.125)  # a power of two: the engine is given float32, which must lose nothing
    own, minibatch_losses = own_curve(rule, STEPS, 1)
    engine, minibatch_losses_there = engine_curve(rule, STEPS, 1)
    np.testing.assert_allclose(own, engine, rtol=1e-8)
    assert np.abs(own / engine - 1).max() < 1e-12, "but for the order of summation both are the same"
    np.testing.assert_allclose(minibatch_losses, minibatch_losses_there, rtol=1e-7)  # recorded in float32


def test_a_rule_with_a_state_ends_where_the_engines_does():
    rule = AdaGrad(learning_rate=0.0625, epsilon=2.0**-23)
    # Between windows the engine keeps the state in float32, so one window is the whole run.
    own, minibatch_losses = own_curve(rule, STEPS, STEPS)
    engine, mean_loss = engine_curve(rule, STEPS, STEPS)
    np.testing.assert_allclose(own, engine, rtol=1e-8)
    np.testing.assert_allclose(minibatch_losses.mean(), mean_loss[0], rtol=2e-6)  # summed up in float32


def test_the_loss_curve_is_the_engines_in_float32():
    rule = Adam(learning_rate=0.002)
    own, _ = own_curve(rule, STEPS, 1)
    engine, _ = engine_curve(rule, STEPS, 1, np.float32)
    # float32 has a relative precision of 6e-8; products of 64 terms, two layers and forty steps lose two digits.
    np.testing.assert_allclose(own, engine, rtol=2e-5)


def test_minibatches_are_the_engines():
    own = minibatches(101, 7, epochs=3, seed=11)
    np.testing.assert_array_equal(own, batch_rows(11, 101, 7, 0, 3 * 14))
    single = minibatches(5, 1, epochs=2)
    assert [len(set(np.concatenate(single[i : i + 5]).tolist())) for i in (0, 5)] == [5, 5]
    assert [rows.tolist() for rows in minibatches(3, None, epochs=2)] == [[0, 1, 2], [0, 1, 2]]


def test_lookahead_and_answer_are_heeded():
    rule, rows = Nesterov(learning_rate=0.1, momentum=0.5), [np.array([0, 1]), np.array([2, 3])]
    points, velocity = NETWORK.parameters, [np.zeros_like(p) for p in NETWORK.parameters]
    for batch in rows:
        ahead = NETWORK.with_parameters([p + 0.5 * v for p, v in zip(points, velocity, strict=True)])
        found = ahead.gradients(X[batch], Y[batch])
        slopes = itertools.chain.from_iterable(zip(found.weights, found.biases, strict=True))
        velocity = [0.5 * v - 0.1 * g for v, g in zip(velocity, slopes, strict=True)]
        points = [p + v for p, v in zip(points, velocity, strict=True)]
    for own, theirs in zip(train(NETWORK, X, Y, rule, rows=rows).network.parameters, points, strict=True):
        np.testing.assert_allclose(own, theirs, rtol=1e-13, atol=1e-15)


class Halving:
    """A schedule as a user might write one."""

    def factor(self, step, total):
        return 0.5 ** (np.asarray(step) - 1)


def test_a_schedule_multiplies_the_rate():
    rows = minibatches(len(X), BATCH, 1)[:3]
    scheduled = train(NETWORK, X, Y, SGD(learning_rate=0.4), rows=rows, schedule=Halving())
    np.testing.assert_allclose(scheduled.learning_rates, [0.4, 0.2, 0.1])
    by_hand = NETWORK
    for rate, batch in zip((0.4, 0.2, 0.1), rows, strict=True):
        by_hand = train(by_hand, X, Y, SGD(learning_rate=rate), rows=[batch]).network
    for own, theirs in zip(scheduled.network.parameters, by_hand.parameters, strict=True):
        np.testing.assert_allclose(own, theirs, rtol=1e-13, atol=1e-16)


def test_a_schedule_of_the_catalogue_by_its_notation():
    done = train(NETWORK, X, Y, SGD(learning_rate=0.4), epochs=4, schedule="polynomial")
    np.testing.assert_allclose(done.learning_rates, [0.4, 0.3, 0.2, 0.1])


def test_steps_are_shown_before_their_update():
    steps: list[Step] = []
    lines: list[str] = []

    def on_step(step):
        steps.append(step)
        show_loss(every=2, write=lines.append)(step)

    done = train(NETWORK, X, Y, "sgd", epochs=5, on_step=on_step)
    assert steps[0].network.gradients(X, Y).loss == steps[0].loss == done.losses[0] == NETWORK.gradients(X, Y).loss
    assert [(step.number, step.total) for step in steps] == [(k, 5) for k in range(1, 6)]
    assert [line.split(":")[0] for line in lines] == [f"step {k} of 5" for k in (1, 2, 4, 5)]
    assert done.diverged_at is None
    assert done.learning_rates.tolist() == [SGD().learning_rate] * 5


def test_divergence_stops_at_the_last_finite_network():
    done = train(NETWORK, X, Y, SGD(learning_rate=1e200), epochs=10)
    assert done.diverged_at is not None
    assert 1 < done.diverged_at <= 10
    assert len(done.losses) == done.diverged_at - 1
    assert np.isfinite(done.losses).all()
    assert all(np.isfinite(array).all() for array in done.network.parameters)
    last = train(NETWORK, 1e4 * X, Y, SGD(learning_rate=1e308), epochs=1)
    assert last.diverged_at == 1
    np.testing.assert_array_equal(last.network.weights[0], NETWORK.weights[0])


def test_a_loss_beyond_the_engines_limit_counts_as_divergence():
    # Every step multiplies the output by 1 − 2·100·2 = −399, the loss by 159201: its third value is 2.5e10.
    network = Network(([[1.0]],), ([0.0],), "identity", "squared")
    done = train(network, [[1.0]], [0.0], SGD(learning_rate=100.0), epochs=10)
    assert done.diverged_at == 3
    np.testing.assert_allclose(done.losses, [1.0, 159201.0])


def test_training_changes_nothing_it_was_given():
    before = [array.copy() for array in NETWORK.parameters]
    train(NETWORK, X, Y, "adam", epochs=2)
    for array, copy in zip(NETWORK.parameters, before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_batch_size_of_all_examples_is_batch_gradient_descent():
    all_at_once = train(NETWORK, X, Y, "sgd", epochs=3).losses
    np.testing.assert_allclose(train(NETWORK, X, Y, "sgd", epochs=3, batch_size=len(X)).losses, all_at_once, rtol=1e-12)


def test_it_learns_digits():
    done = train(NETWORK, X, Y, AdaGrad(learning_rate=0.1), epochs=5, batch_size=32)
    test = digits_data().test
    assert done.network.accuracy(test["x"], test["y"]) > 0.9
