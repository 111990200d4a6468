"""The references of the rules that need more than the gradient."""

import functools
import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import oracles_curvature
from conformance_entries import Reference, RuleTable, own
from conformance_libraries import Library
from conformance_scenarios import Scenario, Trajectory

__all__ = ["CURVATURE"]


class OptaxSophia(Library):
    """``optax.contrib.sophia``, told the estimates of the diagonal instead of making its own."""

    def signature(self) -> Mapping[str, inspect.Parameter]:
        """Return the constructor's parameters."""
        import optax

        return inspect.signature(optax.contrib.sophia).parameters

    def run(self, settings: Mapping[str, Any], scenario: Scenario) -> Trajectory:
        """Return the parameters after every step."""
        import jax
        import jax.numpy as jnp

        with jax.enable_x64(True):
            keywords = self.keywords(settings)
            rates = jnp.asarray(scenario.rates) * keywords.pop("learning_rate")
            numbers = {name: jnp.asarray(value) for name, value in keywords.items()}
            init, step_on = _sophia_program()
            leaves = [jnp.asarray(x) for x in scenario.starts]
            state, done = init(leaves, rates, numbers), []
            for step, table in enumerate(scenario.gradients, start=1):
                g = [jnp.asarray(a) for a in scenario.gradient(step, [np.asarray(x) for x in leaves])]
                diagonal = [jnp.asarray(a) for a in scenario.input("hessian_diagonal", table, table)]
                leaves, state = step_on(leaves, state, g, diagonal, rates, numbers)
                done.append([np.asarray(x) for x in leaves])
            return done


@functools.cache
def _sophia_program() -> tuple[Any, Any]:
    import jax
    import optax

    def told(updates: Any, state: Any, params: Any = None, diagonal: Any = None, **others: Any) -> Any:
        del updates, params, others
        return diagonal, state

    estimator = optax.GradientTransformationExtraArgs(lambda params: (), told)

    def make(rates: Any, numbers: Any) -> Any:
        return optax.contrib.sophia(lambda count: rates[count], hessian_diagonal_fn=estimator, **numbers)

    @jax.jit
    def step_on(leaves: Any, state: Any, g: Any, diagonal: Any, rates: Any, numbers: Any) -> Any:
        changes, state = make(rates, numbers).update(g, state, leaves, diagonal=diagonal)
        return [x + change for x, change in zip(leaves, changes, strict=True)], state

    return lambda leaves, rates, numbers: make(rates, numbers).init(leaves), step_on


class OptaxPolyak(Library):
    """``optax.polyak_sgd``, told the loss and made anew in every step, as its bound takes no schedule."""

    def run(self, settings: Mapping[str, Any], scenario: Scenario) -> Trajectory:
        """Return the parameters after every step."""
        import jax
        import jax.numpy as jnp

        with jax.enable_x64(True):
            keywords = {name: jnp.asarray(value) for name, value in self.keywords(settings).items()}
            base = keywords.pop("max_learning_rate", self.default("learning_rate"))
            leaves, done = [jnp.asarray(x) for x in scenario.starts], []
            for step, (table, factor) in enumerate(zip(scenario.gradients, scenario.rates, strict=True), start=1):
                points = [np.asarray(x) for x in leaves]
                g = [jnp.asarray(a) for a in scenario.gradient(step, points)]
                loss = jnp.asarray(scenario.input("loss", table, points))
                leaves = _polyak_step()(leaves, g, loss, {**keywords, "max_learning_rate": base * factor})
                done.append([np.asarray(x) for x in leaves])
            return done


@functools.cache
def _polyak_step() -> Any:
    import jax
    import optax

    @jax.jit
    def step_on(leaves: Any, g: Any, loss: Any, numbers: Any) -> Any:
        rule = optax.polyak_sgd(**numbers)
        changes, _ = rule.update(g, rule.init(leaves), leaves, value=loss)
        return [x + change for x, change in zip(leaves, changes, strict=True)]

    return step_on


_SOPHIA = {
    "learning_rate": 0.25,
    "beta1": 0.625,
    "beta2": 0.75,
    "scale": 4.0,
    "epsilon": 2.0**-6,
    "weight_decay": 0.125,
}
_OPTAX_SOPHIA = {
    "learning_rate": "learning_rate",
    "beta1": "b1",
    "beta2": "b2",
    "scale": "gamma",
    "epsilon": "eps",
    "weight_decay": "weight_decay",
}
_OPTAX_POLYAK = {"learning_rate": "max_learning_rate", "lowest_loss": "f_min"}

CURVATURE: Mapping[str, RuleTable] = {
    "sophia-h": RuleTable(
        oracles_curvature.sophia_h,
        _SOPHIA,
        (
            own(),
            own("paper"),
            Reference("optax", OptaxSophia("optax", "sophia", _OPTAX_SOPHIA, undefaulted={"learning_rate": 1e-3})),
        ),
        {"": 2},
        also=({"scale": 2.0, "update_interval": 1}, {"scale": 0.5, "update_interval": 5, "hessian": "before"}),
    ),
    "sophia-g": RuleTable(
        oracles_curvature.sophia_g,
        _SOPHIA,
        (
            own(),
            own("paper"),
            own("authors", learning_rate=1e-4, beta1=0.965, scale=0.04, epsilon=1e-15, weight_decay=0.1),
        ),
        {"": 2},
        also=({"scale": 2.0, "update_interval": 1}, {"scale": 0.5, "update_interval": 5}),
    ),
    "adahessian": RuleTable(
        oracles_curvature.adahessian,
        {
            "learning_rate": 0.25,
            "beta1": 0.625,
            "beta2": 0.75,
            "epsilon": 2.0**-6,
            "power": 0.625,
            "weight_decay": 0.125,
        },
        (own(), own("paper"), own("authors", magnitude="absolute")),
        {"": 2},
        elementwise=False,
    ),
    "polyak-step": RuleTable(
        oracles_curvature.polyak_step,
        {"learning_rate": 0.25, "share": 0.75, "lowest_loss": -20.5},
        (
            own(),
            own("paper"),
            Reference("optax", OptaxPolyak("optax", "polyak_sgd", _OPTAX_POLYAK)),
        ),
        {"": 0},
        elementwise=False,
        also=({"lowest_loss": -64.0, "learning_rate": 1e3},),
    ),
}
