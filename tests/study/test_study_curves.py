from dataclasses import replace

import numpy as np
import pytest
from simulated_studies import CARD, contender, protocol, result, study

from thalweg.records import RunResult, TaskCard
from thalweg.study.curves import curve_band, steps_to_target
from thalweg.study.plan import tuning_runs
from thalweg.study.selection import TrialTable
from thalweg.study.sensitivity import learning_rate_sensitivity

TASK = TaskCard(**CARD)
SPEC = tuning_runs(study([contender("a")], protocol(trials=1)))[0].spec


def runs(losses: list[float | None]) -> list[RunResult]:
    return [result(SPEC, loss) for loss in losses]


def test_a_band_is_median_and_quartiles() -> None:
    several = runs([0.1, 0.2, 0.4, 0.8, 1.6])
    band = curve_band("a", several, "validation_loss", TASK)
    stacked = np.array([run.curve.validation_loss for run in several])
    low, median, high = np.quantile(stacked, [0.25, 0.5, 0.75], axis=0)
    np.testing.assert_allclose(band.low, low, rtol=1e-6)
    np.testing.assert_allclose(band.median, median, rtol=1e-6)
    np.testing.assert_allclose(band.high, high, rtol=1e-6)
    assert band.step == tuple(range(10, 101, 10))


@pytest.mark.parametrize("quantity", ["validation_loss", "validation_metric"])
def test_a_diverged_run_stays_in_the_count_as_the_worst(quantity: str) -> None:
    band = curve_band("a", runs([0.2, 0.3, 0.4, None]), quantity, TASK)
    finite = (0.35, 0.225 + 0.05) if quantity == "validation_loss" else (1 - 0.35 / 4, 1 - 0.275 / 4)
    assert band.median[-1] == pytest.approx(finite[0], rel=1e-6)
    better, worse = (band.low, band.high) if quantity == "validation_loss" else (band.high, band.low)
    assert better[-1] == pytest.approx(finite[1], rel=1e-6)
    assert worse[-1] is None  # between 0.4 and a diverged run
    assert curve_band("a", runs([0.2, None, None]), quantity, TASK).median[-1] is None


def test_the_target_is_reached_at_the_first_point_at_or_beyond_it() -> None:
    run = result(SPEC, 0.2)  # 2.0 … 0.2 at steps 10 … 100
    assert steps_to_target(run.curve, replace(TASK, target_value=float(run.curve.validation_loss[6]))) == 70
    assert steps_to_target(run.curve, replace(TASK, target_value=0.1)) is None
    assert steps_to_target(run.curve, replace(TASK, target_value=5.0)) == 10


def test_a_target_of_the_metric_goes_in_its_direction() -> None:
    run = result(SPEC, 0.2)
    rising = replace(TASK, target_quantity="validation_metric", target_value=0.9)
    falling = replace(rising, larger_is_better=False, target_value=0.6)
    assert steps_to_target(run.curve, rising) == 90  # 0.9 in float32, which is less than the Python float 0.9
    wider = replace(run.curve, validation_metric=run.curve.validation_metric.astype(float))
    assert steps_to_target(wider, rising) == 90  # a store that hands out float64 changes nothing
    assert steps_to_target(run.curve, falling) == 10  # a metric of 0.5 at the start is already at most 0.6


def test_without_target_or_after_divergence_there_are_no_steps() -> None:
    assert steps_to_target(result(SPEC, None).curve, TASK) is None
    assert steps_to_target(result(SPEC, 0.2).curve, replace(TASK, target_quantity=None, target_value=None)) is None


def test_sensitivity_is_sorted_and_says_what_diverged() -> None:
    rates = [{"learning_rate": 0.01}, {"learning_rate": 0.5}, {"learning_rate": 0.001}]
    loss = np.array([[0.3, 0.1, 0.2], [np.nan, np.nan, np.nan], [0.9, np.nan, 0.7]])
    found = learning_rate_sensitivity(TrialTable("a", (-1, 0, 1), tuple(rates), loss, loss, 3), 0.01)
    assert found.learning_rate == (0.001, 0.01, 0.5)
    assert found.median == (pytest.approx(0.8), 0.2, None)
    assert (found.low, found.high) == ((0.7, 0.1, None), (0.9, 0.3, None))
    assert found.diverged_share == (pytest.approx(1 / 3), 0.0, 1.0)
    assert found.is_default == (False, True, False)
    assert found.best == 0.01


def test_a_rule_without_a_learning_rate_has_no_sensitivity() -> None:
    loss = np.array([[0.3]])
    assert learning_rate_sensitivity(TrialTable("a", (-1,), ({"rho": 0.9},), loss, loss, 1), 0.1) is None
