"""Numbers of pytorch_optimizer, which is no dependency, and where other libraries depart from the papers."""

from typing import Any

import numpy as np
import pytest
from conformance_libraries import optax
from conformance_scenarios import CURVED, PLAIN, Scenario, Trajectory, run_rule

from thalweg.optimizers import Rprop, make_optimizer

_DECAYS = {"learning_rate": 0.25, "beta1": 0.625, "beta2": 0.75, "weight_decay": 0.125}

# pytorch_optimizer 4.1.0 on torch 2.13.0 in float64: one element of each array after the last step of CURVED.
_MEASURED: dict[str, tuple[dict[str, Any], list[float]]] = {
    "adan": (
        {**_DECAYS, "beta3": 0.875, "epsilon": 1e-2},
        [-0.45225441248691, 0.15901776226225, -0.1926406831387, -0.042820422705874],
    ),
    "ademamix": (
        {**_DECAYS, "beta3": 0.875, "mixing": 3.0, "warmup": 6.5, "epsilon": 1e-2},
        [-0.19463425376085, -0.70990546512979, -0.09957779193644, -0.36845050154171],
    ),
    "mars@authors": (
        {**_DECAYS, "variance_reduction": 0.375, "base": "lion"},
        [0.04629789944446, 0.47446726097543, -0.49804183716703, 0.052631953137004],
    ),
    "madgrad@authors": (
        {"learning_rate": 0.25, "momentum": 0.75, "epsilon": 1e-2, "weight_decay": 0.125},
        [-0.36261624000877, 0.22025955396849, -0.34077890654075, -0.10067277487237],
    ),
    "novograd": (
        {**_DECAYS, "epsilon": 1e-2},
        [-0.19904747510863, 0.071855872103882, -0.1505127830272, -0.57079857758288],
    ),
    "adabelief": (
        {**_DECAYS, "epsilon": 1e-3, "spread_epsilon": 1e-3},
        [-0.39526010699456, -0.072029483445545, -0.27231489373816, -0.20516718290491],
    ),
}


@pytest.mark.parametrize("reference", _MEASURED)
def test_rules_end_where_pytorch_optimizer_ends(reference: str) -> None:
    settings, expected = _MEASURED[reference]
    tall, wide, vector, number = run_rule(make_optimizer(reference, **settings), CURVED)[-1]
    found = [tall[1, 1], wide[0, 2], vector[0], number]
    np.testing.assert_allclose([float(x) for x in found], expected, rtol=1e-12)  # written with 14 digits


def test_adan_of_optax_weighs_the_differences_by_the_wrong_number() -> None:
    names = {"learning_rate": "learning_rate", "beta1": "b1", "beta2": "b2", "beta3": "b3", "epsilon": "eps"}
    settings = {"learning_rate": 0.25, "beta1": 0.625, "beta2": 0.75, "beta3": 0.875, "epsilon": 2.0**-6}
    theirs = optax("adan", names, eps_root=0.0).run(settings, PLAIN)
    ours = run_rule(make_optimizer("adan", **settings), PLAIN)
    np.testing.assert_allclose(_flat(theirs, 0), _flat(ours, 0), rtol=1e-12)
    assert np.max(np.abs(_flat(theirs, 1) - _flat(ours, 1))) > 0.01
    half = {**settings, "beta2": 0.5}  # where the right and the wrong weight are one
    np.testing.assert_allclose(
        _flat(optax("adan", names, eps_root=0.0).run(half, PLAIN), -1),
        _flat(run_rule(make_optimizer("adan", **half), PLAIN), -1),
        rtol=1e-12,
    )


def test_rprop_of_optax_is_one_step_late() -> None:
    import jax
    import jax.numpy as jnp
    from optax import rprop

    with jax.enable_x64(True):
        rule, start = rprop(0.25), jnp.asarray([1.0, -1.0])
        state, theirs = rule.init(start), []
        for _ in range(4):
            change, state = rule.update(jnp.asarray([2.0, -3.0]), state)
            theirs.append(np.asarray(change))
    steady = Scenario("steady", (np.asarray([1.0, -1.0]),), 4 * ((np.asarray([2.0, -3.0]),),), 4 * (1.0,))
    points = [np.asarray([1.0, -1.0]), *(x for (x,) in run_rule(Rprop(learning_rate=0.25), steady))]
    np.testing.assert_array_equal(theirs[0], 0.0)
    np.testing.assert_allclose(theirs[1:], np.diff(points, axis=0)[:3], rtol=1e-12)


@pytest.mark.parametrize("reference", ["lion", "signsgd@signum", "rprop", "mars@lion"])
def test_rules_of_signs_do_not_see_the_scale_of_the_loss(reference: str) -> None:
    scaled = Scenario("scaled", PLAIN.starts, _times(PLAIN, 1024.0), PLAIN.rates)
    settings = {"clipping": False} if reference.startswith("mars") else {}
    rule = make_optimizer(reference, learning_rate=0.25, **settings)
    for ours, other in zip(run_rule(rule, PLAIN), run_rule(rule, scaled), strict=True):
        for x, y in zip(ours, other, strict=True):
            np.testing.assert_array_equal(x, y)


def _times(scenario: Scenario, factor: float) -> tuple[tuple[np.ndarray, ...], ...]:
    return tuple(tuple(np.asarray(factor * g) for g in step) for step in scenario.gradients)


def _flat(trajectory: Trajectory, step: int) -> np.ndarray:
    return np.concatenate([x.ravel() for x in trajectory[step]])
