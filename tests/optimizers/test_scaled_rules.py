"""The rules that scale by norms and find their own rate: numbers of the authors' packages, shapes, sharp edges."""

from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import optax
import oracles_scaled
import pytest
import torch
from conformance_scenarios import CURVED, PLAIN, SHAPES, ZEROS, Scenario, largest_difference, run_rule, run_with_state
from oracles import run

from thalweg.optimizers import Adafactor, Prodigy, lift, make_optimizer

AVERAGED = {"learning_rate": 0.25, "weight_decay": 0.125, "weight_growth": 0.5, "weight_power": 1.5}
ADAM = {"learning_rate": 0.25, "beta1": 0.625, "beta2": 0.75, "epsilon": 2.0**-6, "weight_decay": 0.125}
DISTANT = {**ADAM, "initial_distance": 2.0**-6}
DOG = {"learning_rate": 0.25, "epsilon": 2.0**-6, "weight_decay": 0.125, "initial_distance": 2.0**-5}

# Element (1, 1) of the tall matrix and the scalar after the 14 steps of CURVED, in float64: schedulefree 1.4.1 (its
# points for evaluation), prodigyopt 1.1.2, dadaptation 3.2 and dog-optimizer 1.0.3 on torch 2.13.
AUTHORS = (
    (
        "schedule-free-sgd@authors",
        {**AVERAGED, "beta": 0.625, "warmup_steps": 5.0},
        (-0.40003758828432895, 0.9150910948467682),
    ),
    (
        "schedule-free-adamw@authors",
        {**AVERAGED, **ADAM, "warmup_steps": 5.0},
        (-0.6276831557575101, 0.272642691724372),
    ),
    ("schedule-free-adamw@paper", {**AVERAGED, **ADAM, "warmup_steps": 5.0}, (-0.6282582001834168, 0.2518139170793588)),
    ("schedule-free-radam@authors", {**AVERAGED, **ADAM}, (-0.4067362464425063, 0.5265497017449028)),
    (
        "schedule-free-radam@authors",
        {"learning_rate": 0.25, "first_steps": "sgd"},
        (-0.4118064006762359, 1.427367409708515),
    ),
    ("prodigy@authors", {**DISTANT, "distance_factor": 1.5}, (-0.1582227125114785, 1.7332602010192308)),
    (
        "prodigy@authors",
        {
            **DISTANT,
            "decay_form": "coupled",
            "rate_in_sum": False,
            "numerator_decay": "own",
            "beta3": 0.5,
            "bias_correction": True,
        },
        (-0.15650353899628644, 1.7435134462470319),
    ),
    ("dadapt-adam@authors", DISTANT, (-0.15634970711715362, 1.7487312384278162)),
    (
        "dadapt-sgd@authors",
        {"learning_rate": 0.25, "momentum": 0.75, "weight_decay": 0.125, "initial_distance": 2.0**-6},
        (-0.13881529116340252, 1.7957108233358818),
    ),
    ("dog@authors", DOG, (-0.14243911431969294, 1.7793029875506297)),
    ("dog@l-dog", DOG, (-0.14690169385958016, 1.6603550360505674)),
)


@pytest.mark.parametrize(("reference", "settings", "expected"), AUTHORS, ids=lambda value: str(value)[:30])
def test_numbers_of_the_authors_packages(
    reference: str, settings: dict[str, float], expected: tuple[float, float]
) -> None:
    last = run_rule(make_optimizer(reference, **settings), CURVED)[-1]
    np.testing.assert_allclose([last[0][1, 1], last[3]], expected, rtol=1e-12)


def deep(shape: tuple[int, ...], steps: int = 6) -> Scenario:
    random = np.random.default_rng(7)
    gradients = tuple((random.normal(size=shape) * 10.0 ** random.uniform(-1, 1, size=shape),) for _ in range(steps))
    return Scenario(str(shape), (random.normal(size=shape),), gradients, (1.0,) * steps)


@pytest.mark.parametrize("shape", [(5, 2, 3), (2, 3, 5), (3, 2, 2, 4), (1, 4), (4, 1)])
@pytest.mark.parametrize("axes", ["last", "largest"])
def test_adafactor_on_arrays_of_more_dimensions(shape: tuple[int, ...], axes: str) -> None:
    settings = {"learning_rate": 0.25, "factored_axes": axes}
    ours = run_rule(Adafactor.configured(**settings), deep(shape))
    assert largest_difference(ours, run(oracles_scaled.adafactor, settings, deep(shape)))[0] <= 1e-12


@pytest.mark.parametrize("shape", [(5, 2, 3), (2, 3, 5)])
def test_adafactor_factors_the_axes_of_optax_and_of_torch(shape: tuple[int, ...]) -> None:
    scenario, theirs = deep(shape, 1), optax.adafactor(0.25, min_dim_size_to_factor=2)
    start, slope = jnp.asarray(scenario.starts[0]), jnp.asarray(scenario.gradients[0][0])
    moved = start + theirs.update(slope, theirs.init(start), start)[0]
    ours = run_rule(Adafactor.preset("optax", learning_rate=0.25, min_size_to_factor=2), scenario)[0][0]
    np.testing.assert_allclose(ours, moved, rtol=2e-5, atol=1e-6)  # float32 there
    parameter = torch.tensor(scenario.starts[0], requires_grad=True)
    parameter.grad = torch.tensor(scenario.gradients[0][0])
    torch.optim.Adafactor([parameter], lr=0.25, eps=(2.0**-23, 1e-3)).step()
    ours = run_rule(Adafactor.preset("torch", learning_rate=0.25), scenario)[0][0]
    np.testing.assert_allclose(ours, parameter.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize(("shape", "least", "kept"), [
    ((32, 33), 32, 32 + 33), ((33, 32), 32, 32 + 33), ((31, 64), 32, 31 * 64), ((64, 31), 32, 31 * 64),
    ((3, 40, 2), 1, 3 * 40 + 3 * 2), ((128, 128), 128, 256), ((128, 127), 128, 128 * 127), ((7,), 1, 7), ((), 1, 1),
])  # fmt: skip
def test_adafactor_keeps_rows_and_columns_of_matrices_large_enough(
    shape: tuple[int, ...], least: int, kept: int
) -> None:
    (state,) = lift.init_state(Adafactor.configured(min_size_to_factor=least), [np.zeros(shape)])
    assert sum(a.size for a in state.values()) == kept


def test_schedule_free_is_the_running_average_of_sgd_without_a_share() -> None:
    """With β = 0 and equal weights z is plain gradient descent and the parameters are its mean (Polyak, Ruppert)."""
    rule = make_optimizer("schedule-free-sgd", learning_rate=0.25, beta=0.0, weight_power=0.0)
    plain = run_rule(make_optimizer("sgd", learning_rate=0.25), PLAIN)
    means = [[np.mean([step[i] for step in plain[: t + 1]], axis=0) for i in range(4)] for t in range(len(plain))]
    assert largest_difference(run_rule(rule, PLAIN), means)[0] <= 1e-12
    points = [[np.asarray(s["z"]) for s in states] for _, states in run_with_state(rule, PLAIN)]
    assert largest_difference(points, plain)[0] <= 1e-12


def test_schedule_free_looks_between_z_and_the_average() -> None:
    rule = make_optimizer("schedule-free-adamw", learning_rate=0.25, beta1=0.75)
    leaves, states = run_with_state(rule, PLAIN)[-1]
    for look, x, state in zip(lift.lookahead(rule, leaves, states), leaves, states, strict=True):
        np.testing.assert_allclose(look, 0.25 * state["z"] + 0.75 * x, rtol=1e-14)
    assert all(x is y for x, y in zip(lift.answer(rule, leaves, states), leaves, strict=True))


@pytest.mark.parametrize("name", ["prodigy", "dadapt-sgd", "dadapt-adam", "dog", "lars", "lamb", "adafactor"])
def test_nothing_moves_and_all_stays_finite_while_gradients_are_zero(name: str) -> None:
    rule = make_optimizer(name)
    done = run_rule(rule, ZEROS)  # no gradient in steps 1 and 2
    for step in (0, 1):
        for x, start in zip(done[step], ZEROS.starts, strict=True):
            np.testing.assert_allclose(x, start, rtol=1e-14)
    assert all(np.all(np.isfinite(x)) for step in done for x in step)
    assert not all(np.array_equal(x, start) for x, start in zip(done[-1], ZEROS.starts, strict=True))


@pytest.mark.parametrize("name", ["lars", "lamb"])
def test_each_array_moves_by_a_fraction_of_its_length(name: str) -> None:
    settings = {"trust_coefficient": 0.5} if name == "lars" else {}
    rule = make_optimizer(name, learning_rate=0.25, **settings)
    first = run_rule(rule, PLAIN)[0]
    for x, start in zip(first, PLAIN.starts, strict=True):
        wanted = 0.25 * (0.5 if name == "lars" else 1.0) * np.linalg.norm(start)
        assert np.linalg.norm(x - start) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("name", ["prodigy", "dadapt-sgd", "dadapt-adam", "dog"])
def test_the_distance_only_grows_and_ends_near_that_to_the_solution(name: str) -> None:
    starts, nothing = tuple(np.ones(shape) for shape in SHAPES), tuple(np.zeros(shape) for shape in SHAPES)
    bowl = Scenario("bowl", starts, (nothing,) * 600, (1.0,) * 600, curvature=1.0)
    done = run_with_state(make_optimizer(name), bowl)
    found = [float(np.max(state["distance"])) for _, state in done]
    assert all(after >= before for before, after in pairwise(found))
    assert found[0] < 1e-4  # it knows nothing at first
    length = (
        np.sqrt(sum(x.size for x in starts)) if name in ("dadapt-sgd", "dog") else 1.0
    )  # else of the largest element
    assert 0.1 * length < found[-1] < 4.0 * length  # DoG and Prodigy overshoot threefold here
    assert max(float(np.max(np.abs(x))) for x in done[-1][0]) < 0.1


def test_prodigys_sums_bear_float16_once_the_distance_has_grown() -> None:
    goal = np.linspace(-1, 1, 20, dtype=np.float16)
    x, rule = (np.zeros_like(goal),), Prodigy()
    state = lift.init_state(rule, x)
    for t in range(1, 301):
        x, state = lift.update(rule, x, (x[0] - goal,), state, t)
    assert state["s"][0].dtype == np.float16
    assert float(state["distance"]) > 0.1
    np.testing.assert_allclose(x[0], goal, atol=0.01)
