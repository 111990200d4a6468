"""One way down, but a curved, narrow, flat or broken one."""

from thalweg.arrays import Array, namespace
from thalweg.landscapes.base import Landscape

__all__ = ["BEALE", "CLIFF", "PLATEAU", "ROSENBROCK"]


def _rosenbrock(x: Array, y: Array) -> Array:
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def _beale(x: Array, y: Array) -> Array:
    return (1.5 - x + x * y) ** 2 + (2.25 - x + x * y**2) ** 2 + (2.625 - x + x * y**3) ** 2


def _plateau(x: Array, y: Array) -> Array:
    square = x**2 + y**2
    return square / (1 + square)


def _cliff(x: Array, y: Array) -> Array:
    xp = namespace(x, y)
    # The logistic function by tanh, which cannot overflow.
    return 0.05 * (x + 1) ** 2 + y**2 / 2 + 2 * (1 + xp.tanh(6 * x))


ROSENBROCK = Landscape(
    name="rosenbrock",
    title="Rosenbrock's banana",
    formula="f = (1 − x)² + 100 (y − x²)²",
    value=_rosenbrock,
    domain=(-2, 2, -1, 3),
    start=(-1.2, 1),
    minima=((1, 1, 0),),
    kind="valley",
    source="H. H. Rosenbrock, 'An automatic method for finding the greatest or least value of a function', 1960",
    notes="The valley is found at once; following its bend to the minimum takes long.",
    degree=4,
)

BEALE = Landscape(
    name="beale",
    title="Beale",
    formula="f = (1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)²",
    value=_beale,
    domain=(-4.5, 4.5, -4.5, 4.5),
    start=(1, 1.5),
    minima=((3, 0.5, 0),),
    kind="valley",
    source="E. M. L. Beale, 'On an iterative method for finding a local minimum of a function', 1958",
    notes="Flat around the minimum and very steep at the corners, where most rates diverge.",
    degree=6,
)

PLATEAU = Landscape(
    name="plateau",
    title="Plateau around a hole",
    formula="f = r²/(1 + r²),  r² = x² + y²",
    value=_plateau,
    domain=(-6, 6, -6, 6),
    start=(4, 3),
    minima=((0, 0, 0),),
    kind="flat",
    source="S. Geman and D. McClure, 1985, a robust loss in two variables",
    notes="The slope falls like 2/r³: rules that divide by the gradient's size cross the plateau, others hardly move.",
)

CLIFF = Landscape(
    name="cliff",
    title="Cliff",
    formula="f = 0.05 (x + 1)² + y²/2 + 2 (1 + tanh 6x)",
    value=_cliff,
    domain=(-3, 3, -2, 2),
    start=(2, 1.2),
    minima=((-1.0028500289724152, 0, 2.4156515714140351e-05),),
    kind="flat",
    source="after the walls in R. Pascanu, T. Mikolov and Y. Bengio, 'On the difficulty of training recurrent neural "
    "networks', 2013, figure 6",
    notes="A gentle slope ends at a wall 120 times steeper, which throws a plain gradient step far off.",
)
