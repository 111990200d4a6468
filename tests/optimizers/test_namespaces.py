"""One definition, many array libraries: the same numbers, dtypes and shapes; traced, mapped, never in place."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import array_api_strict
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from conformance_scenarios import CURVED, ZEROS, Scenario, Trajectory, largest_difference, needed, run_rule
from conformance_table import TABLE

from thalweg.optimizers import Rule, lift
from thalweg.optimizers.catalogue import OPTIMIZERS

# Float64 everywhere; a library may fuse a multiplication with an addition or sum in another order, which moves the
# last bit of some ten operations per step over 14 steps.
TOLERANCE = 1e-12


def few(scenario: Scenario, steps: int) -> Scenario:
    """Return the first steps of a scenario on the wide matrix and the scalar alone."""
    kept = (1, 3)
    return Scenario(
        f"{steps} steps of {scenario.name}",
        tuple(scenario.starts[i] for i in kept),
        tuple(tuple(g[i] for i in kept) for g in scenario.gradients[:steps]),
        scenario.rates[:steps],
        scenario.curvature,
    )


SMALL, SMALL_ZEROS, SHORT = few(CURVED, 14), few(ZEROS, 8), few(CURVED, 4)


def configurations() -> list[tuple[str, str]]:
    """Return every rule with every preset that differs in its variants; the numbers are replaced here anyway."""
    found: dict[tuple[Any, ...], tuple[str, str]] = {}
    for name in OPTIMIZERS:
        for preset in ("", *OPTIMIZERS[name].presets):
            rule = OPTIMIZERS[name].preset(preset) if preset else OPTIMIZERS[name].configured()
            found.setdefault((name, *rule.structure().items()), (name, preset))
    return list(found.values())


def make(name: str, preset: str) -> Rule:
    """Return a rule with a preset's variants and unusual numbers."""
    rule = OPTIMIZERS[name].preset(preset) if preset else OPTIMIZERS[name].configured()
    settings = dict(TABLE[name].unusual)
    for choice in rule.structure().items():
        for unused in TABLE[name].without.get(choice, ()):
            settings.pop(unused, None)
    return type(rule).configured(**{**rule.values(), **rule.structure(), **settings})


@functools.cache
def on_numpy(name: str, preset: str, scenario: Scenario) -> Trajectory:
    return run_rule(make(name, preset), scenario)


def run_on(asarray: Callable[[Any], Any], rule: Rule, scenario: Scenario) -> Trajectory:
    """Return the parameters after every step, computed with the arrays that ``asarray`` makes."""
    leaves: tuple[Any, ...] = tuple(asarray(x) for x in scenario.starts)
    state = lift.init_state(rule, leaves)
    done: Trajectory = []
    for step, factor in enumerate(scenario.rates, start=1):
        current = rule.with_values({"learning_rate": rule.values()["learning_rate"] * factor})
        looks = lift.lookahead(current, leaves, state)
        g = [asarray(a) for a in scenario.gradient(step, [np.asarray(x) for x in looks])]
        table = [asarray(a) for a in scenario.gradients[step - 1]]
        inputs = needed(current, scenario, table, looks, leaves, g, state)
        leaves, state = lift.update(current, leaves, g, state, step, **inputs)
        done.append([np.asarray(x) for x in leaves])
    return done


@pytest.mark.parametrize(("name", "preset"), configurations())
def test_array_api_strict(name: str, preset: str) -> None:
    for scenario in (SMALL, SMALL_ZEROS):
        found = run_on(array_api_strict.asarray, make(name, preset), scenario)
        assert largest_difference(found, on_numpy(name, preset, scenario))[0] <= TOLERANCE


@pytest.mark.parametrize(("name", "preset"), configurations())
def test_torch(name: str, preset: str) -> None:
    # Both bases of a first gradient of 4 × 2 are arbitrary in part, and every library chooses its own.
    arbitrary = name == "soap" and make(name, preset).structure()["sides"] == "all"
    for scenario in (SMALL, SMALL_ZEROS) if arbitrary else (CURVED, ZEROS):
        found = run_on(lambda a: torch.tensor(np.asarray(a)), make(name, preset), scenario)
        assert largest_difference(found, on_numpy(name, preset, scenario))[0] <= TOLERANCE


@pytest.fixture
def strict_jax() -> Iterator[None]:
    with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_jax_eager_with_strict_promotion(name: str, strict_jax: None) -> None:
    found = run_on(jnp.asarray, make(name, ""), SHORT)
    assert largest_difference(found, on_numpy(name, "", SHORT))[0] <= TOLERANCE


def members(rule: Rule, count: int) -> dict[str, np.ndarray]:
    """Return ``count`` different values of every hyperparameter, all allowed."""
    factors = np.linspace(1.0, 0.7, count)
    values = {name: float(value) * factors for name, value in rule.values().items()}
    if "threshold" in values:
        values["threshold"] = np.linspace(4.0, 5.0, count)
    return values


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_population_over_every_hyperparameter_is_the_loop_and_compiles_once(name: str, strict_jax: None) -> None:
    rule, count, traces = make(name, ""), 4, 0
    starts = tuple(jnp.asarray(x) for x in SMALL.starts)
    gradients = tuple(jnp.stack([jnp.asarray(g[i]) for g in SMALL.gradients]) for i in range(len(starts)))

    def train(values: dict[str, Any]) -> Any:
        nonlocal traces
        traces += 1
        member = rule.with_values(values)

        def step(carry: Any, inputs: Any) -> Any:
            leaves, state = carry
            t, g = inputs
            points = lift.lookahead(member, leaves, state)
            slopes = [a + SMALL.curvature * x for a, x in zip(g, points, strict=True)]
            inputs = needed(member, SMALL, g, points, leaves, slopes, state)
            leaves, state = lift.update(member, leaves, slopes, state, t, **inputs)
            return (leaves, state), leaves

        steps = jnp.arange(1, len(SMALL.rates) + 1)
        return jax.lax.scan(step, (starts, lift.init_state(member, starts)), (steps, gradients))[1]

    population = jax.jit(jax.vmap(train))
    values = members(rule, count)
    found = population({key: jnp.asarray(value) for key, value in values.items()})
    steady = Scenario("steady", SMALL.starts, SMALL.gradients, (1.0,) * len(SMALL.rates), SMALL.curvature)
    for i in range(count):
        alone = run_rule(rule.with_values({key: float(value[i]) for key, value in values.items()}), steady)
        mine = [[np.asarray(leaf[i, step]) for leaf in found] for step in range(len(alone))]
        assert largest_difference(mine, alone)[0] <= TOLERANCE, f"member {i}"
    again = population({key: jnp.asarray(value * 0.9) for key, value in values.items()})
    assert traces == 1
    assert not np.allclose(found[0], again[0])


@pytest.mark.parametrize(("name", "preset"), configurations())
def test_elementwise_rules_may_have_their_arrays_joined(name: str, preset: str) -> None:
    rule = make(name, preset)
    if not rule.elementwise:
        return

    def joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate([np.ravel(a) for a in arrays])

    whole = Scenario(
        "joined",
        (joined(CURVED.starts),),
        tuple((joined(g),) for g in CURVED.gradients),
        CURVED.rates,
        CURVED.curvature,
    )
    for apart, together in zip(on_numpy(name, preset, CURVED), run_rule(rule, whole), strict=True):
        # Vectorized and scalar loops of NumPy may round a root or a quotient differently in the last bit.
        np.testing.assert_allclose(joined(apart), together[0], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("name", "preset"), configurations())
def test_jax_keeps_dtype_and_shape(name: str, preset: str, dtype: str) -> None:
    def check(nothing: Any) -> Any:
        check_kept(make(name, preset), lambda a: jnp.asarray(a, dtype=dtype) + nothing)  # tracers: nothing is computed
        return nothing

    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        jax.eval_shape(check, jnp.zeros((), dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("name", "preset"), configurations())
def test_torch_keeps_dtype_and_shape(name: str, preset: str, dtype: torch.dtype) -> None:
    check_kept(make(name, preset), lambda a: torch.tensor(np.asarray(a)).to(dtype))


def check_kept(rule: Rule, asarray: Callable[[Any], Any]) -> None:
    leaves: tuple[Any, ...] = tuple(asarray(x) for x in SMALL.starts)
    state = lift.init_state(rule, leaves)
    outline = describe((leaves, state))
    assert len({dtype for _, dtype in outline["state"] if dtype}) <= 2
    for step in (1, 2):
        g = tuple(asarray(a) for a in SMALL.gradients[step])
        assert describe((lift.lookahead(rule, leaves, state), state)) == outline
        leaves, state = lift.update(rule, leaves, g, state, step, **needed(rule, SMALL, g, leaves, leaves, g, state))
        assert describe((leaves, state)) == outline
        assert describe((lift.answer(rule, leaves, state), state)) == outline
    own = {str(x.dtype) for x in leaves}
    assert {dtype for shape, dtype in outline["state"] if shape} <= own  # whole arrays are of the parameters' dtype


def describe(of: tuple[Any, Any]) -> dict[str, list[tuple[tuple[int, ...], str]]]:
    leaves, state = of
    return {
        "leaves": [(tuple(x.shape), str(x.dtype)) for x in leaves],
        "state": [(tuple(x.shape), str(x.dtype)) for x in arrays(state)],
    }


def arrays(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [a for key in sorted(tree) for a in arrays(tree[key])]
    if isinstance(tree, tuple | list):
        return [a for item in tree for a in arrays(item)]
    return [tree]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_bfloat16_is_computed_in_float32_and_rounded_once(name: str) -> None:
    rule = make(name, "")
    narrow = tuple(torch.tensor(x).to(torch.bfloat16) for x in CURVED.starts)
    slopes = tuple(torch.tensor(g).to(torch.bfloat16) for g in CURVED.gradients[0])
    state = lift.init_state(rule, narrow)
    inputs = needed(rule, CURVED, slopes, narrow, narrow, slopes, state)
    found, _ = lift.update(rule, narrow, slopes, state, 1, **inputs)
    wide = tuple(x.to(torch.float32) for x in narrow)
    widened = {k: v.to(torch.float32) if k == "loss" else [a.to(torch.float32) for a in v] for k, v in inputs.items()}
    start = lift.init_state(rule, wide)
    expected, _ = lift.update(rule, wide, [g.to(torch.float32) for g in slopes], start, 1, **widened)
    for a, b in zip(found, expected, strict=True):
        assert torch.equal(a, b.to(torch.bfloat16))


@pytest.mark.parametrize(("name", "preset"), configurations())
def test_numpy_inputs_are_never_written_to(name: str, preset: str) -> None:
    def frozen(tree: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        copies = tuple(np.array(x) for x in tree)
        for copy in copies:
            copy.setflags(write=False)
        return copies

    rule = make(name, preset)
    leaves = frozen(CURVED.starts)
    state = lift.init_state(rule, leaves)
    for step in (1, 2, 3):
        for array in arrays(state):
            if isinstance(array, np.ndarray):
                array.setflags(write=False)
        g = frozen(CURVED.gradients[step])
        inputs = needed(rule, CURVED, g, leaves, leaves, g, state)
        leaves, state = lift.update(rule, leaves, g, state, step, **inputs)


@pytest.mark.parametrize(("name", "preset"), configurations())
def test_torch_inputs_are_never_written_to(name: str, preset: str) -> None:
    rule = make(name, preset)
    leaves = tuple(torch.tensor(x) for x in CURVED.starts)
    state = lift.init_state(rule, leaves)
    for step in (1, 2, 3):
        g = tuple(torch.tensor(a) for a in CURVED.gradients[step])
        inputs = needed(rule, CURVED, g, leaves, leaves, g, state)
        watched = [*leaves, *g, *arrays(state), *arrays(inputs)]
        versions = [a._version for a in watched]  # torch counts the writes to every tensor
        copies = [a.clone() for a in watched]
        new_leaves, new_state = lift.update(rule, leaves, g, state, step, **inputs)
        assert [a._version for a in watched] == versions
        assert all(torch.equal(a, b) for a, b in zip(watched, copies, strict=True))
        leaves, state = new_leaves, new_state
