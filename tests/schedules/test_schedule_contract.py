"""What every schedule must do: factors finite and not negative, all steps at once as one by one, notation and back."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.schedules import SCHEDULES, Joined, Product, parse_schedule, schedule_listing, schedule_notation

TEXTS = (
    *SCHEDULES,
    "step:0.25/0.5/0.9:decay=0.5",
    "step:every=0.2",
    "step:every=3:decay=2:unit=update",
    "exponential:decay=0.9:every=2:unit=update:form=stairs",
    "inverse-time:rate=0.5:every=4:form=stairs",
    "polynomial:power=0.9:final=0.01:length=0.8",
    "cosine:warmup=0.1:final=0.1:cycles=3:multiplier=2",
    "cosine:warmup=2:cycles=7:multiplier=0.5:unit=update",
    "one-cycle:up=0.3:phases=two:shape=cosine",
    "one-cycle:up=0.2:down=0.5",
    "one-cycle-momentum:phases=two:shape=cosine:low=0.85",
    "warmup:0.3:start=0.1",
    "wsd:warmup=0.2:decay=0.4:shape=sqrt:final=0.05",
    "wsd:decay=0.4:shape=cosine",
    "warmup:0.1+cosine",
    "warmup:0.1+plateau",
    "constant~0.5~cosine",
    "warmup:0.2+step:every=0.1~0.25~polynomial~0.75~constant:0.01",
)
FALLING = (
    "inverse-time", "step", "exponential", "polynomial", "cosine", "wsd:warmup=0", "plateau", "constant",
)  # fmt: skip
TOTALS = (1, 2, 3, 7, 10, 100)


@pytest.mark.parametrize("total", TOTALS)
@pytest.mark.parametrize("text", TEXTS)
def test_factors_are_finite_and_not_negative_also_after_the_end(text: str, total: int) -> None:
    steps = np.arange(1, 3 * total + 2)
    factors = parse_schedule(text).factor(steps, total)
    assert factors.dtype == np.float64
    assert factors.shape == steps.shape
    assert np.all(np.isfinite(factors))
    assert np.all(factors >= 0)


@pytest.mark.parametrize("total", TOTALS)
@pytest.mark.parametrize("text", TEXTS)
def test_all_steps_at_once_as_one_by_one(text: str, total: int) -> None:
    schedule = parse_schedule(text)
    steps = np.arange(1, 2 * total + 2)
    together = schedule.factor(steps, total)
    np.testing.assert_array_equal(together, [schedule.factor(int(step), total) for step in steps])
    shuffled = np.random.default_rng(0).permutation(steps)
    np.testing.assert_array_equal(schedule.factor(shuffled, total), together[shuffled - 1])
    pairs = np.stack([steps, steps])
    np.testing.assert_array_equal(schedule.factor(pairs, total), np.stack([together, together]))
    assert np.shape(schedule.factor(1, total)) == ()


@pytest.mark.parametrize("text", TEXTS)
def test_no_update_of_a_run_is_wasted(text: str) -> None:
    # A factor of 0 would leave the parameters where they are; the end, where many schedules are 0, comes after the run.
    assert np.all(parse_schedule(text).factor(np.arange(1, 101), 100) > 0)


@pytest.mark.parametrize("text", TEXTS)
def test_notation_and_back(text: str) -> None:
    schedule = parse_schedule(text)
    written = schedule_notation(schedule)
    assert parse_schedule(written) == schedule
    assert schedule_notation(parse_schedule(written)) == written


@pytest.mark.parametrize("text", FALLING)
def test_falls_all_the_way(text: str) -> None:
    factors = parse_schedule(text).factor(np.arange(1, 400), 300)
    assert np.all(np.diff(factors) <= 0)
    assert factors[0] == 1


@pytest.mark.parametrize("total", [10, 97])
def test_rises_and_falls_where_it_should(total: int) -> None:
    for text, low in (("one-cycle:up=0.3:down=0.5", 0.1), ("cosine:warmup=0.3", 0.0), ("wsd:warmup=0.3", 0.0)):
        factors = parse_schedule(text).factor(np.arange(1, total + 1), total)
        peak = int(np.argmax(factors))
        assert factors[peak] == 1
        assert np.all(np.diff(factors[: peak + 1]) > 0)
        assert np.all(np.diff(factors[peak:]) <= 1e-15)
        assert factors[0] >= low


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_says_what_it_is(name: str) -> None:
    kind = SCHEDULES[name]
    assert kind.name == name
    assert kind.title
    assert kind.formula
    assert len(kind.borders) >= 1
    assert any("end" in line for line in kind.borders)
    assert kind.differences
    assert kind.sources or name == "constant"
    assert kind.__doc__
    assert all(what.meaning for what in kind.hyperparameters().values())
    declared = {field.name for field in dataclasses.fields(kind)}
    assert declared == {*kind.hyperparameters(), *kind.variants()}
    assert set(kind.lengths) <= declared
    assert not kind.lengths or "unit" in declared


def test_listing_has_every_schedule() -> None:
    listing = schedule_listing()
    assert [item["name"] for item in listing] == list(SCHEDULES)
    for item in listing:
        assert {"title", "summary", "formula", "settings"} <= item.keys()
        settings = {entry["name"]: entry["default"] for entry in item["settings"]}
        assert SCHEDULES[item["name"]].configured(**settings) == SCHEDULES[item["name"]]()
        assert all(entry["meaning"] and entry["allowed"] for entry in item["settings"])


def test_only_plateau_is_adaptive() -> None:
    assert [name for name in SCHEDULES if SCHEDULES[name]().adaptive] == ["plateau"]
    assert parse_schedule("warmup+plateau").adaptive
    assert not parse_schedule("warmup+cosine").adaptive


share = st.floats(0.0, 1.0).map(lambda value: round(value, 6))


@given(share, share, st.integers(1, 6), st.floats(0.1, 5.0), st.integers(1, 60), st.data())
def test_cosine_for_any_settings(
    warmup: float, final: float, cycles: int, multiplier: float, total: int, data: st.DataObject
) -> None:
    schedule = SCHEDULES["cosine"](warmup=warmup, final=final, cycles=cycles, multiplier=round(multiplier, 6))  # type: ignore[call-arg]
    assert parse_schedule(schedule_notation(schedule)) == schedule
    factors = schedule.factor(np.arange(1, 2 * total), total)
    assert np.all((factors >= 0) & (factors <= 1))
    length = math.floor(warmup * total + 0.5)
    if length < total:
        assert factors[length] == 1  # the decay's first update
        assert schedule.factor(total + 1, total) == pytest.approx(final, abs=1e-15)
    step = data.draw(st.integers(1, total))
    assert schedule.factor(step, total) == factors[step - 1]


@given(st.lists(st.sampled_from(["warmup:0.1", "cosine", "step", "exponential"]), min_size=2, max_size=4))
def test_product_is_the_product(texts: list[str]) -> None:
    steps = np.arange(1, 31)
    expected = np.prod([parse_schedule(text).factor(steps, 20) for text in texts], axis=0)
    product = parse_schedule("+".join(texts))
    assert isinstance(product, Product)
    np.testing.assert_allclose(product.factor(steps, 20), expected, rtol=1e-15)


@given(st.integers(1, 50), share.filter(lambda at: 0 < at < 1))
def test_each_part_of_a_sequence_has_a_run_of_its_own(total: int, at: float) -> None:
    first, second = parse_schedule("cosine"), parse_schedule("polynomial")
    joined = Joined((first, second), (at,))
    border = math.floor(at * total + 0.5)
    factors = joined.factor(np.arange(1, total + 5), total)
    np.testing.assert_array_equal(factors[:border], first.factor(np.arange(1, border + 1), max(border, 1)))
    if border < total:
        np.testing.assert_array_equal(factors[border:], second.factor(np.arange(1, total + 5 - border), total - border))
