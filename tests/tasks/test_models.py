"""Small models against JAX's own layers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.tasks.losses import accuracy, cross_entropy, rmse, squared_loss
from thalweg.tasks.models import convolve, init_layers, linear, mlp


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(
    ("shape", "size"), [((3, 8, 8, 4), (3, 3)), ((3, 7, 9, 2), (3, 5)), ((3, 40, 5), (5,)), ((2, 9, 3), (3,))]
)
def test_convolution_equals_jax(shape, size, stride):
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=shape), jnp.float32)
    kernel = rng.normal(size=(*size, shape[-1], 6)).astype(np.float32)
    # window gathers axis by axis, so the last spatial axis is outermost in the flattened patch
    flat = np.moveaxis(kernel, range(len(size)), reversed(range(len(size)))).reshape(-1, 6)
    bias = rng.normal(size=6).astype(np.float32)
    names = ("NWC", "WIO", "NWC") if len(size) == 1 else ("NHWC", "HWIO", "NHWC")
    rim = [(width // 2, width // 2) for width in size]
    expected = jax.lax.conv_general_dilated(x, kernel, [stride] * len(size), rim, dimension_numbers=names) + bias
    found = convolve({"weight": jnp.asarray(flat), "bias": jnp.asarray(bias)}, x, size, stride)
    np.testing.assert_allclose(found, expected, atol=1e-4)  # float32 sums of up to 75 products of order 1


def test_convolution_stays_a_product_of_matrices_under_vmap():
    layer = {"weight": jnp.ones((5, 9, 4)), "bias": jnp.ones((5, 4))}
    many = jax.vmap(lambda one: convolve(one, jnp.ones((2, 8, 8, 1)), (3, 3)))
    program = str(jax.make_jaxpr(many)(layer))
    assert "dot_general" in program
    assert "conv_general_dilated" not in program


def test_initial_weights_have_the_variances_of_he_and_glorot():
    params = init_layers(jax.random.key(0), [(200, 300), (300, 100)])
    assert params["layer1"]["weight"].shape == (200, 300)
    # the variance of n normal draws is known to √(2/n): 0.6 % and 0.8 % here
    assert float(jnp.var(params["layer1"]["weight"])) == pytest.approx(2 / 200, rel=0.03)
    assert float(jnp.var(params["layer2"]["weight"])) == pytest.approx(2 / 400, rel=0.03)
    correlation = jnp.corrcoef(params["layer1"]["weight"][:100].ravel(), params["layer2"]["weight"].ravel())[0, 1]
    assert abs(float(correlation)) < 0.03  # drawn once, but no number used twice
    assert float(jnp.abs(params["layer1"]["bias"]).max()) == 0


def test_perceptron_is_the_formula():
    model = mlp((4, 3, 2))
    params = model.init(jax.random.key(1))
    params = jax.tree.map(lambda a: a + 0.1, params)
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    hidden = np.maximum(x @ np.asarray(params["layer1"]["weight"]) + 0.1, 0)
    expected = hidden @ np.asarray(params["layer2"]["weight"]) + 0.1
    np.testing.assert_allclose(model.apply(params, x), expected, rtol=1e-5, atol=1e-6)


def test_linear_model_starts_at_zero():
    model = linear(4, 2)
    assert not np.asarray(model.apply(model.init(jax.random.key(0)), np.ones((3, 4)))).any()


def test_cross_entropy_and_its_gradient_equal_jax():
    rng = np.random.default_rng(0)
    logits, labels = jnp.asarray(rng.normal(size=(20, 7)) * 5), jnp.asarray(rng.integers(7, size=20))

    def reference(z):
        return -jnp.mean(jax.nn.log_softmax(z)[jnp.arange(20), labels])

    assert float(cross_entropy(logits, labels)) == pytest.approx(float(reference(logits)), rel=1e-6)
    np.testing.assert_allclose(
        jax.grad(cross_entropy)(logits, labels), jax.grad(reference)(logits), atol=1e-7
    )  # float32 rounding of numbers below 0.05


def test_a_label_outside_the_classes_makes_the_loss_nan():
    assert np.isnan(float(cross_entropy(jnp.zeros((2, 3)), jnp.array([0, 3]))))
    assert np.isnan(float(cross_entropy(jnp.zeros((2, 3)), jnp.array([0, -1]))))


def test_accuracy_squared_loss_and_rmse_by_hand():
    assert float(accuracy(jnp.array([[2.0, 1], [0, 1], [3, 0], [1, 0]]), jnp.array([0, 1, 1, 0]))) == 0.75
    predictions, targets = jnp.array([[1.0], [2.0]]), jnp.array([2.0, 5.0])
    assert float(squared_loss(predictions, targets)) == 5
    assert float(rmse(predictions, targets, 2.0)) == pytest.approx(2 * 5**0.5)
