"""Recurrent cells against torch, and how their gradients fare on the way back through time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.tasks.recurrent import GATES, gru_inputs, gru_states, init_gru, init_vanilla, vanilla_states

STEPS, ROWS, INPUTS, HIDDEN = 7, 3, 4, 5
torch = pytest.importorskip("torch")


def random_like(tree, seed=0):
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda a: jnp.asarray(rng.normal(size=a.shape) * 0.5, jnp.float64), tree)


def sequence(seed=1):
    return np.random.default_rng(seed).normal(size=(STEPS, ROWS, INPUTS))


def filled(module, weights):
    for name, value in weights.items():
        getattr(module, name).data = torch.tensor(np.array(value))
    return module


def test_gated_unit_and_its_gradient_equal_torch():
    with jax.enable_x64(True):
        cell, x = random_like(jax.eval_shape(lambda: init_gru(jax.random.key(0), INPUTS, HIDDEN))), sequence()

        def states(cell, x):
            weights, biases = gru_inputs(cell)
            return gru_states(cell, x @ weights + biases)

        found = jax.jit(states)(cell, x)
        by_cell, by_x = jax.jit(jax.grad(lambda c, x: jnp.sum(states(c, x) ** 3), (0, 1)))(cell, x)

    def side_by_side(part):
        return np.concatenate([np.asarray(cell[gate][part]) for gate in GATES], axis=-1).T

    zeros = np.zeros(HIDDEN)
    module = filled(
        torch.nn.GRU(INPUTS, HIDDEN, dtype=torch.float64),
        {
            "weight_ih_l0": side_by_side("input"),
            "weight_hh_l0": side_by_side("recurrent"),
            "bias_ih_l0": side_by_side("bias"),
            # torch's second biases: only the candidate's is another function than the first
            "bias_hh_l0": np.concatenate([zeros, zeros, np.asarray(cell["candidate"]["recurrent_bias"])]),
        },
    )
    inputs = torch.tensor(x, requires_grad=True)
    expected = module(inputs)[0]
    (expected**3).sum().backward()
    np.testing.assert_allclose(found, expected.detach().numpy(), atol=1e-13)
    np.testing.assert_allclose(by_x, inputs.grad.numpy(), atol=1e-12)
    recurrent = np.concatenate([np.asarray(by_cell[gate]["recurrent"]) for gate in GATES], axis=-1).T
    np.testing.assert_allclose(recurrent, module.weight_hh_l0.grad.numpy(), atol=1e-12)


def test_vanilla_network_equals_torch():
    with jax.enable_x64(True):
        cell, x = random_like(jax.eval_shape(lambda: init_vanilla(jax.random.key(0), INPUTS, HIDDEN))), sequence()
        found = jax.jit(vanilla_states)(cell, x)
    weights = {
        "weight_ih_l0": cell["input"].T,
        "weight_hh_l0": cell["recurrent"].T,
        "bias_ih_l0": cell["bias"],
        "bias_hh_l0": np.zeros(HIDDEN),
    }
    module = filled(torch.nn.RNN(INPUTS, HIDDEN, dtype=torch.float64), weights)
    np.testing.assert_allclose(found, module(torch.tensor(x))[0].detach().numpy(), atol=1e-13)


@pytest.mark.parametrize("factor", [0.7, 1.0, 1.3])
def test_gradient_shrinks_or_grows_geometrically_with_every_step_back(factor):
    # Linear units and a recurrent matrix of factor times a rotation: exactly factor per step.
    steps = 30
    with jax.enable_x64(True):
        rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(HIDDEN, HIDDEN)))[0]
        cell = {"input": np.eye(HIDDEN), "recurrent": factor * rotation, "bias": np.zeros(HIDDEN)}
        x = jnp.zeros((steps, 1, HIDDEN))
        slope = jax.jit(jax.grad(lambda x: jnp.sum(vanilla_states(cell, x, lambda a: a)[-1])))(x)
    norms = np.linalg.norm(np.asarray(slope)[:, 0], axis=-1)
    np.testing.assert_allclose(norms[:-1] / norms[1:], factor, rtol=1e-10)


@pytest.mark.parametrize(("gain", "below"), [(0.5, True), (2.0, False)])
def test_gradient_of_the_vanilla_network_vanishes_or_explodes(gain, below):
    # A Gaussian matrix of spectral radius about gain; the state stays at 0, where tanh has slope 1.
    hidden, steps = 64, 20
    with jax.enable_x64(True):
        cell = init_vanilla(jax.random.key(0), INPUTS, hidden)
        cell = {**cell, "recurrent": gain * cell["recurrent"]}
        x = jnp.zeros((steps, 1, INPUTS))
        slope = np.asarray(jax.jit(jax.grad(lambda x: jnp.sum(vanilla_states(cell, x)[-1])))(x))
    norms = np.linalg.norm(slope[:, 0], axis=-1)
    rate = (norms[0] / norms[-1]) ** (1 / (steps - 1))
    assert rate == pytest.approx(gain, rel=0.15)  # 64 units: the radius is known to some percent
    assert (norms[0] < 1e-4 * norms[-1]) if below else (norms[0] > 1e4 * norms[-1])


@pytest.mark.parametrize("bias", [-1.0, 0.0, 1.0, 5.0])
def test_open_update_gate_lets_the_gradient_pass(bias):
    # With weights 0, h ← (1 − z) c + z h: every step back costs z = sigmoid(bias).
    steps = 50
    with jax.enable_x64(True):
        cell = jax.tree.map(jnp.zeros_like, init_gru(jax.random.key(0), 1, 2))
        contributed = jnp.zeros((steps, 1, 6)).at[:, :, 2:4].set(bias)
        slope = jax.jit(jax.grad(lambda a: jnp.sum(gru_states(cell, a)[-1])))(contributed)
    norms = np.linalg.norm(np.asarray(slope)[:, 0, 4:], axis=-1)
    np.testing.assert_allclose(norms[:-1] / norms[1:], 1 / (1 + np.exp(-bias)), rtol=1e-10)


def test_initial_recurrent_matrix_fills_the_unit_disc():
    cell = init_vanilla(jax.random.key(0), 2, 200)
    radii = np.abs(np.linalg.eigvals(np.asarray(cell["recurrent"])))
    assert radii.max() == pytest.approx(1, abs=0.1)
    assert np.mean(radii < 0.5) == pytest.approx(0.25, abs=0.06)  # evenly: the share of the area
    assert float(cell["input"].std()) == pytest.approx(2**-0.5, rel=0.1)
    assert not cell["bias"].any()


def test_gates_are_drawn_apart_and_a_single_active_input_counts_as_one():
    cell = init_gru(jax.random.key(0), 400, 50, fan_in=1)
    matrices = [np.asarray(cell[gate]["recurrent"]).ravel() for gate in GATES]
    assert abs(np.corrcoef(matrices)[np.triu_indices(3, 1)]).max() < 0.06  # 2500 numbers: standard error 0.02
    assert float(cell["update"]["input"].std()) == pytest.approx(1, rel=0.03)
