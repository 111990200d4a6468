"""The street itself: sky, houses, pavements, road with lane marks, and what else stands about."""

from dataclasses import dataclass

import numpy as np

from thalweg.tasks.street.brush import Painted, Shape, ellipse, paint_rectangle, paint_shapes, rectangle

__all__ = ["Street", "draw_backdrop", "draw_tree_or_post", "random_street"]

SKIES = np.array(
    (
        ((0.35, 0.60, 0.92), (0.75, 0.87, 0.97)), ((0.62, 0.68, 0.74), (0.82, 0.85, 0.87)),
        ((0.38, 0.45, 0.70), (0.97, 0.75, 0.55)), ((0.45, 0.70, 0.90), (0.88, 0.93, 0.95)),
    )
)  # fmt: skip
WALLS = np.array(
    (
        (0.66, 0.36, 0.28), (0.80, 0.72, 0.58), (0.60, 0.60, 0.62), (0.74, 0.56, 0.42), (0.86, 0.82, 0.76),
        (0.48, 0.52, 0.58), (0.72, 0.66, 0.36), (0.55, 0.62, 0.54),
    )
)  # fmt: skip


@dataclass(frozen=True)
class Street:
    """Where the parts of a street lie, as shares of the picture's height from its top.

    Attributes:
        houses: Where the houses stand on the far pavement.
        far_kerb: Where the road begins.
        near_kerb: Where it ends.
        unit_far: Height of a grown-up at ``houses``.
        unit_near: Height of a grown-up at the lower edge.
    """

    houses: float
    far_kerb: float
    near_kerb: float
    unit_far: float
    unit_near: float

    def unit(self, ground: float) -> float:
        """Return the height of a grown-up who stands there, by linear perspective."""
        share = (ground - self.houses) / (1 - self.houses)
        return self.unit_far + share * (self.unit_near - self.unit_far)


def random_street(rng: np.random.Generator) -> Street:
    """Return a street seen from a camera at a height of its own."""
    houses = 0.36 + 0.10 * rng.random()
    far_kerb = houses + 0.08 + 0.04 * rng.random()
    near_kerb = 0.80 + 0.08 * rng.random()
    far = 0.20 + 0.04 * rng.random()
    return Street(houses, far_kerb, near_kerb, far, far * (1.45 + 0.30 * rng.random()))


def draw_backdrop(canvas: np.ndarray, street: Street, rng: np.random.Generator) -> None:
    """Paint everything that no road user is."""
    side = len(canvas)
    top, low = SKIES[int(len(SKIES) * rng.random())]
    rows = np.linspace(0, 1, side, dtype=np.float32)[:, None]
    canvas[:] = (top + rows / street.houses * (low - top)).clip(0, 1)[:, None, :]
    _draw_houses(canvas, street, rng)
    _draw_road(canvas, street, rng)


def _draw_houses(canvas: np.ndarray, street: Street, rng: np.random.Generator) -> None:
    left = -0.15 * rng.random()
    while left < 1:
        right = left + 0.16 + 0.22 * rng.random()
        if rng.random() < 0.12:  # a gap with a hedge
            paint_rectangle(
                canvas, left, street.houses - 0.10, right, street.houses, (0.20, 0.38 + 0.1 * rng.random(), 0.18)
            )
        else:
            _draw_house(canvas, left, right, street.houses, rng)
        left = right


def _draw_house(canvas: np.ndarray, left: float, right: float, ground: float, rng: np.random.Generator) -> None:
    wall = np.clip(WALLS[int(len(WALLS) * rng.random())] * (0.75 + 0.35 * rng.random()), 0, 1)
    top = ground * (0.02 + 0.55 * rng.random())
    paint_rectangle(canvas, left, top, right, ground, wall)
    if rng.random() < 0.5:
        roof = 0.05 + 0.05 * rng.random()
        paint_shapes(canvas, [Shape(top - roof, top, left + 0.04, right - 0.04, left, right, 0, (0.38, 0.20, 0.17))])
    else:
        paint_rectangle(canvas, left, top, right, top + 0.015, 0.6 * wall)
    glass = np.array((0.22, 0.28, 0.36)) if rng.random() < 0.7 else np.array((0.95, 0.84, 0.50))
    _draw_windows(canvas, (left, top + 0.04, right, ground - 0.12), glass, rng)
    _draw_ground_floor(canvas, left, right, ground, wall, rng)


def _draw_windows(
    canvas: np.ndarray, wall: tuple[float, float, float, float], glass: np.ndarray, rng: np.random.Generator
) -> None:
    # One floor after the other, from the top; a floor's windows are painted at once.
    left, top, right, bottom = wall
    side = len(canvas)
    count = max(2, round((right - left) / 0.085))
    step = (right - left) / count
    pixels = np.arange(max(int(left * side), 0), min(int(right * side), side))
    place = ((pixels + 0.5) / side - left) % step / step
    panes = pixels[(place > 0.28) & (place < 0.73)]
    for floor in np.arange(top, bottom - 0.06, 0.10):
        rows = slice(max(int(floor * side + 0.5), 0), int((floor + 0.06) * side + 0.5))
        canvas[rows, panes] = glass * (0.8 + 0.4 * rng.random())


def _draw_ground_floor(
    canvas: np.ndarray, left: float, right: float, ground: float, wall: np.ndarray, rng: np.random.Generator
) -> None:
    door = left + (0.15 + 0.5 * rng.random()) * (right - left)
    if rng.random() < 0.4:  # a shop
        awning = 0.35 + 0.6 * rng.random(3)
        paint_rectangle(canvas, left + 0.02, ground - 0.10, right - 0.02, ground - 0.02, (0.26, 0.32, 0.38))
        paint_rectangle(canvas, left + 0.01, ground - 0.13, right - 0.01, ground - 0.10, awning)
    else:
        for x in (left + 0.03, right - 0.08):
            paint_rectangle(canvas, x, ground - 0.11, x + 0.045, ground - 0.05, (0.24, 0.29, 0.36))
    paint_rectangle(canvas, door, ground - 0.11, door + 0.045, ground, 0.45 * wall)


def _draw_road(canvas: np.ndarray, street: Street, rng: np.random.Generator) -> None:
    stone = (0.60 + 0.14 * rng.random()) * np.array((1.0, 0.98, 0.94))
    asphalt = (0.27 + 0.14 * rng.random()) * np.array((1.0, 1.0, 1.04))
    paint_rectangle(canvas, 0, street.houses, 1, 1, stone)
    side = len(canvas)
    joints = ((0.1 * rng.random() + 0.1 * np.arange(9)) * side).astype(int)  # between the slabs of both pavements
    canvas[int(street.houses * side) :, joints] = 0.88 * stone
    paint_rectangle(canvas, 0, street.far_kerb, 1, street.near_kerb, asphalt)
    for y, thick in ((street.far_kerb, 0.014), (street.near_kerb, 0.024)):
        paint_rectangle(canvas, 0, y - thick, 1, y, 0.72 * stone)
    middle = street.far_kerb + 0.45 * (street.near_kerb - street.far_kerb)
    first = -0.2 * rng.random()
    for k in range(7):
        paint_rectangle(
            canvas, first + 0.2 * k, middle - 0.009, first + 0.2 * k + 0.11, middle + 0.009, (0.90, 0.90, 0.86)
        )
    if rng.random() < 0.25:
        _draw_crossing(canvas, street, 0.1 + 0.6 * rng.random())


def _draw_crossing(canvas: np.ndarray, street: Street, left: float) -> None:
    stripes = 6
    depth = (street.near_kerb - street.far_kerb) / (2 * stripes)
    for k in range(stripes):
        y = street.far_kerb + (2 * k + 0.5) * depth
        paint_rectangle(canvas, left, y, left + 0.20, y + depth, (0.88, 0.88, 0.85))


def draw_tree_or_post(
    canvas: np.ndarray, x: float, ground: float, unit: float, rng: np.random.Generator, trees: bool = True
) -> Painted:
    """Paint a tree, a lamp, a sign or a letter box, none of which is to be detected; no tree unless ``trees``."""
    kinds = (_tree, _lamp, _sign, _letter_box)
    kind = kinds[int(4 * rng.random())] if trees else kinds[1 + int(3 * rng.random())]
    return paint_shapes(canvas, kind(x, ground, unit, rng))


def _tree(x: float, ground: float, unit: float, rng: np.random.Generator) -> list[Shape]:
    green = np.array((0.16, 0.36, 0.14)) * (0.8 + 0.7 * rng.random())
    shapes = [rectangle(x - 0.05 * unit, ground - unit, x + 0.05 * unit, ground, (0.32, 0.22, 0.14))]
    for off, up, shade in rng.random((4, 3)):
        centre = x + 0.5 * (off - 0.5) * unit, ground - (1.1 + 0.5 * up) * unit
        shapes.append(ellipse(*centre, 0.42 * unit, 0.38 * unit, green * (0.85 + 0.4 * shade)))
    return shapes


def _lamp(x: float, ground: float, unit: float, rng: np.random.Generator) -> list[Shape]:
    del rng
    metal, half = (0.22, 0.24, 0.24), 0.035 * unit
    return [
        rectangle(x - half, ground - 2.1 * unit, x + half, ground, metal),
        rectangle(x - half, ground - 2.15 * unit, x + 0.35 * unit, ground - 2.08 * unit, metal),
        ellipse(x + 0.33 * unit, ground - 2.03 * unit, 0.1 * unit, 0.06 * unit, (1.0, 0.95, 0.72)),
    ]


def _sign(x: float, ground: float, unit: float, rng: np.random.Generator) -> list[Shape]:
    face = (0.80, 0.12, 0.12) if rng.random() < 0.5 else (0.12, 0.30, 0.70)
    return [
        rectangle(x - 0.03 * unit, ground - 1.3 * unit, x + 0.03 * unit, ground, (0.55, 0.56, 0.57)),
        ellipse(x, ground - 1.35 * unit, 0.20 * unit, 0.20 * unit, face),
        ellipse(x, ground - 1.35 * unit, 0.11 * unit, 0.11 * unit, (0.95, 0.95, 0.95)),
    ]


def _letter_box(x: float, ground: float, unit: float, rng: np.random.Generator) -> list[Shape]:
    paint = np.array(((0.92, 0.75, 0.10), (0.72, 0.10, 0.12), (0.25, 0.30, 0.28)))[int(3 * rng.random())]
    return [
        rectangle(x - 0.14 * unit, ground - 0.60 * unit, x + 0.14 * unit, ground, 0.9 * paint),
        rectangle(x - 0.16 * unit, ground - 0.65 * unit, x + 0.16 * unit, ground - 0.55 * unit, paint),
    ]
