"""Numbers stored with fewer bits: exact expectations, other libraries' bfloat16, and codes in a literal loop."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

from thalweg.compression import BYTES_PER_NUMBER, FORMATS, decode, encode, in_bfloat16, is_random, rounded

RNG = np.random.default_rng(0)
LIBRARIES: dict[str, Callable[[Any], Any]] = {"numpy": np.asarray, "jax": jnp.asarray, "torch": torch.asarray}


def _spread(count: int) -> np.ndarray:
    """Return numbers of either sign over many orders of magnitude."""
    return (RNG.normal(size=count) * np.exp(6 * RNG.normal(size=count))).astype(np.float32)


def test_to_nearest_is_what_torch_and_jax_have_for_bfloat16() -> None:
    ties = np.array([1 + 2**-8, 1 + 3 * 2**-8, -(1 + 2**-8), 3.4e38, -3.4e38, 1e-39, 0.0, -0.0, np.inf, np.nan])
    x = np.concatenate([_spread(5000), ties.astype(np.float32)])
    expected = torch.from_numpy(x).bfloat16().float().numpy()
    for asarray in LIBRARIES.values():
        np.testing.assert_array_equal(np.asarray(in_bfloat16(asarray(x))), expected)
    np.testing.assert_array_equal(np.asarray(jnp.asarray(x[:5000]).astype(jnp.bfloat16), np.float32), expected[:5000])
    assert np.signbit(in_bfloat16(x))[-3]


def test_rounding_at_random_is_right_on_average() -> None:
    noise = (np.arange(1 << 16) / (1 << 16)).astype(np.float32)  # every value that makes a difference, once
    for number in np.concatenate([_spread(20), np.float32([1.0, 1 + 2**-7, -(2 - 2**-8), 255.9])]):
        found, times = np.unique(rounded(np.full(noise.shape, number), "bfloat16", noise), return_counts=True)
        mean = sum(Fraction(float(v)) * int(n) for v, n in zip(found, times, strict=True)) / noise.size
        assert mean == Fraction(float(number))
        below = torch.tensor(float(number)).bfloat16().item()
        assert below in found
        assert len(found) == (1 if below == number else 2)


def test_eight_bits_at_random_are_right_on_average() -> None:
    x = np.concatenate([RNG.normal(size=200), [0.0, 1e-3]]).astype(np.float32)
    count = 1000
    noise = (np.arange(count) + 0.5) / count  # the mean over this grid is right to within a thousandth of a step
    drawn = np.stack([rounded(x, "int8", np.full(x.shape, u, np.float32)) for u in noise]).astype(np.float64)
    lower, upper = drawn.min(0), drawn.max(0)
    assert ((lower <= x + 1e-9) & (x <= upper + 1e-9)).all()
    assert (np.abs(drawn.mean(0) - x) <= (upper - lower) / count + 1e-9).all()


def _literal(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest values of the eight-bit formats, block by block in float64, and half the distance between."""
    found, half = [], []
    for start in range(0, len(x), 256):
        block = [float(value) for value in x[start : start + 256]]
        scale = max(abs(value) for value in block)
        if min(block) < 0:
            values = [scale * math.copysign((abs(c) / 127) ** 4, c) for c in range(-127, 128)]
        else:
            values = [scale * (c / 255) ** 4 for c in range(256)]
        for value in block:
            near = [v for v in values if v > 0] if value > 0 and min(block) >= 0 else values
            best = min(near, key=lambda v: abs(v - value))
            found.append(best)
            above = [v for v in values if v >= value * (1 - 1e-6)]
            below = [v for v in values if v <= value * (1 + 1e-6)]
            half.append((min(above, default=scale) - max(below, default=-scale)) / 2)
    return np.array(found), np.array(half)


@pytest.mark.parametrize(
    ("library", "kind"),
    [("numpy", kind) for kind in ("signed", "squares", "zeros", "few")]
    + [(library, kind) for library in ("jax", "torch") for kind in ("signed", "squares")],
)
def test_eight_bits_are_those_of_a_literal_loop(library: str, kind: str) -> None:
    x = {"signed": _spread(300), "squares": _spread(300) ** 2, "zeros": np.zeros(300, np.float32)}.get(kind)
    x = np.array([0.5, 0.0, 1e-20, 3.0], np.float32) if x is None else x
    x = np.clip(x, -1e18, 1e18)
    expected, half = _literal(x)
    found = np.asarray(rounded(LIBRARIES[library](x), "int8-nearest"), np.float64)
    scales = np.repeat([np.abs(x[i : i + 256]).max() for i in range(0, len(x), 256)], 256)[: len(x)]
    least = np.where(expected > 0, scales / 255.0**4, 0) * (x >= 0)  # a positive number never becomes zero
    assert (np.abs(found - x) <= np.maximum(half * (1 + 1e-4), least) + 1e-12 * scales).all()
    different = ~np.isclose(found, expected, rtol=1e-6, atol=1e-12 * scales.max())
    assert different.mean() < 0.01  # a number half-way between may go either way
    if kind in ("squares", "few"):
        assert (found[x > 0] > 0).all()


def test_codes_rise_with_the_numbers_and_are_stored_in_a_byte() -> None:
    for low, codes in ((-1.0, 255), (0.0, 256)):
        x = np.concatenate([[low, 1.0], np.linspace(low, 1, 254)]).astype(np.float32)
        values = [rounded(np.concatenate([x[:2], x[2:] * s]), "int8-nearest") for s in 10.0 ** -np.arange(9.0)]
        for found in values:
            assert (np.diff(found[2:]) >= 0).all()
        every = np.arange(1 if low < 0 else 0, 256, dtype=np.uint8)
        scale = np.array([-2.0 if low < 0 else 2.0], np.float32)
        decoded = decode(every[None], scale, np.zeros(codes, np.float32))
        assert (np.diff(decoded) > 0).all()
        assert (decoded.min(), decoded.max()) == (2 * low, 2.0)
        again, scales = encode(decoded)
        assert (again.dtype, scales.dtype, again.shape, scales.shape) == (np.uint8, np.float32, (1, 256), (1,))
        np.testing.assert_array_equal(again[0, :codes], every)
        np.testing.assert_array_equal(rounded(decoded, "int8-nearest"), decoded)


def test_shapes_and_dtypes_stay() -> None:
    for form in FORMATS:
        for dtype in (np.float32, np.float64):
            x = RNG.normal(size=(3, 5, 41)).astype(dtype)
            noise = RNG.random(x.shape, np.float32)
            found = rounded(x, form, noise)
            assert (found.shape, found.dtype) == (x.shape, x.dtype)
            assert 0 < np.abs(found - x).max() < (0.02 if form.startswith("bf") else 0.1) * np.abs(x).max()
            if not is_random(form):
                np.testing.assert_array_equal(found, rounded(x, form))
    assert BYTES_PER_NUMBER["int8"] == 1 + 4 / 256


def test_a_number_that_is_none_is_seen() -> None:
    x = np.ones(600, np.float32)
    x[300] = np.nan
    with np.errstate(invalid="ignore"):
        found = rounded(x, "int8-nearest")
        x[300] = np.inf
        infinite = rounded(x, "int8-nearest")
    for one in (found, infinite):
        assert np.isnan(one[256:512]).all()
        assert (one[:256] == 1).all()
        assert (one[512:] == 1).all()


def _tree(signed: bool) -> np.ndarray:
    """Return the values of the dynamic tree: a run of zeros for the power of ten, then a linear fraction."""
    bits = 7 if signed else 8
    parts = [np.linspace(0.1, 1, 2 ** (bits - 1 - i) + 1) for i in range(bits)]
    found = np.concatenate([[0.0], *((edges[1:] + edges[:-1]) / 2 * 10.0**-i for i, edges in enumerate(parts))])
    found = np.sort(found)
    found[-1] = 1.0
    return np.unique(np.concatenate([-found, found])) if signed else found


@pytest.mark.parametrize("kind", ["normal", "laplace", "squares", "lognormal"])
def test_relative_errors_are_below_those_of_a_dynamic_tree(kind: str) -> None:
    rng = np.random.default_rng(1)
    normal = rng.normal(size=25600)
    x = {"normal": normal, "laplace": rng.laplace(size=25600), "squares": normal**2, "lognormal": np.exp(2 * normal)}
    blocks = x[kind].reshape(-1, 256).astype(np.float32)
    share, tree = blocks / np.abs(blocks).max(1, keepdims=True), _tree(bool(blocks.min() < 0))
    upper = np.clip(np.searchsorted(tree, share), 1, len(tree) - 1)
    nearer = np.where(share - tree[upper - 1] < tree[upper] - share, tree[upper - 1], tree[upper])
    theirs = np.mean(np.abs(nearer - share) / np.abs(share))
    ours = np.mean(np.abs(rounded(blocks, "int8-nearest") - blocks) / np.abs(blocks))
    assert ours < 0.85 * theirs
    if kind == "squares":
        assert (round(100 * ours, 1), round(100 * theirs, 1)) == (1.2, 1.7)


def test_an_average_that_forgets_slowly_stands_still_if_rounded_to_nearest() -> None:
    """A second moment that should fall to a tenth in 2302 steps at β₂ = 0.999."""
    v = {form: np.ones(4096, np.float32) for form in FORMATS}
    rng = np.random.default_rng(2)
    for _ in range(500):
        noise = rng.random(4096, np.float32)
        v = {form: rounded(np.float32(0.999) * one, form, noise) for form, one in v.items()}
    exact = 0.999**500
    assert v["bfloat16-nearest"].mean() == 1.0
    assert v["bfloat16"].mean() == pytest.approx(exact, rel=0.01)
