"""Optax' optimizers as rules: settings read off the signature, states that survive, errors in a sentence."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.interop.optax_packing import packed, unpacked
from thalweg.interop.optax_rules import optax_names, rule_from, rule_named, source_of
from thalweg.optimizers import Adam, lift
from thalweg.optimizers.explain import explain_rule
from thalweg.study.rules import find_rule, resolve

LEAVES = (jnp.linspace(-1.0, 1.0, 12).reshape(4, 3), jnp.array([0.5, -0.25, 2.0]))


def gradient(step: int) -> tuple[Any, ...]:
    random = np.random.default_rng(step)
    return tuple(jnp.asarray(random.normal(size=x.shape), x.dtype) for x in LEAVES)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Specifying a key")
def test_almost_all_of_optax_takes_part() -> None:
    """Every optimizer keeps shapes and types with all its numbers traced, as the engine has them."""
    refused = set()
    number = jax.ShapeDtypeStruct((), "float32")
    for name in optax_names():
        try:
            rule = rule_named(f"optax:{name}")()
        except InvalidValueError:
            refused.add(name)
            continue
        values = dict.fromkeys(rule.hyperparameters(), number)

        def step(values: Any, x: Any, t: Any, rule: Any = rule) -> Any:
            bound = rule.with_values(values)
            state = lift.init_state(bound, x)
            new, after = lift.update(bound, x, x, state, t, **({"loss": t} if rule.needs else {}))
            return (x, state), (new, after), lift.answer(bound, new, after)

        before, after, answer = jax.eval_shape(step, values, LEAVES, number)
        form = functools.partial(jax.tree.map, lambda a: (a.shape, a.dtype))
        assert form(before) == form(after), name
        assert form(answer) == form(before[0]), name
        assert all(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in jax.tree.leaves(before[1])), name
    assert refused == {"lbfgs", "contrib.sophia"}
    assert len(optax_names()) >= 40


CHECKED = {
    "adam": {"b1": 0.5, "eps": 1e-3},
    "lion": {"weight_decay": 0.1},
    "rmsprop": {"decay": 0.5},
    "contrib.prodigy": {},
    "contrib.muon": {"beta": 0.5},
    "contrib.momo": {},
    "yogi": {},
}


@pytest.mark.parametrize("name", CHECKED)
def test_same_numbers_as_optax(name: str) -> None:
    settings = {"learning_rate": 0.05, **CHECKED[name]}
    rule = rule_named(f"optax:{name}").configured(**settings)
    make = getattr(optax.contrib if "." in name else optax, name.rpartition(".")[2])
    theirs = make(**settings)

    @jax.jit
    def both(carry: Any, g: Any, t: Any) -> Any:
        (x, state), (params, own) = carry
        value = jnp.float32(3.0)
        extra = {"value": value} if rule.needs else {}
        updates, own = theirs.update(g, own, params, **extra)
        moved = lift.update(rule, x, g, state, t, **({"loss": value} if rule.needs else {}))
        return moved, (optax.apply_updates(params, updates), own)

    carry: Any = ((LEAVES, lift.init_state(rule, LEAVES)), (LEAVES, theirs.init(LEAVES)))
    for step in range(1, 4):
        carry = both(carry, gradient(step), step)
    for a, b in zip(carry[0][0], carry[1][0], strict=True):
        # Traced, 1 − b2 and 1 − b2ᵗ are rounded to float32: an error of 2e-5 in a step of some 0.05.
        np.testing.assert_allclose(a, b, rtol=0, atol=3e-6)
        assert (a != LEAVES[2 - a.ndim]).any()


def test_counters_and_keys_survive_float32() -> None:
    state = (
        optax.ScaleByScheduleState(count=jnp.asarray(2**31 - 5, jnp.int32)),
        {"key": jax.random.key(7), "old": jax.random.PRNGKey(2**31 + 3), "on": jnp.array([True, False])},
        optax.ScaleByScheduleState(count=jnp.asarray(-3, jnp.int32)),
        jnp.asarray(1.5, jnp.bfloat16),
    )
    kept = packed(state, state)
    assert set(kept) == {"count", "count_2", "key", "old", "on", "state"}
    single = {name: tuple(a.astype(jnp.float32) for a in arrays) for name, arrays in kept.items()}
    back = unpacked(single, state)
    assert int(back[0].count) == 2**31 - 5
    assert int(back[2].count) == -3
    assert (jax.random.key_data(back[1]["key"]) == jax.random.key_data(state[1]["key"])).all()
    assert (back[1]["old"] == state[1]["old"]).all()
    assert back[1]["on"].tolist() == [True, False]
    assert back[3].dtype == jnp.bfloat16
    assert float(back[3]) == 1.5


def test_settings_are_read_off_the_signature() -> None:
    lion = rule_named("optax:lion")
    assert lion().values() == {"learning_rate": 1e-4, "b1": 0.9, "b2": 0.99, "weight_decay": 1e-3}
    assert lion.hyperparameters()["learning_rate"].search == (1e-5, 1.0)
    assert rule_named("optax:lion") is lion
    prodigy = rule_named("optax:contrib.prodigy")
    assert prodigy.hyperparameters()["learning_rate"].search == (1e-5, 10.0)
    assert prodigy().values()["betas2"] == 0.999
    assert prodigy().structure() == {"safeguard_warmup": False}
    muon = rule_named("optax:contrib.muon")(ns_steps=3)
    assert muon.structure()["ns_steps"] == 3
    assert "ns_steps" not in muon.values()
    assert set(muon.variants()["preconditioning"].choices) >= {"frobenius", "schatten"}
    adam = rule_named("optax:adam").hyperparameters()
    ours = Adam.hyperparameters()
    for theirs, name in (("b1", "beta1"), ("b2", "beta2"), ("eps", "epsilon")):
        assert (adam[theirs].search, adam[theirs].scale) == (ours[name].search, ours[name].scale)
    assert rule_named("optax:contrib.momo").needs == {"loss"}


def test_a_schedule_free_optimizer_answers_with_its_average() -> None:
    rule = rule_named("optax:contrib.schedule_free_sgd")(learning_rate=0.5)
    state = lift.init_state(rule, LEAVES)
    x, state = lift.update(rule, LEAVES, LEAVES, state, 1)
    x, state = lift.update(rule, x, LEAVES, state, 2)
    own = optax.contrib.schedule_free_sgd(0.5)
    params, own_state = LEAVES, own.init(LEAVES)
    for _ in range(2):
        updates, own_state = own.update(LEAVES, own_state, params)
        params = optax.apply_updates(params, updates)
    wanted = optax.contrib.schedule_free_eval_params(own_state, params)
    np.testing.assert_allclose(lift.answer(rule, x, state)[0], wanted[0], rtol=1e-5)
    assert not np.allclose(x[0], wanted[0])


def test_adadelta_descends_and_says_whose_rate_it_has() -> None:
    adadelta = rule_named("optax:adadelta")
    rule = adadelta()
    x, _ = lift.update(rule, LEAVES, gradient(1), lift.init_state(rule, LEAVES), 1)
    assert sum(float(jnp.sum((a - b) * g)) for a, b, g in zip(x, LEAVES, gradient(1), strict=True)) < 0
    assert "some of its optimizers then climb" in adadelta.differences[0]
    alone = optax.adadelta()
    updates, _ = alone.update(gradient(1), alone.init(LEAVES), LEAVES)
    assert sum(float(jnp.sum(u * g)) for u, g in zip(updates, gradient(1), strict=True)) > 0, "optax is mended"


def clipped(learning_rate: float = 0.1, threshold: float = 1.0) -> Any:
    return optax.chain(optax.clip_by_global_norm(threshold), optax.adam(learning_rate))


def test_functions_from_python() -> None:
    ((name, made, preset, source),) = resolve([clipped])
    assert (name, preset) == ("clipped", "")
    assert made().values() == {"learning_rate": 0.1, "threshold": 1.0}
    assert source == source_of(made)
    assert source.startswith(f"optax {optax.__version__} ")
    assert resolve([optax.lion])[0][:2] == ("optax:lion", rule_named("optax:lion"))
    momentum = rule_from(functools.partial(optax.sgd, momentum=0.9))
    assert momentum.name == "optax.sgd(momentum=0.9)"
    assert momentum().values() == {"learning_rate": 0.01, "momentum": 0.9}
    other = rule_from(functools.partial(optax.sgd, momentum=0.8))
    assert source_of(momentum) != source_of(other)
    noisy = rule_from(functools.partial(optax.noisy_sgd, key=3))
    assert noisy().structure() == {"key": 3}


def test_find_rule_knows_the_version() -> None:
    found = find_rule(" optax:lion ")
    assert (found.name, found.source) == ("optax:lion", f"optax {optax.__version__}")
    assert find_rule("adam").rule_class is Adam


def test_explained_like_a_rule() -> None:
    page = explain_rule(rule_named("optax:adam"))
    assert page.title == "optax.adam"
    assert page.sources == (f"optax {optax.__version__}, optax.adam",)
    assert {entry.name: entry.numbers_per_parameter for entry in page.state}["mu"] == 1.0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_errors_are_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError, match=r"optimizer 'optax:contrib\.prodgy' is not known: did you mean 'optax"):
        find_rule("optax:contrib.prodgy")
    with pytest.raises(UnknownNameError, match="preset of optax:lion 'torch'"):
        find_rule("optax:lion@torch")
    for given, words in [
        (optax.scale_by_adam, r"'optax\.scale_by_adam' climbs"),
        (optax.adam(0.1), "transformation is made, so its numbers"),
        (optax.clip, "demands max_delta"),
        (functools.partial(optax.lbfgs, memory_size=3), "needs more than gradient, loss and numbers"),
        (3, "a function that makes an Optax transformation"),
        (dict, "a function that makes an Optax transformation"),
    ]:
        with pytest.raises(InvalidValueError, match=words):
            resolve([given])
    monkeypatch.setitem(__import__("sys").modules, "optax", None)
    with pytest.raises(InvalidValueError, match="needs optax, which is not installed; install it with: pip install"):
        find_rule("optax:lion")
