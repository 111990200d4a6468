"""Saddles, bounded below, so that a descent that leaves them arrives somewhere."""

import math

from thalweg.arrays import Array
from thalweg.landscapes.base import Landscape

__all__ = ["MONKEY_SADDLE", "SADDLE"]


def _saddle(x: Array, y: Array) -> Array:
    return x**2 / 2 - y**2 / 2 + y**4 / 4


def _monkey_saddle(x: Array, y: Array) -> Array:
    return x**3 - 3 * x * y**2 + (x**2 + y**2) ** 2


SADDLE = Landscape(
    name="saddle",
    title="Saddle",
    formula="f = x²/2 − y²/2 + y⁴/4",
    value=_saddle,
    domain=(-2, 2, -2, 2),
    start=(-1.5, 0.001),
    minima=((0, 1, -0.25), (0, -1, -0.25)),
    kind="saddle",
    source="the normal form of a saddle, bounded by a quartic",
    notes="The descent runs into the saddle at 0, which a rule that enlarges small slopes leaves first.",
    degree=4,
)

MONKEY_SADDLE = Landscape(
    name="monkey-saddle",
    title="Monkey saddle",
    formula="f = x³ − 3xy² + (x² + y²)²",
    value=_monkey_saddle,
    domain=(-1.5, 1.5, -1.5, 1.5),
    start=(1, 0.001),
    minima=tuple((0.75 * math.cos(a), 0.75 * math.sin(a), -27 / 256) for a in (math.pi / 3, math.pi, 5 * math.pi / 3)),
    kind="saddle",
    source="the monkey saddle x³ − 3xy², bounded by a quartic",
    notes="Three ways down from a saddle at 0 whose Hessian vanishes: slope and curvature are both zero there.",
    degree=4,
)
