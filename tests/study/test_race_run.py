"""A race: everyone from one start, each with the rate that serves it best, paths as plain loops give them."""

# ruff: noqa: RUF009 (a rule declares its fields so)

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from thalweg import race
from thalweg.landscapes import find_landscape
from thalweg.optimizers import Adam
from thalweg.optimizers.base import Number, Rule, hyperparameter
from thalweg.study.race import RACERS


def test_gradient_descent_by_hand() -> None:
    result = race("bowl", (2.0, 1.0), ["sgd"], steps=20, settings={"sgd": {"learning_rate": 0.05}})
    bowl, (entry,) = find_landscape("bowl").value, result.entries
    point, way = np.array([2.0, 1.0]), []
    for _ in range(21):
        way.append(point)
        h = 1e-6
        gradient = [
            (bowl(point[0] + h, point[1]) - bowl(point[0] - h, point[1])) / (2 * h),
            (bowl(point[0], point[1] + h) - bowl(point[0], point[1] - h)) / (2 * h),
        ]
        point = point - 0.05 * np.array(gradient)
    # central differences of a quadratic are exact up to rounding: 1e-16 / 1e-6, over 20 steps
    np.testing.assert_allclose(entry.path, way, atol=1e-8)
    np.testing.assert_allclose(entry.value, [bowl(x, y) for x, y in way], atol=1e-7)
    assert entry.best_value == entry.value.min()


def test_the_default_race() -> None:
    heard = []
    result = race("rosenbrock", steps=60, watcher=heard.append)
    assert tuple(e.label for e in result.entries) == RACERS
    assert [(p.runs_done, p.runs_total) for p in heard] == [(i, len(RACERS)) for i in range(1, len(RACERS) + 1)]
    ground = find_landscape("rosenbrock")
    assert result.start == ground.start
    for entry in result.entries:
        assert entry.path.shape == (61, 2)
        assert tuple(entry.path[0]) == ground.start
        assert entry.value[-1] < entry.value[0], "each shows what it can do"
        assert entry.distance == pytest.approx(np.hypot(*(entry.path[-1] - [1, 1])))
    middle = len(result.grid_x) // 2
    x, y = result.grid_x[middle], result.grid_y[3]
    assert result.grid_z[3, middle] == pytest.approx(ground.value(x, y))


def test_the_rate_found_is_the_best_of_its_range() -> None:
    found = race("ravine", optimizers=["momentum"], steps=40).entries[0]
    for rate in np.geomspace(1e-3, 1, 7):
        other = race("ravine", optimizers=["momentum"], steps=40, settings={"momentum": {"learning_rate": float(rate)}})
        last = other.entries[0].value[-1]
        # the rates of the search are a sixth of a decade apart, so another may be a little better
        assert not last < 0.2 * found.value[-1]


def test_an_optimizer_that_leaves_the_numbers_has_diverged() -> None:
    result = race("rosenbrock", optimizers=["sgd", Adam], steps=30, settings={"sgd": {"learning_rate": 1.0}})
    sgd, adam = result.entries
    assert (sgd.status, adam.status) == ("diverged", "finished")
    assert sgd.diverged_at is not None
    assert np.isnan(sgd.path[sgd.diverged_at :]).all()
    assert np.isfinite(sgd.path[: sgd.diverged_at]).all()
    assert np.isfinite(sgd.best_value)
    assert sgd.distance is not None


def test_no_steps_beyond_those_asked_for_change_the_way() -> None:
    settings = {"adam": {"learning_rate": 0.1}}
    short = race("himmelblau", optimizers=["adam"], steps=10, settings=settings).entries[0]
    long = race("himmelblau", optimizers=["adam"], steps=25, settings=settings).entries[0]
    np.testing.assert_array_equal(short.path, long.path[:11])


@dataclass(frozen=True)
class Fixed(Rule):
    name: ClassVar[str] = "fixed"
    formula: ClassVar[tuple[str, ...]] = ("θ ← θ − η·g",)

    learning_rate: Number = hyperparameter(0.01, meaning="step size η")  # no range to search

    def init(self, x):
        return {}

    def update(self, x, g, state, t):
        return x - self.learning_rate * g, state


def test_a_rule_without_a_range_races_with_its_default() -> None:
    result = race("bowl", optimizers=[Fixed, "sgd"], steps=10, settings={"sgd": {"learning_rate": 0.01}})
    fixed, sgd = result.entries
    assert fixed.hyperparameters == {"learning_rate": 0.01}
    np.testing.assert_allclose(fixed.path, sgd.path, rtol=1e-12)
