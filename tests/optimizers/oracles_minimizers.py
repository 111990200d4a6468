"""Methods with a line search, written as they are in the books: they wait for every evaluation.

An oracle is a generator over the list of all arrays; see :mod:`oracles`. It goes on for ever: ``look`` yields a point
and is sent gradient and loss there.
"""

import math
from collections.abc import Callable, Generator, Iterable
from typing import Any, NamedTuple, TypeAlias

import numpy as np

Points: TypeAlias = list[np.ndarray]
Sent: TypeAlias = tuple[Points, Callable[..., Any]]
Evaluations: TypeAlias = Generator[tuple[Points, Points], Sent, Any]


class Found(NamedTuple):
    """A length with loss, slope and gradient."""

    at: float
    loss: float
    slope: float
    gradient: np.ndarray


class Problem:
    """The function, asked once per update; ``now`` is the accepted point and ``rate`` that of the last evaluation."""

    def __init__(self, arrays: Points, rates: Iterable[float]) -> None:
        self.like, self.rates = arrays, list(rates)
        self.now = np.concatenate([a.ravel() for a in arrays])
        self.rate = self.rates[0]
        self.asked, self.last = 0, self.now
        self.ask: Callable[..., Any] = lambda name, point: None

    def split(self, vector: np.ndarray) -> Points:
        """Return a vector as the arrays."""
        ends = np.cumsum([a.size for a in self.like])[:-1]
        return [part.reshape(a.shape) for part, a in zip(np.split(vector, ends), self.like, strict=True)]

    def look(self, point: np.ndarray) -> Evaluations:
        """Return loss and gradient at a point."""
        g, ask = yield self.split(point), self.split(self.now)
        self.rate = self.rates[min(self.asked, len(self.rates) - 1)]
        self.asked, self.ask = self.asked + 1, ask
        self.last = np.concatenate([np.ravel(a) for a in g])
        return float(ask("loss")), self.last

    def along(self, direction: np.ndarray, at: float) -> Evaluations:
        """Return what is found at a length along a direction."""
        loss, gradient = yield from self.look(self.now + at * direction)
        return Found(at, loss, float(gradient @ direction), gradient)


def wolfe_search(
    problem: Problem,
    direction: np.ndarray,
    here: Found,
    trial: float,
    decrease: float,
    curvature: float,
    evaluations: float,
) -> Evaluations:
    """Nocedal and Wright (2006), algorithms 3.5 and 3.6, with the safeguards and the limit of minFunc."""

    def above(point: Found) -> bool:
        return not point.loss <= here.loss + decrease * point.at * here.slope

    def flat(point: Found) -> bool:
        return abs(point.slope) <= -curvature * here.slope

    before, new, extra = here, (yield from problem.along(direction, trial)), 0
    while True:
        if above(new) or (extra > 1 and not new.loss < before.loss):
            break
        if flat(new):
            return new
        if new.slope >= 0:
            break
        if extra >= evaluations:
            return new
        at = cubic_minimum(before, new, new.at + 0.01 * (new.at - before.at), 10 * new.at)
        before, new, extra = new, (yield from problem.along(direction, at)), extra + 1
    low, high = (new, before) if new.loss < before.loss else (before, new)
    cramped = False
    while extra < evaluations and abs(high.at - low.at) * np.max(np.abs(direction)) >= 1e-9:
        left, right = min(low.at, high.at), max(low.at, high.at)
        at = cubic_minimum(low, high, left, right)
        margin = 0.1 * (right - left)
        if min(right - at, at - left) >= margin:
            cramped = False
        elif cramped or not left < at < right:
            at, cramped = (right - margin if right - at < at - left else left + margin), False
        else:
            cramped = True
        new, extra = (yield from problem.along(direction, at)), extra + 1
        if new.loss >= low.loss:
            high = new
        elif above(new):
            low, high = new, low
        elif flat(new):
            return new
        else:
            low, high = new, low if new.slope * (high.at - low.at) >= 0 else high
    return low


def cubic_minimum(a: Found, b: Found, least: float, most: float) -> float:
    """Return the minimum between two points of the cubic that has their losses and slopes: a quadratic's root."""
    h = b.at - a.at
    if h == 0 or not math.isfinite(b.loss - a.loss):
        return (least + most) / 2
    # loss(a.at + u·h) = p·u³ + q·u² + r·u + const, so 3·p·u² + 2·q·u + r = 0, at the root where it curves upwards
    r = a.slope * h
    p = b.slope * h + r - 2 * (b.loss - a.loss)
    q = 3 * (b.loss - a.loss) - 2 * r - b.slope * h
    square = q * q - 3 * p * r
    if square < 0:
        return (least + most) / 2
    root = math.sqrt(square)
    if q > 0:  # either form of the root, whichever does not cancel
        u = -r / (q + root)
    elif p == 0:
        return (least + most) / 2
    else:
        u = (root - q) / (3 * p)
    return min(max(a.at + u * h, least), most)


def lbfgs(
    arrays: Points,
    rates: list[float],
    asks: Any = None,
    learning_rate: float = 1.0,
    decrease: float = 1e-4,
    curvature: float = 0.9,
    evaluations: float = 25.0,
    smallest_product: float = 1e-10,
    history: int = 10,
    first_length: str = "sum",
) -> Evaluations:
    """Liu and Nocedal (1989), algorithm 2.1, with H as a full matrix: their equation 2 applied to γ·I."""
    problem = Problem(arrays, rates)
    loss, g = yield from problem.look(problem.now)
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    while True:
        direction = -inverse_hessian(pairs, g.size) @ g
        trial = problem.rate
        if not pairs and first_length == "sum":
            trial *= min(1.0, 1.0 / (np.sum(np.abs(g)) or 1.0))
        elif not pairs:
            trial /= float(np.linalg.norm(g)) or 1.0
        here = Found(0.0, loss, float(g @ direction), g)
        found = yield from wolfe_search(problem, direction, here, trial, decrease, curvature, evaluations)
        s, y = found.at * direction, found.gradient - g
        problem.now = problem.now + s
        loss, g = found.loss, found.gradient
        if found.at == 0.0:
            pairs = []
        elif s @ y > smallest_product:
            pairs = [*pairs, (s, y)][-history:]


def inverse_hessian(pairs: list[tuple[np.ndarray, np.ndarray]], size: int) -> np.ndarray:
    """Return H by its definition: V'·H·V + ρ·s·s' for each pair from γ·I on."""
    if not pairs:
        return np.eye(size)
    s, y = pairs[-1]
    h = (s @ y) / (y @ y) * np.eye(size)
    for s, y in pairs:
        rho = 1.0 / (s @ y)
        v = np.eye(size) - rho * np.outer(y, s)
        h = v.T @ h @ v + rho * np.outer(s, s)
    return h


def nonlinear_cg(
    arrays: Points,
    rates: list[float],
    asks: Any = None,
    learning_rate: float = 1.0,
    decrease: float = 1e-4,
    curvature: float = 0.1,
    evaluations: float = 25.0,
    descent: float = 0.01,
    form: str = "polak_ribiere",
) -> Evaluations:
    """Nocedal and Wright (2006), algorithm 5.4 and equations 5.44 to 5.49; first length and restarts as in SciPy."""
    problem = Problem(arrays, rates)
    loss, g = yield from problem.look(problem.now)
    direction, fallen = -g, 0.0
    while True:
        square, slope = float(g @ g), float(g @ direction)
        trial = 1.0 / (math.sqrt(square) or 1.0)
        if fallen > 0 and slope < 0:
            trial = min(1.0, 1.01 * 2 * fallen / -slope)
        here = Found(0.0, loss, slope, g)
        found = yield from wolfe_search(
            problem, direction, here, problem.rate * trial, decrease, curvature, evaluations
        )
        problem.now = problem.now + found.at * direction
        fallen, before = loss - found.loss, g
        loss, g = found.loss, found.gradient
        y = g - before
        if found.at == 0.0:
            direction = -g
            continue
        above = {"polak_ribiere": g @ y, "hestenes_stiefel": g @ y}.get(form, g @ g)
        below = {"polak_ribiere": before @ before, "fletcher_reeves": before @ before}.get(form, y @ direction)
        beta = above / below if below else 0.0
        bent = (beta if form in ("fletcher_reeves", "dai_yuan") else max(0.0, beta)) * direction - g
        direction = -g if bent @ g > -descent * (g @ g) else bent


def newton_cg(
    arrays: Points,
    rates: list[float],
    asks: Any = None,
    learning_rate: float = 1.0,
    decrease: float = 1e-4,
    curvature: float = 0.9,
    evaluations: float = 25.0,
    precision: float = 0.5,
    iterations: float = 50.0,
    forcing: str = "root",
) -> Evaluations:
    """Nocedal and Wright (2006), algorithm 7.1, with a strong-Wolfe search; every product is asked for at its point."""
    problem = Problem(arrays, rates)
    loss, g = yield from problem.look(problem.now)
    fresh, failed = True, False
    while True:
        direction = -g
        if not failed:
            size = float(np.linalg.norm(g))
            wanted = size * min(precision, math.sqrt(size) if forcing == "root" else size)
            z, r, p = np.zeros_like(g), g, -g
            for j in range(10**6):
                if j or not fresh:  # the first product is that of the accepted trial
                    yield from problem.look(problem.now)
                product = np.concatenate([np.ravel(a) for a in problem.ask("hessian_product", problem.split(p))])
                bend = p @ product
                if bend <= 0:
                    direction = z if j else -g
                    break
                z, new = z + (r @ r) / bend * p, r + (r @ r) / bend * product
                if np.linalg.norm(new) <= wanted or j + 1 >= iterations:
                    direction = z
                    break
                r, p = new, (new @ new) / (r @ r) * p - new
        straight = bool(np.all(direction == -g))
        trial = problem.rate * (1 / max(1.0, np.sum(np.abs(g))) if straight else 1.0)
        here = Found(0.0, loss, float(g @ direction), g)
        found = yield from wolfe_search(problem, direction, here, trial, decrease, curvature, evaluations)
        fresh, failed = found.gradient is problem.last, found.at == 0.0
        problem.now = problem.now + found.at * direction
        loss, g = found.loss, found.gradient
