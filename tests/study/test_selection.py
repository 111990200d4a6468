import numpy as np
import pytest
from simulated_studies import bowl, contender, protocol, result, study, train

from thalweg.records import RunResult, StudySpec
from thalweg.study.plan import tuning_runs
from thalweg.study.selection import select_winners, trial_tables

RULES = protocol(trials=4, tuning_seeds=3)


def outcomes(spec: StudySpec, losses: dict[str, dict[int, list[float | None]]]) -> dict[str, RunResult]:
    """Results from a table of losses: contender → trial → one per tuning seed."""
    found, seen = {}, {}
    for run in tuning_runs(spec):
        key = run.contender, run.trial
        seen[key] = seen.get(key, -1) + 1
        found[run.spec.fingerprint] = result(run.spec, losses[run.contender][run.trial][seen[key]])
    return found


def choose(losses: dict[str, dict[int, list[float | None]]]) -> dict:
    spec = study([contender(label) for label in losses], RULES)
    return select_winners(spec, tuning_runs(spec), outcomes(spec, losses))


def trials(*rows: list[float | None]) -> dict[int, list[float | None]]:
    return dict(enumerate(rows, start=-1))


def test_the_least_mean_over_the_seeds_wins() -> None:
    chosen = choose({"a": trials([1, 1, 1], [0.1, 0.9, 0.9], [0.5, 0.5, 0.5], [2, 2, 2], [3, 3, 3])})["a"]
    assert (chosen.trial, chosen.mean_validation_loss, chosen.reason) == (1, 0.5, "best")


def test_the_defaults_take_part_and_win_ties() -> None:
    same = [0.5, 0.5, 0.5]
    assert choose({"a": trials(same, same, same, same, same)})["a"].trial == -1
    assert choose({"a": trials([1, 1, 1], [2, 2, 2], same, [2, 2, 2], same)})["a"].trial == 1


def test_a_diverged_run_counts_as_the_worst_of_the_whole_study() -> None:
    risky = trials([1, 1, 1], [0.1, 0.1, None], [1, 1, 1], [1, 1, 1], [1, 1, 1])
    mild, wild = trials(*[[0.9, 0.9, 0.9]] * 5), trials(*[[9.0, 9.0, 9.0]] * 5)
    forgiven, punished = choose({"a": risky, "b": mild})["a"], choose({"a": risky, "b": wild})["a"]
    assert (forgiven.trial, forgiven.mean_validation_loss) == (0, pytest.approx(0.4))
    assert (punished.trial, punished.mean_validation_loss) == (-1, 1.0)


def test_fewer_divergences_win_a_tie() -> None:
    lost = [None, None, None]
    chosen = choose({"a": trials(lost, lost, [3, 3, 3], lost, lost)})["a"]
    assert (chosen.trial, chosen.reason) == (1, "best")


def test_where_all_diverged_the_defaults_stand_in() -> None:
    lost = trials(*[[None] * 3] * 5)
    chosen = choose({"a": lost, "b": trials(*[[2, 2, 2]] * 5)})["a"]
    assert (chosen.trial, chosen.reason, chosen.mean_validation_loss) == (-1, "all diverged", 2.0)
    assert chosen.hyperparameters == {"learning_rate": 0.01}
    assert choose({"a": lost})["a"].mean_validation_loss is None


def test_incomplete_trials_do_not_take_part() -> None:
    spec = study([contender("a"), contender("b")], RULES)
    planned = tuning_runs(spec)
    results = train(planned, {"a": bowl(noise=0), "b": bowl(noise=0)})
    best = select_winners(spec, planned, results)["a"].trial
    gone = next(run for run in planned if run.contender == "a" and run.trial == best)
    del results[gone.spec.fingerprint]
    chosen = select_winners(spec, planned, results)
    assert chosen["a"].trial != best
    assert chosen["b"].trial == best
    only_b = {f: r for f, r in results.items() if r.spec.optimizer.name == "b"}
    assert set(select_winners(spec, planned, only_b)) == {"b"}


def test_tables_hold_every_run_where_it_belongs() -> None:
    spec = study([contender("a")], RULES)
    losses = trials([1, 2, 3], [4, None, 6], [7, 8, 9], [1, 1, 1], [2, 2, 2])
    table = trial_tables(spec, tuning_runs(spec), outcomes(spec, {"a": losses}))["a"]
    assert table.trials == (-1, 0, 1, 2, 3)
    np.testing.assert_array_equal(table.loss[:2], [[1, 2, 3], [4, np.nan, 6]])
    np.testing.assert_array_equal(table.metric[0], [0.75, 0.5, 0.25])
    np.testing.assert_array_equal(table.diverged.sum(axis=1), [0, 1, 0, 0, 0])


def test_the_order_of_contenders_and_a_constant_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    losses = {label: trials(*rng.normal(size=(5, 3)).tolist()) for label in "abc"}
    shifted = {label: {t: [v + 5 for v in row] for t, row in rows.items()} for label, rows in losses.items()}
    winners = {label: s.trial for label, s in choose(losses).items()}
    assert winners == {label: s.trial for label, s in choose(dict(reversed(losses.items()))).items()}
    assert winners == {label: s.trial for label, s in choose(shifted).items()}
