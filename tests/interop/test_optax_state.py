"""States of transformations: donated, narrow, masked, mapped over by Optax' tools."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import thalweg.interop.optax as rules
from thalweg.errors import InvalidValueError
from thalweg.optimizers import OPTIMIZERS
from thalweg.study.rules import resolve


def made(name: str, **settings: Any) -> Any:
    return getattr(rules, name.replace("-", "_"))(**settings)


def model(dtype: Any = jnp.float32) -> dict[str, Any]:
    return {"a": jnp.ones((4, 3), dtype), "b": jnp.ones(3, dtype)}


def given(transformation: Any, like: Any) -> dict[str, Any]:
    return {
        "value" if name == "loss" else name: like["b"][0] if name == "loss" else like
        for name in transformation.rule.needs
    }


def types(tree: Any) -> Any:
    return jax.tree.map(lambda a: (a.shape, a.dtype), tree)


SHARING = ["adam", "dadapt-adam", "dadapt-sgd", "lbfgs", "newton-cg", "nonlinear-cg", "prodigy", "soap", "swats"]


@pytest.mark.parametrize("name", SHARING)
def test_no_array_of_a_state_lies_in_the_memory_of_another(name: str) -> None:
    """JAX refuses to donate a buffer twice, and donating a user's array would delete it."""
    decay = jnp.zeros(())
    params = model()
    settings = {"weight_decay": decay} if "weight_decay" in OPTIMIZERS[name].hyperparameters() else {}
    state = made(name, **settings).init(params)
    places = [a.unsafe_buffer_pointer() for a in jax.tree.leaves((params, decay, state))]
    assert len(places) == len(set(places))


def test_a_state_is_donated() -> None:
    transformation = made("prodigy")
    params = model()
    state = transformation.init(params)
    step = jax.jit(lambda s, p: transformation.update(p, s, p), donate_argnums=(0, 1))
    _, state = step(state, params)
    assert int(state.count) == 1


@pytest.mark.parametrize("narrow", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("name", ["adam", "adan", "mars", "rprop", "polyak-step", "sophia-h", "swats"])
def test_narrow_gradients_leave_the_state_as_it_is(name: str, narrow: Any) -> None:
    transformation = made(name)
    params, gradients = model(), model(narrow)
    state = transformation.init(params)
    updates, after = jax.eval_shape(
        lambda s: transformation.update(gradients, s, params, **given(transformation, gradients)), state
    )
    assert types((params, state)) == types((updates, after))


@pytest.mark.parametrize("name", ["novograd", "lars", "yogi"])
def test_narrow_gradients_do_not_overflow(name: str) -> None:
    transformation = made(name)
    params = {"w": jnp.ones(2)}
    gradients = {"w": jnp.full(2, 300.0, jnp.float16)}
    wide, _ = transformation.update({"w": jnp.full(2, 300.0)}, transformation.init(params), params)
    narrow, _ = transformation.update(gradients, transformation.init(params), params)
    assert float(wide["w"][0]) < 0
    np.testing.assert_array_equal(narrow["w"], wide["w"])


def test_narrow_parameters_get_the_whole_update() -> None:
    params = jnp.ones(2, jnp.bfloat16)
    chain: Any = optax.chain(made("adam", learning_rate=1e-3), optax.scale(100.0))
    updates, state = chain.update(params, chain.init(params), params)
    assert updates.dtype == jnp.bfloat16
    np.testing.assert_allclose(updates.astype(jnp.float32), -0.1, rtol=4e-3)  # bfloat16 has 8 bits
    assert {a.dtype for a in jax.tree.leaves(state[0].kept)} == {jnp.dtype(jnp.bfloat16)}


@pytest.mark.parametrize("name", ["nesterov", "schedule-free-sgd", "prodigy"])
def test_points_under_a_mask_leave_masked_parameters_as_they_are(name: str) -> None:
    alone, params = made(name), model()
    masked = optax.masked(alone, {"a": True, "b": False})
    divided = optax.partition({"ours": alone, "other": optax.sgd(0.1)}, {"a": "ours", "b": "other"})
    wanted = {"a": params["a"]}
    state = alone.init(wanted)
    _, state = alone.update(wanted, state, wanted, **given(alone, params))
    for outer in (masked, divided):
        _, within = outer.update(params, outer.init(params), params, **given(alone, params))
        for point in (alone.lookahead, alone.answer):
            found = point(params, within)
            np.testing.assert_allclose(found["a"], point(wanted, state)["a"], rtol=1e-6)
            assert found["b"] is params["b"]
        assert alone.direction(params, params, within)["b"] is params["b"]


def test_everything_masked() -> None:
    alone, params = made("nesterov"), model()
    assert alone.lookahead(params, optax.masked(alone, {"a": False, "b": False}).init(params)) is params
    assert alone.lookahead(params["a"], optax.masked(alone, False).init(params["a"])) is params["a"]


def test_a_mask_cannot_be_read_off_one_vector_for_all_parameters() -> None:
    alone, params = made("nonlinear-cg"), model()
    state = optax.masked(alone, {"a": True, "b": False}).init(params)
    with pytest.raises(InvalidValueError, match="give both of one model, masked alike"):
        alone.lookahead(params, state)
    there = {"a": params["a"], "b": optax.MaskedNode()}
    assert alone.lookahead(there, state)["a"].shape == (4, 3)


def test_what_a_mask_must_be_told_of_other_inputs() -> None:
    params = model()
    masked = optax.masked(made("sophia-h"), {"a": True, "b": False})
    with pytest.raises(InvalidValueError, match="mask_compatible_extra_args=True"):
        masked.update(params, masked.init(params), params, hessian_diagonal=params)


FLAT = {"lbfgs", "newton-cg", "nonlinear-cg"}  # what they keep is one vector for all parameters


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_optax_maps_over_every_state(name: str) -> None:
    transformation = made(name)
    state = jax.eval_shape(transformation.init, {"a": jnp.ones((200, 130)), "b": jnp.ones(3)})
    mapped: Any = optax.tree_map_params(
        transformation, lambda a: "theirs", state, transform_non_params=lambda a: "other"
    )
    assert mapped.count == "other"
    found = set(jax.tree.leaves(mapped.kept))
    assert found <= {"theirs", "other"}
    assert ("theirs" in found) == (bool(found) and name not in FLAT)


@pytest.mark.parametrize("params", [1.0, {"w": [1.0, 2.0]}, np.ones(2, np.float32), {"w": np.float64(1)}])
def test_parameters_that_are_no_arrays_of_jax(params: Any) -> None:
    transformation, own = rules.adam(learning_rate=0.5), optax.adam(0.5)
    state = transformation.init(params)
    step = jax.jit(lambda g, s: transformation.update(g, s, params))
    _, state = step(params, state)
    updates, state = step(params, state)
    wanted, theirs = own.update(params, own.init(params), params)
    wanted, _ = own.update(params, theirs, params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4), updates, wanted)
    assert jax.tree.structure(transformation.answer(params, state)) == jax.tree.structure(params)


def test_a_function_without_a_signature_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="'max' does not tell its arguments; give a function that makes"):
        resolve([max])
