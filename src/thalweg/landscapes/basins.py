"""A few separate basins: where a descent ends depends on its start, its rate and its memory."""

from thalweg.arrays import Array
from thalweg.landscapes.base import Landscape

__all__ = ["GOLDSTEIN_PRICE", "HIMMELBLAU", "SIX_HUMP_CAMEL", "STYBLINSKI_TANG", "THREE_HUMP_CAMEL"]

DIXON_SZEGO = "L. C. W. Dixon and G. P. Szegő, 'The global optimization problem: an introduction', 1978"


def _himmelblau(x: Array, y: Array) -> Array:
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def _styblinski_tang(x: Array, y: Array) -> Array:
    return (x**4 - 16 * x**2 + 5 * x + y**4 - 16 * y**2 + 5 * y) / 2


def _goldstein_price(x: Array, y: Array) -> Array:
    first = 1 + (x + y + 1) ** 2 * (19 - 14 * x + 3 * x**2 - 14 * y + 6 * x * y + 3 * y**2)
    second = 30 + (2 * x - 3 * y) ** 2 * (18 - 32 * x + 12 * x**2 + 48 * y - 36 * x * y + 27 * y**2)
    return first * second


def _three_hump_camel(x: Array, y: Array) -> Array:
    return 2 * x**2 - 1.05 * x**4 + x**6 / 6 + x * y + y**2


def _six_hump_camel(x: Array, y: Array) -> Array:
    return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2


HIMMELBLAU = Landscape(
    name="himmelblau",
    title="Himmelblau",
    formula="f = (x² + y − 11)² + (x + y² − 7)²",
    value=_himmelblau,
    domain=(-5, 5, -5, 5),
    start=(0, 0),
    minima=(
        (3, 2, 0),
        (-2.8051180869527449, 3.1313125182505730, 0),
        (-3.7793102533777469, -3.2831859912861694, 0),
        (3.5844283403304917, -1.8481265269644036, 0),
    ),
    kind="basins",
    source="D. M. Himmelblau, 'Applied Nonlinear Programming', 1972",
    notes="Four minima, all equally deep.",
    degree=4,
)

STYBLINSKI_TANG = Landscape(
    name="styblinski-tang",
    title="Styblinski–Tang",
    formula="f = (x⁴ − 16x² + 5x + y⁴ − 16y² + 5y)/2",
    value=_styblinski_tang,
    domain=(-5, 5, -5, 5),
    start=(0, 0),
    minima=(
        (-2.9035340277711771, -2.9035340277711771, -78.332331407542831),
        (2.7468027709908370, -2.9035340277711771, -64.195612359055358),
        (-2.9035340277711771, 2.7468027709908370, -64.195612359055358),
        (2.7468027709908370, 2.7468027709908370, -50.058893310567885),
    ),
    kind="basins",
    source="M. A. Styblinski and T.-S. Tang, 'Experiments in nonconvex optimization', Neural Networks 3, 1990",
    notes="Four basins of three different depths.",
    degree=4,
)

GOLDSTEIN_PRICE = Landscape(
    name="goldstein-price",
    title="Goldstein–Price",
    formula="f = [1 + (x+y+1)²(19 − 14x + 3x² − 14y + 6xy + 3y²)] · "
    "[30 + (2x−3y)²(18 − 32x + 12x² + 48y − 36xy + 27y²)]",
    value=_goldstein_price,
    domain=(-2, 2, -2, 2),
    start=(0, 0),
    minima=((0, -1, 3), (-0.6, -0.4, 30), (1.8, 0.2, 84), (1.2, 0.8, 840)),
    kind="basins",
    source="A. A. Goldstein and J. F. Price, 'On descent from local minima', Mathematics of Computation 25, 1971",
    notes="Values from 3 to 10⁶ on one map: a rate that suits the basin diverges on the flanks.",
    degree=8,
)

THREE_HUMP_CAMEL = Landscape(
    name="three-hump-camel",
    title="Three-hump camel",
    formula="f = 2x² − 1.05x⁴ + x⁶/6 + xy + y²",
    value=_three_hump_camel,
    domain=(-2.5, 2.5, -2.5, 2.5),
    start=(-2, 1.5),
    minima=(
        (0, 0, 0),
        (1.7475523458302889, -0.87377617291514445, 0.29863844223685982),
        (-1.7475523458302889, 0.87377617291514445, 0.29863844223685982),
    ),
    kind="basins",
    source=DIXON_SZEGO,
    notes="Two shallow basins to either side of the deep one.",
    degree=6,
)

SIX_HUMP_CAMEL = Landscape(
    name="six-hump-camel",
    title="Six-hump camel",
    formula="f = (4 − 2.1x² + x⁴/3)x² + xy + (4y² − 4)y²",
    value=_six_hump_camel,
    domain=(-2, 2, -1.2, 1.2),
    start=(-1.6, 0.1),
    minima=(
        (0.089842013100318062, -0.71265640302073963, -1.0316284534898774),
        (-0.089842013100318062, 0.71265640302073963, -1.0316284534898774),
        (1.7036067149699808, -0.79608356867262512, -0.21546382438371764),
        (-1.7036067149699808, 0.79608356867262512, -0.21546382438371764),
        (1.6071047529201972, 0.56865145488413137, 2.1042503103112583),
        (-1.6071047529201972, -0.56865145488413137, 2.1042503103112583),
    ),
    kind="basins",
    source=DIXON_SZEGO,
    notes="Six basins in three pairs.",
    degree=6,
)
