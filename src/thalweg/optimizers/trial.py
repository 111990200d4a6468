"""Try a rule for three steps on NumPy and say in words what it does wrong."""

from typing import Any

import numpy as np

from thalweg.optimizers.base import Rule

__all__ = ["trial_problem"]

_START = ((1.0, -2.0), (0.5, 3.0))
_GRADIENTS = (((0.5, -1.0), (0.25, 2.0)), ((-0.5, 1.0), (0.0, 0.5)), ((0.0, 0.0), (0.0, 0.0)))


def trial_problem(rule: Rule) -> str | None:
    """Return what a rule does wrong in three steps on a 2 × 2 float64 array, or None if all is well.

    Shapes, dtypes and the entries of the state must stay, the arguments must not be written to, and all numbers must
    be finite, also where the gradient is zero. What the rule itself raises is not caught.
    """
    with np.errstate(all="ignore"):
        bound = rule.with_values({name: np.asarray(float(value)) for name, value in rule.values().items()})
        x = _tree(rule, _START)
        state = bound.init(x)
        if not isinstance(state, dict):
            return f"init returns {_kind(state)}; return a dict of arrays"
        for t, gradient in enumerate(_GRADIENTS, start=1):
            g = _tree(rule, gradient)
            before = _copied((x, g, state))
            problem = _hook_problem(bound, x, g, state)
            if problem:
                return problem
            result = bound.update(x, g, state, np.asarray(float(t)), **_inputs(rule, t))
            problem = _written_to(before, (x, g, state)) or _step_problem(x, state, result)
            if problem:
                return f"update (step {t}) {problem}"
            x, state = result
    return None


def _hook_problem(bound: Rule, x: Any, g: Any, state: Any) -> str | None:
    found = {"lookahead": bound.lookahead(x, state), "answer": bound.answer(x, state)}
    if "second_gradient" in bound.needs:
        found["second_point"] = bound.second_point(x, g, state)
    for method, point in found.items():
        problem = _differs(f"{method} returns a point", x, point)
        if problem:
            return problem
    if "hessian_product" not in bound.needs:
        return None
    return _differs("direction returns a direction", x, bound.direction(x, g, state))


def _inputs(rule: Rule, t: int) -> dict[str, Any]:
    """Return what a rule needs beside the gradient at step t: a Hessian has entries of both signs, and zeros."""
    rows = _GRADIENTS[-t]
    made: dict[str, Any] = {name: _tree(rule, rows) for name in rule.needs - {"loss"}}
    if "gauss_newton_diagonal" in rule.needs:
        made["gauss_newton_diagonal"] = _tree(rule, tuple((a * a, b * b) for a, b in rows))
    return {**made, **({"loss": np.asarray(1.0 / t)} if "loss" in rule.needs else {})}


def _tree(rule: Rule, rows: tuple[tuple[float, ...], ...]) -> Any:
    array = np.array(rows)
    return (array,) if rule.whole_tree else array


def _kind(value: Any) -> str:
    return f"an object of type {type(value).__name__}"


def _copied(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _copied(value) for key, value in tree.items()}
    if isinstance(tree, tuple | list):
        return tuple(_copied(value) for value in tree)
    return np.array(tree)


def _written_to(before: tuple[Any, ...], after: tuple[Any, ...]) -> str | None:
    for name, old, new in zip(("x", "g", "state"), before, after, strict=True):
        if _differs(name, old, new) or any(
            not np.array_equal(a, b, equal_nan=True) for a, b in zip(_leaves(old), _leaves(new), strict=True)
        ):
            return f"changes its argument {name} in place; make a new one instead"
    return None


def _step_problem(x: Any, state: Any, result: Any) -> str | None:
    if not isinstance(result, tuple) or len(result) != 2:
        return f"returns {_kind(result)}; return the tuple (new parameters, new state)"
    problem = _differs("returns parameters", x, result[0]) or _differs("returns a state", state, result[1])
    if problem:
        return problem
    if not all(np.all(np.isfinite(leaf)) for leaf in _leaves(result)):
        return "returns numbers that are not finite; keep quotients and roots defined for zero gradients"
    return None


def _differs(what: str, old: Any, new: Any) -> str | None:
    """Return how the structure, a shape or a dtype of ``new`` differs from ``old``, or None."""
    if isinstance(old, dict):
        if not isinstance(new, dict) or old.keys() != new.keys():
            given = ", ".join(sorted(map(str, new))) or "none" if isinstance(new, dict) else _kind(new)
            return f"{what} with entries {given}; keep those that init made ({', '.join(sorted(old))})"
        problems = (_differs(what, old[key], new[key]) for key in old)
        return next((problem for problem in problems if problem), None)
    if isinstance(old, tuple | list):
        if not isinstance(new, tuple | list) or len(old) != len(new):
            return f"{what} as {_kind(new)}; keep it a tuple of {len(old)}"
        problems = (_differs(what, a, b) for a, b in zip(old, new, strict=True))
        return next((problem for problem in problems if problem), None)
    shape, dtype = getattr(new, "shape", None), getattr(new, "dtype", None)
    if shape != old.shape:
        return (
            f"{what} of shape {shape}, was {old.shape}; keep it the same" if shape is not None else _no_array(what, new)
        )
    return f"{what} of dtype {dtype}, was {old.dtype}; keep it the same" if dtype != old.dtype else None


def _no_array(what: str, value: Any) -> str:
    return f"{what} holding {_kind(value)}; keep it an array"


def _leaves(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in _leaves(tree[key])]
    if isinstance(tree, tuple | list):
        return [leaf for value in tree for leaf in _leaves(value)]
    return [tree]
