"""Very many local minima laid over a simple shape."""

import math

from thalweg.arrays import Array, namespace
from thalweg.landscapes.base import Landscape

__all__ = ["ACKLEY", "GRIEWANK", "RASTRIGIN"]


def _rastrigin(x: Array, y: Array) -> Array:
    xp = namespace(x, y)
    # 10 (1 − cos 2πx) written as 20 sin² πx, which keeps its digits near the minimum.
    return x**2 + y**2 + 20 * xp.sin(math.pi * x) ** 2 + 20 * xp.sin(math.pi * y) ** 2


def _smooth_rastrigin(x: Array, y: Array, sigma: Array) -> Array:
    xp = namespace(x, y)
    left = math.e ** (-2 * (math.pi * sigma) ** 2)  # of a wave of one period per unit
    waves = xp.cos(2 * math.pi * x) + xp.cos(2 * math.pi * y)
    return 20 + x**2 + y**2 + 2 * sigma**2 - 10 * left * waves


def _ackley(x: Array, y: Array) -> Array:
    xp = namespace(x, y)
    square = (x**2 + y**2) / 2
    away = square > 0
    # The square root has no derivative at 0; there the slope is taken as 0.
    radius = xp.where(away, xp.sqrt(xp.where(away, square, xp.ones_like(square))), xp.zeros_like(square))
    waves = xp.sin(math.pi * x) ** 2 + xp.sin(math.pi * y) ** 2
    return -20 * xp.expm1(-0.2 * radius) - math.e * xp.expm1(-waves)


def _griewank(x: Array, y: Array) -> Array:
    xp = namespace(x, y)
    return 1 + (x**2 + y**2) / 4000 - xp.cos(x) * xp.cos(y / math.sqrt(2))


def _smooth_griewank(x: Array, y: Array, sigma: Array) -> Array:
    xp = namespace(x, y)
    left = math.e ** (-0.75 * sigma**2)  # exp(−σ²/2) of cos x, exp(−σ²/4) of cos(y/√2)
    return 1 + (x**2 + y**2 + 2 * sigma**2) / 4000 - left * xp.cos(x) * xp.cos(y / math.sqrt(2))


RASTRIGIN = Landscape(
    name="rastrigin",
    title="Rastrigin",
    formula="f = 20 + x² − 10 cos 2πx + y² − 10 cos 2πy",
    value=_rastrigin,
    domain=(-5.12, 5.12, -5.12, 5.12),
    start=(-3.3, 2.6),
    minima=((0, 0, 0),),
    kind="ripples",
    source="L. A. Rastrigin, 'Systems of Extremal Control', 1974",
    notes="A bowl under a grid of deep dents, 121 minima on the map: descent ends in the nearest dent.",
    smoothed=_smooth_rastrigin,
)

ACKLEY = Landscape(
    name="ackley",
    title="Ackley",
    formula="f = 20 + e − 20 exp(−0.2 √((x² + y²)/2)) − exp((cos 2πx + cos 2πy)/2)",
    value=_ackley,
    domain=(-5, 5, -5, 5),
    start=(-3.4, 2.7),
    minima=((0, 0, 0),),
    kind="ripples",
    source="D. H. Ackley, 'A Connectionist Machine for Genetic Hillclimbing', 1987",
    notes="Shallow dents on a funnel with a kink at its bottom, where no gradient gets small.",
    kink=True,
)

GRIEWANK = Landscape(
    name="griewank",
    title="Griewank",
    formula="f = 1 + (x² + y²)/4000 − cos x · cos(y/√2)",
    value=_griewank,
    domain=(-10, 10, -10, 10),
    start=(-7, 5),
    minima=((0, 0, 0),),
    kind="ripples",
    source="A. O. Griewank, 'Generalized descent for global optimization', JOTA 34, 1981",
    notes="Dents of nearly equal depth: the deepest is told from its neighbours by 0.007.",
    smoothed=_smooth_griewank,
)
