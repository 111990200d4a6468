import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thalweg.errors import InvalidValueError
from thalweg.records import Dimension
from thalweg.study.space import check_space, from_unit, sample, to_unit

RATE = Dimension("learning_rate", 1e-5, 1.0, "log")
BETA = Dimension("beta2", 0.9, 0.9999, "complement")
SLOPE = Dimension("slope", -1.0, 3.0, "linear")


@settings(deadline=None)  # the first call imports SciPy
@given(st.integers(1, 200), st.integers(0, 200), st.integers(0, 2**31))
def test_fewer_points_are_the_beginning_of_more(n: int, more: int, seed: int) -> None:
    space = (RATE, BETA, SLOPE)
    points = sample(space, n, seed)
    assert len(points) == n
    assert sample(space, n + more, seed)[:n] == points


@settings(deadline=None)
@given(st.integers(1, 64), st.integers(0, 2**31))
def test_points_lie_in_the_space_and_can_be_typed_in_again(n: int, seed: int) -> None:
    for point in sample((RATE, BETA, SLOPE), n, seed):
        for dimension in (RATE, BETA, SLOPE):
            value = point[dimension.name]
            assert dimension.low <= value <= dimension.high
            assert len(repr(value).replace("e-0", "").replace("-", "")) <= 12  # 0.9999 to six digits of 1 − value


def test_another_seed_gives_other_points() -> None:
    assert sample((RATE,), 8, 1) != sample((RATE,), 8, 2)


def test_a_number_of_points_that_is_no_power_of_two_gives_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(sample((RATE, BETA), 100, 0)) == 100


def test_the_first_dimension_is_the_same_in_every_space() -> None:
    alone = [p["learning_rate"] for p in sample((RATE,), 16, 5)]
    assert [p["learning_rate"] for p in sample((RATE, BETA, SLOPE), 16, 5)] == alone


@pytest.mark.parametrize("dimension", [RATE, BETA, SLOPE], ids=lambda d: d.scale)
def test_sixteen_points_fill_sixteen_equal_cells_of_each_scale(dimension: Dimension) -> None:
    positions = [to_unit(dimension, p[dimension.name]) for p in sample((dimension,), 16, 11)]
    # 1e-9: a point on the border of two cells may be rounded across it
    assert sorted(math.floor(16 * (p - 1e-9)) for p in positions) == list(range(16))


def test_mixed_points_are_spread_more_evenly_than_random_ones() -> None:
    points = sample((RATE, SLOPE), 64, 3)
    unit = np.array([[to_unit(RATE, p["learning_rate"]), to_unit(SLOPE, p["slope"])] for p in points])
    cells = {(math.floor(8 * a), math.floor(8 * b)) for a, b in unit}
    assert len(cells) == 64  # a (0, m, 2)-net has one point in each; 64 random points fill about 40


@settings(deadline=None)
@given(st.sampled_from([RATE, BETA, SLOPE]), st.floats(0, 1))
def test_position_and_value_are_inverse(dimension: Dimension, position: float) -> None:
    # six significant digits of a range of 5 decades leave the position to 1e-6
    assert to_unit(dimension, from_unit(dimension, position)) == pytest.approx(position, abs=1e-5)


def test_the_complement_scale_has_equal_factors() -> None:
    assert from_unit(Dimension("b", 0.9, 0.9999, "complement"), 1 / 3) == 0.99
    assert from_unit(Dimension("b", 0.9, 0.9999, "complement"), 2 / 3) == 0.999


def test_values_that_a_scale_cannot_show_have_infinite_positions() -> None:
    assert to_unit(RATE, 0.0) == -math.inf
    assert to_unit(BETA, 1.0) == math.inf


def test_an_empty_space_has_no_points() -> None:
    assert sample((), 16, 0) == []
    assert sample((RATE,), 0, 0) == []


def test_more_dimensions_than_are_shared_are_sampled_too() -> None:
    space = [Dimension(f"h{k}", 0.0, 1.0, "linear") for k in range(20)]
    assert all(len(point) == 20 for point in sample(space, 5, 0))


@pytest.mark.parametrize(
    ("dimension", "words"),
    [
        (Dimension("rate", 0.0, 1.0, "log"), "0 < low < high"),
        (Dimension("rate", 1.0, 0.1, "log"), "0 < low < high"),
        (Dimension("beta", 0.5, 1.0, "complement"), "low < high < 1"),
        (Dimension("slope", 1.0, 1.0, "linear"), "low < high"),
        (Dimension("slope", 0.0, math.inf, "linear"), "low < high"),
    ],
)
def test_a_range_that_cannot_be_sampled_is_refused(dimension: Dimension, words: str) -> None:
    with pytest.raises(InvalidValueError, match=words) as refused:
        check_space([dimension], "adam")
    assert str(refused.value).startswith(f"adam: the search range of {dimension.name} from")
