"""Decompositions of matrices are called for one member at a time, as a batch of them can stand still for ever."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

from thalweg.optimizers import OPTIMIZERS, Rule
from thalweg.records import OptimizerSpec, RunSpec
from thalweg.tasks.base import Data, Task
from thalweg.training.devices import prepare_jax
from thalweg.training.lapack import DECOMPOSITIONS, over_members, rule_decomposes, uses_lapack
from thalweg.training.plan import Plan
from thalweg.training.population import Engine, Member
from thalweg.training.program import lane_program

prepare_jax()

RNG = np.random.default_rng(0)
SPLIT = {"x": RNG.normal(size=(12, 4)).astype(np.float32), "y": RNG.normal(size=(12, 3)).astype(np.float32)}
POINTS = (jax.ShapeDtypeStruct((4, 3), "float32"), jax.ShapeDtypeStruct((3,), "float32"))


def _init(key: Any) -> Any:
    return {"w": 0.1 * jax.random.normal(key, (4, 3)), "b": jnp.zeros(3)}


def _squares(params: Any, batch: Any) -> Any:
    return jnp.mean((batch["x"] @ params["w"] + params["b"] - batch["y"]) ** 2)


def _spectral(params: Any, batch: Any) -> Any:
    return _squares(params, batch) + 0.01 * jnp.linalg.norm(params["w"], 2)


def _task(loss: Any) -> Task:
    return Task("small", _init, loss, Data(SPLIT, SPLIT, SPLIT), batch_size=4)


def _decompositions(jaxpr: Any) -> list[Any]:
    found = [e for e in jaxpr.eqns if e.primitive.name in DECOMPOSITIONS]
    return found + [e for equation in jaxpr.eqns for j in jaxprs_in_params(equation.params) for e in _decompositions(j)]


def _engine(rule: Rule, loss: Any, devices: int = 1) -> Engine:
    task = _task(loss)
    assert isinstance(task.data, Data)
    return Engine(task, task.data, [rule], 4, 3, Plan(3, 2, devices))


def _members(rule: Rule, count: int) -> list[Member]:
    specs = [RunSpec("small", "", OptimizerSpec(rule.name, rule.values()), 4, 6, 3, seed) for seed in range(count)]
    return [Member(spec, rule) for spec in specs]


@pytest.mark.parametrize(("name", "loss"), [("shampoo", _squares), ("soap", _squares), ("sgd", _spectral)])
def test_no_decomposition_is_of_a_batch_of_members(name: str, loss: Any) -> None:
    engine = _engine(OPTIMIZERS[name].configured(), loss)
    lane, carry = engine._feeding.shapes()
    lane = lane._replace(**{one: jax.ShapeDtypeStruct((), np.int32) for one in ("rule", "first", "windows")})
    found = _decompositions(jax.make_jaxpr(lane_program(engine._structure))(lane, carry, SPLIT, SPLIT).jaxpr)
    assert found
    assert all(equation.invars[0].aval.ndim == 2 for equation in found)


def test_which_rules_decompose() -> None:
    assert {name for name, rule in OPTIMIZERS.items() if rule_decomposes(rule.configured(), POINTS)} == {
        "shampoo",
        "soap",
    }
    assert uses_lapack(jnp.linalg.inv, jax.ShapeDtypeStruct((3, 3), "float32"))
    assert not uses_lapack(jnp.exp, POINTS[0])


def test_members_in_turn_get_what_members_together_get() -> None:
    def step(shared: Any, own: Any, scale: Any) -> Any:
        return {"sum": shared + own["a"] * scale, "scale": scale}

    given = (jnp.arange(3.0), {"a": jnp.arange(6.0).reshape(2, 3)}, jnp.array([1.0, 2.0]))
    one, other = (over_members(step, (None, 0, 0), one_by_one=turns)(*given) for turns in (True, False))
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_two_devices_finish_what_one_does() -> None:
    rule = OPTIMIZERS["shampoo"].configured()
    found = []
    for devices in (1, min(2, len(jax.devices()))):
        engine = _engine(rule, _spectral, devices)
        found.append([result.validation_loss for results in engine.train(_members(rule, 6)) for result in results])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)
    assert np.all(np.isfinite(found))
