"""Cars from the side and pedestrians, painted from a few shapes each."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from thalweg.tasks.street.brush import Colour, Painted, Shape, ellipse, paint_shapes, shade_ellipse

__all__ = ["RoadUser", "draw_car", "draw_pedestrian"]

PAINTS = np.array(
    (
        (0.78, 0.13, 0.12), (0.12, 0.28, 0.62), (0.92, 0.92, 0.90), (0.10, 0.10, 0.12), (0.58, 0.60, 0.63),
        (0.93, 0.72, 0.12), (0.13, 0.45, 0.27), (0.50, 0.11, 0.18), (0.35, 0.65, 0.80), (0.88, 0.45, 0.12),
    )
)  # fmt: skip
SKINS = np.array(((0.93, 0.76, 0.64), (0.80, 0.60, 0.45), (0.60, 0.42, 0.30), (0.38, 0.26, 0.19)))
HAIR = np.array(((0.12, 0.09, 0.07), (0.35, 0.22, 0.12), (0.70, 0.55, 0.30), (0.55, 0.55, 0.55)))
CLOTHES = np.array(
    (
        (0.75, 0.15, 0.20), (0.15, 0.25, 0.55), (0.90, 0.88, 0.82), (0.12, 0.12, 0.14), (0.20, 0.50, 0.30),
        (0.90, 0.65, 0.15), (0.55, 0.25, 0.55), (0.30, 0.60, 0.75),
    )
)  # fmt: skip
TROUSERS = np.array(((0.12, 0.14, 0.25), (0.08, 0.08, 0.09), (0.42, 0.36, 0.28), (0.30, 0.32, 0.36)))
# Cabins: left and right end at the waistline and at the roof, as shares of the length of a car that drives right.
CABINS = {"saloon": (0.14, 0.80, 0.28, 0.62), "hatchback": (0.03, 0.78, 0.11, 0.58), "van": (0.01, 0.92, 0.04, 0.76)}


@dataclass(frozen=True)
class RoadUser:
    """Where one car or pedestrian stands.

    Attributes:
        kind: What it is.
        x: Middle, as a share of the picture's width.
        ground: Where wheels or feet stand, as a share of the height from the top.
        unit: Height of a grown-up there, as a share of the height.
    """

    kind: Literal["car", "pedestrian"]
    x: float
    ground: float
    unit: float


def draw_car(canvas: np.ndarray, user: RoadUser, rng: np.random.Generator) -> Painted:
    """Paint a car: body, cabin with windows, wheels and lights, in one of ten colours and three shapes."""
    shape = tuple(CABINS)[int(len(CABINS) * rng.random())]
    paint = np.clip(PAINTS[int(len(PAINTS) * rng.random())] + 0.08 * (rng.random(3) - 0.5), 0, 1)
    length = user.unit * (1.45 + 0.35 * rng.random())
    height = user.unit * ((0.86 if shape == "van" else 0.70) + 0.08 * rng.random())
    car = _Frame(user.x, user.ground, length, height, 1 if rng.random() < 0.5 else -1)
    rear, front, roof_rear, roof_front = CABINS[shape]
    pillar, edge = 0.5 * (roof_rear + roof_front), 0.045
    glass = np.array((0.30, 0.40, 0.48)) + 0.25 * rng.random()
    shade_ellipse(canvas, user.x, user.ground - 0.02 * height, 0.53 * length, 0.13 * height, 0.55)
    return paint_shapes(
        canvas,
        [
            car.block(0.02, 0.98, 0.16, 0.60, 0.80 * paint),
            car.block(0.00, 1.00, 0.20, 0.44, 0.80 * paint),
            car.block(0.02, 0.98, 0.36, 0.60, paint),
            car.block(rear, front, 0.58, 1.0, paint, roof_rear, roof_front),
            car.block(rear + edge, pillar - 0.02, 0.61, 0.91, glass, roof_rear + edge, pillar - 0.02),
            car.block(pillar + 0.03, front - edge, 0.61, 0.91, glass, pillar + 0.03, roof_front - edge),
            *car.wheel(0.20, 0.21),
            *car.wheel(0.79, 0.21),
            car.block(0.93, 0.99, 0.42, 0.53, (1.0, 0.95, 0.70)),
            car.block(0.01, 0.05, 0.42, 0.54, (0.85, 0.08, 0.08)),
        ],
    )


def draw_pedestrian(canvas: np.ndarray, user: RoadUser, rng: np.random.Generator) -> Painted:
    """Paint a pedestrian: head with hair, body, arms and striding legs."""
    height = user.unit * (0.90 + 0.20 * rng.random())
    width = height * (0.46 + 0.06 * rng.random())
    stride = 0.16 + 0.28 * rng.random()  # shares of the width by which the feet stand off the middle
    side = 1 if rng.random() < 0.5 else -1
    skin, hair, trousers = (some[int(len(some) * rng.random())] for some in (SKINS, HAIR, TROUSERS))
    coat = np.clip(CLOTHES[int(len(CLOTHES) * rng.random())] + 0.08 * (rng.random(3) - 0.5), 0, 1)
    shade_ellipse(canvas, user.x, user.ground, 0.55 * width, 0.035 * height, 0.6)
    person = _Frame(user.x, user.ground, width, height, side)
    back, ahead = 0.5 - stride, 0.5 + stride
    shoe = (0.06, 0.05, 0.05)
    return paint_shapes(
        canvas,
        [
            person.block(back - 0.12, back + 0.12, 0.03, 0.47, 0.75 * trousers, 0.34, 0.66),
            person.block(back - 0.12, back + 0.18, 0.0, 0.05, shoe),
            person.block(ahead - 0.12, ahead + 0.12, 0.03, 0.47, trousers, 0.34, 0.66),
            person.block(ahead - 0.12, ahead + 0.18, 0.0, 0.05, shoe),
            person.block(back - 0.06, back + 0.12, 0.46, 0.78, 0.8 * coat, 0.26, 0.50),
            person.block(0.24, 0.76, 0.40, 0.79, coat, 0.22, 0.78),
            person.block(ahead - 0.08, ahead + 0.08, 0.45, 0.76, 0.85 * coat, 0.50, 0.70),
            ellipse(user.x, user.ground - 0.89 * height, 0.23 * width, 0.115 * height, hair),
            ellipse(user.x + side * 0.05 * width, user.ground - 0.87 * height, 0.18 * width, 0.088 * height, skin),
        ],
    )


@dataclass(frozen=True)
class _Frame:
    # A road user's own coordinates: along it from its rear, 0, to its front, 1; up from the ground, 0, to its top, 1.
    x: float
    ground: float
    length: float
    height: float
    side: int

    def block(
        self,
        rear: float,
        front: float,
        low: float,
        high: float,
        colour: Colour,
        upper_rear: float | None = None,
        upper_front: float | None = None,
    ) -> Shape:
        """Return a block between two heights; its upper edge is the lower one's unless told."""
        lower = self._edge(rear, front)
        upper = lower if upper_rear is None or upper_front is None else self._edge(upper_rear, upper_front)
        return Shape(self.ground - high * self.height, self.ground - low * self.height, *upper, *lower, 0, colour)

    def wheel(self, middle: float, radius: float) -> tuple[Shape, Shape]:
        """Return a wheel on the ground with its hub; the radius is a share of the height."""
        x, _ = self._edge(middle, middle)
        size = radius * self.height
        tyre = ellipse(x, self.ground - size, size, size, (0.05, 0.05, 0.06))
        return tyre, ellipse(x, self.ground - size, 0.45 * size, 0.45 * size, (0.55, 0.56, 0.58))

    def _edge(self, rear: float, front: float) -> tuple[float, float]:
        one, other = (self.x + self.side * (u - 0.5) * self.length for u in (rear, front))
        return (one, other) if one <= other else (other, one)
