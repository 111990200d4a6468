import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.records.summary import Interval
from thalweg.report.formatting import (
    MISSING,
    clean_interval,
    duration,
    escape,
    estimate,
    interval_decimals,
    mean_only,
    number,
    percent,
    rank_text,
    setting,
    share,
    shorten,
    steps,
)

ANY = st.floats(allow_nan=True, allow_infinity=True)
REAL = st.floats(-1e12, 1e12, allow_subnormal=False).filter(lambda v: v == 0 or abs(v) > 1e-12)


def _value(text):
    return float(text.replace("−", "-").replace(",", ""))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (0.00316228, "0.00316"),
        (-0.5, "−0.5"),
        (1234.5, "1230"),
        (1e-8, "1e-8"),
        (2.5e-5, "2.5e-5"),
        (3e7, "3e7"),
        (0.9999, "1"),
        (99999999, "1e8"),
        (None, MISSING),
        (float("nan"), MISSING),
        (float("inf"), MISSING),
    ],
)
def test_number(value, shown):
    assert number(value) == shown


@given(REAL)
def test_number_is_within_half_a_unit_of_its_last_digit(value):
    # Three significant digits: at most half a unit of the third, 0.5 % of the value.
    assert _value(number(value)) == pytest.approx(value, rel=5.001e-3, abs=0)


@pytest.mark.parametrize(
    ("interval", "shown"),
    [
        (Interval(0.97112, 0.9652, 0.9779), "0.9711 [0.965, 0.978]"),
        (Interval(0.97, 0.97, 0.97), "0.97"),
        (Interval(54.321, 51.0, 57.9), "54.3 [51, 58]"),
        (Interval(5432.1, 5100.0, 5790.0), "5432.1 [5100, 5790]"),
        (Interval(-0.012, -0.021, -0.004), "−0.0120 [−0.021, −0.004]"),
        (Interval(0.0001, -0.02, 0.02), "0.000 [−0.02, 0.02]"),
        (Interval(0.5, None, 0.6), "0.5"),
        (Interval(0.5, 0.7, 0.6), "0.5"),
        (Interval(None, 0.1, 0.2), MISSING),
        (Interval(float("nan"), None, None), MISSING),
    ],
)
def test_estimate(interval, shown):
    assert estimate(interval) == shown


@given(st.floats(-100, 100), st.floats(1e-4, 10))
def test_an_estimate_never_shows_more_than_one_digit_below_its_interval(mean, half):
    interval = Interval(mean, mean - half, mean + half)
    shown = estimate(interval).split(" ")[0]
    digits = len(shown.split(".")[1]) if "." in shown else 0
    # The last digit of the mean is worth at least a hundredth of the half-width … and at most all of it.
    assert 10.0**-digits >= half / 100
    assert 10.0**-digits <= max(half, 0.1)


def test_signed_differences_carry_a_plus():
    assert estimate(Interval(0.012, 0.008, 0.016), signed=True).startswith("+0.0120")
    assert not estimate(Interval(-0.012, -0.016, -0.008), signed=True).startswith("+")


def test_the_mean_alone_has_the_digits_of_the_interval():
    assert mean_only(Interval(0.97112, 0.9652, 0.9779)) == "0.971"
    assert mean_only(Interval(0.97112, None, None)) == "0.971"
    assert mean_only(Interval(None, None, None), "diverged") == "diverged"


def test_percent():
    assert percent(Interval(0.97112, 0.9652, 0.9779)) == "97.1 %"
    assert percent(Interval(0.97112, 0.9, 0.99)) == "97 %"
    assert percent(Interval(0.97112, None, None)) == "97.1 %"
    assert percent(Interval(None, None, None)) == MISSING


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3.4e-5, "34 µs"),
        (2.5e-7, "250 ns"),
        (0.0123, "12 ms"),
        (0.9999, "1 s"),
        (59.2, "59 s"),
        (60, "1 min 0 s"),
        (3661, "1 h 1 min"),
        (0, "0 s"),
        (None, MISSING),
        (-1, MISSING),
    ],
)
def test_duration(value, shown):
    assert duration(value) == shown


def test_shares_say_none_and_all_only_where_exact():
    assert [share(v) for v in (0, 1e-9, 0.5, 1 - 1e-9, 1, None)] == ["0 %", "< 1 %", "50 %", "> 99 %", "100 %", MISSING]


def test_small_words():
    assert steps(12400.4) == "12,400"
    assert rank_text((1, 3)) == "1–3"
    assert rank_text((2, 2)) == "2"
    assert len(shorten("x" * 100, 20)) == 20
    assert shorten("short", 20) == "short"


@given(st.text())
def test_escaped_text_holds_no_markup(text):
    shown = escape(text)
    assert not set(shown) & set('<>"')
    shown.encode()


@given(ANY, ANY, ANY)
def test_any_interval_can_be_shown(mean, low, high):
    interval = Interval(mean, low, high)
    assert estimate(interval)
    assert mean_only(interval)
    assert percent(interval)
    cleaned = clean_interval(interval)
    assert all(v is None or math.isfinite(v) for v in cleaned)
    decimals = interval_decimals(interval)
    assert decimals is None or decimals >= 0


def test_settings_near_one_are_never_rounded_to_one():
    assert [setting(v) for v in (0.9, 0.95, 0.999, 0.99984567, 1.0, 0.5, 3e-10)] == [
        "0.9",
        "0.95",
        "0.999",
        "0.99985",
        "1",
        "0.5",
        "3e-10",
    ]


@given(st.floats(0.9, 1, exclude_min=True, exclude_max=True))
def test_a_setting_near_one_keeps_its_distance_to_one(value):
    # Two significant digits of 1 − value: within half a unit of the second, 5 % of the distance.
    assert 1 - float(setting(value)) == pytest.approx(1 - value, rel=0.0501)


def test_an_interval_wider_than_the_largest_number_is_shown() -> None:
    assert estimate(Interval(mean=0.0, low=-1.7976931348623157e308, high=9.98e291))
    assert estimate(Interval(mean=0.0, low=-5e-324, high=5e-324))
