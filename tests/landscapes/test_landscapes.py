"""Landscapes: the minima stated are minima, the gradients right, the numbers the same everywhere."""

import json

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from thalweg.errors import UnknownNameError
from thalweg.landscapes import LANDSCAPES, find_landscape, landscape_listing

NAMES = list(LANDSCAPES)

# Textbook forms, written anew and literally, for those written otherwise in the package.
TEXTBOOK = {
    "rastrigin": lambda x, y: 20 + x**2 - 10 * np.cos(2 * np.pi * x) + y**2 - 10 * np.cos(2 * np.pi * y),
    "ackley": lambda x, y: (
        20
        + np.e
        - 20 * np.exp(-0.2 * np.sqrt((x**2 + y**2) / 2))
        - np.exp((np.cos(2 * np.pi * x) + np.cos(2 * np.pi * y)) / 2)
    ),
    "cliff": lambda x, y: 0.05 * (x + 1) ** 2 + y**2 / 2 + 4 / (1 + np.exp(-12 * x)),
    "himmelblau": lambda x, y: np.square(x * x + y - 11) + np.square(x + y * y - 7),
    "rosenbrock": lambda x, y: np.square(1 - x) + 100 * np.square(y - x * x),
}

# Values at one point each, computed by hand from the published formulas with exact fractions.
AT_ONE_TWO = {
    "bowl": 5 / 2,
    "ravine": 401 / 2,
    "booth": (1 + 4 - 7) ** 2 + (2 + 2 - 5) ** 2,
    "matyas": 0.26 * 5 - 0.48 * 2,
    "rosenbrock": 100,
    "beale": 2.5**2 + 5.25**2 + 9.625**2,
    "plateau": 5 / 6,
    "himmelblau": 68,
    "styblinski-tang": (1 - 16 + 5 + 16 - 64 + 10) / 2,
    "goldstein-price": (1 + 16 * (19 - 14 + 3 - 28 + 12 + 12)) * (30 + 16 * (18 - 32 + 12 + 96 - 72 + 108)),
    "three-hump-camel": 2 - 1.05 + 1 / 6 + 2 + 4,
    "six-hump-camel": (4 - 2.1 + 1 / 3) + 2 + 12 * 4,
    "rastrigin": 5,
    "saddle": 0.5 - 2 + 4,
    "monkey-saddle": 1 - 12 + 25,
    "griewank": 1 + 5 / 4000 - np.cos(1) * np.cos(np.sqrt(2)),
}


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def random_points(landscape, count, seed=0):
    rng = np.random.default_rng(seed)
    x_min, x_max, y_min, y_max = landscape.domain
    return rng.uniform(x_min, x_max, count), rng.uniform(y_min, y_max, count)


def gradient(landscape, x, y):
    return np.array(jax.grad(landscape.value, argnums=(0, 1))(jnp.float64(x), jnp.float64(y)))


@pytest.mark.parametrize("name", NAMES)
def test_minima_are_stationary_with_their_value_and_no_downward_curvature(name):
    landscape = LANDSCAPES[name]
    for x, y, value in landscape.minima:
        assert float(landscape.value(np.float64(x), np.float64(y))) == pytest.approx(value, abs=1e-11)
        if landscape.kink:
            continue
        assert np.abs(gradient(landscape, x, y)).max() < 1e-10  # coordinates are given to 17 digits
        hessian = np.array(jax.hessian(landscape.value, argnums=(0, 1))(jnp.float64(x), jnp.float64(y)))
        assert np.linalg.eigvalsh(hessian)[0] > 1e-3  # the flattest listed (griewank) has 0.5


@pytest.mark.parametrize("name", NAMES)
def test_nothing_on_the_map_is_lower_than_the_global_minima(name):
    landscape = LANDSCAPES[name]
    x_min, x_max, y_min, y_max = landscape.domain
    x, y = np.meshgrid(np.linspace(x_min, x_max, 401), np.linspace(y_min, y_max, 401))
    values = landscape.value(x, y)
    assert values.min() >= landscape.lowest - 1e-9
    best = np.unravel_index(values.argmin(), values.shape)
    polished = minimize(
        lambda p: float(landscape.value(p[0], p[1])), [x[best], y[best]], method="Nelder-Mead", tol=1e-12
    )
    assert polished.fun == pytest.approx(landscape.lowest, abs=1e-9)
    distances = [np.hypot(*(polished.x - minimum)) for minimum in landscape.global_minima]
    assert min(distances) < 1e-4  # Nelder–Mead finds places to the square root of rounding


@pytest.mark.parametrize("name", ["himmelblau", "styblinski-tang", "three-hump-camel", "six-hump-camel", "saddle"])
def test_the_list_of_minima_is_complete_where_it_claims_to_be(name):
    landscape = LANDSCAPES[name]
    found = set()
    for x, y in zip(*random_points(landscape, 60, seed=1), strict=True):
        end = minimize(lambda p: float(landscape.value(p[0], p[1])), [x, y], tol=1e-10)
        nearest = min(range(len(landscape.minima)), key=lambda i: np.hypot(*(end.x - landscape.minima[i][:2])))
        assert np.hypot(*(end.x - landscape.minima[nearest][:2])) < 1e-3
        found.add(nearest)
    assert found == set(range(len(landscape.minima)))


@pytest.mark.parametrize("name", NAMES)
def test_gradients_agree_with_central_differences(name):
    landscape = LANDSCAPES[name]
    step = 1e-5  # the cube root of rounding: truncation and cancellation are about equal
    for x, y in zip(*random_points(landscape, 25), strict=True):
        numeric = [
            (landscape.value(x + step, y) - landscape.value(x - step, y)) / (2 * step),
            (landscape.value(x, y + step) - landscape.value(x, y - step)) / (2 * step),
        ]
        scale = 1 + abs(float(landscape.value(x, y)))
        np.testing.assert_allclose(gradient(landscape, x, y), numeric, rtol=1e-6, atol=1e-8 * scale)


@pytest.mark.parametrize("name", NAMES)
def test_gradient_is_finite_at_the_minima_and_the_start(name):
    landscape = LANDSCAPES[name]
    for x, y in [*((x, y) for x, y, _ in landscape.minima), landscape.start]:
        assert np.isfinite(gradient(landscape, x, y)).all()


@pytest.mark.parametrize("name", NAMES)
def test_every_array_library_gives_the_same_numbers_and_keeps_the_dtype(name):
    landscape = LANDSCAPES[name]
    x, y = random_points(landscape, 50, seed=2)
    expected = landscape.value(x, y)
    strict = landscape.value(array_api_strict.asarray(x), array_api_strict.asarray(y))
    for values in (
        landscape.value(jnp.asarray(x), jnp.asarray(y)),
        landscape.value(torch.asarray(x), torch.asarray(y)).numpy(),
        np.asarray(strict),
    ):
        # rounding differs by library; sums of large terms cancel, hence relative to the largest
        np.testing.assert_allclose(np.asarray(values), expected, rtol=1e-12, atol=1e-13 * np.abs(expected).max())
    narrow = landscape.value(jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32))
    assert narrow.dtype == jnp.float32


@pytest.mark.parametrize("name", TEXTBOOK)
def test_values_equal_the_textbook_form(name):
    x, y = random_points(LANDSCAPES[name], 200, seed=3)
    np.testing.assert_allclose(LANDSCAPES[name].value(x, y), TEXTBOOK[name](x, y), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", AT_ONE_TWO)
def test_value_at_one_two_is_what_the_formula_says(name):
    value = float(LANDSCAPES[name].value(np.float64(1), np.float64(2)))
    assert value == pytest.approx(AT_ONE_TWO[name], rel=1e-13, abs=1e-13)


def test_every_landscape_is_checked_against_an_independent_form():
    assert set(TEXTBOOK) | set(AT_ONE_TWO) == set(LANDSCAPES)


@pytest.mark.parametrize("name", NAMES)
def test_minima_and_start_lie_on_the_map(name):
    landscape = LANDSCAPES[name]
    x_min, x_max, y_min, y_max = landscape.domain
    for x, y in [*((x, y) for x, y, _ in landscape.minima), landscape.start]:
        assert x_min <= x <= x_max
        assert y_min <= y <= y_max


@pytest.mark.parametrize(("name", "condition"), [("bowl", 1), ("ravine", 100), ("booth", 9), ("matyas", 25)])
def test_bowls_have_the_condition_number_their_notes_state(name, condition):
    hessian = np.array(jax.hessian(LANDSCAPES[name].value, argnums=(0, 1))(jnp.float64(0.3), jnp.float64(-0.7)))
    low, high = np.linalg.eigvalsh(hessian)
    assert high / low == pytest.approx(condition, rel=1e-9)


def test_rastrigin_has_the_121_minima_its_note_states():
    x = np.linspace(-5.12, 5.12, 100_001)
    row = LANDSCAPES["rastrigin"].value(x, np.zeros_like(x))
    assert ((row[1:-1] < row[:-2]) & (row[1:-1] < row[2:])).sum() ** 2 == 121


def test_saddles_are_saddles():
    for name, lowest_curvature in (("saddle", -1), ("monkey-saddle", 0)):
        value = LANDSCAPES[name].value
        assert np.abs(gradient(LANDSCAPES[name], 0, 0)).max() == 0
        hessian = np.array(jax.hessian(value, argnums=(0, 1))(jnp.float64(0), jnp.float64(0)))
        assert np.linalg.eigvalsh(hessian)[0] == lowest_curvature


def test_unknown_landscape_offers_the_nearest_name():
    with pytest.raises(UnknownNameError, match="did you mean 'rosenbrock'"):
        find_landscape("rosenbrok")


def test_listing_is_json_with_a_name_each():
    rows = json.loads(json.dumps(landscape_listing()))
    assert [row["name"] for row in rows] == NAMES
