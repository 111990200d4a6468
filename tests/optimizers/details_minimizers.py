"""Checks of the line search's next lengths, which a trajectory of some steps may never need."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import oracles_minimizers

from thalweg.optimizers import Rule, lift

__all__ = ["SEARCH_DETAILS"]


def _of_search(rules: Mapping[str, type[Rule]], name: str) -> Any:
    """Return a function of the line search as the catalogue given has it."""
    evaluate = rules["lbfgs"].update.__globals__["evaluate"]
    return evaluate.__globals__["advance"].__globals__[name]


def _nothing_searched(rules: Mapping[str, type[Rule]]) -> None:
    """Before the start has been evaluated nothing is known of any line, whatever the learning rate."""
    state = lift.init_state(rules["lbfgs"].configured(learning_rate=0.5), [np.ones(3)])
    for name, number in state["search"].items():
        np.testing.assert_array_equal(number, 0.0, err_msg=name)


def _stretching(rules: Mapping[str, type[Rule]]) -> None:
    """Down a straight slope no cubic has a minimum: the middle of 1.01 and 10 times the length is tried next."""
    number = np.asarray
    search = _of_search(rules, "start")(number(0.0), number(-1.0), number(1.0))
    limits = _of_search(rules, "Limits")(number(1e-4), number(0.9), number(25.0))
    after = _of_search(rules, "advance")(search, number(-1.0), number(-1.0), number(1.0), limits)
    assert not after.done
    assert after.kept
    np.testing.assert_allclose(after.search["trial"], (1.01 + 10.0) / 2, rtol=1e-15)
    steeper = _of_search(rules, "advance")(search, number(-3.0), number(-5.0), number(1.0), limits)
    assert 1.01 <= steeper.search["trial"] <= 10.0


def _bracketed(rules: Mapping[str, type[Rule]]) -> None:
    """From the third length on, one no better than the best ends the growing, though it is low enough and descends."""
    number = np.asarray
    limits = _of_search(rules, "Limits")(number(1e-4), number(0.9), number(25.0))
    search = _of_search(rules, "start")(number(0.0), number(-1.0), number(1.0))
    for loss, slope, bracketed in ((-3.0, -2.0, 0.0), (-6.0, -1.5, 0.0), (-5.9, -0.95, 1.0)):
        after = _of_search(rules, "advance")(search, number(loss), number(slope), number(1.0), limits)
        assert not after.done
        search = after.search
        assert search["bracketed"] == bracketed
    second = _of_search(rules, "start")(number(0.0), number(-1.0), number(1.0))
    for loss, slope in ((-3.0, -2.0), (-2.9, -0.95)):  # the second may be worse: its neighbour is no bracket yet
        second = _of_search(rules, "advance")(second, number(loss), number(slope), number(1.0), limits).search
    assert second["bracketed"] == 0.0


def _cramped(rules: Mapping[str, type[Rule]]) -> None:
    """A minimum in the outer tenth of the bracket is tried once; the second time, the tenth itself."""
    point, inside = _of_search(rules, "_Point"), _of_search(rules, "_inside")

    def parabola(least: float, at: float) -> Any:
        return point(np.asarray(at), np.asarray((at - least) ** 2), np.asarray(2 * (at - least)))

    for least, pushed in ((0.96, 0.9), (0.04, 0.1)):
        ends = sorted((parabola(least, 0.0), parabola(least, 1.0)), key=lambda end: float(end.loss))
        for cramped, expected in ((False, least), (True, pushed)):
            length, now_cramped = inside(np, *ends, np.asarray(cramped))
            np.testing.assert_allclose(length, expected, rtol=1e-12)
            assert bool(now_cramped) is not cramped
    length, now_cramped = inside(np, parabola(0.5, 0.0), parabola(0.5, 1.0), np.asarray(True))
    assert not now_cramped
    np.testing.assert_allclose(length, 0.5, rtol=1e-12)


def _valley(x: np.ndarray) -> tuple[float, np.ndarray]:
    """Return Rosenbrock's function of four numbers and its gradient."""
    bends, rest = x[1:] - x[:-1] ** 2, 1.0 - x[:-1]
    g = np.zeros_like(x)
    g[1:] += 200.0 * bends
    g[:-1] -= 400.0 * bends * x[:-1] + 2.0 * rest
    return float(np.sum(100.0 * bends**2 + rest**2)), g


def _product(x: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the product of the valley's Hessian with a vector, from differences, exact for a cubic gradient."""
    return (8.0 * (_valley(x + v)[1] - _valley(x - v)[1]) - (_valley(x + 2 * v)[1] - _valley(x - 2 * v)[1])) / 12.0


def _valley_like_oracle(name: str, oracle: Callable[..., Any], **settings: Any) -> Callable[..., None]:
    """Hold a rule against its oracle on one function, where directions are remembered from step to step."""

    def run(rules: Mapping[str, type[Rule]]) -> None:
        rule, start = rules[name].configured(**settings), np.array([-1.2, 1.0, -0.5, 2.0])
        waiting = oracle([start], [1.0], **settings)
        (look,), _ = next(waiting)
        leaves: tuple[Any, ...] = (start,)
        state = lift.init_state(rule, leaves)
        for step in range(1, 31):
            (mine,) = lift.lookahead(rule, leaves, state)
            np.testing.assert_allclose(mine, look, rtol=1e-7, atol=1e-7)  # rounding grows from step to step
            loss, g = _valley(mine)
            inputs: dict[str, Any] = {"loss": np.asarray(loss)}
            if "hessian_product" in rule.needs:
                inputs["hessian_product"] = [_product(mine, lift.directions(rule, leaves, [g], state)[0])]
            leaves, state = lift.update(rule, leaves, [g], state, step, **inputs)

            def ask(what: str, points: Any = None, at: np.ndarray = mine, loss: float = loss) -> Any:
                return loss if what == "loss" else [_product(at, points[0])]

            (look,), (here,) = waiting.send(([g], ask))
            np.testing.assert_allclose(leaves[0], here, rtol=1e-7, atol=1e-7)

    return run


_DEMANDING = {"decrease": 0.3, "curvature": 0.5, "evaluations": 4.0}

SEARCH_DETAILS: dict[str, dict[str, Callable[[Mapping[str, type[Rule]]], None]]] = {
    "lbfgs": {
        "nothing searched": _nothing_searched,
        "stretching": _stretching,
        "bracketed": _bracketed,
        "cramped": _cramped,
        "valley": _valley_like_oracle("lbfgs", oracles_minimizers.lbfgs, history=3),
        "demanding": _valley_like_oracle("lbfgs", oracles_minimizers.lbfgs, **_DEMANDING),
    },
    "nonlinear-cg": {
        form: _valley_like_oracle("nonlinear-cg", oracles_minimizers.nonlinear_cg, form=form)
        for form in ("polak_ribiere", "fletcher_reeves", "hestenes_stiefel", "dai_yuan")
    }
    | {"demanding": _valley_like_oracle("nonlinear-cg", oracles_minimizers.nonlinear_cg, **_DEMANDING)},
    "newton-cg": {
        forcing: _valley_like_oracle("newton-cg", oracles_minimizers.newton_cg, forcing=forcing, precision=0.01)
        for forcing in ("root", "linear")
    }
    | {"demanding": _valley_like_oracle("newton-cg", oracles_minimizers.newton_cg, **_DEMANDING)},
}
