from dataclasses import replace

import numpy as np
import pytest
from simulated_studies import bowl, contender, simulate, study

from thalweg.records import StudySummary
from thalweg.study.profile import profile, profile_scores
from thalweg.study.summarize import summarize


def summary(task: str, steps: dict[str, float | None], share: float | None = 1.0) -> StudySummary:
    """A summary that says how many steps each contender took."""
    finished = simulate(study([contender("a")]), {"a": bowl()})
    base = summarize(finished.record, finished.planned, finished.results)
    row = base.leaderboard[0]
    rows = tuple(
        replace(row, contender=label, steps_to_target=s, target_share=share if s is not None else 0.0)
        for label, s in steps.items()
    )
    return replace(base, task=replace(base.task, name=task), leaderboard=rows)


def test_the_score_is_the_area_under_the_profile() -> None:
    ratio = np.random.default_rng(0).uniform(1, 6, size=(5, 8))
    tau = np.linspace(1, 4, 30_001)
    share = (ratio[:, :, None] <= tau).mean(axis=1)
    # each of 8 steps is found to half a cell of 1e-4
    np.testing.assert_allclose(profile_scores(ratio), np.trapezoid(share, tau, axis=1) / 3, atol=1e-4)


def test_ratios_shares_and_scores_of_two_tasks() -> None:
    found = profile([summary("one", {"a": 100.0, "b": 200.0}), summary("two", {"a": 300.0, "b": None})])
    assert (found.contenders, found.tasks) == (("a", "b"), ("one", "two"))
    assert found.steps_to_target == ((100.0, 300.0), (200.0, None))
    assert found.ratio == ((1.0, 1.0), (2.0, None))
    assert found.score == pytest.approx((1.0, (2 / 3 + 0) / 2))
    assert (found.tau[0], found.tau[-1]) == (1.0, 4.0)
    assert found.share[0] == (1.0,) * len(found.tau)
    assert [found.share[1][found.tau.index(tau)] for tau in (1.0, 2.0, 4.0)] == [0.0, 0.5, 0.5]


def test_a_target_that_most_seeds_miss_is_missed() -> None:
    found = profile([summary("one", {"a": 100.0}, share=0.5), summary("two", {"a": 100.0}, share=0.4)])
    assert found.steps_to_target == ((100.0, None),)
    assert found.score == (0.5,)


def test_contenders_that_are_missing_on_a_task_missed_it() -> None:
    found = profile([summary("one", {"a": 100.0}), summary("two", {"b": 50.0})])
    assert found.ratio == ((1.0, None), (None, 1.0))


def test_a_task_that_nobody_solves_counts_against_all() -> None:
    found = profile([summary("one", {"a": 10.0}), summary("two", {"a": None})])
    assert found.ratio == ((1.0, None),)
    assert found.score == (0.5,)


def test_tasks_without_target_are_left_out() -> None:
    without = summary("one", {"a": None}, share=None)
    without = replace(without, task=replace(without.task, target_quantity=None))
    found = profile([without])
    assert (found.contenders, found.tasks, found.score, found.share) == ((), (), (), ())
