import json
from dataclasses import replace

import numpy as np
import pytest
from simulated_studies import MOMENTUM, RATE, Simulated, bowl, contender, protocol, simulate, study

from thalweg.records import Interval, StudySummary
from thalweg.study.summarize import leaderboard_json, summarize

ENTRIES = [contender("sgd"), contender("momentum", (RATE, MOMENTUM)), contender("adam")]
OUTCOMES = {"sgd": bowl(0.3), "momentum": bowl(0.21), "adam": bowl(0.2, best=0.05)}
STANDARD = protocol("standard")


def summed(finished: Simulated) -> StudySummary:
    return summarize(finished.record, finished.planned, finished.results)


FINISHED = simulate(study(ENTRIES, STANDARD), OUTCOMES)
SUMMARY = summed(FINISHED)


def test_rows_report_the_winners_on_the_fresh_seeds() -> None:
    for row in SUMMARY.leaderboard:
        winner = [run for run in FINISHED.planned if run.contender == row.contender and run.role == "winner"]
        default = [run for run in FINISHED.planned if run.contender == row.contender and run.role == "default"]
        results = [FINISHED.results[run.spec.fingerprint] for run in winner]
        assert row.hyperparameters == winner[0].spec.optimizer.hyperparameters
        assert row.test_metric.mean == pytest.approx(np.mean([r.test_metric for r in results]), rel=1e-12)
        assert row.validation_loss.mean == pytest.approx(np.mean([r.validation_loss for r in results]), rel=1e-12)
        defaults = [FINISHED.results[run.spec.fingerprint].test_metric for run in default]
        assert row.default_test_metric.mean == pytest.approx(np.mean(defaults), rel=1e-12)
        assert row.test_metric.low < row.test_metric.mean < row.test_metric.high
        assert row.gradient_evaluations == 100
        assert row.diverged_share == 0


def test_the_leaderboard_is_in_the_order_of_the_test_metric() -> None:
    assert [row.contender for row in SUMMARY.leaderboard][-1] == "sgd"
    means = [row.test_metric.mean for row in SUMMARY.leaderboard]
    assert means == sorted(means, reverse=True)
    assert SUMMARY.leaderboard[-1].group > SUMMARY.leaderboard[0].group == 1
    assert SUMMARY.leaderboard[-1].rank == (3, 3)


def test_the_target_is_met_by_those_below_it() -> None:
    finished = simulate(study(ENTRIES, STANDARD), {**OUTCOMES, "sgd": bowl(0.5)})
    rows = {row.contender: row for row in summed(finished).leaderboard}
    assert (rows["sgd"].steps_to_target, rows["sgd"].target_share) == (None, 0.0)
    assert rows["adam"].target_share == 1.0
    assert 90 <= rows["adam"].steps_to_target <= 100  # the last tenth of a fall from 2 to 0.2
    without = simulate(study(ENTRIES, STANDARD), OUTCOMES, target_quantity=None, target_value=None)
    assert summed(without).leaderboard[0].target_share is None


def test_every_part_is_there_for_every_contender() -> None:
    labels = {entry.label for entry in ENTRIES}
    assert {row.contender for row in SUMMARY.leaderboard} == labels
    assert {s.contender for s in SUMMARY.sensitivity} == labels
    assert {b.contender for b in SUMMARY.expected_best} == labels
    assert {(c.contender, c.quantity) for c in SUMMARY.curves} == {
        (label, quantity) for label in labels for quantity in ("train_loss", "validation_loss", "validation_metric")
    }
    assert len(SUMMARY.comparisons) == 3
    assert SUMMARY.spaces["momentum"][1] == {"name": "momentum", "low": 0.5, "high": 0.99, "scale": "complement"}
    assert SUMMARY.runs == len({run.spec.fingerprint for run in FINISHED.planned})
    assert all(len(s.learning_rate) == 33 for s in SUMMARY.sensitivity)


def test_a_summary_does_not_depend_on_the_order_of_contenders_or_runs() -> None:
    turned = simulate(study(ENTRIES[::-1], STANDARD), OUTCOMES)
    again = summarize(turned.record, turned.planned[::-1], turned.results)
    assert [row.contender for row in again.leaderboard] == [row.contender for row in SUMMARY.leaderboard]
    for ours, theirs in zip(again.leaderboard, SUMMARY.leaderboard, strict=True):
        assert (ours.rank, ours.group, ours.hyperparameters) == (theirs.rank, theirs.group, theirs.hyperparameters)
        # the seeds come in another order, so other resamples meet them
        assert ours.test_metric.mean == pytest.approx(theirs.test_metric.mean, rel=1e-12)


def test_the_same_study_has_the_same_summary() -> None:
    assert summed(FINISHED) == SUMMARY


def test_a_copy_of_a_rule_ties_with_it() -> None:
    copy = replace(ENTRIES[2], label="mine", optimizer="./mine.py:Mine", source="abc")
    plain = lambda spec, rng: 0.2 + 0.2 * np.log10(spec.optimizer.hyperparameters["learning_rate"] / 0.03) ** 2  # noqa: E731
    finished = simulate(
        study([ENTRIES[2], copy, ENTRIES[0]], STANDARD), {"adam": plain, "mine": plain, "sgd": bowl(0.9)}
    )
    summary = summed(finished)
    (pair,) = [c for c in summary.comparisons if {c.first, c.second} == {"adam", "mine"}]
    assert (pair.probability_first_better, pair.verdict) == (0.5, "not separable")
    assert [row.rank for row in summary.leaderboard] == [(1, 2), (1, 2), (3, 3)]
    assert [row.group for row in summary.leaderboard] == [1, 1, 2]


def test_a_winner_that_diverges_on_a_fresh_seed_counts_the_worst_result() -> None:
    fragile = FINISHED.planned[0].spec.seed
    runs = [run for run in FINISHED.planned if run.contender == "adam" and run.role == "winner"]
    results = dict(FINISHED.results)
    victim = runs[3].spec.fingerprint
    results[victim] = replace(results[victim], status="diverged", test_metric=np.nan, validation_loss=np.nan)
    row = next(r for r in summarize(FINISHED.record, FINISHED.planned, results).leaderboard if r.contender == "adam")
    others = [results[run.spec.fingerprint].test_metric for run in runs if run.spec.fingerprint != victim]
    worst = min(
        results[run.spec.fingerprint].test_metric
        for run in FINISHED.planned
        if run.role in ("winner", "default") and run.spec.fingerprint != victim
    )
    assert row.test_metric.mean == pytest.approx((sum(others) + worst) / 10, rel=1e-12)
    assert fragile not in {run.spec.seed for run in runs}


def test_a_metric_of_which_less_is_better_turns_the_leaderboard_round() -> None:
    summary = summed(simulate(study(ENTRIES, STANDARD), OUTCOMES, larger_is_better=False, metric="RMSE"))
    means = [row.test_metric.mean for row in summary.leaderboard]
    assert means == sorted(means)


def test_an_unfinished_study_shows_what_is_there() -> None:
    tuning = tuple(run for run in FINISHED.planned if "trial" in run.role)
    summary = summarize(FINISHED.record, tuning, FINISHED.results)
    assert summary.leaderboard == summary.comparisons == summary.curves == ()
    assert len(summary.sensitivity) == len(summary.expected_best) == 3
    assert summary.warnings[0].kind == "incomplete"
    nothing = summarize(FINISHED.record, FINISHED.planned, {})
    assert (nothing.runs, nothing.leaderboard, nothing.sensitivity, nothing.expected_best) == (0, (), (), ())
    part = tuple(run for run in FINISHED.planned if run.role != "winner" or run.contender != "adam")
    part += tuple(run for run in FINISHED.planned if run.role == "winner" and run.contender == "adam")[:4]
    assert {row.contender for row in summarize(FINISHED.record, part, FINISHED.results).leaderboard} == {
        "sgd",
        "momentum",
    }
    unplanned = summarize(FINISHED.record, (), {})
    assert unplanned.warnings[0].kind == "incomplete"


def test_a_study_in_which_everything_diverged_has_no_numbers_and_no_winner() -> None:
    lost = simulate(study(ENTRIES[:2]), {"sgd": lambda spec, rng: None, "momentum": lambda spec, rng: None})
    summary = summed(lost)
    assert [row.test_metric for row in summary.leaderboard] == [Interval(None, None, None)] * 2
    assert [row.group for row in summary.leaderboard] == [1, 1]
    assert {w.kind for w in summary.warnings} >= {"all diverged", "target"}
    json.dumps(leaderboard_json(summary), allow_nan=False)


def test_the_json_is_that_of_the_command() -> None:
    record = replace(FINISHED.record, seconds={"total": 2.0, "compile": 0.5, "train": 1.0, "import": 0.3})
    document = leaderboard_json(summarize(record, FINISHED.planned, FINISHED.results))
    assert set(document) == {"task", "protocol", "warnings", "leaderboard", "runs", "seconds", "study"}
    assert all(isinstance(warning, str) for warning in document["warnings"])
    assert document["task"] == "digits"
    assert document["protocol"]["effort"] == "standard"
    assert document["seconds"] == {"total": 2.0, "compile": 0.5, "train": 1.0, "import": 0.3}
    assert document["study"] == FINISHED.record.id
    first = document["leaderboard"][0]
    assert set(first) == {
        "optimizer",
        "hyperparameters",
        "validation_loss",
        "test_metric",
        "rank",
        "steps_to_target",
        "diverged_share",
        "state_bytes_per_parameter",
        "seconds_per_step",
    }
    assert set(first["test_metric"]) == {"name", "mean", "low", "high"}
    assert first["test_metric"]["name"] == "accuracy"
    assert first["rank"]["low"] == 1
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_measured_times_and_memory_are_those_of_the_record() -> None:
    record = replace(FINISHED.record, seconds_per_step={"sgd": 1e-5}, state_bytes_per_parameter={"adam": 8.0})
    rows = {r.contender: r for r in summarize(record, FINISHED.planned, FINISHED.results).leaderboard}
    assert (rows["sgd"].seconds_per_step, rows["adam"].seconds_per_step) == (1e-5, None)
    assert (rows["sgd"].state_bytes_per_parameter, rows["adam"].state_bytes_per_parameter) == (None, 8.0)
