import numpy as np
import pytest
from simulated_studies import protocol

from thalweg.study.ranking import Ranking, rank_contenders
from thalweg.study.statistics import Resamples, draw

RESAMPLES = draw(protocol(resamples=4000), 3)
NOISE = np.random.default_rng(0).normal(size=(6, 10)) * 0.01


def ranked(
    means: list[float],
    *,
    shifts: np.ndarray | None = None,
    noise: float = 1.0,
    larger_is_better: bool = True,
    resamples: Resamples = RESAMPLES,
) -> Ranking:
    values = np.array(means)[:, None] + noise * NOISE[: len(means)]
    shifts = np.zeros((len(means), len(resamples.seeds))) if shifts is None else shifts
    return rank_contenders(list("abcdef"[: len(means)]), values, shifts, resamples, larger_is_better)


def test_planted_differences_are_found() -> None:
    found = ranked([0.9, 0.7, 0.8])
    assert found.order == ("a", "c", "b")
    assert found.ranks == {"a": (1, 1), "c": (2, 2), "b": (3, 3)}
    assert found.groups == {"a": 1, "c": 2, "b": 3}
    assert {(c.first, c.second, c.verdict) for c in found.comparisons} == {
        ("a", "c", "first"),
        ("a", "b", "first"),
        ("c", "b", "first"),
    }
    best = found.comparisons[0]
    assert best.difference.mean == pytest.approx(0.1 + NOISE[0].mean() - NOISE[2].mean(), rel=1e-12)
    assert best.probability_first_better == 1


def test_the_direction_of_the_metric_turns_everything_round() -> None:
    found = ranked([0.9, 0.7, 0.8], larger_is_better=False)
    assert found.order == ("b", "c", "a")
    assert found.groups == {"b": 1, "c": 2, "a": 3}
    assert found.comparisons[0].difference.mean < 0
    assert found.comparisons[0].verdict == "first"


def test_equal_contenders_tie_and_share_their_ranks() -> None:
    found = ranked([0.8, 0.8, 0.5], noise=0)
    assert found.groups == {"a": 1, "b": 1, "c": 2}
    assert found.ranks == {"a": (1, 2), "b": (1, 2), "c": (3, 3)}
    tie = found.comparisons[0]
    assert (tie.probability_first_better, tie.verdict, tie.difference.mean) == (0.5, "not separable", 0)


def test_a_small_difference_within_the_noise_is_not_a_win() -> None:
    found = ranked([0.800, 0.801])
    assert found.comparisons[0].verdict == "not separable"
    assert found.groups == {"a": 1, "b": 1}
    assert found.ranks == {"a": (1, 2), "b": (1, 2)}


def test_a_sure_but_unlikely_win_is_none() -> None:
    """The mean differs for sure, because of few large wins among many small losses."""
    values = np.zeros((2, 10))
    values[0] = [-0.001] * 3 + [0.3] * 7
    resamples = draw(protocol(resamples=4000), 0)
    shifts = np.zeros((2, 4000))
    sure = rank_contenders(["a", "b"], values, shifts, resamples, True, win_probability=0.7).comparisons[0]
    assert sure.probability_first_better == pytest.approx(0.7)
    assert sure.difference.low > 0
    assert sure.verdict == "first"
    assert rank_contenders(["a", "b"], values, shifts, resamples, True).comparisons[0].verdict == "not separable"


def test_what_seeds_share_cancels_in_a_difference() -> None:
    common = np.random.default_rng(1).normal(size=10)
    values = np.stack([common + 0.1 + NOISE[0], common + NOISE[1]])
    paired = rank_contenders(["a", "b"], values, np.zeros((2, 4000)), RESAMPLES, True)
    apart = rank_contenders(["a", "b"], np.stack([values[0], values[1][::-1]]), np.zeros((2, 4000)), RESAMPLES, True)
    assert paired.comparisons[0].verdict == "first"
    assert apart.comparisons[0].verdict == "not separable"


def test_a_win_that_hangs_on_one_lucky_trial_is_none() -> None:
    lucky = np.where(np.arange(4000) % 3 == 0, -0.5, 0.0)  # a third of the searches would not have found it
    shifts = np.stack([lucky, np.zeros(4000)])
    comparison = ranked([0.9, 0.7], shifts=shifts).comparisons[0]
    assert comparison.verdict == "not separable"
    assert comparison.difference.low == pytest.approx(-0.3, abs=0.05)
    assert comparison.probability_first_better == pytest.approx(2 / 3, abs=1e-3)
    both = ranked([0.9, 0.7], shifts=np.stack([lucky, lucky])).comparisons[0]
    assert both.verdict == "first"  # luck that both share cancels


def test_probability_is_the_mean_over_all_pairs_of_seed_and_search() -> None:
    rng = np.random.default_rng(4)
    shifts = rng.choice([0.0, -0.01, -0.02], size=(2, 4000))
    comparison = ranked([0.805, 0.8], shifts=shifts).comparisons[0]
    difference = (0.005 + NOISE[0] - NOISE[1])[:, None] + (shifts[0] - shifts[1])
    assert comparison.probability_first_better == pytest.approx((difference > 0).mean(), abs=1e-12)


def test_the_order_in_which_contenders_are_given_does_not_matter() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(5, 10)) * 0.02 + np.array([[0.5], [0.51], [0.52], [0.6], [0.6]])
    shifts = -np.abs(rng.normal(size=(5, 4000))) * 0.01
    labels = list("abcde")
    base = rank_contenders(labels, values, shifts, RESAMPLES, True)
    for order in ([4, 3, 2, 1, 0], [2, 0, 4, 1, 3]):
        again = rank_contenders([labels[i] for i in order], values[order], shifts[order], RESAMPLES, True)
        assert (again.order, again.ranks, again.groups) == (base.order, base.ranks, base.groups)
        for ours, theirs in zip(again.comparisons, base.comparisons, strict=True):
            assert (ours.first, ours.second, ours.verdict) == (theirs.first, theirs.second, theirs.verdict)
            # the matrix product adds up in another order
            assert ours.difference.low == pytest.approx(theirs.difference.low, abs=1e-12)


def test_a_constant_added_to_all_changes_no_verdict() -> None:
    base, moved = ranked([0.80, 0.81, 0.83, 0.9]), ranked([10.80, 10.81, 10.83, 10.9])
    assert (base.order, base.ranks, base.groups) == (moved.order, moved.ranks, moved.groups)


def test_groups_are_made_by_who_loses_to_the_best_of_the_group() -> None:
    found = ranked([0.820, 0.812, 0.804, 0.70])
    leader = found.order[0]
    lost = {c.second for c in found.comparisons if c.first == leader and c.verdict == "first"}
    assert found.groups[leader] == 1
    assert lost == {label for label, group in found.groups.items() if group > 1} != set()


def test_an_uncertain_contender_is_not_said_to_be_worse_than_it_is_known_to_be() -> None:
    wild = np.linspace(-0.3, 0.3, 10)  # about 0.77, below b, whose 0.8 is surely less than 0.82
    values = np.stack([0.82 + NOISE[0] / 10, 0.80 + NOISE[1] / 10, 0.77 + wild, 0.75 + NOISE[3] / 10])
    found = rank_contenders(list("abcd"), values, np.zeros((4, 4000)), RESAMPLES, True)
    assert found.order == ("a", "b", "c", "d")
    assert found.groups == {"a": 1, "b": 2, "c": 1, "d": 3}


def test_rank_intervals_hold_the_rank_of_the_mean() -> None:
    found = ranked([0.80, 0.805, 0.81, 0.815, 0.82])
    for place, label in enumerate(found.order, start=1):
        low, high = found.ranks[label]
        assert 1 <= low <= place <= high <= 5


def test_one_seed_separates_nobody() -> None:
    resamples = draw(protocol(confirmation_seeds=1, resamples=100), 0)
    found = rank_contenders(["a", "b"], np.array([[0.9], [0.1]]), np.zeros((2, 100)), resamples, True)
    assert found.comparisons[0].verdict == "not separable"
    assert found.comparisons[0].difference.low is None


def test_one_contender_has_nobody_to_beat() -> None:
    found = ranked([0.5])
    assert (found.order, found.ranks, found.groups, found.comparisons) == (("a",), {"a": (1, 1)}, {"a": 1}, ())
