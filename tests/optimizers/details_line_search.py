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
    dented = _of_search(rules, "advance")(search, number(-1.3), number(-20.0), number(1.0), limits)
    assert not dented.search["cramped"]  # though the cubic has a minimum at 0.03: there is no bracket yet


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


def _worse_inside(rules: Mapping[str, type[Rule]]) -> None:
    """Inside a bracket a length that meets both conditions but is worse than an end is not the answer."""
    number = np.asarray
    limits = _of_search(rules, "Limits")(number(1e-4), number(0.9), number(25.0))
    search = _of_search(rules, "start")(number(0.0), number(-1.0), number(1.0))
    for loss, slope in ((-0.5, 0.95), (-0.4, -0.5)):
        after = _of_search(rules, "advance")(search, number(loss), number(slope), number(1.0), limits)
        assert not after.done
        search = after.search
    assert search["low"] == 1.0


class _Line:
    """A random wavy function of a length with slope −1 at zero, and something that is not finite far out."""

    def __init__(self, random: np.random.Generator) -> None:
        self.bend = random.uniform(0.02, 1.0) * 10 ** random.uniform(-1, 1)
        self.height, self.pitch = random.uniform(0, 0.4, 3), random.uniform(0.2, 8.0, 3)
        self.phase = random.uniform(0, 2 * np.pi, 3)
        self.end = random.uniform(0.1, 3.0) if random.uniform() < 0.3 else np.inf
        values = ((np.nan, 1.0), (1.0, np.nan), (np.inf, 1.0), (-1.0, np.inf), (-np.inf, -1.0), (-1.0, -np.inf))
        self.beyond = values[random.integers(len(values))]

    def __call__(self, at: float) -> tuple[float, float]:
        """Return loss and slope."""
        if at > self.end:
            return self.beyond
        h, w, p = self.height, self.pitch, self.phase
        loss = -at + self.bend * at**2 + np.sum(h * (np.cos(w * at + p) - np.cos(p) + w * np.sin(p) * at))
        slope = -1 + 2 * self.bend * at + np.sum(h * w * (np.sin(p) - np.sin(w * at + p)))
        return float(loss), float(slope)


class _Asked:
    """A problem on a line for the oracle, which yields the lengths it asks for."""

    def along(self, direction: np.ndarray, at: float) -> Any:
        loss, slope = yield at
        finite = np.isfinite(loss) and np.isfinite(slope)
        return oracles_minimizers.Found(at, loss if finite else np.inf, slope if finite else 0.0, direction)


ROUNDING = 1e-6  # which eight cubics, each through the last points, make that much larger


def _searches(rules: Mapping[str, type[Rule]]) -> None:
    """Whole searches along random lines ask for the lengths that the book's two algorithms ask for, to the end."""
    number = np.asarray
    start, advance, limits_of = (_of_search(rules, name) for name in ("start", "advance", "Limits"))
    for case in range(150):
        random = np.random.default_rng(case)
        line, first, size = _Line(random), 10 ** random.uniform(-1.5, 1), 10 ** random.uniform(-1, 1)
        limits = (random.choice([1e-4, 0.3, 0.6]), random.choice([0.9, 0.3, 0.05]), float(random.integers(0, 8)))
        origin = oracles_minimizers.Found(0.0, 0.0, -1.0, np.array([size]))
        asked: Any = _Asked()
        book: Any = oracles_minimizers.wolfe_search(asked, np.array([size]), origin, first, *limits)
        search, expected, done = start(number(0.0), number(-1.0), number(first)), next(book), False
        while not done:
            tried = float(search["trial"])
            np.testing.assert_allclose(tried, expected, rtol=ROUNDING, err_msg=f"line {case}")
            after = advance(search, *map(number, line(tried)), number(size), limits_of(*map(number, limits)))
            search, done = after.search, after.done
            assert bool(after.kept) is (float(search["low"]) == tried)
            try:
                expected = book.send(line(tried))
            except StopIteration as answer:
                assert done, f"line {case}"
                np.testing.assert_allclose(float(search["low"]), answer.value.at, rtol=ROUNDING)
                np.testing.assert_allclose(float(search["low_loss"]), answer.value.loss, rtol=ROUNDING, atol=1e-9)
            else:
                assert not done, f"line {case}"


def _begins_empty(rules: Mapping[str, type[Rule]]) -> None:
    """A new search knows its start and nothing else."""
    search = _of_search(rules, "start")(np.asarray(3.0), np.asarray(-2.0), np.asarray(0.5))
    known = {"trial": 0.5, "start_loss": 3.0, "start_slope": -2.0, "low_loss": 3.0, "low_slope": -2.0}
    assert {name: float(value) for name, value in search.items()} == {name: known.get(name, 0.0) for name in search}


def _unusable(rules: Mapping[str, type[Rule]]) -> None:
    """Points without a cubic between them give the middle."""
    point, minimum = _of_search(rules, "_Point"), _of_search(rules, "_cubic_minimum")
    for a, b in (
        ((0.0, 0.0, -1.0), (1.0, np.inf, 0.0)),
        ((0.0, np.inf, 0.0), (1.0, 0.0, 1.0)),
        ((0.5, 0.0, -1.0), (0.5, 1.0, 1.0)),
        ((0.0, 0.0, -1.0), (1.0, -1.0, -1.0)),  # a straight line
        ((0.0, 0.0, -1.0), (1.0, -0.9, -1.0)),  # falling all along
    ):
        found = minimum(np, point(*map(np.asarray, a)), point(*map(np.asarray, b)), np.asarray(2.0), np.asarray(5.0))
        np.testing.assert_array_equal(found, 3.5)


def _shortest(rules: Mapping[str, type[Rule]]) -> None:
    """A search ends where its bracket moves no parameter by more than 1e-9."""
    number = np.asarray
    limits = _of_search(rules, "Limits")(number(1e-4), number(0.9), number(25.0))
    for reach, done in ((0.995e-9, True), (1.5e-9, False)):
        search = _of_search(rules, "start")(number(0.0), number(-1.0), number(1.0))
        after = _of_search(rules, "advance")(search, number(1.0), number(3.0), number(reach), limits)
        assert bool(after.done) is done


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
    length, now_cramped = inside(
        np, parabola(1.5, 1.0), parabola(1.5, 0.0), np.asarray(False)
    )  # the minimum is outside
    assert not now_cramped
    np.testing.assert_allclose(length, 0.9, rtol=1e-12)
    length, now_cramped = inside(np, parabola(0.5, 0.0), parabola(0.5, 1.0), np.asarray(True))
    assert not now_cramped
    np.testing.assert_allclose(length, 0.5, rtol=1e-12)


SEARCH_DETAILS: dict[str, Callable[[Mapping[str, type[Rule]]], None]] = {
    "nothing searched": _nothing_searched,
    "stretching": _stretching,
    "bracketed": _bracketed,
    "worse inside": _worse_inside,
    "searches": _searches,
    "begins empty": _begins_empty,
    "unusable": _unusable,
    "shortest": _shortest,
    "cramped": _cramped,
}
