"""Every technique inside a population, held against the same run written out step by step."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import jax
import numpy as np
import pytest
from literal_training import Literal, run, small_task

from thalweg.optimizers import SGD, Adam, Momentum, Nesterov
from thalweg.records import OptimizerSpec, RunResult, RunSpec
from thalweg.schedules import parse_schedule
from thalweg.training.devices import prepare_jax
from thalweg.training.plan import Plan
from thalweg.training.population import Engine, Member
from thalweg.training.recipe import recipe_of

STEPS, WINDOW, BATCH, SEED = 24, 4, 8, 3

prepare_jax()


TASK = small_task(hidden=7)
DATA = TASK.data


def _spec(rule: Any, techniques: Mapping[str, str], seed: int = SEED) -> RunSpec:
    return RunSpec("small", "", OptimizerSpec(rule.name, rule.values()), BATCH, STEPS, WINDOW, seed, True, techniques)


def _trained(members: list[Member], devices: int = 1, keep: bool = False) -> tuple[Engine, dict[str, RunResult]]:
    features = frozenset().union(*(recipe_of(m.spec.techniques).features for m in members))
    plan = Plan(min(4, len(members)), 3, devices)
    engine = Engine(TASK, DATA, [m.rule for m in members], BATCH, WINDOW, plan, features=features, keep_parameters=keep)
    results = [result for batch in engine.train(members) for result in batch]
    return engine, {result.spec.fingerprint: result for result in results}


def _curve(rule: Any, techniques: Mapping[str, str]) -> np.ndarray:
    """Return the validation losses of a run that shares its program with a plain one and another rule's."""
    member = Member(_spec(rule, techniques), rule)
    others = [Member(_spec(Adam(), {}), Adam()), Member(_spec(rule, {}), rule)]
    _, results = _trained([member, *others])
    plain = run(TASK, DATA, rule, SEED, BATCH, STEPS, Literal()).losses[::WINDOW]
    beside = results[others[1].spec.fingerprint].curve.validation_loss
    np.testing.assert_allclose(beside, plain, rtol=2e-5)  # float32 against float64
    return results[member.spec.fingerprint].curve.validation_loss


def _weights(array: np.ndarray) -> bool:
    return array.ndim > 1


def _clip_norm(gradient: list[np.ndarray], leaves: list[np.ndarray]) -> list[np.ndarray]:
    norm = np.sqrt(sum(float(np.sum(g**2)) for g in gradient))
    return [g * min(1.0, 0.2 / norm) for g in gradient]


def _clip_units(gradient: list[np.ndarray], leaves: list[np.ndarray]) -> list[np.ndarray]:
    def one(g: np.ndarray, x: np.ndarray) -> np.ndarray:
        axes = 0 if sum(n > 1 for n in g.shape) > 1 else None
        most = 0.1 * np.maximum(np.sqrt(np.sum(x**2, axis=axes, keepdims=True)), 1e-3)
        norm = np.sqrt(np.sum(g**2, axis=axes, keepdims=True))
        return np.where(norm > most, g * most / np.where(norm > 0, norm, 1), g)

    return [one(g, x) for g, x in zip(gradient, leaves, strict=True)]


TREATMENTS: dict[str, tuple[Mapping[str, str], Callable[..., list[np.ndarray]]]] = {
    "value": ({"clip-value": "clip-value:0.05"}, lambda g, x: [np.clip(one, -0.05, 0.05) for one in g]),
    "norm": ({"clip-norm": "clip-norm:0.2"}, _clip_norm),
    "adaptive": ({"clip-adaptive": "clip-adaptive:0.1"}, _clip_units),
    "centralize": (
        {"centralize": "centralize"},
        lambda g, x: [one - one.mean(0, keepdims=True) if _weights(one) else one for one in g],
    ),
    "l2": (
        {"l2": "l2:0.1"},
        lambda g, x: [a + 0.1 * b if _weights(a) else a for a, b in zip(g, x, strict=True)],
    ),
    "l1": (
        {"l1": "l1:0.1"},
        lambda g, x: [a + 0.1 * np.sign(b) if _weights(a) else a for a, b in zip(g, x, strict=True)],
    ),
    "l2 before clipping": (
        {"l2": "l2:0.5", "clip-norm": "clip-norm:0.2"},
        lambda g, x: _clip_norm([a + 0.5 * b if _weights(a) else a for a, b in zip(g, x, strict=True)], x),
    ),
}


@pytest.mark.parametrize("name", TREATMENTS)
@pytest.mark.parametrize("rule", [SGD(learning_rate=0.1), Adam(learning_rate=0.02)], ids=lambda rule: rule.name)
def test_gradients_are_treated_as_written(name: str, rule: Any) -> None:
    techniques, treat = TREATMENTS[name]
    expected = run(TASK, DATA, rule, SEED, BATCH, STEPS, Literal(treat=treat)).losses[::WINDOW]
    np.testing.assert_allclose(_curve(rule, techniques), expected, rtol=5e-5)


def test_a_penalty_is_part_of_the_loss_where_the_rule_looks() -> None:
    rule, (techniques, treat) = Nesterov(learning_rate=0.05, momentum=0.9), TREATMENTS["l2"]
    expected = run(TASK, DATA, rule, SEED, BATCH, STEPS, Literal(treat=treat)).losses[::WINDOW]
    member = Member(_spec(rule, techniques), rule)
    _, results = _trained([member])
    np.testing.assert_allclose(results[member.spec.fingerprint].curve.validation_loss, expected, rtol=5e-5)


@pytest.mark.parametrize("rule", [SGD(learning_rate=0.1), Adam(learning_rate=0.02)], ids=lambda rule: rule.name)
def test_decoupled_decay_follows_the_schedule(rule: Any) -> None:
    cosine = parse_schedule("cosine")
    how = Literal(factor={"learning_rate": lambda t: float(cosine.factor(t, STEPS))}, decay=0.3)
    expected = run(TASK, DATA, rule, SEED, BATCH, STEPS, how).losses[::WINDOW]
    techniques = {"schedule.learning_rate": "cosine", "weight-decay": "weight-decay:0.3"}
    np.testing.assert_allclose(_curve(rule, techniques), expected, rtol=5e-5)


@pytest.mark.parametrize("notation", ["cosine:warmup=0.2", "step:at=0.5", "exponential", "warmup:0.3+polynomial"])
def test_the_rate_follows_its_schedule(notation: str) -> None:
    schedule, rule = parse_schedule(notation), Momentum(learning_rate=0.05)
    how = Literal(factor={"learning_rate": lambda t: float(schedule.factor(t, STEPS))})
    expected = run(TASK, DATA, rule, SEED, BATCH, STEPS, how).losses[::WINDOW]
    np.testing.assert_allclose(_curve(rule, {"schedule.learning_rate": notation}), expected, rtol=5e-5)


def test_any_hyperparameter_can_have_a_schedule() -> None:
    schedule, rule = parse_schedule("polynomial"), Momentum(learning_rate=0.05, momentum=0.9)
    how = Literal(factor={"momentum": lambda t: float(schedule.factor(t, STEPS))})
    expected = run(TASK, DATA, rule, SEED, BATCH, STEPS, how).losses[::WINDOW]
    np.testing.assert_allclose(_curve(rule, {"schedule.momentum": "polynomial"}), expected, rtol=5e-5)


@pytest.mark.parametrize(
    ("techniques", "weight"),
    [
        ({"ema": "ema:decay=0.8"}, lambda t: 1.0 if t == 1 else 0.2),
        ({"polyak": "polyak:start=0.5"}, lambda t: 1.0 if t <= 12 else 1 / (t - 12)),
        ({"swa": "swa:start=0.5:every=3"}, lambda t: 1.0 if t < 15 else (3 / (t - 12) if (t - 12) % 3 == 0 else 0.0)),
    ],
    ids=["ema", "polyak", "swa"],
)
def test_the_average_is_judged(techniques: Mapping[str, str], weight: Callable[[int], float]) -> None:
    rule = SGD(learning_rate=0.1)
    expected = run(TASK, DATA, rule, SEED, BATCH, STEPS, Literal(average=weight))
    np.testing.assert_allclose(_curve(rule, techniques), expected.losses[::WINDOW], rtol=5e-5)
    member = Member(_spec(rule, techniques), rule)
    engine, results = _trained([member], keep=True)
    for found, wanted in zip(engine.parameters[member.spec.fingerprint], expected.averages, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
    params = jax.tree.unflatten(jax.tree.structure(TASK.init(jax.random.key(0))), expected.averages)
    test_loss = float(TASK.loss(params, DATA.test))
    assert results[member.spec.fingerprint].test_loss == pytest.approx(test_loss, rel=1e-4)


@pytest.mark.parametrize("rule", [SGD(learning_rate=0.1), Adam(learning_rate=0.02)], ids=lambda rule: rule.name)
def test_a_growing_batch_is_one_update_on_all_of_its_examples(rule: Any) -> None:
    how = Literal(group=lambda step: 1 if step <= 12 else 4)
    expected = run(TASK, DATA, rule, SEED, BATCH, STEPS, how).losses[::WINDOW]
    found = _curve(rule, {"growth": "step:at=0.5:decay=0.25"})
    np.testing.assert_allclose(found, expected, rtol=5e-5)


def test_a_schedule_counts_the_examples_of_a_growing_batch() -> None:
    schedule, rule = parse_schedule("cosine"), SGD(learning_rate=0.1)
    factor = {"learning_rate": lambda t: float(schedule.factor(t, STEPS))}
    how = Literal(factor=factor, group=lambda step: 2 if step > 12 else 1)
    expected = run(TASK, DATA, rule, SEED, BATCH, STEPS, how).losses[::WINDOW]
    techniques = {"growth": "step:at=0.5:decay=0.5", "schedule.learning_rate": "cosine"}
    np.testing.assert_allclose(_curve(rule, techniques), expected, rtol=5e-5)


def _uphill(x: list[np.ndarray], g: list[np.ndarray]) -> list[np.ndarray]:
    norm = np.sqrt(sum(float(np.sum(one**2)) for one in g))
    return [a + 0.3 * b / norm for a, b in zip(x, g, strict=True)]


def _uphill_in_units(x: list[np.ndarray], g: list[np.ndarray]) -> list[np.ndarray]:
    units = [np.abs(a) + 0.02 if _weights(a) else np.ones_like(a) for a in x]
    norm = np.sqrt(sum(float(np.sum((u * b) ** 2)) for u, b in zip(units, g, strict=True)))
    return [a + 0.3 * u**2 * b / norm for a, u, b in zip(x, units, g, strict=True)]


def _agreeing(new: list[np.ndarray], old: list[np.ndarray], g: list[np.ndarray]) -> list[np.ndarray]:
    def one(x: np.ndarray, before: np.ndarray, slope: np.ndarray) -> np.ndarray:
        agrees = (before - x) * slope > 0
        return before - np.where(agrees, before - x, 0.0) / max(agrees.mean(), 0.25)

    return [one(*arrays) for arrays in zip(new, old, g, strict=True)]


RULES = [Momentum(learning_rate=0.05), Adam(learning_rate=0.02)]
AROUND: dict[str, tuple[Mapping[str, str], Literal]] = {
    "sam": ({"sam": "sam:radius=0.3"}, Literal(uphill=_uphill)),
    "asam": ({"sam": "sam:radius=0.3:floor=0.02:adaptive=on"}, Literal(uphill=_uphill_in_units)),
    "sam, clipped": (
        {"sam": "sam:0.3", "clip-norm": "clip-norm:0.2"},
        Literal(uphill=_uphill, treat=_clip_norm),
    ),
    "cautious": ({"cautious": "cautious:0.25"}, Literal(step=_agreeing)),
    "cautious, decayed": (
        {"cautious": "cautious:0.25", "weight-decay": "weight-decay:0.3"},
        Literal(step=_agreeing, decay=0.3),
    ),
    "lookahead": ({"lookahead": "lookahead:every=3:share=0.6"}, Literal(slow=(3, 0.6))),
    "lookahead, averaged": (
        {"lookahead": "lookahead:every=3:share=0.6", "ema": "ema:0.8"},
        Literal(slow=(3, 0.6), average=lambda t: 1.0 if t == 1 else 0.2),
    ),
    "accumulated": ({"accumulate": "accumulate:4"}, Literal(group=lambda step: 4)),
    "accumulated and growing": (
        {"accumulate": "accumulate:2", "growth": "step:at=0.5:decay=0.5"},
        Literal(group=lambda step: 2 if step <= 12 else 4),
    ),
    "nothing": ({}, Literal()),
    "all": (
        {"sam": "sam:0.3", "cautious": "cautious:0.25", "lookahead": "lookahead:2", "accumulate": "accumulate:2"},
        Literal(uphill=_uphill, step=_agreeing, slow=(2, 0.5), group=lambda step: 2),
    ),
}


@lru_cache
def _all_around() -> dict[str, RunResult]:
    """Return the results of all of them and of plain runs, trained in one program."""
    members = [Member(_spec(rule, one), rule) for rule in RULES for one, _ in AROUND.values()]
    _, results = _trained(members)
    return results


@pytest.mark.parametrize("name", AROUND)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_what_goes_around_the_rule_is_done_as_written(name: str, rule: Any) -> None:
    techniques, how = AROUND[name]
    expected = run(TASK, DATA, rule, SEED, BATCH, STEPS, how).losses[::WINDOW]
    found = _all_around()[_spec(rule, techniques).fingerprint].curve.validation_loss
    np.testing.assert_allclose(found, expected, rtol=5e-5)


def test_the_slow_weights_are_the_result() -> None:
    rule, techniques = Adam(learning_rate=0.02), {"lookahead": "lookahead:every=5:share=0.4"}
    course = run(TASK, DATA, rule, SEED, BATCH, STEPS, Literal(slow=(5, 0.4)))
    member = Member(_spec(rule, techniques), rule)
    engine, results = _trained([member], keep=True)
    for found, wanted in zip(engine.parameters[member.spec.fingerprint], course.averages, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
    assert results[member.spec.fingerprint].validation_loss == pytest.approx(course.losses[-1], rel=1e-4)


def test_a_neutral_setting_changes_nothing() -> None:
    rule = Adam(learning_rate=0.02)
    everything = {"sam": "sam", "cautious": "cautious", "lookahead": "lookahead", "accumulate": "accumulate"}
    without = {"sam": "sam:0", "lookahead": "lookahead:every=1:share=1", "accumulate": "accumulate:1"}
    members = [Member(_spec(rule, one), rule) for one in ({}, everything, without)]
    _, results = _trained(members)
    _, alone = _trained(members[:1])
    plain = alone[members[0].spec.fingerprint].curve.validation_loss
    for member in (members[0], members[2]):
        np.testing.assert_array_equal(results[member.spec.fingerprint].curve.validation_loss, plain)
    assert not np.allclose(results[members[1].spec.fingerprint].curve.validation_loss, plain, rtol=1e-3)


def test_early_stopping_keeps_the_best_weights() -> None:
    rule = SGD(learning_rate=0.45)  # large enough to fall and rise
    plain = np.array(run(TASK, DATA, rule, SEED, BATCH, STEPS, Literal()).losses[::WINDOW])
    techniques = {"early-stopping": "early-stopping:patience=1"}
    member, other = (Member(_spec(rule, one), rule) for one in (techniques, {}))
    engine, results = _trained([member, other], keep=True)
    result = results[member.spec.fingerprint]
    evaluations = list(plain[1:])
    best, at = evaluations[0], 0
    for number, loss in enumerate(evaluations[1:], start=1):
        if loss >= best:
            break
        best, at = loss, number
    stopped = (number + 1) * WINDOW
    assert stopped < STEPS, "the example must stop early"
    assert result.gradient_evaluations == stopped
    assert result.validation_loss == pytest.approx(best, rel=1e-4)
    np.testing.assert_allclose(result.curve.validation_loss[-1], best, rtol=1e-4)
    assert np.isnan(result.curve.train_loss[-1])
    course = run(TASK, DATA, rule, SEED, BATCH, (at + 1) * WINDOW, Literal())
    for found, wanted in zip(engine.parameters[member.spec.fingerprint], course.leaves, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-3, atol=1e-5)
    plainly = results[other.spec.fingerprint]
    assert plainly.gradient_evaluations == STEPS
    np.testing.assert_allclose(plainly.curve.validation_loss, plain, rtol=1e-4)


def test_the_rate_is_reduced_on_a_plateau() -> None:
    rule = SGD(learning_rate=0.45)
    notation = "plateau:decay=0.1:patience=0:threshold=0"
    found = _curve(rule, {"schedule.learning_rate": notation})
    scale, best, losses = 1.0, np.inf, []
    scales = []
    for window in range(STEPS // WINDOW):
        scales += [scale] * WINDOW
        how = Literal(factor={"learning_rate": lambda t, scales=tuple(scales): scales[t - 1]})
        losses = run(TASK, DATA, rule, SEED, BATCH, (window + 1) * WINDOW, how).losses[::WINDOW]
        if losses[-1] < best:
            best = losses[-1]
        else:
            scale *= 0.1
    assert scale < 1, "the example must meet a plateau"
    np.testing.assert_allclose(found, losses, rtol=1e-4)


def test_whatever_is_asked_for_is_one_program() -> None:
    rule = SGD(learning_rate=0.1)
    many = [
        {},
        {"clip-norm": "clip-norm:0.2"},
        {"clip-norm": "clip-norm:0.4", "schedule.learning_rate": "cosine"},
        {"schedule.learning_rate": "step"},
        {"initializer": "he", "l2": "l2:0.01"},
        {"initializer": "orthogonal", "sampling": "replacement"},
        {"growth": "step:at=0.5"},
        {"ema": "ema:0.9"},
        {"sam": "sam:0.1", "lookahead": "lookahead", "cautious": "cautious"},
        {"sam": "sam:0.2:adaptive=on", "accumulate": "accumulate:2"},
    ]
    members = [Member(_spec(rule, one), rule) for one in many]
    features = frozenset().union(*(recipe_of(one).features for one in many))
    engine = Engine(TASK, DATA, [rule], BATCH, WINDOW, Plan(4, 3, 1), features=features)
    together = {r.spec.fingerprint: r for batch in engine.train(members) for r in batch}
    compiled = engine.seconds.compile
    later = [Member(_spec(rule, {"clip-norm": "clip-norm:0.3", "schedule.learning_rate": "exponential"}), rule)]
    for _ in engine.train(later):
        pass
    assert engine.seconds.compile == compiled, "another number or schedule must not compile anything"
    for member in members:
        _, alone = _trained([member])
        fingerprint = member.spec.fingerprint
        np.testing.assert_allclose(
            together[fingerprint].curve.validation_loss, alone[fingerprint].curve.validation_loss, rtol=2e-5
        )


def test_two_devices_train_the_same_techniques() -> None:
    rule = SGD(learning_rate=0.1)
    chosen = [{"ema": "ema:0.9"}, {"clip-norm": "clip-norm:0.2"}, {"early-stopping": "early-stopping:1"}]
    members = [Member(_spec(rule, one, seed), rule) for one in chosen for seed in (1, 2, 3)]
    _, one = _trained(members)
    _, two = _trained(members, devices=len(jax.devices()))
    assert {f: r.validation_loss for f, r in one.items()} == pytest.approx(
        {f: r.validation_loss for f, r in two.items()}
    )


def test_a_diverging_run_with_techniques_disturbs_no_other() -> None:
    wild, tame = SGD(learning_rate=1e6), SGD(learning_rate=0.1)
    everything = {"ema": "ema:0.9", "early-stopping": "early-stopping:2", "growth": "step:at=0.5"}
    members = [Member(_spec(wild, everything), wild), Member(_spec(tame, everything), tame)]
    _, results = _trained(members)
    _, alone = _trained(members[1:])
    first, second = (results[m.spec.fingerprint] for m in members)
    assert first.status == "diverged"
    assert np.isnan(first.validation_loss)
    assert second.validation_loss == pytest.approx(alone[second.spec.fingerprint].validation_loss, rel=1e-6)
