"""Averages with fewer bits inside a population, held against the same run written out, number by number."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from literal_training import Literal, run, small_task

from thalweg.compression import FORMATS
from thalweg.errors import InvalidValueError
from thalweg.optimizers import SGD, SWATS, Adam, Muon, SignSGD
from thalweg.records import OptimizerSpec, RunResult, RunSpec
from thalweg.study.recipes import check_recipe, techniques_from
from thalweg.study.workbench import Schedule, ready_task
from thalweg.training.devices import prepare_jax
from thalweg.training.plan import Plan
from thalweg.training.population import Engine, Member
from thalweg.training.recipe import recipe_of

STEPS, WINDOW, BATCH, SEED = 12, 4, 8, 3
RULES = [Adam(learning_rate=0.02), Muon(learning_rate=0.02)]
OTHERS = [SWATS(), SGD(learning_rate=0.05), SignSGD()]

prepare_jax()


TASK = small_task(hidden=60)


def _spec(rule: Any, form: str, smallest: int = 1) -> RunSpec:
    techniques = {"state": f"state:smallest={smallest}:format={form}"} if form else {}
    return RunSpec("small", "", OptimizerSpec(rule.name, rule.values()), BATCH, STEPS, WINDOW, SEED, True, techniques)


def _results(members: list[Member]) -> dict[str, RunResult]:
    features = frozenset().union(*(recipe_of(m.spec.techniques).features for m in members))
    rules = {type(m.rule): m.rule for m in members}
    engine = Engine(TASK, TASK.data, list(rules.values()), BATCH, WINDOW, Plan(4, 3, 1), features=features)
    return {r.spec.fingerprint: r for batch in engine.train(members) for r in batch}


@pytest.fixture(scope="module")
def together() -> dict[str, RunResult]:
    """Every rule in every format, and rules with other states, in one program."""
    members = [Member(_spec(rule, form), rule) for rule in RULES for form in ("", *FORMATS)]
    members += [Member(_spec(rule, ""), rule) for rule in OTHERS]
    members += [Member(_spec(RULES[0], "int8", smallest), RULES[0]) for smallest in (300, 301)]
    return _results(members)


def _bfloat16(x: float, u: float | None) -> float:
    """Return x in bfloat16: with a chance up, or to nearest."""
    if x == 0:
        return 0.0
    if u is None:
        return torch.tensor(x, dtype=torch.float32).bfloat16().item()
    unit = 2.0 ** (math.floor(math.log2(abs(x))) - 7)
    return math.copysign(math.floor(abs(x) / unit + u) * unit, x)


def _int8(block: list[float], noise: list[float | None]) -> list[float]:
    """Return a block in eight bits: each number one of its two neighbours among the values."""
    scale = max(map(abs, block))
    signed = min(block) < 0
    values = [(c / 127) ** 4 for c in range(128)] if signed else [(c / 255) ** 4 for c in range(256)]
    found = []
    for x, u in zip(block, noise, strict=True):
        share = abs(x) / scale if scale else 0.0
        up = next(i for i, v in enumerate(values) if v >= share)
        code = up
        if values[up] > share:
            part = (share - values[up - 1]) / (values[up] - values[up - 1])
            code = up if part + (0.5 if u is None else u) >= 1 else up - 1
        code = max(code, 1) if share > 0 and not signed else code
        found.append(math.copysign(values[code] * scale, x))
    return found


def _stored(form: str, names: tuple[str, ...]) -> Any:
    def store(step: int, state: Any) -> Any:
        key = jax.random.fold_in(jax.random.fold_in(jax.random.key(np.int32(SEED)), step), 4)
        count = sum(-(-kept[name].size // 256) * 256 for kept in state for name in names if name in kept)
        drawn = iter(np.asarray(jax.random.uniform(key, (count,), jnp.float32)))
        new = [dict(kept) for kept in state]
        for name in names:
            for kept in (one for one in new if name in one):
                x = np.asarray(kept[name], np.float64)
                noise: list[Any] = [float(next(drawn)) for _ in range(-(-x.size // 256) * 256)][: x.size]
                noise = [None] * x.size if form.endswith("nearest") else noise
                flat = [float(v) for v in x.ravel()]
                if form.startswith("bfloat16"):
                    flat = [_bfloat16(v, u) for v, u in zip(flat, noise, strict=True)]
                else:
                    parts = [_int8(flat[a : a + 256], noise[a : a + 256]) for a in range(0, x.size, 256)]
                    flat = [v for part in parts for v in part]
                kept[name] = np.array(flat).reshape(x.shape)
        return tuple(new)

    return store


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("form", ["", *FORMATS])
def test_rounded_averages_are_those_of_a_literal_loop(rule: Any, form: str, together: dict[str, RunResult]) -> None:
    how = Literal(store=_stored(form, ("m", "v"))) if form else Literal()
    expected = run(TASK, TASK.data, rule, SEED, BATCH, STEPS, how).losses[::WINDOW]
    found = together[_spec(rule, form).fingerprint].curve.validation_loss
    # In float32 a number may fall on the other side of a border, which moves it by a unit of the format.
    np.testing.assert_allclose(found, expected, rtol=1e-4 if not form or form.startswith("b") else 5e-4)
    plain = together[_spec(rule, "").fingerprint].curve.validation_loss
    assert (np.abs(found / plain - 1).max() > 1e-4) == bool(form)


@pytest.mark.parametrize("rule", OTHERS, ids=lambda rule: rule.name)
def test_rules_without_such_averages_share_the_program(rule: Any, together: dict[str, RunResult]) -> None:
    expected = run(TASK, TASK.data, rule, SEED, BATCH, STEPS, Literal()).losses[::WINDOW]
    found = together[_spec(rule, "").fingerprint].curve.validation_loss
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_small_arrays_stay_as_they_are(together: dict[str, RunResult]) -> None:
    plain, all_small, some = (
        together[_spec(RULES[0], form, smallest).fingerprint].curve.validation_loss
        for form, smallest in (("", 1), ("int8", 301), ("int8", 300))
    )
    np.testing.assert_array_equal(plain, all_small)
    assert not np.array_equal(plain, some)


def test_a_rule_without_such_averages_is_refused_by_name() -> None:
    with pytest.raises(InvalidValueError, match=r"^sgd: technique state:format=int8 is not allowed, since the rule"):
        check_recipe(
            techniques_from(["state:format=int8"]), [SGD()], ready_task("digits-logistic"), Schedule(8, 10, 10)
        )
