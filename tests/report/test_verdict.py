import dataclasses

from report_fixtures import NONE, make_awkward, make_profile, make_several, make_summary

from thalweg.records.summary import Comparison, Interval
from thalweg.report.verdict import verdict, verdict_over_tasks


def _summary(labels, groups, verdicts=None, **task):
    """A study with the groups given; pairs of different groups are won by the first, unless told."""
    whole = make_summary(tuple(labels))
    rows = tuple(dataclasses.replace(row, group=group) for row, group in zip(whole.leaderboard, groups, strict=True))
    pairs = []
    for i, a in enumerate(rows):
        for b in rows[i + 1 :]:
            usual = "first" if a.group != b.group else "not separable"
            found = (verdicts or {}).get((a.contender, b.contender), usual)
            pairs.append(Comparison(a.contender, b.contender, Interval(0.01, 0.0, 0.02), 0.9, found))
    card = dataclasses.replace(whole.task, **task)
    return dataclasses.replace(whole, leaderboard=rows, comparisons=tuple(pairs), task=card)


def test_a_tie_is_said_to_be_one():
    said = verdict(_summary(["momentum", "adam", "sgd"], [1, 1, 2]))
    assert said.startswith("momentum and adam cannot be told apart on digits (97.2 % and 96.2 %")
    assert "10 fresh seeds" in said
    assert "both beat sgd (" in said
    assert said.endswith(".")


def test_a_clear_winner_beats_every_other():
    said = verdict(_summary(["adam", "momentum", "sgd"], [1, 2, 2]))
    assert said.startswith("adam comes first on digits")
    assert "it beats every other contender: momentum" in said
    assert "cannot be told apart" not in said


def test_no_win_is_claimed_where_a_pair_is_open():
    said = verdict(_summary(["adam", "momentum", "sgd"], [1, 1, 2], {("momentum", "sgd"): "not separable"}))
    assert "both beat" not in said
    assert "of these, only adam beats sgd" in said
    none = {("momentum", "sgd"): "not separable", ("adam", "sgd"): "not separable"}
    assert "sgd cannot be separated from either" in verdict(_summary(["adam", "momentum", "sgd"], [1, 1, 2], none))
    alone = {("adam", "sgd"): "not separable"}
    assert "sgd cannot be separated from it" in verdict(_summary(["adam", "sgd"], [1, 2], alone))


def test_many_open_pairs_are_summed_up():
    names = ["adam", "momentum", "nadam", "sgd", "adagrad", "rmsprop", "lion"]
    open_pairs = {("adam", "sgd"), ("momentum", "adagrad"), ("nadam", "rmsprop")}
    said = verdict(_summary(names, [1, 1, 1, 2, 2, 2, 2], dict.fromkeys(open_pairs, "not separable")))
    assert "all three beat lion (" in said
    assert "some of these, but not all, beat sgd, adagrad and rmsprop" in said
    assert "of these, only" not in said


def test_a_lost_pair_turned_around_counts():
    whole = _summary(["adam", "sgd"], [1, 2])
    pair = whole.comparisons[0]
    turned = dataclasses.replace(pair, first="sgd", second="adam", verdict="second")
    assert "it beats sgd" in verdict(dataclasses.replace(whole, comparisons=(turned,)))
    lost = dataclasses.replace(turned, verdict="first")
    assert "beats sgd" not in verdict(dataclasses.replace(whole, comparisons=(lost,)))


def test_leaders_that_are_separable_are_not_called_a_tie():
    said = verdict(_summary(["adam", "momentum"], [1, 1], {("adam", "momentum"): "first"}))
    assert "cannot be told apart" not in said
    assert "lead on digits" in said


def test_pairs_never_compared_are_not_called_a_tie():
    whole = dataclasses.replace(_summary(["adam", "momentum", "sgd"], [1, 1, 2]), comparisons=())
    said = verdict(whole)
    assert "cannot be told apart" not in said
    assert "beat sgd" not in said


def test_units_and_small_directions():
    said = verdict(_summary(["adam", "sgd"], [1, 2], metric="RMSE", unit="k$", larger_is_better=False))
    assert "k$ test RMSE" in said
    assert "%" not in said


def test_contenders_that_diverged_are_named_so():
    whole = make_summary(("adam", "sgd", "momentum"))
    rows = (*whole.leaderboard[:2], dataclasses.replace(whole.leaderboard[2], test_metric=NONE))
    assert "momentum diverged on the fresh seeds" in verdict(dataclasses.replace(whole, leaderboard=rows))
    none = tuple(dataclasses.replace(row, test_metric=NONE) for row in rows)
    assert verdict(dataclasses.replace(whole, leaderboard=none)).startswith("No contender finished on digits")


def test_one_seed_is_said_to_be_one():
    whole = make_summary(("adam", "sgd"), seeds=1)
    assert "one fresh seed" in verdict(whole)
    assert verdict(make_awkward())


def test_long_lists_are_cut_with_their_count():
    labels = [f"rule{i}" for i in range(12)]
    said = verdict(_summary(labels, [1] * 6 + [2] * 6))
    assert "rule3 and 2 others cannot be told apart" in said
    assert said.count("rule") <= 8


def test_the_profile_names_the_highest_score_and_the_next():
    several, profile = make_several(4)
    order = sorted(zip(profile.score, profile.contenders, strict=True), reverse=True)
    said = verdict_over_tasks(profile)
    assert f"{order[0][1]} has the highest score ({order[0][0]:.2f}" in said
    assert f"before {order[1][1]} ({order[1][0]:.2f})" in said
    none = tuple(tuple(None for _ in row) for row in profile.steps_to_target)
    assert "No contender reached" in verdict_over_tasks(dataclasses.replace(profile, steps_to_target=none))
    assert make_profile(several) == profile
