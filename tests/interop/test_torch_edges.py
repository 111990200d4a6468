"""Where a formula bends or divides zero by zero, conversions have PyTorch's own outputs and gradients."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch.nn import functional

from thalweg.interop.torch_graphs.interpreter import OPERATIONS

aten = torch.ops.aten
BENDS = [-4.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0, 20.0, 25.0]  # those of every function below among them
ROWS = [[0.0, 0.0, 0.0], [1.0, 2.0, 2.0], [3.0, 3.0, 3.0], [0.0, -1.0, 0.0]]
SERIES = np.random.default_rng(0).normal(size=(1, 3, 4))
ALLOWED = np.array([[True, False, True], [False, False, False], [True, True, True]])
ADDED = np.where(ALLOWED, 0.3, -np.inf)
MASKED = np.where(np.eye(4, 3, 1, bool), -np.inf, ROWS)
LABELS = np.array([0, 0, 1, 0])


def ours(name: str) -> Callable:
    return OPERATIONS[name]


def assert_alike(mine: Callable, theirs: Callable, *arrays) -> None:
    """Assert that outputs and gradients by every array agree in float64."""
    tensors = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]
    expected = theirs(*tensors)
    weights = torch.cos(torch.arange(expected.numel(), dtype=torch.float64)).view_as(expected)
    slopes = torch.autograd.grad((expected * weights).sum(), tensors)
    with jax.enable_x64(True):
        given = [jnp.asarray(np.asarray(a, np.float64)) for a in arrays]
        found, back = jax.vjp(mine, *given)
        gradients = back(jnp.asarray(weights.numpy()))
    np.testing.assert_allclose(found, expected.detach(), rtol=1e-12, atol=1e-13)
    for gradient, slope in zip(gradients, slopes, strict=True):
        np.testing.assert_allclose(gradient, slope, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        *((name, ()) for name in ("relu", "relu6", "hardtanh", "hardswish", "hardsigmoid", "selu", "abs")),
        *((name, ()) for name in ("mish", "silu", "gelu", "log_sigmoid", "sign", "round")),
        *(("elu", (0.7,)), ("celu", (0.5,)), ("leaky_relu", (0.2,)), ("softplus", (1.0, 20.0))),
        *(("clamp", (-3.0, 6.0)), ("clamp", (None, 1.0)), ("clamp_min", (0.5,)), ("clamp_max", (0.5,))),
    ],
)
def test_gradients_at_the_bends_of_functions_of_one_number(name: str, numbers: tuple) -> None:
    assert_alike(lambda x: ours(name)(x, *numbers), lambda x: getattr(aten, name)(x, *numbers), BENDS)


@pytest.mark.parametrize("order", [1, 2, 3, 1.5, 0.5])
@pytest.mark.parametrize("name", ["linalg_vector_norm", "norm"])
def test_norms_of_rows_of_zeros(name: str, order: float) -> None:
    assert_alike(lambda x: ours(name)(x, order, [1]), lambda x: getattr(aten, name)(x, order, [1]), ROWS)


def test_spreads_of_constant_rows() -> None:
    assert_alike(lambda x: ours("std")(x, [1], correction=1), lambda x: x.std(1), ROWS)


@pytest.mark.parametrize("name", ["max", "min"])
def test_extremes_among_equals(name: str) -> None:
    assert_alike(lambda x: ours(name)(x, 1)[0], lambda x: getattr(x, name)(1)[0], ROWS)
    assert_alike(lambda x: ours(name)(x, 0, True)[0], lambda x: getattr(x, name)(0, True)[0], ROWS)
    assert_alike(ours(name), lambda x: getattr(x, name)(), ROWS)
    assert_alike(lambda x: ours(f"a{name}")(x, [1]), lambda x: getattr(x, f"a{name}")(1), ROWS)


def test_two_arrays_at_zero_and_at_bounds_of_their_own() -> None:
    assert_alike(ours("atan2"), torch.atan2, [0.0, 0.0, 1.0, -1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0, -1.0, -0.0])
    assert_alike(ours("clamp"), torch.clamp, [0.0, 1.0, 2.0, 3.0, 4.0], [1.0] * 5, [3.0] * 5)
    assert_alike(ours("maximum"), torch.maximum, [0.0, 1.0, 2.0], [1.0] * 3)


def test_losses_where_output_and_target_are_equal() -> None:
    target = [0.0] * len(BENDS)
    assert_alike(lambda x, y: ours("l1_loss")(x, y, 1), functional.l1_loss, BENDS, target)
    assert_alike(lambda x, y: ours("smooth_l1_loss")(x, y, 1, 1.0), functional.smooth_l1_loss, BENDS, target)
    l1 = partial(functional.smooth_l1_loss, beta=0.0)
    assert_alike(lambda x, y: ours("smooth_l1_loss")(x, y, 1, 0.0), l1, BENDS, target)


def test_cross_entropy_of_masked_logits() -> None:
    labels = torch.from_numpy(LABELS)
    assert_alike(
        lambda x: ours("cross_entropy_loss")(x, jnp.asarray(LABELS)),
        lambda x: functional.cross_entropy(x, labels),
        MASKED,
    )


@pytest.mark.parametrize("mask", [ALLOWED, ADDED], ids=["flags", "numbers"])
def test_attention_gives_zeros_where_every_key_is_masked(mask: np.ndarray) -> None:
    assert_alike(
        lambda q, k, v: ours("scaled_dot_product_attention")(q, k, v, jnp.asarray(mask)),
        lambda q, k, v: functional.scaled_dot_product_attention(q, k, v, torch.from_numpy(mask)),
        *(SERIES, SERIES + 1, SERIES - 1),
    )


@pytest.mark.parametrize("mode", ["floor", "trunc"])
def test_whole_parts_of_quotients(mode: str) -> None:
    pairs = [
        (np.array([1.0, -7.5, 3.0, 0.3, 6.0], np.float32), np.array([0.1, 2.0, -2.0, 0.1, 0.0], np.float32)),
        (np.array([2**24 + 1, -(2**30 + 1), 7, -7, 8], np.int32), np.array([1, 3, -2, 2, -2], np.int32)),
    ]
    for x, y in pairs:
        expected = torch.div(torch.from_numpy(x), torch.from_numpy(y), rounding_mode=mode)
        np.testing.assert_array_equal(ours("div")(jnp.asarray(x), jnp.asarray(y), rounding_mode=mode), expected)
        np.testing.assert_array_equal(
            ours("div")(jnp.asarray(x), 3, rounding_mode=mode),
            torch.div(torch.from_numpy(x), 3, rounding_mode=mode),
        )
        if mode == "floor":
            np.testing.assert_array_equal(ours("floor_divide")(jnp.asarray(x), jnp.asarray(y)), expected)


def test_dropout_in_compiled_modules_keeps_the_mean() -> None:
    x = jnp.ones((400, 50))
    key = jax.random.key(0)
    for found in (ours("dropout")(x, 0.25, True)(key), ours("feature_dropout")(x[:, :, None], 0.25, True)(key)):
        dropped = np.asarray(found) == 0
        assert dropped.mean() == pytest.approx(0.25, abs=0.015)  # 5 standard errors
        np.testing.assert_allclose(np.asarray(found)[~dropped], 4 / 3, rtol=1e-6)
    assert (np.asarray(ours("dropout")(x, 0.25, False)) == 1).all()


@pytest.mark.parametrize("name", ["dropout", "feature_dropout"])
def test_a_chance_of_1_drops_everything_and_its_gradient(name: str) -> None:
    def total(x):
        return jnp.sum(ours(name)(x, 1.0, True)(jax.random.key(0)))

    value, slope = jax.value_and_grad(total)(jnp.ones((3, 2)))
    assert value == 0
    assert (np.asarray(slope) == 0).all()
