"""Orthogonal and sparse arrays: exact properties, and the law of what is left to chance."""

import jax
import numpy as np
import pytest
import scipy.stats
import torch

from thalweg.errors import InvalidValueError
from thalweg.initializers import Orthogonal, Sparse


def orthogonal(shape: tuple[int, ...], gain: float = 1.0, seed: int = 0) -> np.ndarray:
    return Orthogonal(gain).draw(np.random.default_rng(seed), shape, 1, 1)


@pytest.mark.parametrize("shape", [(30, 30), (50, 20), (20, 50), (3, 3, 4, 16), (3, 3, 1, 20), (1, 7), (7, 1), (1, 1)])
@pytest.mark.parametrize("gain", [1.0, 1.5])
def test_shorter_side_is_orthonormal(shape: tuple[int, ...], gain: float) -> None:
    matrix = orthogonal(shape, gain).reshape(-1, shape[-1]).astype(np.float64)
    product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    # Products of float32 numbers with rounding errors of 6e-8 each.
    np.testing.assert_allclose(product, gain**2 * np.eye(len(product)), atol=1e-5)


def test_convolution_is_orthogonal_as_the_matrix_of_its_patches() -> None:
    kernel, matrix = orthogonal((3, 3, 4, 16)), orthogonal((36, 16))
    assert np.array_equal(kernel.reshape(36, 16), matrix)


@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9)])
def test_law_is_uniform_on_orthogonal_matrices(shape: tuple[int, int]) -> None:
    """The square of one entry of a uniform column of length n is Beta(1/2, (n − 1)/2); signs are even."""
    entries = np.array([orthogonal(shape, seed=seed) for seed in range(1500)], np.float64)
    n = max(shape)
    law = scipy.stats.beta(0.5, (n - 1) / 2)
    for place in [(0, 0), (shape[0] - 1, shape[1] - 1), (0, shape[1] - 1)]:
        one = entries[:, *place]
        assert scipy.stats.kstest(one**2, law.cdf).pvalue > 1e-3
        assert scipy.stats.binomtest(int((one > 0).sum()), len(one)).pvalue > 1e-3


def test_without_the_sign_of_r_the_law_is_another() -> None:
    first = [np.linalg.qr(np.random.default_rng(seed).standard_normal((6, 6)))[0][0, 0] for seed in range(300)]
    assert (np.array(first) <= 0).mean() > 0.7 or (np.array(first) >= 0).mean() > 0.7


def test_law_is_that_of_torch_and_jax() -> None:
    ours = np.array([np.trace(orthogonal((5, 5), seed=seed)) for seed in range(600)])
    generator = torch.Generator().manual_seed(0)
    by_torch = [float(torch.nn.init.orthogonal_(torch.empty(5, 5), generator=generator).trace()) for _ in range(600)]
    keys = jax.random.split(jax.random.key(0), 600)
    by_jax = np.asarray(jax.jit(jax.vmap(lambda key: jax.nn.initializers.orthogonal()(key, (5, 5))))(keys))
    assert scipy.stats.ks_2samp(ours, by_torch).pvalue > 1e-3
    assert scipy.stats.ks_2samp(ours, np.trace(by_jax, axis1=1, axis2=2)).pvalue > 1e-3


@pytest.mark.parametrize(("shape", "k"), [((64, 32), 15), ((20, 40), 20), ((3, 3, 8, 5), 1), ((1, 4), 1)])
def test_every_unit_has_exactly_k_weights(shape: tuple[int, ...], k: int) -> None:
    weights = Sparse(k).draw(np.random.default_rng(0), shape, 1, 1).reshape(-1, shape[-1])
    assert ((weights != 0).sum(axis=0) == k).all()


def test_units_choose_their_inputs_evenly_and_apart() -> None:
    inputs, units, k = 12, 6000, 4
    chosen = Sparse(k).draw(np.random.default_rng(0), (inputs, units), inputs, units) != 0
    counts = chosen.sum(axis=1)
    assert scipy.stats.chisquare(counts).pvalue > 1e-3
    both = (chosen[0] & chosen[1]).mean()  # without replacement: k(k − 1) / m(m − 1) = 1/11; 4 standard errors
    assert abs(both - 1 / 11) < 4 * (1 / 11 * 10 / 11 / units) ** 0.5


def test_weights_left_are_gaussian_like_those_of_torch() -> None:
    ours = Sparse(15, 0.01).draw(np.random.default_rng(0), (100, 800), 100, 800)
    theirs = torch.nn.init.sparse_(torch.empty(100, 800), 0.85, generator=torch.Generator().manual_seed(0)).numpy()
    assert ((ours != 0).sum(axis=0) == (theirs != 0).sum(axis=0)).all()  # torch counts along columns
    assert scipy.stats.ks_2samp(ours[ours != 0], theirs[theirs != 0]).pvalue > 1e-3
    assert scipy.stats.kstest(ours[ours != 0], scipy.stats.norm(scale=0.01).cdf).pvalue > 1e-3


def test_more_weights_than_inputs_are_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"^sparse: k = 15 is more than the 9 inputs of a unit; give a k of 9"):
        Sparse().draw(np.random.default_rng(0), (9, 8), 9, 8)


@pytest.mark.parametrize("k", [0, -1, 2.5])
def test_k_is_a_whole_number(k: float) -> None:
    with pytest.raises(InvalidValueError, match=r"sparse: k = .* is not allowed; give a whole number in \[1, inf\)"):
        Sparse.configured(k=k)
