"""Every rule as an Optax transformation: the same numbers, in a state that Optax' own tools understand."""

import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import thalweg.interop.optax as rules
from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.interop.optax import RuleState, from_rule, scheduled
from thalweg.optimizers import OPTIMIZERS, SWATS, Adam, Nesterov, Rule, lift
from thalweg.optimizers.base import INPUTS
from thalweg.schedules import Cosine

STEPS = 5
SHAPES = ((4, 3), (3,), ())


@pytest.fixture
def wide() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def drawn(seed: int, dtype: Any = np.float64) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(seed)
    return tuple(np.asarray(random.normal(size=shape), dtype) for shape in SHAPES)


def as_tree(arrays: Any) -> Any:
    matrix, vector, number = (jnp.asarray(a) for a in arrays)
    return {"layer": {"weight": matrix, "bias": vector}, "scale": number}


def as_arrays(tree: Any) -> tuple[np.ndarray, ...]:
    return tuple(np.asarray(a) for a in (tree["layer"]["weight"], tree["layer"]["bias"], tree["scale"]))


def inputs_of(rule: Rule, step: int) -> dict[str, Any]:
    """Something of the right shape for everything that a rule needs beside the gradient."""
    return {
        name: np.asarray(2.0 + 0.1 * step) if name == "loss" else tuple(np.abs(a) for a in drawn(100 + step))
        for name in rule.needs
    }


def by_lift(rule: Rule, steps: int = STEPS) -> list[tuple[np.ndarray, ...]]:
    """The rule's own trajectory on NumPy; the arrays in the order in which JAX flattens the tree."""
    order = (1, 0, 2)  # bias, weight, scale
    leaves: Any = [drawn(0)[i] for i in order]
    state = lift.init_state(rule, leaves)
    done = []
    for step in range(1, steps + 1):
        look = lift.lookahead(rule, leaves, state)
        g = [drawn(step)[i] + 0.5 * x for i, x in zip(order, look, strict=True)]
        given = {
            name: value if name == "loss" else [value[i] for i in order]
            for name, value in inputs_of(rule, step).items()
        }
        leaves, state = lift.update(rule, leaves, g, state, step, **given)
        shown = lift.answer(rule, leaves, state)
        done.append(tuple(np.asarray(shown[order.index(i)]) for i in range(3)))
    return done


def by_optax(rule: Rule, steps: int = STEPS) -> list[tuple[np.ndarray, ...]]:
    transformation = from_rule(rule)
    params = as_tree(drawn(0))
    state = transformation.init(params)

    @jax.jit
    def step_on(params: Any, state: Any, noise: Any, given: Any) -> Any:
        g = jax.tree.map(lambda n, x: n + 0.5 * x, noise, transformation.lookahead(params, state))
        updates, state = transformation.update(g, state, params, **given)
        params = optax.apply_updates(params, updates)
        return params, state, transformation.answer(params, state)

    done = []
    for step in range(1, steps + 1):
        given = {
            "value" if name == "loss" else name: jnp.asarray(value) if name == "loss" else as_tree(value)
            for name, value in inputs_of(rule, step).items()
        }
        params, state, shown = step_on(params, state, as_tree(drawn(step)), given)
        done.append(as_arrays(shown))
    assert step_on._cache_size() == 1, "a state changes its type from step to step"  # type: ignore[attr-defined]
    return done


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_rule_is_itself_in_float64(name: str, wide: None) -> None:
    rule = OPTIMIZERS[name]()
    for ours, theirs in zip(by_optax(rule), by_lift(rule), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_every_rule_keeps_types_and_has_a_function(name: str) -> None:
    make = getattr(rules, name.replace("-", "_"))
    transformation = make()
    assert isinstance(transformation, optax.GradientTransformationExtraArgs)
    assert {*OPTIMIZERS[name].hyperparameters(), "preset"} <= set(inspect.signature(make).parameters)
    params = {"a": jnp.ones((4, 3), jnp.bfloat16), "b": jnp.ones(3, jnp.float32)}
    state = jax.eval_shape(transformation.init, params)
    given = {
        "value" if name == "loss" else name: jnp.ones(()) if name == "loss" else params
        for name in transformation.rule.needs
    }
    updates, after = jax.eval_shape(lambda s: transformation.update(params, s, params, **given), state)
    assert jax.tree.map(lambda a: (a.shape, a.dtype), (params, state)) == jax.tree.map(
        lambda a: (a.shape, a.dtype), (updates, after)
    )
    assert name.replace("-", "_") in dir(rules)


AGAINST = {
    "adam": (rules.adam(learning_rate=0.1, preset="optax"), optax.adam(0.1)),
    "adamw": (rules.adamw(learning_rate=0.1, weight_decay=0.01, preset="optax"), optax.adamw(0.1, weight_decay=0.01)),
    "sgd": (rules.sgd(learning_rate=0.1), optax.sgd(0.1)),
    "momentum": (rules.momentum(learning_rate=0.1, momentum=0.9, preset="optax"), optax.sgd(0.1, momentum=0.9)),
}
if "lion" in OPTIMIZERS:
    AGAINST["lion"] = (
        rules.lion(learning_rate=0.1, weight_decay=0.01, preset="optax"),
        optax.lion(0.1, weight_decay=0.01),
    )


def trained(transformation: Any, params: Any, steps: int = STEPS) -> Any:
    @jax.jit
    def step_on(g: Any, state: Any, params: Any) -> Any:
        updates, state = transformation.update(g, state, params)
        return optax.apply_updates(params, updates), state

    state = jax.jit(transformation.init)(params)
    for step in range(steps):
        params, state = step_on(as_tree(drawn(step + 1)), state, params)
    return params


def assert_same(a: Any, b: Any, tolerance: float = 1e-12) -> None:
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance), a, b)


@pytest.mark.parametrize("name", AGAINST)
def test_same_as_optax_own(name: str, wide: None) -> None:
    ours, theirs = AGAINST[name]
    params = as_tree(drawn(0))
    assert_same(trained(ours, params), trained(theirs, params))


def pairs() -> dict[str, tuple[Any, Any]]:
    adam, other = rules.adam(learning_rate=0.1), optax.adam(0.1)
    bias_only = {"layer": {"weight": False, "bias": True}, "scale": False}
    nothing = {"layer": {"weight": False, "bias": False}, "scale": False}
    labels = {"layer": {"weight": "one", "bias": "two"}, "scale": "one"}
    return {
        "chain": (
            optax.chain(optax.clip_by_global_norm(1.0), adam, optax.scale(0.5)),
            optax.chain(optax.clip_by_global_norm(1.0), other, optax.scale(0.5)),
        ),
        "masked": (optax.masked(adam, bias_only), optax.masked(other, bias_only)),
        "masked everything": (optax.masked(adam, nothing), optax.masked(other, nothing)),
        "partition": (
            optax.partition({"one": adam, "two": optax.sgd(0.1)}, labels),
            optax.partition({"one": other, "two": rules.sgd(learning_rate=0.1)}, labels),
        ),
        "MultiSteps": (optax.MultiSteps(adam, 2), optax.MultiSteps(other, 2)),
        "apply_if_finite": (optax.apply_if_finite(adam, 3), optax.apply_if_finite(other, 3)),
    }


@pytest.mark.parametrize("name", list(pairs()))
def test_works_inside_optax_wrappers(name: str, wide: None) -> None:
    ours, theirs = pairs()[name]
    params = as_tree(drawn(0))
    assert_same(trained(ours, params), trained(theirs, params))


def test_rules_of_the_whole_tree_follow_masks(wide: None) -> None:
    labels = {"layer": {"weight": "one", "bias": "two"}, "scale": "one"}
    masked = optax.partition({"one": rules.swats(learning_rate=0.1), "two": rules.swats(learning_rate=0.1)}, labels)
    params = as_tree(drawn(0))
    after = trained(masked, params)
    rule = SWATS(learning_rate=0.1)
    leaves: Any = [drawn(0)[1]]
    state = lift.init_state(rule, leaves)
    for step in range(1, STEPS + 1):
        leaves, state = lift.update(rule, leaves, [drawn(step)[1]], state, step)
    assert_same(after["layer"]["bias"], leaves[0])


def test_setting_a_hyperparameter_compiles_nothing() -> None:
    transformation = optax.chain(optax.clip(1.0), rules.adam(learning_rate=0.1))
    params = {"w": jnp.ones(3)}
    state = transformation.init(params)
    traced = []

    @jax.jit
    def step_on(params: Any, state: Any) -> Any:
        traced.append(True)
        return transformation.update(params, state, params)

    first, state = step_on(params, state)
    state[1].hyperparameters["learning_rate"] = 0.2
    second, state = step_on(params, state)
    state = optax.tree_utils.tree_set(state, learning_rate=0.4)
    third, state = step_on(params, state)
    assert len(traced) == 1
    np.testing.assert_allclose(second["w"] / first["w"], 2.0, rtol=1e-4)
    np.testing.assert_allclose(third["w"] / first["w"], 4.0, rtol=1e-4)
    assert float(optax.tree_utils.tree_get(state, "learning_rate")) == np.float32(0.4)
    assert optax.tree_utils.tree_get(state, "m").keys() == params.keys()
    assert int(optax.tree_utils.tree_get(state, "count")) == 3


def test_optax_maps_over_the_parameters_in_a_state() -> None:
    for transformation in (rules.adam(), rules.swats()):
        params = as_tree(drawn(0, np.float32))
        state = transformation.init(params)
        marked = optax.tree_map_params(transformation, lambda x: x + 1, state, transform_non_params=lambda x: x)
        assert sum(float(jnp.sum(leaf)) for leaf in jax.tree.leaves(marked.kept)) == 2 * 16
        assert int(marked.count) == 0


@pytest.mark.parametrize("name", ["adam", "swats"])
def test_schedules_of_the_rate(name: str, wide: None) -> None:  # a rule of each kind
    make = getattr(rules, name)
    params = as_tree(drawn(0))
    rates = [0.1 * factor for factor in Cosine().factor(np.arange(1, STEPS + 1), STEPS)]
    moving = make(learning_rate=scheduled(0.1, Cosine(), STEPS))
    called = make(learning_rate=lambda count: jnp.asarray(rates)[count])
    leaves: Any = drawn(0)
    kind = OPTIMIZERS[name]
    state = lift.init_state(kind(), leaves)
    for step, rate in enumerate(rates, start=1):
        leaves, state = lift.update(kind(learning_rate=rate), leaves, drawn(step), state, step)
    assert_same(as_arrays(trained(moving, params)), leaves)
    assert_same(as_arrays(trained(called, params)), leaves)
    first = moving.init(params)
    assert float(first.hyperparameters["learning_rate"]) == pytest.approx(rates[0])


def test_a_traced_rate_sweeps_under_vmap() -> None:
    def final(rate: Any) -> Any:
        transformation = rules.adam(learning_rate=rate)
        params = jnp.ones(2)
        updates, _ = transformation.update(jnp.ones(2), transformation.init(params), params)
        return params + updates

    swept = jax.jit(jax.vmap(final))(jnp.array([0.1, 0.2]))
    np.testing.assert_allclose(swept, [[0.9, 0.9], [0.8, 0.8]], rtol=1e-6)


def test_lookahead_and_answer_find_the_rule_in_a_chain() -> None:
    ahead = from_rule(Nesterov(learning_rate=0.1, momentum=0.5))
    chain = optax.chain(optax.clip(10.0), ahead)
    params = {"w": jnp.ones(2)}
    state = chain.init(params)
    updates, state = chain.update({"w": jnp.ones(2)}, state, params)
    params = optax.apply_updates(params, updates)
    np.testing.assert_allclose(ahead.lookahead(params, state)["w"], 0.9 - 0.5 * 0.1, rtol=1e-6)
    assert ahead.answer(params, state)["w"] is params["w"]
    with pytest.raises(InvalidValueError, match="holds 2 states of rules"):
        ahead.lookahead(params, (state, state))


def test_loss_and_other_inputs_go_by_optax_names() -> None:
    class Needy(Adam):
        needs = frozenset({"loss", "hessian_diagonal"})

        def update(self, x: Any, g: Any, state: Any, t: Any, *, loss: Any = None, hessian_diagonal: Any = None) -> Any:
            return x - loss * hessian_diagonal, state

    transformation = optax.chain(from_rule(Needy()))
    params = {"w": jnp.ones(2)}
    state = transformation.init(params)
    updates, _ = transformation.update(params, state, params, value=3.0, hessian_diagonal={"w": jnp.array([1.0, 2.0])})
    assert updates["w"].tolist() == [-3.0, -6.0]
    with pytest.raises(InvalidValueError, match="needs hessian_diagonal; call update"):
        transformation.update(params, state, params, value=3.0)
    with pytest.raises(InvalidValueError, match="needs value; call update"):
        transformation.update(params, state, params, hessian_diagonal=params)
    assert "loss" in INPUTS


def test_no_weight_decay_costs_nothing_and_one_given_as_an_array_can_be_set() -> None:
    params = jnp.array([1.0, -2.0])
    without = rules.adam(learning_rate=0.1)
    state = without.init(params)
    assert "weight_decay" not in state.hyperparameters
    step = jax.make_jaxpr(lambda g, s, p: without.update(g, s, p)[1].kept)(params, state, params)
    reading = [one for one in step.jaxpr.eqns if step.jaxpr.invars[-1] in one.invars]
    assert len(reading) == 2, "θ is read for θ − η·m̂/√v̂ and for the difference from θ, and no more"
    state.hyperparameters["weight_decay"] = 0.1
    with pytest.raises(InvalidValueError, match=r"make it with weight_decay=jnp\.zeros"):
        without.update(params, state, params)
    settable = rules.adam(learning_rate=0.1, weight_decay=jnp.zeros(()))
    state = settable.init(params)
    state.hyperparameters["weight_decay"] = 0.1
    updates, _ = settable.update(jnp.ones(2), state, params)
    fixed = rules.adam(learning_rate=0.1, weight_decay=0.1)
    wanted, _ = fixed.update(jnp.ones(2), fixed.init(params), params)
    np.testing.assert_allclose(updates, wanted, rtol=1e-6)
    state.hyperparameters["beta3"] = 0.1
    with pytest.raises(UnknownNameError, match="did you mean 'beta"):
        settable.update(params, state, params)


def test_errors_are_sentences() -> None:
    transformation = rules.adam()
    params = {"w": jnp.ones(2), "b": jnp.ones(1)}
    state = transformation.init(params)
    for call, words in [
        (lambda: transformation.update(params, state), "adam: update needs the parameters; call update"),
        (lambda: transformation.update({"w": jnp.ones(2)}, state, params), "gradients have not the structure"),
        (lambda: transformation.update({"w": jnp.ones(2), "b": None}, state, params), "gradients lack an array"),
        (lambda: transformation.update({"w": jnp.ones(2)}, state, {"w": jnp.ones(2)}), "not those for which the state"),
        (lambda: transformation.init({"w": jnp.arange(3)}), "a parameter of dtype int32 is not allowed"),
        (lambda: transformation.init({"w": jnp.ones(2, complex)}), "a parameter of dtype complex64 is not allowed"),
        (lambda: rules.adam(learning_rate=-1.0), "learning_rate = -1.0 is not allowed"),
        (lambda: rules.adam(learning_rate=Cosine()), "give scheduled"),
        (lambda: from_rule("adam"), "rule = 'adam' is not allowed"),  # type: ignore[arg-type]
        (lambda: scheduled(0.1, "plateau", 10), "follows the validation loss"),
    ]:
        with pytest.raises(InvalidValueError, match=words):
            call()
    with pytest.raises(UnknownNameError, match="did you mean 'learning_rate'"):
        rules.adam(learning_rat=0.1)
    with pytest.raises(AttributeError, match="no attribute 'adm'"):
        rules.adm  # noqa: B018


def test_the_state_is_a_named_tuple_that_scans() -> None:
    transformation = rules.adam(learning_rate=lambda count: 0.1 / (count + 1))
    params = jnp.ones(2)

    def body(carry: Any, _: Any) -> Any:
        params, state = carry
        updates, state = transformation.update(params, state, params)
        return (params + updates, state), None

    (_, state), _ = jax.lax.scan(body, (params, transformation.init(params)), length=3)
    assert isinstance(state, RuleState)
    assert int(state.count) == 3


SHARDED = """
import json
import jax
import jax.numpy as jnp
import optax
import thalweg.interop.optax as rules
from jax.sharding import Mesh, NamedSharding, PartitionSpec

split = NamedSharding(Mesh(jax.devices(), ("d",)), PartitionSpec("d"))
whole = NamedSharding(Mesh(jax.devices(), ("d",)), PartitionSpec())
params = {"a": jax.device_put(jnp.arange(16.0), split), "b": jax.device_put(jnp.ones(3), whole)}
out = {}
for name in ("adam", "swats"):
    transformation = getattr(rules, name)(learning_rate=0.1)
    for way, init in (("eager", transformation.init), ("jit", jax.jit(transformation.init))):
        state = init(params)
        step = jax.jit(lambda s, p: transformation.update(p, s, p))
        updates, after = step(state, params)
        arrays = [leaf for tree in (state.kept, after.kept, updates) for leaf in jax.tree.leaves(tree)]
        out[f"{name} {way}"] = [
            leaf.sharding.is_equivalent_to(split, 1) for leaf in arrays if leaf.shape == (16,)
        ]
        out[f"{name} {way} value"] = float(jnp.sum(optax.apply_updates(params, updates)["b"]))
print(json.dumps(out))
"""


def test_the_state_is_sharded_like_its_parameters() -> None:
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", SHARDED], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for name, value in found.items():
        if name.endswith("value"):
            assert value == pytest.approx(2.7, rel=1e-5), name
        else:
            assert len(value) == 5, name
            assert all(value), name


def test_swats_state_is_arranged_like_the_parameters() -> None:
    params = as_tree(drawn(0, np.float32))
    state = from_rule(SWATS()).init(params)
    assert jax.tree.structure(state.kept["groups"][0]["m"]) == jax.tree.structure(params)
