"""Clipping against torch, optax and literal NumPy, and where they differ."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch

from thalweg.techniques import clip_adaptively, clip_by_norm, clip_by_value, global_norm

SHAPES = [(7, 5), (5,), (3, 3, 2, 4), (), (1, 6), (6, 1)]
Clip = Callable[[list[Any], Any], list[Any]]


def arrays(seed: int, scale: float = 1.0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [np.asarray(scale * rng.normal(size=shape)) for shape in SHAPES]


def adaptively(gradients: list[Any], threshold: Any) -> list[Any]:
    return clip_adaptively(gradients, [0.1 * g + 0.01 for g in gradients], threshold)


def in_optax(transform: optax.GradientTransformation, gradients: list[Any], parameters: list[Any]) -> list[Any]:
    with jax.enable_x64(True):
        leaves = [jnp.asarray(g) for g in gradients]
        new, _ = transform.update(leaves, transform.init(leaves), [jnp.asarray(x) for x in parameters])
        return [np.asarray(leaf) for leaf in new]


def check(got: list[Any], wanted: list[Any], rtol: float = 1e-13) -> None:
    assert len(got) == len(wanted)
    for a, b in zip(got, wanted, strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=0)


@pytest.mark.parametrize("threshold", [0.01, 0.7, 3.0])
def test_by_value_is_that_of_torch_and_optax(threshold: float) -> None:
    gradients = arrays(0)
    parameters = [torch.nn.Parameter(torch.zeros(g.shape, dtype=torch.float64)) for g in gradients]
    for x, g in zip(parameters, gradients, strict=True):
        x.grad = torch.from_numpy(g.copy())
    torch.nn.utils.clip_grad_value_(parameters, threshold)
    got = clip_by_value(gradients, threshold)
    check(got, [x.grad.numpy() for x in parameters if x.grad is not None], rtol=0)
    check(got, in_optax(optax.clip(threshold), gradients, gradients), rtol=0)


@pytest.mark.parametrize("threshold", [1e-3, 1.0, 5.0, 100.0])
def test_by_norm_is_that_of_optax(threshold: float) -> None:
    gradients = arrays(1)
    got = clip_by_norm(gradients, threshold)
    check(got, in_optax(optax.clip_by_global_norm(threshold), gradients, gradients))
    assert float(global_norm(got)) == pytest.approx(min(threshold, float(global_norm(gradients))), rel=1e-14)


@pytest.mark.parametrize("threshold", [1e-3, 1.0, 100.0])
def test_by_norm_is_that_of_torch_but_for_its_millionth(threshold: float) -> None:
    gradients = arrays(2)
    norm = np.sqrt(sum((g**2).sum() for g in gradients))
    tensors = [torch.nn.Parameter(torch.zeros(g.shape, dtype=torch.float64)) for g in gradients]
    for x, g in zip(tensors, gradients, strict=True):
        x.grad = torch.from_numpy(g.copy())
    torch.nn.utils.clip_grad_norm_(tensors, threshold)
    correction = (norm + 1e-6) / norm if norm > threshold else 1.0
    theirs = [correction * x.grad.numpy() for x in tensors if x.grad is not None]
    check(clip_by_norm(gradients, threshold), theirs, rtol=1e-12)


def test_torch_also_shortens_what_is_just_short_enough() -> None:
    gradient = np.array([3.0, 4.0])
    parameter = torch.nn.Parameter(torch.zeros(2, dtype=torch.float64))
    parameter.grad = torch.from_numpy(gradient.copy())
    torch.nn.utils.clip_grad_norm_([parameter], 5.0)
    assert not np.array_equal(parameter.grad.numpy(), gradient)
    assert np.array_equal(clip_by_norm([gradient], 5.0)[0], gradient)


@pytest.mark.parametrize("factor", [0.01, 0.3, 2.0])
def test_adaptive_is_that_of_optax(factor: float) -> None:
    gradients, parameters = arrays(3), arrays(4, 0.05)
    parameters[0][:, 1] = 0.0  # a unit that starts at zero counts with epsilon
    theirs = in_optax(optax.adaptive_grad_clip(factor, 1e-2), gradients, parameters)
    check(clip_adaptively(gradients, parameters, factor, 1e-2), theirs)


def test_adaptive_follows_its_formula_unit_by_unit() -> None:
    rng = np.random.default_rng(5)
    g, x = rng.normal(size=(4, 3, 2)), rng.normal(size=(4, 3, 2))
    wanted = g.copy()
    for unit in range(2):
        largest = 0.2 * max(np.sqrt((x[..., unit] ** 2).sum()), 1e-3)
        norm = np.sqrt((g[..., unit] ** 2).sum())
        if norm > largest:
            wanted[..., unit] *= largest / norm
    check(clip_adaptively([g], [x], 0.2), [wanted])
    assert not np.allclose(wanted, in_optax(optax.adaptive_grad_clip(0.2), [g], [x])[0])  # optax: first axis alone


ALL: list[Clip] = [clip_by_value, clip_by_norm, adaptively]


@pytest.mark.parametrize("clip", ALL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_infinite_threshold_changes_no_bit(clip: Clip, dtype: Any) -> None:
    gradients = [g.astype(dtype) for g in [*arrays(6, 1e3), np.zeros((2, 2)), np.array([-0.0, np.nan, np.inf, 1e-40])]]
    with np.errstate(all="raise", under="ignore"):
        for got, g in zip(clip(gradients, np.inf), gradients, strict=True):
            assert np.asarray(got).tobytes() == g.tobytes()
            assert np.asarray(got).dtype == dtype


@pytest.mark.parametrize("clip", ALL)
def test_zero_gradients_stay_zero(clip: Clip) -> None:
    with np.errstate(all="raise"):
        for got in clip([np.zeros((3, 2)), np.zeros(2)], 1e-3):
            assert not got.any()


@pytest.mark.parametrize("clip", ALL)
def test_nan_is_seen_after_clipping(clip: Clip) -> None:
    gradients = [np.array([[1e3, np.nan], [2.0, 3.0]]), np.array([1e3, 1.0])]
    assert np.isnan(clip(gradients, 0.5)[0][0, 1])


def test_infinity_is_seen_after_clipping_by_norm() -> None:
    gradient = np.array([[np.inf, 1.0], [2.0, 3.0]])
    for got in (clip_by_norm([gradient], 0.5)[0], clip_adaptively([gradient], [np.ones((2, 2))], 0.5)[0]):
        assert not np.isfinite(got[0, 0])


def test_squares_that_overflow_do_not_lose_the_gradient() -> None:
    gradient = np.array([[3e25, 1e20], [4e25, -1e20]], np.float32)
    got = clip_by_norm([gradient], 5.0)[0]
    np.testing.assert_allclose(got[:, 0], [3.0, 4.0], rtol=1e-6)
    assert np.sign(got[1, 1]) == -1
    units = clip_adaptively([gradient], [np.ones((2, 2), np.float32)], 0.5)[0]
    np.testing.assert_allclose(np.sqrt((units.astype(float) ** 2).sum(0)), 0.5 * np.sqrt(2), rtol=1e-6)
    assert not np.any(in_optax(optax.clip_by_global_norm(5.0), [gradient], [gradient])[0])  # theirs: zeros


@pytest.mark.parametrize("clip", ALL)
def test_libraries_and_traced_thresholds_agree(clip: Clip) -> None:
    gradients = [g.astype(np.float32) for g in arrays(7)]
    wanted = clip(gradients, 0.3)
    tensors = clip([torch.from_numpy(np.asarray(g)) for g in gradients], torch.tensor(0.3))
    check([t.numpy() for t in tensors], wanted, rtol=2e-6)
    thresholds = jnp.array([0.3, jnp.inf, 0.05], jnp.float32)
    stacked = [jnp.stack([jnp.asarray(g)] * 3) for g in gradients]
    members = jax.jit(jax.vmap(clip))(stacked, thresholds)
    check([m[0] for m in members], wanted, rtol=2e-6)
    check([m[1] for m in members], gradients, rtol=0)
    check([m[2] for m in members], clip(gradients, 0.05), rtol=2e-6)


def test_half_precision_is_clipped_without_overflow() -> None:
    gradient = jnp.full((300,), 300.0, jnp.bfloat16)
    (got,) = clip_by_norm([gradient], 1.0)
    assert got.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.asarray(got, np.float32), 1 / np.sqrt(300), rtol=0.01)
