from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from simulated_studies import MOMENTUM, RATE, Simulated, bowl, contender, protocol, simulate, study

from thalweg.records import StudyWarning
from thalweg.study.cautions import edge_side, warnings_for
from thalweg.study.evidence import gather

STANDARD = protocol("standard")


def warned(finished: Simulated, tasks: int = 2) -> tuple[StudyWarning, ...]:
    return warnings_for(gather(finished.record, finished.planned, finished.results), tasks)


def kinds(finished: Simulated) -> list[tuple[str, str | None]]:
    return [(w.kind, w.contender) for w in warned(finished)]


def sentence(finished: Simulated, kind: str) -> str:
    (found,) = [w.sentence for w in warned(finished) if w.kind == kind]
    return found


def diverging_above(limit: float, depth: float = 0.2):
    inner = bowl(depth)

    def outcome(spec, rng):
        return None if spec.optimizer.hyperparameters["learning_rate"] > limit else inner(spec, rng)

    return outcome


def test_a_sound_study_warns_of_nothing() -> None:
    finished = simulate(study([contender("a"), contender("b")], STANDARD), {"a": bowl(), "b": bowl(0.25)})
    assert kinds(finished) == []


def test_a_single_task_is_said_to_be_one() -> None:
    finished = simulate(study([contender("a")], STANDARD), {"a": bowl()})
    (only,) = warned(finished, tasks=1)
    assert (only.kind, only.contender) == ("tasks", None)
    assert "one task, digits" in only.sentence


@pytest.mark.parametrize(("best", "side", "way"), [(5.0, "upper", "upwards"), (2e-5, "lower", "downwards")])
def test_an_optimum_at_the_edge_is_seen(best: float, side: str, way: str) -> None:
    finished = simulate(study([contender("a")], STANDARD), {"a": bowl(best=best)}, target_value=100.0)
    assert ("edge", "a") in kinds(finished)
    text = sentence(finished, "edge")
    assert f"at the {side} edge of the searched range from 0.0001 to 1" in text
    assert f"widen the range {way}" in text


def test_edges_are_neither_missed_nor_invented() -> None:
    """In 32 trials of 3 dimensions: the first with its optimum beyond the range, the others not."""
    rng = np.random.default_rng(0)
    seen = np.zeros(3)
    for _ in range(200):
        points = rng.permuted(np.tile((np.arange(32)[:, None] + 0.5) / 32, (1, 3)), axis=0)
        loss = (points[:, 0] - 1.2) ** 2 + 0.1 * (points[:, 1] - 0.5) ** 2 + 0.003 * rng.normal(size=32)
        best = points[loss.argmin()]
        seen += [edge_side(best[k], points[:, k], loss) is not None for k in range(3)]
    assert seen[0] > 0.95 * 200
    assert seen[1] < 0.02 * 200
    assert seen[2] < 0.03 * 200  # of no influence: the outermost trial is the best in 6 % of the studies


def test_the_outermost_trial_alone_is_no_edge() -> None:
    positions = np.linspace(0, 1, 16)
    losses = np.abs(positions - 0.5)
    losses[15] = -1.0
    assert edge_side(1.0, positions, losses) is None
    assert edge_side(1.0, positions, -positions) == "upper"
    assert edge_side(-0.5, positions, positions) == "lower"  # defaults outside the range


def test_many_diverged_runs_are_counted() -> None:
    outcomes = {"a": diverging_above(0.02), "b": diverging_above(0.5)}
    finished = simulate(study([contender("a"), contender("b")], STANDARD), outcomes)
    assert [pair for pair in kinds(finished) if pair[0] == "diverged"] == [("diverged", "a")]
    text = sentence(finished, "diverged")
    # 32 evenly spread rates of 4 decades: 0.02 lies at 2.3 of 4, so 14 of 33 with 3 seeds each
    assert "a: 42 of 99 tuning runs diverged (42%)" in text
    assert "every one with a learning rate of 0.02" in text


def test_a_contender_of_which_nothing_is_left_is_said_to_stand_for_its_defaults() -> None:
    finished = simulate(study([contender("a"), contender("b")], STANDARD), {"a": diverging_above(0), "b": bowl()})
    assert ("all diverged", "a") in kinds(finished)
    assert "all 99 tuning runs diverged" in sentence(finished, "all diverged")
    assert "diverged on 10 of 10 fresh seeds" in sentence(finished, "diverged")


def test_a_general_rule_worse_than_its_special_case_is_seen() -> None:
    general = contender("momentum", (RATE, MOMENTUM), special_cases=("sgd",))
    entries = [contender("sgd"), general]
    worse = simulate(study(entries, STANDARD), {"sgd": bowl(0.2), "momentum": bowl(0.25)})
    assert ("inclusion", "momentum") in kinds(worse)
    text = sentence(worse, "inclusion")
    assert "momentum came out worse than sgd, which it contains: validation loss higher by 0.0" in text
    better = simulate(study(entries, STANDARD), {"sgd": bowl(0.25), "momentum": bowl(0.2)})
    assert "inclusion" not in [kind for kind, _ in kinds(better)]
    worse_by_chance = 0
    for luck in range(4):
        outcomes = {"sgd": bowl(0.2, noise=0.1), "momentum": bowl(0.2, noise=0.1)}
        within_noise = simulate(study(entries, STANDARD), outcomes, luck)
        evidence = gather(within_noise.record, within_noise.planned, within_noise.results)
        sgd, momentum = (evidence.fresh(evidence.confirmations[c.label].winner, "validation_loss") for c in entries)
        worse_by_chance += momentum.mean() > sgd.mean()
        assert "inclusion" not in [kind for kind, _ in kinds(within_noise)]
    assert worse_by_chance >= 1
    unrelated = simulate(
        study([entries[0], contender("momentum", (RATE, MOMENTUM))], STANDARD),
        {"sgd": bowl(0.2), "momentum": bowl(0.25)},
    )
    assert "inclusion" not in [kind for kind, _ in kinds(unrelated)]


def test_an_entry_contains_itself_with_less_tuned() -> None:
    everything = contender("adam", (RATE, MOMENTUM))
    rate_only = replace(everything, label="adam (learning rate only)", space=(RATE,), tuned="learning-rate")
    finished = simulate(
        study([everything, rate_only], STANDARD), {"adam": bowl(0.3), "adam (learning rate only)": bowl(0.2)}
    )
    assert ("inclusion", "adam") in kinds(finished)
    outside = replace(rate_only, defaults={"learning_rate": 0.01, "momentum": 0.0})
    finished = simulate(
        study([everything, outside], STANDARD), {"adam": bowl(0.3), "adam (learning rate only)": bowl(0.2)}
    )
    assert "inclusion" not in [kind for kind, _ in kinds(finished)]


def test_few_seeds_are_said() -> None:
    quick = simulate(study([contender("a")]), {"a": bowl()})
    assert "Settings were chosen on 1 seed, fewer than 3" in sentence(quick, "seeds")
    two = simulate(study([contender("a")], protocol("standard", confirmation_seeds=2)), {"a": bowl()})
    assert "Winners were trained again on 2 fresh seeds" in sentence(two, "seeds")


def test_a_target_missed_by_all_by_some_by_none() -> None:
    entries, outcomes = [contender("a"), contender("b")], {"a": bowl(0.1), "b": bowl(0.5)}
    finished = simulate(study(entries, STANDARD), outcomes)
    assert ("target", "b") in kinds(finished)
    text = sentence(finished, "target")
    assert text.startswith("b never reached the target (validation loss at most 0.3) within 100 steps")
    nobody = simulate(study(entries, STANDARD), outcomes, target_value=0.01)
    assert sentence(nobody, "target").startswith("Nobody reached the target (validation loss at most 0.01)")
    metric = simulate(study(entries, STANDARD), outcomes, target_quantity="validation_metric", target_value=0.99)
    assert "validation metric at least 0.99" in sentence(metric, "target")
    for card in ({"target_value": 1.0}, {"target_quantity": None, "target_value": None}):
        easy = simulate(study(entries, STANDARD), outcomes, **card)
        assert "target" not in [kind for kind, _ in kinds(easy)]


def test_defaults_that_were_not_beaten_are_said() -> None:
    finished = simulate(study([contender("a")], STANDARD), {"a": bowl(best=0.01, noise=0, curvature=1.0)})
    assert ("default", "a") in kinds(finished)
    assert "none of 32 sampled settings was better than its defaults (validation loss 0.2)" in sentence(
        finished, "default"
    )


def test_a_contender_with_nothing_to_tune_is_said() -> None:
    finished = simulate(study([contender("fixed", ())], STANDARD), {"fixed": bowl()})
    assert kinds(finished) == [("space", "fixed")]


def test_the_same_of_many_contenders_is_said_once() -> None:
    dull = {label: bowl(best=0.01, noise=0, curvature=1.0) for label in "abcd"}
    finished = simulate(study([contender(label) for label in dull], STANDARD), dull)
    assert sentence(finished, "default").startswith(
        "4 of 4 contenders have no sampled setting better than their defaults (a, b, c, d), so tuning"
    )
    fixed = simulate(study([contender(label, ()) for label in dull], STANDARD), dull)
    assert sentence(fixed, "space").startswith("4 of 4 contenders have nothing to search")


def test_missing_runs_come_first() -> None:
    finished = simulate(study([contender("a"), contender("b")], STANDARD), {"a": bowl(), "b": bowl(0.5)})
    results: Mapping = dict(list(finished.results.items())[:150])
    warnings = warned(replace(finished, results=results))
    assert warnings[0].kind == "incomplete"
    assert "88 of 238 planned runs are missing and a, b cannot be ranked yet" in warnings[0].sentence
    tuning = tuple(run for run in finished.planned if "trial" in run.role)
    only_tuned = warned(replace(finished, planned=tuning))
    assert "No run planned is missing and a, b cannot be ranked yet" in only_tuned[0].sentence


def test_every_warning_is_one_sentence() -> None:
    outcomes = {"a": diverging_above(0.001), "b": bowl(0.5, best=10.0), "c": diverging_above(0)}
    entries = [contender("a", special_cases=("b",)), contender("b"), contender("c"), contender("d", ())]
    finished = simulate(study(entries), {**outcomes, "d": bowl(0.9)})
    found = warned(finished, tasks=1)
    assert len({w.kind for w in found}) >= 5
    for warning in found:
        assert warning.sentence.endswith(".")
        assert "  " not in warning.sentence
        assert ". " not in warning.sentence
