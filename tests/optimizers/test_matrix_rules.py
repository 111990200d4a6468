"""What the conformance table cannot say of rules for matrices: coarser references, kernels, orthogonality."""

from typing import Any

import numpy as np
import pytest
import torch

from thalweg.optimizers import Rule, lift, make_optimizer


def one_step(rule: Rule, g: np.ndarray, x: np.ndarray | None = None) -> np.ndarray:
    """Return the change of the parameters in the first step."""
    start = np.zeros_like(g) if x is None else x
    (after,), _ = lift.update(rule, [start], [g], lift.init_state(rule, [start]), 1)
    return after - start


def test_muon_is_torchs_within_the_precision_of_bfloat16() -> None:
    rule = make_optimizer("muon@torch", learning_rate=1.0, weight_decay=0.0)
    for shape in ((8, 3), (3, 8), (5, 5)):
        g = np.random.default_rng(1).normal(size=shape)
        x = torch.zeros(shape, dtype=torch.float64)
        x.grad = torch.tensor(g)
        torch.optim.Muon([x], lr=1.0, weight_decay=0.0).step()
        step = one_step(rule, g)
        error = np.linalg.norm(step - x.numpy()) / np.linalg.norm(step)
        assert 1e-4 < error < 0.03  # bfloat16 rounds to 4e-3, the iteration amplifies; equal would mean float64


@pytest.mark.parametrize("layout", ["in-out", "out-in"])
def test_muon_flattens_kernels(layout: str) -> None:
    kernel = np.random.default_rng(2).normal(size=(3, 2, 4, 5))
    flat = kernel.reshape((-1, 5) if layout == "in-out" else (3, -1))
    rule = make_optimizer("muon", layout=layout)
    assert np.array_equal(one_step(rule, kernel), one_step(rule, flat).reshape(kernel.shape))


@pytest.mark.parametrize("layout", ["in-out", "out-in"])
@pytest.mark.parametrize("shape", [(3, 0), (0, 3), (2, 3, 0), (0, 0)])
def test_muon_leaves_empty_arrays_alone(shape: tuple[int, ...], layout: str) -> None:
    rule = make_optimizer("muon", layout=layout)
    for x in (np.zeros(shape), torch.zeros(shape)):
        (after,), _ = lift.update(rule, [x], [x], lift.init_state(rule, [x]), 1)
        assert after.shape == shape


@pytest.mark.parametrize(("scale", "factor"), [("width", 2.0), ("rms", 0.2 * 8.0**0.5), ("none", 1.0)])
def test_muons_steps_have_singular_values_near_the_rate(scale: str, factor: float) -> None:
    g = np.random.default_rng(3).normal(size=(2, 8)) * 100.0
    values = np.linalg.svd(one_step(make_optimizer("muon", learning_rate=1.0, scale=scale), g))[1]
    assert np.all((values > 0.65 * factor) & (values < 1.25 * factor))  # the range to which the authors tuned a, b, c


def test_muon_with_newtons_coefficients_is_the_polar_factor() -> None:
    g = np.random.default_rng(4).normal(size=(4, 3))
    exact: dict[str, Any] = {"linear": 15 / 8, "cubic": -10 / 8, "quintic": 3 / 8, "steps": 10, "scale": "none"}
    u, _, vt = np.linalg.svd(g, full_matrices=False)
    step = one_step(make_optimizer("muon", learning_rate=1.0, **exact), g)
    np.testing.assert_allclose(step, -u @ vt, atol=1e-10)  # the classical iteration, which converges cubically
