"""First update, last update, after the end, and the borders between phases, number by number."""

import numpy as np
import pytest

from thalweg.schedules import OneCycle, parse_schedule

# Over ten updates: the factors of updates 1, 2, 9, 10 (the last), 11 and 15 (after the end).
AT = [1, 2, 9, 10, 11, 15]
BORDERS = {
    "constant:0.5": [0.5] * 6,
    "inverse-time:1": [1, 1 / 2, 1 / 9, 1 / 10, 1 / 11, 1 / 15],
    "inverse-time:1:every=5": [1, 1 / 1.2, 1 / 2.6, 1 / 2.8, 1 / 3, 1 / 3.8],
    "inverse-time:1:every=5:form=stairs": [1, 1, 1 / 2, 1 / 2, 1 / 3, 1 / 3],
    "inverse-time:9:every=1:unit=run": [1, 1 / 1.9, 1 / 8.2, 1 / 9.1, 1 / 10, 1 / 13.6],
    "step:0.5/0.75": [1, 1, 0.01, 0.01, 0.01, 0.01],
    "step:1": [1, 1, 1, 1, 0.1, 0.1],
    "step:every=4:unit=update": [1, 1, 0.01, 0.01, 0.01, 0.001],
    "step:every=0.4": [1, 1, 0.01, 0.01, 0.01, 0.001],
    "exponential:0.1": [1, 0.1**0.1, 0.1**0.8, 0.1**0.9, 0.1, 0.1**1.4],
    "exponential:0.5:every=1:unit=update": [1, 1 / 2, 2**-8, 2**-9, 2**-10, 2**-14],
    "polynomial": [1, 0.9, 0.2, 0.1, 0, 0],
    "polynomial:2:final=0.5": [1, 0.905, 0.52, 0.505, 0.5, 0.5],
    "polynomial:length=5:unit=update": [1, 0.8, 0, 0, 0, 0],
    "cosine": [1, *(0.5 + 0.5 * np.cos(np.pi * np.asarray([0.1, 0.8, 0.9]))), 0, 0],
    "cosine:warmup=0.2": [0.5, 1, *(0.5 + 0.5 * np.cos(np.pi * np.asarray([6 / 8, 7 / 8]))), 0, 0],
    "cosine:cycles=2:final=0.5": [1, *(0.75 + 0.25 * np.cos(np.pi * np.asarray([0.2, 0.6, 0.8]))), 0.5, 0.5],
    "one-cycle:0.5:down=0.3:start=0.2:final=0.1": [0.2, 0.36, 0.2, 0.15, 0.1, 0.1],
    "one-cycle:0.5:start=0.2:final=0.1:phases=two": [0.2, 0.36, 0.46, 0.28, 0.1, 0.1],
    "one-cycle-momentum:0.5:down=0.3:low=0.5": [1, 0.9, 1, 1, 1, 1],
    "one-cycle-momentum:0.5:low=0.5:phases=two": [1, 0.9, 0.8, 0.9, 1, 1],
    "warmup:0.4": [0.25, 0.5, 1, 1, 1, 1],
    "warmup:0.4:start=0.5": [0.625, 0.75, 1, 1, 1, 1],
    "warmup:20:unit=update": [0.05, 0.1, 0.45, 0.5, 0.55, 0.75],
    "wsd:warmup=0.2:decay=0.2": [0.5, 1, 1, 0.5, 0, 0],
    "wsd:warmup=2:decay=4:unit=update:final=0.2": [0.5, 1, 0.6, 0.4, 0.2, 0.2],
    "wsd:warmup=0:decay=0.4:shape=sqrt": [1, 1, 1 - 0.5**0.5, 1 - 0.75**0.5, 0, 0],
    "plateau": [1, 1, 1, 1, 1, 1],
    "warmup:0.2+polynomial": [0.5, 0.9, 0.2, 0.1, 0, 0],
    "constant:0.5~0.8~polynomial": [0.5, 0.5, 1, 0.5, 0, 0],
}


@pytest.mark.parametrize("text", BORDERS)
def test_borders(text: str) -> None:
    np.testing.assert_allclose(parse_schedule(text).factor(AT, 10), BORDERS[text], rtol=1e-13, atol=1e-16)


def test_place_of_a_drop() -> None:
    # A place of 5 updates: the fifth is the last before the drop.
    np.testing.assert_allclose(parse_schedule("step:0.5").factor([5, 6], 10), [1, 0.1])


def test_shares_are_rounded_to_whole_updates_halves_up() -> None:
    assert parse_schedule("warmup:0.25").factor([1, 2, 3], 10).tolist() == [1 / 3, 2 / 3, 1.0]
    assert parse_schedule("warmup:0.04").factor(1, 10) == 1  # none


def test_run_of_one_update_is_taken_in_full() -> None:
    for text in ("constant", "step", "exponential", "polynomial", "cosine", "cosine:warmup=0.1", "wsd", "warmup"):
        assert parse_schedule(text).factor(1, 1) == 1


def test_run_shorter_than_the_warm_up_only_warms_up() -> None:
    factors = parse_schedule("cosine:warmup=20:unit=update").factor(np.arange(1, 11), 10)
    np.testing.assert_allclose(factors, np.arange(1, 11) / 20)


def test_settings_in_shares_do_not_depend_on_the_length_of_the_run() -> None:
    for text in ("cosine:warmup=0.1:cycles=2", "wsd", "step", "one-cycle", "exponential", "polynomial"):
        short = parse_schedule(text).factor(np.arange(1, 1001), 1000)
        long = parse_schedule(text).factor(np.arange(1, 100_001, 100), 100_000)
        assert np.max(np.abs(short - long)) < 0.02 + (text == "step")


def test_momentum_is_lowest_where_the_rate_is_highest() -> None:
    for cycle in (OneCycle(up=0.3, phases="two", shape="cosine"), OneCycle(up=0.4, down=0.3)):
        steps = np.arange(1, 101)
        rate, momentum = cycle.factor(steps, 100), cycle.momentum(0.85).factor(steps, 100)
        assert np.argmax(rate) == np.argmin(momentum)
        assert momentum.min() == pytest.approx(0.85)
        assert momentum[0] == 1


def test_cycles_that_are_longer_and_longer_fill_the_run() -> None:
    factors = parse_schedule("cosine:cycles=3:multiplier=2").factor(np.arange(1, 71), 70)
    assert np.flatnonzero(factors == 1).tolist() == [0, 10, 30]


def test_more_cycles_than_updates() -> None:
    assert np.all(parse_schedule("cosine:cycles=50").factor(np.arange(1, 11), 10) == 1)
