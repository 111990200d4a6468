"""Lanes fit the cache and waste few slots."""

import pytest

from thalweg.training.plan import choose_plan, core_cache_bytes

QUICK, STANDARD = [17, 20], [99, 20]


def wasted(plan, phases):
    slots = sum(-(-runs // plan.members) * plan.members for runs in phases)
    return slots / sum(phases) - 1


@pytest.mark.parametrize("phases", [QUICK, STANDARD])
@pytest.mark.parametrize("share", [1 / 64, 1 / 16, 1 / 10, 1 / 4, 1, 4])
def test_lanes_fit_the_cache_and_waste_less_than_a_quarter(phases, share):
    plan = choose_plan(int(core_cache_bytes() * share), phases, 28, 2)
    assert plan.members <= max(1, 4 / share / 3)
    assert wasted(plan, phases) < 1 / 4


def test_small_models_are_stacked():
    assert choose_plan(core_cache_bytes() // 64, QUICK, 28, 2).members >= 8


def test_a_single_run_is_trained_alone():
    plan = choose_plan(1000, [1], 28, 2)
    assert (plan.members, plan.devices) == (1, 1)


def test_a_model_larger_than_the_cache_is_trained_one_by_one_on_each_device():
    plan = choose_plan(core_cache_bytes() * 100, QUICK, 28, 2)
    assert (plan.members, plan.devices) == (1, 2)


@pytest.mark.parametrize("runs", [33, 33_000])
def test_memory_is_bounded_whatever_the_population(runs):
    member = 1 << 14
    plan = choose_plan(member, [runs, 20], 28, 2)
    assert plan.members * member <= core_cache_bytes() * 4 / 3 + member
