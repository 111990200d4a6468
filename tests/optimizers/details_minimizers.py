"""Checks of the line search's next lengths, which a trajectory of some steps may never need."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from thalweg.optimizers import Rule

__all__ = ["SEARCH_DETAILS"]


def _of_search(rules: Mapping[str, type[Rule]], name: str) -> Any:
    """Return a function of the line search as the catalogue given has it."""
    evaluate = rules["lbfgs"].update.__globals__["evaluate"]
    return evaluate.__globals__["advance"].__globals__[name]


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


SEARCH_DETAILS: dict[str, dict[str, Callable[[Mapping[str, type[Rule]]], None]]] = {
    "lbfgs": {"stretching": _stretching, "cramped": _cramped}
}
