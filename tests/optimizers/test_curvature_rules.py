"""What rules that need more than the gradient do beyond following their formula."""

import numpy as np
import oracles_curvature
import pytest

from thalweg.optimizers import AdaHessian, PolyakStep, SophiaG, SophiaH, lift

CASES = [
    (n, m, layout)
    for n in ("kernel", "unit", "none")
    for m in ("signed", "absolute")
    for layout in ("in-out", "out-in")
]


@pytest.mark.parametrize(("neighbours", "magnitude", "layout"), CASES)
@pytest.mark.parametrize("shape", [(3, 3, 2, 4), (5, 2, 3), (4, 6), (7,)])
def test_adahessian_averages_over_neighbours(
    shape: tuple[int, ...], neighbours: str, magnitude: str, layout: str
) -> None:
    rng = np.random.default_rng(0)
    rule = AdaHessian(neighbours=neighbours, magnitude=magnitude, layout=layout)
    x = rng.normal(size=shape)
    oracle = oracles_curvature.adahessian(x, [0.15] * 4, neighbours=neighbours, magnitude=magnitude, layout=layout)
    next(oracle)
    leaves, state = (x,), lift.init_state(rule, [x])
    for t in range(1, 5):
        g, diagonal = rng.normal(size=shape), rng.normal(size=shape)
        leaves, state = lift.update(rule, leaves, [g], state, t, hessian_diagonal=[diagonal])
        try:
            _, expected = oracle.send((g, lambda name, diagonal=diagonal: diagonal))
        except StopIteration as last:
            expected = last.value
        np.testing.assert_allclose(leaves[0], expected, rtol=1e-12)
    assert state[0]["v"].shape == shape


@pytest.mark.parametrize("kind", [SophiaH, SophiaG])
@pytest.mark.parametrize("interval", [1, 2, 5, 10, 20])
def test_sophia_asks_for_estimates_where_the_paper_computes_them(kind: type, interval: int) -> None:
    rule = kind(update_interval=interval)
    asked = [t for t in range(1, 42) if rule.asks(np.asarray(float(t)))]
    assert asked == list(range(1, 42, interval))


@pytest.mark.parametrize("kind", [SophiaH, SophiaG])
def test_what_sophia_did_not_ask_for_changes_nothing(kind: type) -> None:
    rule, (name,) = kind(scale=3.0), kind.needs
    x, g = np.array([1.0, -2.0]), np.array([0.5, 0.25])
    state = lift.init_state(rule, [x])
    for t, estimate in ((2, np.zeros(2)), (10, np.full(2, np.nan))):
        found, (after,) = lift.update(rule, [x], [g], state, t, **{name: [estimate]})
        assert np.all(np.isfinite(found[0]))
        np.testing.assert_array_equal(after["h"], 0.0)


def test_sophia_moves_no_number_by_more_than_the_rate() -> None:
    rng = np.random.default_rng(0)
    rule, x = SophiaH(learning_rate=0.1), rng.normal(size=50)
    leaves, state = (x,), lift.init_state(rule, [x])
    for t in range(1, 30):
        before = leaves[0]
        inputs = {"hessian_diagonal": [rng.normal(size=50)]}
        leaves, state = lift.update(rule, leaves, [rng.normal(size=50) * 10], state, t, **inputs)
        assert np.all(np.abs(leaves[0] - before) <= 0.1 * (1 + 1e-12))


def test_the_polyak_step_reaches_the_minimum_of_a_norm_in_one_step() -> None:
    x = np.array([3.0, 4.0])
    rule = PolyakStep(share=1.0, learning_rate=1e6)
    ((found,), _) = lift.update(rule, [x], [x / 5.0], {}, 1, loss=np.asarray(5.0))
    np.testing.assert_allclose(found, 0.0, atol=1e-15)
    ((halved,), _) = lift.update(rule, [x], [x], {}, 1, loss=np.asarray(12.5))  # of half the square: half way
    np.testing.assert_allclose(halved, x / 2)


def test_the_polyak_step_stays_where_it_cannot_tell() -> None:
    x = np.array([3.0, 4.0])
    for rule, g, loss in (
        (PolyakStep(), x, -1.0),
        (PolyakStep(below="climb"), 0 * x, -1.0),
        (PolyakStep(), 0 * x, 1.0),
    ):
        ((found,), _) = lift.update(rule, [x], [g], {}, 1, loss=np.asarray(loss))
        np.testing.assert_array_equal(found, x)
    ((climbed,), _) = lift.update(PolyakStep(share=1.0, below="climb"), [x], [x], {}, 1, loss=np.asarray(-25.0))
    np.testing.assert_allclose(climbed, 2 * x)
