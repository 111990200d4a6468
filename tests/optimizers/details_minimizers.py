"""Checks of the methods with a line search along whole courses, beside the books' forms of them, and of their parts."""

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import oracles_minimizers
from details_line_search import SEARCH_DETAILS
from scipy.optimize import rosen, rosen_der

from thalweg.optimizers import Rule, lift

__all__ = ["MINIMIZER_DETAILS"]

Rules = Mapping[str, type[Rule]]
Function = Callable[[np.ndarray], tuple[float, np.ndarray]]


def valley(x: np.ndarray) -> tuple[float, np.ndarray]:
    """Return Rosenbrock's function and its gradient."""
    return float(rosen(x)), rosen_der(x)


def bowl(x: np.ndarray) -> tuple[float, np.ndarray]:
    """Return a gentle bowl, whose gradients are small."""
    weights = np.linspace(0.01, 0.2, x.size)
    return float(0.5 * np.sum(weights * x**2 + 0.05 * x**4)), weights * x + 0.1 * x**3


def waves(x: np.ndarray) -> tuple[float, np.ndarray]:
    """Return a function that bends down in many places."""
    w = np.arange(1.0, x.size + 1.0)
    loss = np.sum(0.1 * x**2 - np.cos(w * x)) + 0.3 * np.sin(x[0] * x[-1])
    g = 0.2 * x + w * np.sin(w * x)
    g[0] += 0.3 * x[-1] * np.cos(x[0] * x[-1])
    g[-1] += 0.3 * x[0] * np.cos(x[0] * x[-1])
    return float(loss), g


def saddle(x: np.ndarray) -> tuple[float, np.ndarray]:
    """Return a function that bends down where its first number is small, and is flat there."""
    return float(0.02 * np.sum(x[1:] ** 2) - 0.05 * x[0] ** 2 + 0.01 * x[0] ** 4), np.concatenate(
        [[-0.1 * x[0] + 0.04 * x[0] ** 3], 0.04 * x[1:]]
    )


def deceit(x: np.ndarray) -> tuple[float, np.ndarray]:
    """Return a bowl with the gradient of a hill wherever its first number is positive: no step down is found there."""
    return float(np.sum(x**2)), np.where(x[0] > 0, -2.0, 2.0) * x


def lie(x: np.ndarray) -> tuple[float, np.ndarray]:
    """Return a hill with the gradient of a bowl: every search fails, though it bends like a bowl."""
    return -float(np.sum(x**2)), 2.0 * x


ROUNDING: Any = {"rtol": 1e-6, "atol": 1e-7}  # which a course of some dozen steps makes that much larger


def _product(function: Function, x: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the product of a function's Hessian with a vector, from differences of gradients."""
    scale = 1e-2 / (np.max(np.abs(v)) or 1.0)
    near, far = (function(x + k * scale * v)[1] - function(x - k * scale * v)[1] for k in (1, 2))
    return (8.0 * near - far) / (12.0 * scale)


def course(
    name: str, function: Function, start: list[float], steps: int = 30, **settings: Any
) -> Callable[[Rules], None]:
    """Return a check that holds a rule against its oracle on one function, where it remembers much from step to step.

    What is computed while a direction is solved for, but not asked for, is spoilt on the way.

    Args:
        name: Of the rule.
        function: Returns loss and gradient at a vector.
        start: Where it begins.
        steps: Updates.
        settings: Of the rule.
    """
    oracle = getattr(oracles_minimizers, name.replace("-", "_"))

    def run(rules: Rules) -> None:
        rule = rules[name].configured(**settings)
        waiting = oracle([np.array(start)], [rule.values()["learning_rate"]], **settings)
        (look,), _ = next(waiting)
        leaves: tuple[Any, ...] = (np.array(start),)
        state: Any = lift.init_state(rule, leaves)
        for step in range(1, steps + 1):
            (mine,) = lift.lookahead(rule, leaves, state)
            np.testing.assert_allclose(mine, look, **ROUNDING, err_msg=f"step {step}")
            loss, g = function(look)
            solving = bool(state.get("solving", 0) > 0)
            inputs: dict[str, Any] = {"loss": np.asarray(3.0 * loss + 1.0 if solving else loss)}
            given = 7.0 - g[::-1] if solving else g
            if "hessian_product" in rule.needs:
                inputs["hessian_product"] = [_product(function, look, lift.directions(rule, leaves, [given], state)[0])]
            leaves, state = lift.update(rule, leaves, [given], state, step, **inputs)

            def ask(what: str, points: Any = None, at: np.ndarray = look, loss: float = loss) -> Any:
                return loss if what == "loss" else [_product(function, at, points[0])]

            (look,), (here,) = waiting.send(([g], ask))
            np.testing.assert_allclose(leaves[0], here, **ROUNDING, err_msg=f"step {step}")

    return run


def _full_batch(name: str) -> Callable[[Rules], None]:
    def run(rules: Rules) -> None:
        """Its line search needs a loss without noise, which whoever trains with it must know."""
        assert rules[name].full_batch

    return run


def _weights(rules: Rules) -> None:
    """The weight of the last direction in every form, also below zero and where its divisor is zero."""
    random = np.random.default_rng(0)
    triples = [tuple(random.normal(size=(3, 3))) for _ in range(8)]
    triples += [(np.array([1.0, 2.0]), np.zeros(2), np.array([2.0, -1.0])), (np.ones(2), np.ones(2), np.ones(2))]
    seen = set()
    for form in ("polak_ribiere", "fletcher_reeves", "hestenes_stiefel", "dai_yuan"):
        for new, old, direction in triples:
            change = new - old
            above = new @ (new if form in ("fletcher_reeves", "dai_yuan") else change)
            below = old @ old if form in ("fletcher_reeves", "polak_ribiere") else direction @ change
            expected = above / below if below else 0.0
            if form in ("polak_ribiere", "hestenes_stiefel"):
                expected = max(0.0, expected)
            seen |= {(form, bool(below), expected < 0)}
            found = rules["nonlinear-cg"].configured(form=form)._beta(new, old, direction)  # type: ignore[attr-defined]
            assert np.shape(found) == ()
            np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert ("dai_yuan", True, True) in seen
    assert {("polak_ribiere", False, False), ("hestenes_stiefel", False, False)} < seen


def _tiny_changes(rules: Rules) -> None:
    """The scale of a direction is that of the newest pair, however small its numbers are."""
    newton = rules["lbfgs"].update.__globals__["_newton"]
    random = np.random.default_rng(0)
    g, step = random.normal(size=3), random.normal(size=3)
    for size in (1e-6, 1.0, 1e6):
        change = size * (step + 0.1 * random.normal(size=3))
        steps, changes = np.stack([np.zeros(3), step]), np.stack([np.zeros(3), change])
        expected = oracles_minimizers.inverse_hessian([(step, change)], 3) @ g
        np.testing.assert_allclose(newton(g, steps, changes, np.sum(steps * changes, axis=1)), expected, rtol=1e-9)


def _reach(rules: Rules) -> None:
    """A bracket is too short to go on if it moves no parameter by 1e-9, whichever its sign."""
    evaluate = rules["lbfgs"].update.__globals__["evaluate"]
    start = evaluate.__globals__["start"]
    for direction, trial, done in (([-1.0, 0.1], 5e-9, False), ([-0.1, 0.05], 5e-9, True), ([-9.0, 0.1], 5e-10, False)):
        vector, number = np.array(direction), np.asarray
        state = {
            "direction": vector,
            "kept": np.zeros(2),
            "search": start(number(0.0), number(-1.0), number(trial)),
        }
        limits = evaluate.__globals__["Limits"](number(1e-4), number(0.9), number(25.0))
        found = evaluate((np.array([1.0, 3.0]),), number(1.0), state, number(2.0), limits)
        assert bool(found.done) is done, direction


_PLACES: dict[str, tuple[Function, list[float]]] = {
    "bowl": (bowl, [0.6, -0.4, 0.3, 0.2]),
    "far bowl": (bowl, [3.0, -2.0, 4.0, 1.0]),
    "valley": (valley, [-1.2, 1.0, -0.5, 2.0]),
    "waves": (waves, [0.9, -1.3, 0.4, 2.1]),
    "saddle": (saddle, [0.01, 0.3, -0.2, 0.1]),
    "deceit": (deceit, [-0.5, 0.8, 0.3]),
    "deceit at once": (deceit, [0.5, 0.8, 0.3]),
    "lie": (lie, [0.4, -0.9, 0.2]),
    "near deceit": (deceit, [0.3, 0.25, 0.2]),
    "nearer deceit": (deceit, [0.2, 0.1, 0.05]),
    "bottom": (bowl, [0.0, 0.0, 0.0]),
}
_MANNERS: dict[str, dict[str, Any]] = {
    "": {},
    "strict": {"decrease": 0.45, "curvature": 0.5, "evaluations": 6.0},
    "hasty": {"evaluations": 0.0, "learning_rate": 0.7},
    "loose": {"decrease": 0.2, "curvature": 0.95, "evaluations": 2.0},
}
_FORMS: dict[str, list[dict[str, Any]]] = {
    "lbfgs": [{"history": 3}, {"history": 5, "first_length": "norm"}],
    "nonlinear-cg": [
        {"descent": 0.4},
        {"form": "fletcher_reeves"},
        {"form": "hestenes_stiefel", "descent": 0.1},
        {"form": "dai_yuan", "descent": 0.7},
    ],
    "newton-cg": [{}, {"iterations": 2.0, "precision": 0.05}, {"forcing": "linear", "precision": 0.3}],
}


def _courses(name: str) -> dict[str, Callable[[Rules], None]]:
    """Return a check for every form and manner, which goes through all places."""
    found = {}
    for (number, form), (manner, settings) in itertools.product(enumerate(_FORMS[name]), _MANNERS.items()):
        courses = [course(name, *place, steps=10, **settings, **form) for place in _PLACES.values()]
        found[f"course {manner} {number}"] = partial(_all, courses)
    return found


def _all(courses: list[Callable[[Rules], None]], rules: Rules) -> None:
    for one in courses:
        one(rules)


def _broken_off(seed: int, rate: float, evaluations: float) -> Callable[[Rules], None]:
    """A search that is broken off takes an earlier length, where no product has been asked for yet."""
    start = np.random.default_rng(seed).normal(size=3).tolist()
    settings: dict[str, Any] = {"learning_rate": rate, "curvature": 0.05, "evaluations": evaluations, "precision": 0.1}
    return course("newton-cg", waves, start, steps=25, **settings)


MINIMIZER_DETAILS: dict[str, dict[str, Callable[[Rules], None]]] = {
    "lbfgs": {
        **SEARCH_DETAILS,
        "full batch": _full_batch("lbfgs"),
        "tiny changes": _tiny_changes,
        "reach": _reach,
        **_courses("lbfgs"),
    },
    "nonlinear-cg": {"full batch": _full_batch("nonlinear-cg"), "weights": _weights, **_courses("nonlinear-cg")},
    "newton-cg": {
        "full batch": _full_batch("newton-cg"),
        "broken off": _broken_off(1, 3.0, 1.0),
        "broken off later": _broken_off(4, 8.0, 2.0),
        "many numbers": course("newton-cg", bowl, [0.3 * (-1) ** k for k in range(9)], steps=40, precision=0.3),
        **_courses("newton-cg"),
    },
}
