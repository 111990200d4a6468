"""Forward and backward pass agree with automatic differentiation by JAX and PyTorch, and with differences."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.handcoded import Network, softmax

ACTIVATIONS = ("relu", "tanh", "sigmoid", "identity")
# float64 carries 16 digits; sums of some hundred terms lose two or three of them.
CLOSE = {"rtol": 1e-10, "atol": 1e-12}


@st.composite
def problems(draw):
    """A random network with data: layers, widths, rows, activation, loss, λ and the size of its numbers."""
    loss = draw(st.sampled_from(("cross-entropy", "squared")))
    hidden = draw(st.lists(st.integers(1, 9), max_size=4))
    widths = (draw(st.integers(1, 7)), *hidden, draw(st.integers(2 if loss == "cross-entropy" else 1, 6)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    size = draw(st.sampled_from((0.1, 1.0, 3.0)))
    network = Network(
        tuple(rng.normal(size=shape) * size for shape in itertools.pairwise(widths)),
        tuple(rng.normal(size=width) for width in widths[1:]),
        draw(st.sampled_from(ACTIVATIONS)),
        loss,
        draw(st.sampled_from((0.0, 1e-3, 0.5))),
    )
    rows = draw(st.integers(1, 12))
    x = rng.normal(size=(rows, widths[0])) * size
    y = rng.integers(widths[-1], size=rows) if loss == "cross-entropy" else rng.normal(size=(rows, widths[-1]))
    return network, x, y


def jax_loss(parameters, network, x, y):
    f = {"relu": jax.nn.relu, "tanh": jnp.tanh, "sigmoid": jax.nn.sigmoid, "identity": lambda z: z}[network.activation]
    weights, biases = parameters[::2], parameters[1::2]
    for W, b in zip(weights[:-1], biases[:-1], strict=True):
        x = f(x @ W + b)
    z = x @ weights[-1] + biases[-1]
    if network.loss == "squared":
        data_loss = jnp.mean((z - y) ** 2)
    else:
        data_loss = -jnp.mean(jax.nn.log_softmax(z)[jnp.arange(len(y)), y])
    return data_loss + network.l2 / 2 * sum(jnp.sum(W**2) for W in weights)


def by_jax(network, x, y):
    with jax.enable_x64(True):
        parameters = [jnp.asarray(array) for array in network.parameters]
        program = jax.jit(jax.value_and_grad(jax_loss), static_argnums=1)  # compiled whole: one program per example
        loss, gradients = program(parameters, network, jnp.asarray(x), jnp.asarray(y))
        assert loss.dtype == jnp.float64
        return float(loss), [np.asarray(g) for g in gradients]


def by_torch(network, x, y):
    parameters = [torch.tensor(array, requires_grad=True) for array in network.parameters]
    functional = torch.nn.functional
    f = {"relu": functional.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "identity": lambda z: z}
    a, (*hidden, (W, b)) = torch.tensor(x), list(zip(parameters[::2], parameters[1::2], strict=True))
    for V, c in hidden:
        a = f[network.activation](functional.linear(a, V.T, c))
    z = functional.linear(a, W.T, b)
    judge = functional.mse_loss if network.loss == "squared" else functional.cross_entropy
    loss = judge(z, torch.tensor(y)) + network.l2 / 2 * sum((V**2).sum() for V in parameters[::2])
    loss.backward()
    return loss.item(), [p.grad.numpy() for p in parameters]


def check(network, x, y, reference):
    found = network.gradients(x, y)
    loss, gradients = reference(network, x, y)
    np.testing.assert_allclose(found.loss, loss, **CLOSE)
    own = [g for layer in zip(found.weights, found.biases, strict=True) for g in layer]
    for one, other in zip(own, gradients, strict=True):
        np.testing.assert_allclose(one, other, **CLOSE)


@settings(max_examples=100, deadline=None)
@given(problems())
def test_gradients_are_those_of_torch(problem):
    check(*problem, by_torch)


@settings(max_examples=8, deadline=None)  # each is compiled anew
@given(problems())
def test_gradients_are_those_of_jax(problem):
    check(*problem, by_jax)


@pytest.mark.parametrize("reference", [by_jax, by_torch])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_of_a_deep_network(activation, reference):
    rng = np.random.default_rng(3)
    network = Network.random((6, 8, 7, 5, 4), seed=1, activation=activation, l2=0.02)
    check(network, rng.normal(size=(30, 6)), rng.integers(4, size=30), reference)


@pytest.mark.parametrize("reference", [by_jax, by_torch])
def test_slope_at_the_kink_is_zero(reference):
    network = Network(([[1.0, -1.0]], [[1.0, 2.0], [3.0, 4.0]]), ([0.0, 0.0], [0.1, 0.2]))
    x, y = np.array([[0.0], [1.0]]), np.array([0, 1])
    assert network.forward(x).pre_activations[0][0].tolist() == [0.0, 0.0]
    check(network, x, y, reference)


@settings(max_examples=60, deadline=None)
@given(problems(), st.integers(0, 2**32))
def test_gradients_are_slopes(problem, seed):
    network, x, y = problem
    direction = [np.random.default_rng(seed).normal(size=array.shape) for array in network.parameters]
    found = network.gradients(x, y)
    own = [g for layer in zip(found.weights, found.biases, strict=True) for g in layer]
    slope = sum(float(np.sum(g * d)) for g, d in zip(own, direction, strict=True))

    def loss_at(step):
        moved = [p + step * d for p, d in zip(network.parameters, direction, strict=True)]
        return network.with_parameters(moved).gradients(x, y).loss

    if network.activation == "relu" and crosses_a_kink(network, x, direction):
        return
    # A central difference errs by step²·f‴/6 and by rounding, 2e-16·f / step.
    estimate = (loss_at(1e-5) - loss_at(-1e-5)) / 2e-5
    np.testing.assert_allclose(slope, estimate, rtol=1e-5, atol=1e-6 * (1 + found.loss))


def crosses_a_kink(network, x, direction):
    signs = []
    for step in (-1e-5, 0.0, 1e-5):
        moved = [p + step * d for p, d in zip(network.parameters, direction, strict=True)]
        hidden = network.with_parameters(moved).forward(x).pre_activations[:-1]
        signs.append([(z > 0).tolist() for z in hidden])
    return not signs[0] == signs[1] == signs[2]


def test_cross_entropy_of_certain_and_wrong_answers_is_finite():
    network = Network(([[2000.0, 0.0]],), ([0.0, 0.0],))
    x, y = np.array([[1.0]]), np.array([1])
    assert network.forward(x).outputs.tolist() == [[1.0, 0.0]]
    assert network.data_loss(x, y) == 2000.0
    assert softmax(np.array([[-1e307, 1e307]])).tolist() == [[0.0, 1.0]]


def test_sigmoid_is_that_of_scipy_at_all_sizes():
    from scipy.special import expit

    from thalweg.handcoded import ACTIVATIONS as CATALOGUE

    z = np.array([-750.0, -30.0, -1.0, 0.0, 1e-12, 2.0, 40.0, 750.0])
    np.testing.assert_allclose(CATALOGUE["sigmoid"].function(z), expit(z), rtol=1e-12, atol=1e-16)


def test_parameter_count_of_the_slide():
    network = Network.random((3, 4, 2))
    assert network.parameter_count(biases=False) == 3 * 4 + 4 * 2 == 20
    assert network.parameter_count() == 26 == sum(array.size for array in network.parameters)
    assert network.widths == (3, 4, 2)


def test_initial_weights_keep_the_size_of_activations():
    relu = Network.random((400, 300, 200), seed=0)
    tanh = Network.random((400, 300, 200), seed=0, activation="tanh")
    # A standard deviation over n numbers is known to 1/√(2n): 0.2 % here; six of them allowed.
    np.testing.assert_allclose(relu.weights[0].std(), (2 / 400) ** 0.5, rtol=0.012)
    np.testing.assert_allclose(relu.weights[1].std(), (2 / 500) ** 0.5, rtol=0.018)
    np.testing.assert_allclose(tanh.weights[0].std(), (2 / 700) ** 0.5, rtol=0.012)
    assert not any(b.any() for b in relu.biases)
