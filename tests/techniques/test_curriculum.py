"""Curricula: order, pacing, and what may be drawn when."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.errors import InvalidValueError
from thalweg.techniques import Curriculum, available_share, curriculum_rows, difficulty_order

SCORES = np.random.default_rng(0).permutation(40).astype(float)
PACINGS = ("linear", "root", "step", "exponential")


def test_orders() -> None:
    scores = np.array([2.0, 0.0, 1.0, 0.0])
    assert difficulty_order(Curriculum(order="increasing"), scores, 0).tolist() == [1, 3, 2, 0]
    assert difficulty_order(Curriculum(order="decreasing"), scores, 0).tolist() == [0, 2, 1, 3]
    tied = np.repeat([1.0, 0.0], 50)
    assert difficulty_order(Curriculum(), tied, 0).tolist() == [*range(50, 100), *range(50)]
    assert difficulty_order(Curriculum(order="decreasing"), tied, 0).tolist() == list(range(100))
    random = [tuple(difficulty_order(Curriculum(order="random"), SCORES, seed)) for seed in range(4)]
    assert len(set(random)) == 4
    assert all(sorted(one) == list(range(40)) for one in random)
    assert random[1] == tuple(difficulty_order(Curriculum(order="random"), -SCORES, 1))  # scores do not matter


def test_pacing_follows_the_formulas() -> None:
    total, a, b, ratio = 50, 0.1, 0.6, 1.9
    for pacing in PACINGS:
        got = available_share(Curriculum(start=a, full=b, ratio=ratio, pacing=pacing), total)
        for t in range(total):
            v = min(1.0, t / (b * total))
            stages = int(np.ceil(np.log(1 / a) / np.log(ratio)))
            wanted = {
                "linear": a + (1 - a) * v,
                "root": a + (1 - a) * v**0.5,
                "step": a if v < 1 else 1.0,
                "exponential": min(1.0, a * ratio ** np.floor(v * stages + 1e-9)) if v < 1 else 1.0,
            }[pacing]
            assert got[t] == pytest.approx(wanted, rel=1e-12), (pacing, t)


@given(
    pacing=st.sampled_from(PACINGS),
    start=st.floats(0.01, 1.0),
    full=st.floats(0.0, 1.0),
    total=st.integers(1, 80),
)
def test_pacing_grows_from_the_start_to_all(pacing: str, start: float, full: float, total: int) -> None:
    share = available_share(Curriculum(pacing=pacing, start=start, full=full), total)
    assert share.shape == (total,)
    assert np.all(np.diff(share) >= 0)
    assert np.all((share >= min(start, 1.0) - 1e-12) & (share <= 1))
    if full > 0:
        assert share[0] == pytest.approx(start)
    assert np.all(share[int(np.ceil(full * total)) :] == 1)


@pytest.mark.parametrize("pacing", PACINGS)
@pytest.mark.parametrize("order", ["increasing", "decreasing", "random"])
def test_only_what_is_available_is_drawn(order: str, pacing: str) -> None:
    technique, total = Curriculum(start=0.2, full=0.6, order=order, pacing=pacing), 60
    rows = curriculum_rows(technique, SCORES, 3, 4, 0, total, total)
    assert rows.dtype == np.int32
    place = np.argsort(difficulty_order(technique, SCORES, 3))
    available = np.maximum(4, np.floor(available_share(technique, total) * 40 + 1e-9))
    assert np.all(place[rows].max(axis=1) < available)
    assert all(len(set(row)) == 4 for row in rows)
    assert set(rows[-20:].ravel()) == set(range(40))


def test_passes_draw_nothing_twice() -> None:
    technique = Curriculum(start=0.2, full=0.5, pacing="step")
    rows = curriculum_rows(technique, SCORES, 0, 4, 0, 40, 40)
    easiest = set(np.flatnonzero(SCORES < 8))
    for begin in range(0, 20, 2):  # 8 examples make passes of two minibatches
        assert set(rows[begin : begin + 2].ravel()) == easiest
    for begin in (20, 30):
        assert set(rows[begin : begin + 10].ravel()) == set(range(40))
    passes = [tuple(rows[begin : begin + 2].ravel()) for begin in range(0, 20, 2)]
    assert len(set(passes)) == 10  # each in an order of its own


@given(first=st.integers(0, 50), count=st.integers(1, 20), pacing=st.sampled_from(PACINGS), batch=st.integers(1, 40))
def test_any_window_is_the_same_part(first: int, count: int, pacing: str, batch: int) -> None:
    technique = Curriculum(pacing=pacing)
    whole = curriculum_rows(technique, SCORES, 7, batch, 0, first + count, 45)
    np.testing.assert_array_equal(curriculum_rows(technique, SCORES, 7, batch, first, count, 45), whole[first:])
    assert whole.min() >= 0
    assert whole.max() < 40


def test_seeds_differ() -> None:
    one, other = (curriculum_rows(Curriculum(), SCORES, seed, 4, 0, 9, 30) for seed in (0, 1))
    assert not np.array_equal(one, other)


def test_errors_say_what_is_wrong() -> None:
    with pytest.raises(InvalidValueError) as caught:
        curriculum_rows(Curriculum(), np.array([0.0, np.nan]), 0, 1, 0, 1, 10)
    assert str(caught.value) == (
        "curriculum: the score of example 1 is nan; give finite numbers, larger for harder examples."
    )
    with pytest.raises(InvalidValueError, match="batch size 41 is not allowed with 40 training examples"):
        curriculum_rows(Curriculum(), SCORES, 0, 41, 0, 1, 10)
    with pytest.raises(InvalidValueError, match=r"scores of shape \(2, 2\) are not allowed; give one number per"):
        difficulty_order(Curriculum(), np.zeros((2, 2)), 0)
