"""The laws of the weights: moments and distribution against the stated law, against torch, against JAX.

Seeds are fixed, so a test either passes for ever or never. An array has 48,000 numbers: Kolmogorov–Smirnov then
notices a scale that is wrong by 5 % (10 % between two samples), which ``test_a_wrong_scale_is_noticed`` holds it to.
"""

import math
from collections.abc import Callable

import jax
import numpy as np
import pytest
import scipy.stats
import torch

from thalweg.initializers import INITIALIZERS, Initializer, fans, parse_initializer

SHAPE = (240, 200)  # inputs, units; different, so that a fan taken for the other is noticed
M, N = SHAPE
REJECT = 1e-3  # smallest p-value that passes

CUT = 0.8796256610342398  # deviation of N(0, 1) cut at ±2


def drawn(notation: str, shape: tuple[int, ...] = SHAPE, seed: int = 0) -> np.ndarray:
    return parse_initializer(notation).draw(np.random.default_rng(seed), shape, *fans(shape))


def normal(deviation: float) -> object:
    return scipy.stats.norm(scale=deviation)


def uniform(half_width: float) -> object:
    return scipy.stats.uniform(-half_width, 2 * half_width)


def truncated(deviation: float, cut: float = 2.0) -> object:
    return scipy.stats.truncnorm(-cut, cut, scale=deviation)


LAWS = {
    "gaussian": normal(0.01),
    "gaussian:deviation=0.3": normal(0.3),
    "uniform": uniform(0.05),
    "uniform:half_width=2": uniform(2.0),
    "truncated": truncated(0.01),
    "truncated:deviation_of=weights": truncated(0.01 / CUT),
    "truncated:deviation=0.5:cut=1": truncated(0.5, 1.0),
    "glorot": uniform(math.sqrt(6 / (M + N))),
    "glorot:law=normal": normal(math.sqrt(2 / (M + N))),
    "glorot:law=truncated": truncated(math.sqrt(2 / (M + N)) / CUT),
    "glorot:gain=3": uniform(3 * math.sqrt(6 / (M + N))),
    "he": normal(math.sqrt(2 / M)),
    "he:fan=out": normal(math.sqrt(2 / N)),
    "he:law=uniform": uniform(math.sqrt(6 / M)),
    "he:law=uniform:fan=out": uniform(math.sqrt(6 / N)),
    "he:law=truncated": truncated(math.sqrt(2 / M) / CUT),
    "he:gain=1": normal(math.sqrt(1 / M)),
    "lecun": normal(math.sqrt(1 / M)),
    "lecun:law=uniform": uniform(math.sqrt(3 / M)),
    "lecun:law=truncated:gain=2": truncated(2 * math.sqrt(1 / M) / CUT),
}


@pytest.mark.parametrize("notation", LAWS)
def test_law_is_the_stated_one(notation: str) -> None:
    weights, law = drawn(notation).ravel(), LAWS[notation]
    assert weights.dtype == np.float32
    assert scipy.stats.kstest(weights, law.cdf).pvalue > REJECT
    # 4 standard errors: mean σ/√n, deviation at most σ/√(2n) for a normal law and less for the others.
    n, deviation = weights.size, law.std()
    assert abs(weights.mean()) < 4 * deviation / math.sqrt(n)
    assert abs(weights.std() - deviation) < 4 * deviation / math.sqrt(2 * n)
    low, high = law.support()
    assert low * 1.000001 <= weights.min()
    assert weights.max() <= high * 1.000001


@pytest.mark.parametrize("notation", LAWS)
def test_a_wrong_scale_is_noticed(notation: str) -> None:
    assert scipy.stats.kstest(1.05 * drawn(notation).ravel(), LAWS[notation].cdf).pvalue < REJECT


def test_rows_and_columns_are_independent() -> None:
    weights = drawn("he")
    together = np.corrcoef(weights, rowvar=False)[np.triu_indices(N, 1)]
    assert abs(together).max() < 6 / math.sqrt(M)  # 6 standard errors, the largest of 19,900


def by_jax(initializer: Callable[..., jax.Array], shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.asarray(initializer(jax.random.key(1), shape)).ravel()


def by_torch(initialize: Callable[..., object], **settings: object) -> np.ndarray:
    tensor = torch.empty(N, M)  # units, inputs
    initialize(tensor, generator=torch.Generator().manual_seed(1), **settings)
    return tensor.numpy().ravel()


def keras_like(scale: float, mode: str, law: str) -> np.ndarray:
    return by_jax(jax.nn.initializers.variance_scaling(scale, mode, law))


ORACLES = {
    "gaussian": lambda: by_jax(jax.nn.initializers.normal()),
    "gaussian:deviation=1": lambda: by_torch(torch.nn.init.normal_),
    "uniform:half_width=0.3": lambda: by_torch(torch.nn.init.uniform_, a=-0.3, b=0.3),
    "truncated": lambda: by_jax(jax.nn.initializers.truncated_normal()),
    "truncated:deviation=0.02": lambda: by_torch(torch.nn.init.trunc_normal_, std=0.02, a=-0.04, b=0.04),
    "truncated:deviation=0.02:cut=8": lambda: by_torch(torch.nn.init.trunc_normal_, std=0.02),
    "glorot": lambda: by_torch(torch.nn.init.xavier_uniform_),
    "glorot:law=uniform": lambda: by_jax(jax.nn.initializers.glorot_uniform()),
    "glorot:law=normal": lambda: by_torch(torch.nn.init.xavier_normal_),
    "glorot:law=truncated": lambda: by_jax(jax.nn.initializers.glorot_normal()),
    "glorot:gain=1.6666667": lambda: by_torch(torch.nn.init.xavier_uniform_, gain=torch.nn.init.calculate_gain("tanh")),
    "he": lambda: by_torch(torch.nn.init.kaiming_normal_, nonlinearity="relu"),
    "he:fan=out": lambda: by_torch(torch.nn.init.kaiming_normal_, mode="fan_out", nonlinearity="relu"),
    "he:law=uniform": lambda: by_torch(torch.nn.init.kaiming_uniform_, nonlinearity="relu"),
    "he:gain=1.3867505": lambda: by_torch(torch.nn.init.kaiming_normal_, a=0.2),
    "he:law=truncated": lambda: by_jax(jax.nn.initializers.he_normal()),
    "he:law=uniform:fan=in": lambda: by_jax(jax.nn.initializers.he_uniform()),
    "he:fan=out:law=truncated": lambda: keras_like(2.0, "fan_out", "truncated_normal"),
    "he:law=uniform:gain=0.577350269": lambda: torch_linear(),
    "lecun:law=truncated": lambda: by_jax(jax.nn.initializers.lecun_normal()),
    "lecun:law=uniform": lambda: by_jax(jax.nn.initializers.lecun_uniform()),
    "lecun": lambda: keras_like(1.0, "fan_in", "normal"),
}


def torch_linear() -> np.ndarray:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return torch.nn.Linear(M, N).weight.detach().numpy().ravel()


@pytest.mark.parametrize("notation", ORACLES)
def test_law_is_that_of_the_library(notation: str) -> None:
    ours, theirs = drawn(notation).ravel(), ORACLES[notation]()
    assert scipy.stats.ks_2samp(ours, theirs).pvalue > REJECT
    assert scipy.stats.ks_2samp(1.1 * ours, theirs).pvalue < REJECT  # two samples notice less than one


DIFFERENT = {
    "glorot:law=normal": lambda: by_jax(jax.nn.initializers.glorot_normal()),
    "he:law=normal": lambda: by_jax(jax.nn.initializers.he_normal()),
    "lecun:law=normal": lambda: by_jax(jax.nn.initializers.lecun_normal()),
    "truncated:deviation=0.02": lambda: by_torch(torch.nn.init.trunc_normal_, std=0.02),
    "truncated:deviation_of=weights": lambda: by_jax(jax.nn.initializers.truncated_normal()),
    "uniform:half_width=0.01": lambda: by_jax(jax.nn.initializers.uniform()),
    "he": torch_linear,
}


@pytest.mark.parametrize("notation", DIFFERENT)
def test_differences_in_definition_are_real(notation: str) -> None:
    assert scipy.stats.ks_2samp(drawn(notation).ravel(), DIFFERENT[notation]()).pvalue < 1e-5


def test_convolution_kernels_have_the_fans_of_jax() -> None:
    shape = (3, 3, 40, 130)
    ours, theirs = drawn("glorot:law=truncated", shape).ravel(), by_jax(jax.nn.initializers.glorot_normal(), shape)
    assert scipy.stats.ks_2samp(ours, theirs).pvalue > REJECT


def test_fans_are_those_of_torch_and_of_a_patch_matrix() -> None:
    kernel = torch.empty(16, 8, 3, 5)  # channels out, channels in, height, width
    theirs = torch.nn.init._calculate_fan_in_and_fan_out(kernel)
    assert fans((3, 5, 8, 16)) == theirs == fans((3 * 5 * 8, 16), "patch:15")
    assert fans((7, 4)) == (7, 4) == fans((7, 4), "patch:1")


@pytest.mark.parametrize("kind", INITIALIZERS.values(), ids=lambda kind: kind.name)
def test_contract(kind: type[Initializer]) -> None:
    made, shape = kind(), (5, 4, 9)
    first, again, other = (made.draw(np.random.default_rng(seed), shape, *fans(shape)) for seed in (0, 0, 1))
    assert first.shape == shape
    assert first.dtype == np.float32
    assert np.array_equal(first, again)
    assert np.array_equal(first, other) == (kind.name in {"zero", "constant"})
    assert kind.title
    assert kind.formula
    assert kind.sources
    assert "References:" in (kind.__doc__ or "")


def test_constants() -> None:
    assert not drawn("zero").any()
    assert (drawn("constant:-2.5") == -2.5).all()
