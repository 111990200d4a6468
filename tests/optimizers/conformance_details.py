"""Checks of mathematics that rules keep in functions of their own, sharper than a trajectory can be."""

from collections.abc import Callable, Mapping
from decimal import Decimal, getcontext
from fractions import Fraction
from math import comb, factorial

import numpy as np
from details_distances import DISTANCE_DETAILS
from details_matrices import MATRIX_DETAILS
from details_minimizers import MINIMIZER_DETAILS
from details_modern import MODERN_DETAILS
from oracles_adam import averaged_length

from thalweg.errors import InvalidValueError
from thalweg.optimizers import Rule, lift

__all__ = ["DETAILS"]


def _radam_length(rules: Mapping[str, type[Rule]]) -> None:
    """RAdam's ρ against the paper's formula in exact fractions, in float64 and in float32."""
    effective_length = rules["radam"].update.__globals__["effective_length"]
    for beta2 in (0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999):
        for t in (1, 2, 3, 5, 6, 7, 20, 100, 1000):
            for dtype, tolerance in ((np.float64, 1e-12), (np.float32, 2e-5)):  # the series is right to 4e-12
                decay = np.asarray(beta2, dtype=dtype)
                exact = float(averaged_length(float(decay), t)[1])
                found = float(effective_length(decay, np.asarray(t, dtype=dtype)))
                assert abs(found - exact) <= tolerance * exact, (beta2, t, dtype, found, exact)
    for t in (1.0, 2.0, 3.0):  # without memory the average is always of one gradient
        assert abs(effective_length(np.asarray(0.0), np.asarray(t)) - 1.0) <= 1e-14


def _radam_series(rules: Mapping[str, type[Rule]]) -> None:
    """coth z − 1/z: its Taylor polynomial with Bernoulli's numbers for small z, itself for large z."""
    langevin = rules["radam"].update.__globals__["_langevin"]
    getcontext().prec = 40
    for z in (0.01, 0.05, 0.0625, 0.1, 0.12, 0.1249):
        exact = float(sum(c * Fraction(z) ** (2 * k - 1) for k, c in enumerate(_coth_coefficients(4), start=1)))
        assert abs(float(langevin(np.asarray(z))) - exact) <= 1e-15 * exact, z  # rounding of ten operations
    for z in (0.125, 0.126, 0.2, 0.5, 1.0, 3.0):
        e = (2 * Decimal(z)).exp()
        exact = float((e + 1) / (e - 1) - 1 / Decimal(z))
        assert abs(float(langevin(np.asarray(z))) - exact) <= 1e-13 * exact, z  # two terms near 1/z cancel

    for dtype in (np.float32, np.float64):
        assert langevin(np.asarray(0.0, dtype=dtype)) == 0.0  # a decay that rounds to one
        largest = np.asarray(np.finfo(dtype).max, dtype=dtype)
        assert langevin(largest) == 1.0  # and no overflow on the way, which would be a warning


def _coth_coefficients(terms: int) -> list[Fraction]:
    """Return 2^2k·B_2k/(2k)! for k = 1, 2, …, the coefficients of z^(2k−1) in coth z − 1/z."""
    bernoulli = [Fraction(1)]
    for n in range(1, 2 * terms + 1):
        bernoulli.append(-sum((comb(n + 1, k) * bernoulli[k] for k in range(n)), Fraction(0)) / (n + 1))
    return [4**k * bernoulli[2 * k] / factorial(2 * k) for k in range(1, terms + 1)]


def _correction(rules: Mapping[str, type[Rule]]) -> None:
    """1 − βᵗ to the last bits, also in float32, where the plain form loses three digits; exactly 1 for β = 0."""
    bias_correction = rules["adam"].update.__globals__["bias_correction"]
    for beta in (0.0, 0.5, 0.9, 0.999, 0.9999):
        for t in (1, 2, 10, 1000):
            for dtype, tolerance in ((np.float64, 1e-14), (np.float32, 1e-6)):
                decay = np.asarray(beta, dtype=dtype)
                exact = float(1 - Fraction(float(decay)) ** t)
                found = bias_correction(decay, np.asarray(t, dtype=dtype))
                assert abs(float(found) - exact) <= tolerance * exact, (beta, t, dtype)
                assert found.dtype == dtype


def _rmsprop_buffer(rules: Mapping[str, type[Rule]]) -> None:
    """Momentum without a buffer would be lost without a word, so it is refused."""
    answer = "accepted"
    try:
        rules["rmsprop"].configured(momentum=0.5)
    except InvalidValueError as error:
        answer = str(error)
    assert "momentum = 0.5 needs a buffer; set momentum_buffer = True" in answer
    assert rules["rmsprop"].configured(momentum=0.5, momentum_buffer=True).values()["momentum"] == 0.5


def _rmsprop_mean(rules: Mapping[str, type[Rule]]) -> None:
    """The centered form keeps the gradient's mean with its sign, though only its square is used."""
    rule = rules["rmsprop"].configured(centered=True, decay=0.75)
    g = np.array([2.0, -4.0])
    state = lift.init_state(rule, [g])
    for step, expected in ((1, 0.25 * g), (2, 0.4375 * g)):
        _, state = lift.update(rule, [g], [g], state, step)
        np.testing.assert_array_equal(state[0]["m"], expected)  # sums of powers of two


def _rmsprop_steady_gradients(rules: Mapping[str, type[Rule]]) -> None:
    """Under a steady gradient v − m² tends to zero and falls below it by rounding; the root must stay real."""
    rule = rules["rmsprop"].configured(centered=True, decay=0.3, epsilon_place="outside")
    x = g = np.linspace(0.1, 7.0, 200)
    leaves, state = (x,), lift.init_state(rule, [x])
    below = False
    for step in range(1, 61):
        leaves, state = lift.update(rule, leaves, [g], state, step)
        below = below or bool(np.any(state[0]["v"] < state[0]["m"] ** 2))
        assert np.all(np.isfinite(leaves[0]))
    assert below, "the case that this check is for did not occur"


DETAILS: dict[str, dict[str, Callable[[Mapping[str, type[Rule]]], None]]] = {
    "adam": {"bias correction": _correction},
    "rmsprop": {
        "momentum needs a buffer": _rmsprop_buffer,
        "mean of gradients": _rmsprop_mean,
        "steady gradients": _rmsprop_steady_gradients,
    },
    "radam": {"length": _radam_length, "series": _radam_series},
    **MODERN_DETAILS,
    **DISTANCE_DETAILS,
    **MATRIX_DETAILS,
    **MINIMIZER_DETAILS,
}
