"""Lanes fit the cache and waste few slots."""

import pytest

from thalweg.training.plan import choose_plan, core_cache_bytes

QUICK = [[17], [2] * 10]
STANDARD = [[33] * 3, [2] * 10]


def wasted(plan, phases):
    slots = runs = 0
    for phase in phases:
        groups = sum(-(-size // plan.width) for size in phase)
        slots += -(-groups // plan.groups) * plan.groups * plan.width
        runs += sum(phase)
    return slots / runs - 1


@pytest.mark.parametrize("phases", [QUICK, STANDARD])
@pytest.mark.parametrize("share", [1 / 64, 1 / 16, 1 / 10, 1 / 4, 1, 4])
def test_lanes_fit_the_cache_and_waste_less_than_a_third(phases, share):
    cache = core_cache_bytes()
    plan = choose_plan(int(cache * share), phases, 28, 2)
    fitting = max(1, 1 / share)
    assert plan.groups * plan.width <= max(1, fitting * 4 / 3 + plan.width)
    assert wasted(plan, phases) < 1 / 3


def test_a_single_run_is_trained_alone():
    plan = choose_plan(1000, [[1]], 28, 2)
    assert (plan.groups, plan.width, plan.devices) == (1, 1, 1)


def test_a_model_larger_than_the_cache_is_trained_one_by_one_on_each_device():
    plan = choose_plan(core_cache_bytes() * 100, QUICK, 28, 2)
    assert (plan.groups, plan.width, plan.devices) == (1, 1, 2)


@pytest.mark.parametrize("runs", [33, 33_000])
def test_memory_is_bounded_whatever_the_population(runs):
    member = 1 << 14
    plan = choose_plan(member, [[runs], [2] * 10], 28, 2)
    assert plan.members * member <= plan.devices * (core_cache_bytes() * 4 / 3 + member)
