from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_studies import MOMENTUM, RATE, bowl, contender, protocol, study, train

from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.study.plan import (
    confirmation_runs,
    confirmation_seeds,
    protocol_for,
    tuning_runs,
    tuning_seeds,
)
from thalweg.study.selection import Selection, select_winners

BOTH = (contender("sgd"), contender("momentum", (RATE, MOMENTUM)))


def fingerprints(runs: list) -> set[str]:
    return {run.spec.fingerprint for run in runs}


@pytest.mark.parametrize(("effort", "trials", "seeds"), [("quick", 16, 1), ("standard", 32, 3), ("thorough", 100, 5)])
def test_efforts_are_those_of_the_protocol(effort: str, trials: int, seeds: int) -> None:
    rules = protocol_for(effort, 32, 100, 10)
    assert (rules.effort, rules.trials, rules.tuning_seeds, rules.confirmation_seeds) == (effort, trials, seeds, 10)
    assert (rules.resamples, rules.confidence, rules.win_probability) == (10_000, 0.95, 0.75)


def test_other_numbers_make_a_custom_effort_and_other_settings_do_not() -> None:
    assert protocol_for("quick", 32, 100, 10, trials=5).effort == "custom"
    assert protocol_for("quick", 32, 100, 10, trials=16).effort == "quick"
    assert protocol_for("quick", 32, 100, 10, resamples=100).effort == "quick"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trials": 0}, "trials = 0 is not allowed; give a whole number from 1 to 100000"),
        ({"tuning_seeds": True}, "tuning_seeds = True is not allowed"),
        ({"confirmation_seeds": 2.5}, "confirmation_seeds = 2.5 is not allowed"),
        ({"confidence": 1.0}, r"confidence = 1.0 is not allowed; give a number in \(0, 1\)"),
        ({"win_probability": 0.4}, r"win_probability = 0.4 is not allowed; give a number in \[0.5, 1\]"),
    ],
)
def test_numbers_that_make_no_comparison_are_refused(changes: dict, words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        protocol_for("quick", 32, 100, 10, **changes)


def test_curve_points_divide_the_steps() -> None:
    with pytest.raises(InvalidValueError, match="evaluate_every = 7 is not allowed; give a divisor of steps = 100"):
        protocol_for("quick", 32, 100, 7)


def test_unknown_efforts_and_settings_are_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'quick'"):
        protocol_for("quik", 32, 100, 10)
    with pytest.raises(UnknownNameError, match="did you mean 'trials'"):
        protocol_for("quick", 32, 100, 10, trails=3)


@settings(deadline=None)
@given(st.integers(-(2**40), 2**80), st.integers(1, 40), st.integers(1, 40))
def test_seeds_of_tuning_and_confirmation_never_meet(study_seed: int, tuning: int, fresh: int) -> None:
    ours, theirs = tuning_seeds(study_seed, tuning), confirmation_seeds(study_seed, fresh)
    assert len({*ours, *theirs}) == tuning + fresh
    assert all(0 <= seed < 2**31 for seed in (*ours, *theirs))
    assert {seed % 2 for seed in ours} == {0}  # apart by construction, not by luck
    assert {seed % 2 for seed in theirs} == {1}
    assert ours == tuning_seeds(study_seed, tuning + 5)[:tuning]


def test_studies_with_other_seeds_share_neither_runs_nor_settings() -> None:
    one, other = (study(BOTH, seed=seed) for seed in (0, 1))
    assert not fingerprints(tuning_runs(one)) & fingerprints(tuning_runs(other))
    rates = [
        {run.spec.optimizer.hyperparameters["learning_rate"] for run in tuning_runs(spec) if run.role == "trial"}
        for spec in (one, other)
    ]
    assert not rates[0] & rates[1]


def test_every_contender_has_its_defaults_and_the_trials_on_every_seed() -> None:
    spec = study(BOTH, protocol("standard"))
    planned = tuning_runs(spec)
    for entry in BOTH:
        own = [run for run in planned if run.contender == entry.label]
        assert [run.trial for run in own] == [t for t in range(-1, 32) for _ in range(3)]
        assert {run.role for run in own if run.trial == -1} == {"default-trial"}
        assert {run.role for run in own if run.trial >= 0} == {"trial"}
        assert {tuple(run.spec.optimizer.hyperparameters) for run in own} == {tuple(entry.defaults)}
    assert {run.spec.seed for run in planned} == set(tuning_seeds(0, 3))
    assert not any(run.spec.read_test for run in planned)


def test_a_larger_effort_trains_only_what_is_new() -> None:
    plans = [tuning_runs(study(BOTH, protocol(effort))) for effort in ("quick", "standard", "thorough")]
    quick, standard, thorough = (fingerprints(plan) for plan in plans)
    assert quick < standard < thorough
    assert len(quick) == 2 * 17
    assert len(standard) == 2 * 33 * 3


def test_another_contender_changes_no_run_of_the_others() -> None:
    grown = (contender("adam", (RATE, MOMENTUM)), *BOTH)
    before, after = tuning_runs(study(BOTH)), tuning_runs(study(grown))
    assert fingerprints(before) < fingerprints(after)
    assert len(fingerprints(after) - fingerprints(before)) == 17


def test_a_contender_with_nothing_to_search_has_its_defaults_only() -> None:
    planned = tuning_runs(study([contender("fixed", ())]))
    assert [run.role for run in planned] == ["default-trial"]


def test_an_entrys_techniques_are_part_of_its_runs() -> None:
    techniques = {"schedule.learning_rate": "cosine"}
    plain = tuning_runs(study(BOTH))[0].spec
    cosine = tuning_runs(study([replace(BOTH[0], techniques=techniques)]))[0].spec
    assert plain.techniques == {}
    assert cosine.techniques == techniques
    assert plain.fingerprint != cosine.fingerprint


def test_winner_and_defaults_are_trained_again_on_common_fresh_seeds() -> None:
    spec = study(BOTH)
    chosen = {"sgd": Selection(3, {"learning_rate": 0.5}, 0.1, "best")}
    planned = confirmation_runs(spec, chosen)
    assert {run.contender for run in planned} == {"sgd"}
    for role, rate, trial in (("winner", 0.5, 3), ("default", 0.01, -1)):
        own = [run for run in planned if run.role == role]
        assert tuple(run.spec.seed for run in own) == confirmation_seeds(0, 10)
        assert all(run.spec.read_test and run.trial == trial for run in own)
        assert {run.spec.optimizer.hyperparameters["learning_rate"] for run in own} == {rate}


def test_a_winner_that_is_the_default_is_planned_twice_and_trained_once() -> None:
    spec = study([contender("sgd")])
    planned = confirmation_runs(spec, {"sgd": Selection(-1, {"learning_rate": 0.01}, 0.1, "best")})
    assert len(planned) == 20
    assert len(fingerprints(planned)) == 10


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 20), st.integers(1, 3), st.permutations(["a", "b", "c"]))
def test_any_plan_is_complete_and_does_not_depend_on_the_order(seed: int, trials: int, seeds: int, order: list) -> None:
    rules = protocol(trials=trials, tuning_seeds=seeds)
    entries = {label: contender(label, (RATE, MOMENTUM)) for label in "abc"}
    planned = tuning_runs(study([entries[label] for label in order], rules, seed))
    sorted_plan = tuning_runs(study(list(entries.values()), rules, seed))
    assert len(planned) == 3 * (trials + 1) * seeds == len(fingerprints(planned))
    assert fingerprints(planned) == fingerprints(sorted_plan)
    results = train(planned, {label: bowl() for label in "abc"})
    spec = study([entries[label] for label in order], rules, seed)
    assert len(confirmation_runs(spec, select_winners(spec, planned, results))) == 3 * 20
