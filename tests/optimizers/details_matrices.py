"""Checks of the rules for matrices on what the scenarios lack: kernels, sides of length one, empty arrays."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import oracles_curvature
import oracles_matrix
import oracles_scaled
from conformance_scenarios import Scenario, largest_difference, run_rule

from thalweg.optimizers import Rule, lift

__all__ = ["MATRIX_DETAILS"]

Rules = Mapping[str, type[Rule]]


def _drawn(*shapes: tuple[int, ...], steps: int = 4) -> Scenario:
    random = np.random.default_rng(11)
    starts = tuple(random.normal(size=shape) for shape in shapes)
    gradients = tuple(
        tuple(random.normal(size=shape) * 10.0 ** random.uniform(-1, 1, size=shape) for shape in shapes)
        for _ in range(steps)
    )
    return Scenario("kernels", starts, gradients, (1.0,) * steps, curvature=0.25)


KERNELS = _drawn((3, 2, 2, 4), (5, 2, 3), (2, 3, 5), (1, 3), (3, 1), (3, 3), (4,))


def _as_the_oracle(
    name: str, oracle: Callable[..., Any], preset: str = "", meant: Mapping[str, Any] | None = None, **settings: Any
) -> Callable[[Rules], None]:
    """Hold a rule against its oracle on kernels.

    Args:
        name: Of the rule.
        oracle: Its oracle.
        preset: Where its settings begin.
        meant: What the preset stands for.
        settings: Of the rule and of the oracle.
    """

    @functools.cache
    def expected() -> list[list[np.ndarray]]:
        return oracles.run(oracle, {**(meant or {}), **settings}, KERNELS)

    def run(rules: Rules) -> None:
        made = rules[name].preset(preset, **settings) if preset else rules[name].configured(**settings)
        worst, step = largest_difference(run_rule(made, KERNELS), expected())
        assert worst <= 1e-12, f"off by {worst:.3g}, first in step {step}"

    return run


class _Watched(np.ndarray):
    """An array that notes the shapes of all products of matrices that it takes part in."""

    products: list[tuple[int, ...]] = []  # noqa: RUF012  of all of them together

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        plain = [x.view(np.ndarray) if isinstance(x, _Watched) else x for x in inputs]
        result = getattr(ufunc, method)(*plain, **keywords)
        if ufunc is np.matmul:
            self.products.append(result.shape)
        return result.view(_Watched) if isinstance(result, np.ndarray) else result


def _muon_smaller_products(rules: Rules) -> None:
    """A Newton–Schulz step has two products of the shorter side's length and one of the matrix' own size."""
    rule = rules["muon"].configured(steps=3)
    for shape, own in (((2, 5), (2, 5)), ((5, 2), (2, 5)), ((3, 3), (3, 3))):
        g = np.random.default_rng(5).normal(size=shape).view(_Watched)
        _Watched.products.clear()
        rule.update(g, g, {"m": g}, np.asarray(1.0))
        assert _Watched.products == [(own[0], own[0]), (own[0], own[0]), own] * 3, shape


def _muon_empty(rules: Rules) -> None:
    """Arrays without elements stay as they are, and divide nothing by their sides."""
    for layout in ("in-out", "out-in"):
        rule = rules["muon"].configured(layout=layout)
        for shape in ((3, 0), (0, 3), (2, 3, 0), (0, 2, 3), (0, 0)):
            (after,), _ = lift.update(rule, [np.zeros(shape)], [np.zeros(shape)], [{"m": np.zeros(shape)}], 1)
            assert after.shape == shape


def _adafactor_state(rules: Rules) -> None:
    """Rows and columns are kept for every matrix, also of one row, and begin at zero."""
    rule = rules["adafactor"].configured()
    shapes = {(1, 3): ((1,), (3,)), (3, 1): ((3,), (1,)), (5, 2, 3): ((5, 2), (5, 3))}
    for shape, (rows, columns) in shapes.items():
        (state,) = lift.init_state(rule, [np.ones(shape)])
        assert {key: a.shape for key, a in state.items()} == {"rows": rows, "columns": columns}
        assert not any(np.any(a) for a in state.values())
    (state,) = lift.init_state(rule, [np.ones(3)])
    assert set(state) == {"v"}
    np.testing.assert_array_equal(state["v"], np.zeros(3))


def _shampoo_state(rules: Rules) -> None:
    """Roots are kept where they are not of every step, and there are matrices to take them of."""
    x = [np.ones((2, 3)), np.ones(3)]
    for interval, kept in ((1, set()), (5, {"roots"})):
        rule = rules["shampoo"].configured(interval=interval)
        state = lift.init_state(rule, x)
        for _ in range(2):
            assert set(state[0]) == {"velocity", "products"} | kept
            assert set(state[1]) == {"velocity", "products", "squares"}
            _, state = lift.update(rule, x, x, state, 1)


def _shampoo_rounding(rules: Rules) -> None:
    """Rounding makes an eigenvalue of a matrix of rank one negative by more than ε; the step stays finite."""
    rng = np.random.default_rng(0)
    gradient = 1e6 * np.outer(rng.normal(size=6), rng.normal(size=4))
    assert np.linalg.eigvalsh(gradient @ gradient.T).min() < -1e-9
    rule, start = rules["shampoo"].configured(epsilon=1e-10), [np.zeros((6, 4))]
    (moved,), _ = lift.update(rule, start, [gradient], lift.init_state(rule, start), np.asarray(1.0))
    assert np.isfinite(moved).all()


def _shampoo_ranks(rules: Rules) -> None:
    """No array is stretched to more axes without being told to, which JAX may be set to refuse."""
    rule, x = rules["shampoo"].configured(), jnp.ones((2, 3))
    with jax.numpy_rank_promotion("raise"):
        (moved,), _ = lift.update(rule, [x], [x], lift.init_state(rule, [x]), 1)
    (expected,) = run_rule(rule, Scenario("ones", (np.ones((2, 3)),), ((np.ones((2, 3)),),), (1.0,)))[0]
    np.testing.assert_allclose(moved, expected, rtol=1e-4)


def _kronecker(rules: Rules) -> None:
    """Products along an axis against sums over all other axes."""
    functions = rules["shampoo"].update.__globals__
    gram, multiplied = functions["gram"], functions["multiplied"]
    random = np.random.default_rng(3)
    for shape in ((3, 2), (1, 3), (3, 1), (2, 3, 4), (2, 1, 3, 2), (0, 3), (3, 0)):
        g = random.normal(size=shape)
        factors = {axis: random.normal(size=(length, length)) for axis, length in enumerate(shape)}
        expected, turned = g, g
        for axis, factor in factors.items():
            others = [i for i in range(g.ndim) if i != axis]
            np.testing.assert_allclose(gram(g, axis), np.tensordot(g, g, (others, others)), atol=1e-12)
            expected = np.moveaxis(np.tensordot(factor, expected, (1, axis)), 0, axis)
            turned = np.moveaxis(np.tensordot(factor, turned, (0, axis)), 0, axis)
        np.testing.assert_allclose(multiplied(g, factors), expected, atol=1e-12)
        np.testing.assert_allclose(multiplied(g, factors, transposed=True), turned, atol=1e-12)


def _preconditioned_axes(rules: Rules) -> None:
    """Which axes have a matrix: none that is too long, none of a vector; of several shortest ones the first."""
    axes = rules["shampoo"].update.__globals__["axes_to_precondition"]
    expected = {
        ((), "all"): (),
        ((2,), "all"): (),
        ((2,), "shortest"): (),
        ((3, 2), "all"): (0, 1),
        ((3, 2), "shortest"): (1,),
        ((2, 2), "shortest"): (0,),
        ((9, 3, 8), "all"): (1, 2),
        ((9, 3, 8), "shortest"): (1,),
        ((9, 10), "all"): (),
        ((9, 10), "shortest"): (),
    }
    assert {(shape, sides): axes(shape, 8, sides) for shape, sides in expected} == expected


_MUON = functools.partial(_as_the_oracle, "muon", oracles_matrix.muon, learning_rate=0.25)
_MUON_PAPER = {"momentum_form": "sum", "nesterov": False, "scale": "none", "layout": "out-in"}
_ADAFACTOR = functools.partial(_as_the_oracle, "adafactor", oracles_scaled.adafactor, learning_rate=0.25)
_ADAFACTOR_OPTAX = {"step_size": "given", "factored_axes": "largest", "decay_form": "independent"}
_SHAMPOO = functools.partial(_as_the_oracle, "shampoo", oracles_matrix.shampoo)
_ADAHESSIAN = functools.partial(_as_the_oracle, "adahessian", oracles_curvature.adahessian)

MATRIX_DETAILS: dict[str, dict[str, Callable[[Rules], None]]] = {
    "muon": {
        "kernels": _MUON(),
        "kernels as the paper": _MUON(preset="paper", meant=_MUON_PAPER),
        "kernels as the authors": _MUON(preset="authors", meant={"layout": "out-in"}),
        "kernels scaled": _MUON(scale="rms"),
        "smaller products": _muon_smaller_products,
        "empty arrays": _muon_empty,
    },
    "adafactor": {
        "kernels": _ADAFACTOR(),
        "kernels as optax": _ADAFACTOR(
            preset="optax", meant=_ADAFACTOR_OPTAX, min_size_to_factor=2, weight_decay=0.125
        ),
        "kernels as torch": _ADAFACTOR(preset="torch", meant={"epsilon_place": "floor"}, epsilon=2.0**-4),
        "large epsilon": _ADAFACTOR(epsilon=4.0),
        "state": _adafactor_state,
    },
    "shampoo": {
        "kernels": _SHAMPOO(),
        "kernels of one side": _SHAMPOO(sides="shortest", interval=5),
        "rounding": _shampoo_rounding,
        "ranks": _shampoo_ranks,
        "state": _shampoo_state,
        "products along axes": _kronecker,
        "axes": _preconditioned_axes,
    },
    "adahessian": {
        "kernels": _ADAHESSIAN(),
        "kernels as the authors": _ADAHESSIAN(preset="authors", meant={"magnitude": "absolute"}),
        "kernels by units": _ADAHESSIAN(neighbours="unit", layout="out-in"),
    },
}
