import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.report.scales import Scale, fit_range, linear_ticks, log_ticks, tick_labels

LOW = st.floats(-1e6, 1e6)
SPAN = st.floats(1e-3, 1e6)


@given(LOW, SPAN, st.integers(2, 8))
def test_linear_ticks_lie_inside_and_evenly(low, span, count):
    high = low + span
    ticks = linear_ticks(low, high, count)
    slack = 1e-6 * span + 1e-9 * abs(low)  # ticks are rounded to 12 digits
    assert all(low - slack <= tick <= high + slack for tick in ticks)
    assert len(ticks) <= count + 1
    assert len(ticks) >= count // 3
    gaps = {round((b - a) / span, 6) for a, b in pairwise(ticks)}
    assert len(gaps) <= 1


@given(st.floats(-8, 6), st.floats(0.02, 12), st.integers(3, 8))
def test_log_ticks_lie_inside_and_are_few(exponent, decades, count):
    low, high = 10**exponent, 10 ** (exponent + decades)
    ticks = log_ticks(low, high, count)
    assert ticks
    assert len(ticks) <= count + 2
    assert all(low * (1 - 1e-6) <= tick <= high * (1 + 1e-6) for tick in ticks)
    assert len(set(tick_labels(ticks, True))) == len(ticks)


def test_labels_tell_ticks_apart():
    assert tick_labels([0.95, 0.975, 1.0], False) == ["0.950", "0.975", "1.000"]
    assert tick_labels([0.0, 250.0, 500.0], False) == ["0", "250", "500"]
    assert tick_labels([-0.5, 0.0, 0.5], False) == ["−0.5", "0.0", "0.5"]
    assert tick_labels([0.001, 0.1, 10.0], True) == ["10⁻³", "10⁻¹", "10"]
    assert tick_labels([0.1, 0.2, 0.5], True) == ["0.1", "0.2", "0.5"]


def test_scales_map_their_ends():
    linear = Scale(2.0, 4.0, 10.0, 110.0)
    assert linear(2.0) == 10.0
    assert linear(3.0) == 60.0
    log = Scale(1e-4, 1.0, 0.0, 100.0, log=True)
    assert log(1e-2) == pytest.approx(50.0)
    assert log.clamped(1e9) == 100.0
    turned = Scale(0.0, 1.0, 100.0, 0.0)
    assert turned(0.25) == 75.0


@given(st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=6), st.booleans())
def test_any_values_get_an_axis_of_positive_length(values, log):
    low, high = fit_range(values, log)
    assert low < high
    assert not log or low > 0
    inside = [v for v in values if v is not None and math.isfinite(v) and (v > 0 or not log)]
    assert all(low <= v <= high for v in inside)


def test_a_single_tick_keeps_its_value():
    assert tick_labels([0.98], False) == ["0.98"]
