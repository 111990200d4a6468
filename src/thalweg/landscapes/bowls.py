"""Quadratic bowls: convex, with the condition number as the only difficulty."""

from thalweg.arrays import Array
from thalweg.landscapes.base import Landscape

__all__ = ["BOOTH", "BOWL", "MATYAS", "RAVINE"]

SURVEY = "M. Jamil and X.-S. Yang, 'A literature survey of benchmark functions', IJMMNO 4(2), 2013"


def _bowl(x: Array, y: Array) -> Array:
    return (x**2 + y**2) / 2


def _ravine(x: Array, y: Array) -> Array:
    return (x**2 + 100 * y**2) / 2


def _booth(x: Array, y: Array) -> Array:
    return (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2


def _matyas(x: Array, y: Array) -> Array:
    return 0.26 * (x**2 + y**2) - 0.48 * x * y


BOWL = Landscape(
    name="bowl",
    title="Round bowl",
    formula="f = (x² + y²)/2",
    value=_bowl,
    domain=(-3, 3, -3, 3),
    start=(-2.5, 2),
    minima=((0, 0, 0),),
    kind="convex",
    source="a quadratic with condition number 1",
    notes="Gradient descent with rate 1 is at the minimum after one step.",
    degree=2,
)

RAVINE = Landscape(
    name="ravine",
    title="Ravine",
    formula="f = (x² + 100 y²)/2",
    value=_ravine,
    domain=(-3, 3, -1, 1),
    start=(-2.5, 0.8),
    minima=((0, 0, 0),),
    kind="convex",
    source="a quadratic with condition number 100",
    notes="Gradient descent must keep its rate below 2/100 for the steep axis and then crawls along the flat one.",
    degree=2,
)

BOOTH = Landscape(
    name="booth",
    title="Booth",
    formula="f = (x + 2y − 7)² + (2x + y − 5)²",
    value=_booth,
    domain=(-10, 10, -10, 10),
    start=(-8, 6),
    minima=((1, 3, 0),),
    kind="convex",
    source=SURVEY,
    notes="A quadratic with condition number 9 whose axes are turned by 45°.",
    degree=2,
)

MATYAS = Landscape(
    name="matyas",
    title="Matyas",
    formula="f = 0.26 (x² + y²) − 0.48 xy",
    value=_matyas,
    domain=(-10, 10, -10, 10),
    start=(-8, 6),
    minima=((0, 0, 0),),
    kind="convex",
    source=SURVEY,
    notes="A quadratic with condition number 25 turned by 45°: scaling each axis by itself cannot mend it.",
    degree=2,
)
