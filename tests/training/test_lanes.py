"""Runs are sorted into lanes so that each is trained exactly once."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from thalweg.optimizers import SGD, Adam
from thalweg.records import OptimizerSpec, RunSpec
from thalweg.training.lanes import Member, calls_for, rule_key
from thalweg.training.plan import Plan

RULES = (Adam(), SGD(), Adam(epsilon_place="uncorrected"))
INDEX = {rule_key(rule): i for i, rule in enumerate(RULES)}


def member(rule, seed, number):
    spec = RunSpec("t", "v", OptimizerSpec(rule.name, {"n": float(number)}), 1, 1, 1, seed)
    return Member(spec, rule)


@given(
    work=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=60),
    size=st.integers(1, 12),
    devices=st.integers(1, 3),
    shared=st.booleans(),
)
def test_every_run_has_one_real_slot_and_lanes_are_uniform(work, size, devices, shared):
    members = [member(RULES[rule], seed, n) for n, (rule, seed) in enumerate(work)]
    calls = calls_for(members, INDEX, Plan(size, 1, devices), shared)
    real = Counter()
    for call in calls:
        assert len(call) == devices
        for slots in call:
            assert len(slots.members) == len(slots.real) == size
            assert {INDEX[rule_key(m.rule)] for m in slots.members} == {slots.rule}
            assert not shared or len({m.spec.seed for m in slots.members}) == 1
            real.update(m.spec.fingerprint for m, keep in zip(slots.members, slots.real, strict=True) if keep)
    assert real == Counter(m.spec.fingerprint for m in members)


def test_variants_are_different_programs_and_values_are_not():
    assert rule_key(Adam(learning_rate=0.5)) == rule_key(Adam())
    assert rule_key(Adam(epsilon_place="uncorrected")) != rule_key(Adam())
