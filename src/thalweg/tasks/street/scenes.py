"""Small pictures of streets with cars and pedestrians, generated: nothing is downloaded.

A scene is painted from far to near: sky, houses, pavements and road, then trees, posts, cars and
pedestrians in the order of where they stand, so that the near ones hide part of the far ones. It is painted on a
finer canvas and thinned out, then given a light of its own and a camera's noise. A box is the
extent of what was painted of its car or pedestrian within the picture, whether or not something nearer
hides a part.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from thalweg.tasks.street.backdrop import Street, draw_backdrop, draw_tree_or_post, random_street
from thalweg.tasks.street.brush import Box, painted_box
from thalweg.tasks.street.road_users import RoadUser, draw_car, draw_pedestrian

__all__ = ["CLASSES", "MOST_OBJECTS", "Scenes", "street_scenes"]

CLASSES = ("car", "pedestrian")
MOST_OBJECTS = 8  # in one picture
FINER = 2  # canvas pixels per pixel of the picture, along each axis
LEAST_SEEN = 0.6  # share of a box that nearer boxes must leave free
LEAST_INSIDE = 0.65  # share of a box that must lie within the picture
LANE = 0.1  # cars that stand closer in depth than this are in one lane
NOISE = 0.03


@dataclass(frozen=True, eq=False)
class Scenes:
    """Pictures and what is in them.

    Attributes:
        images: Shape (n, size, size, 3), float32, whole multiples of 1/255 in [0, 1].
        boxes: Shape (n, MOST_OBJECTS, 5), float32: class, centre x, centre y, width, height, the latter as shares of
            the picture's side; rows without an object have class −1 and zeros.
    """

    images: np.ndarray
    boxes: np.ndarray


def street_scenes(count: int, size: int = 48, seed: int = 0, part: int = 0) -> Scenes:
    """Return ``count`` scenes; the first of them do not depend on how many are asked for.

    Args:
        count: Number of pictures, ≥ 1.
        size: Height and width in pixels.
        seed: Fixes the scenes.
        part: Another stream of scenes of the same seed, e.g. for another split.
    """
    images = np.empty((count, size, size, 3), np.float32)
    boxes = np.zeros((count, MOST_OBJECTS, 5), np.float32)
    boxes[:, :, 0] = -1
    for k in range(count):
        images[k], found = _scene(size, np.random.default_rng((seed, part, k)))
        for row, one in zip(boxes[k], found, strict=False):
            row[:] = one
    return Scenes(images, boxes)


def _scene(size: int, rng: np.random.Generator) -> tuple[np.ndarray, list[tuple[float, ...]]]:
    canvas = np.empty((size * FINER, size * FINER, 3), np.float32)
    street = random_street(rng)
    draw_backdrop(canvas, street, rng)
    boxes = _populate(canvas, street, rng)
    finer = np.stack([canvas[i::FINER, j::FINER] for i in range(FINER) for j in range(FINER)])
    picture = np.asarray(finer.sum(axis=0) / np.float32(FINER**2))
    return _photograph(picture, rng), boxes


def _populate(canvas: np.ndarray, street: Street, rng: np.random.Generator) -> list[tuple[float, ...]]:
    things: list[tuple[float, RoadUser | None]] = [(user.ground, user) for user in _road_users(street, rng)]
    things += [(ground, None) for ground in _places_of_posts(street, rng)]
    found: list[tuple[RoadUser, Box]] = []
    for ground, user in sorted(things, key=lambda thing: thing[0]):
        if user is None:
            trees = ground < street.far_kerb  # a near one would hide all there is to be found
            draw_tree_or_post(canvas, rng.random(), ground, street.unit(ground), rng, trees)
            continue
        before = canvas.copy()
        painted = (draw_car if user.kind == "car" else draw_pedestrian)(canvas, user, rng)
        box = painted_box(painted, len(canvas))
        if box is not None and _fits(box, user, found):
            found.append((user, box))
        else:
            canvas[:] = before
    return [
        (CLASSES.index(user.kind), (left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
        for user, (left, top, right, bottom) in found
    ]


def _road_users(street: Street, rng: np.random.Generator) -> list[RoadUser]:
    width = street.near_kerb - street.far_kerb
    lanes = (street.far_kerb + 0.30 * width, street.far_kerb + 0.86 * width)
    cars = [
        lanes[int(2 * rng.random())] + 0.05 * width * (rng.random() - 0.5) for _ in range(1 + int(4 * rng.random()))
    ]
    walkers = []
    for _ in range(int(5 * rng.random())):
        where = rng.random()
        if where < 0.35:
            walkers.append(street.houses + (0.45 + 0.5 * rng.random()) * (street.far_kerb - street.houses))
        elif where < 0.8:
            walkers.append(street.near_kerb + (0.25 + 0.7 * rng.random()) * (1 - street.near_kerb))
        else:
            walkers.append(street.far_kerb + rng.random() * width)
    place = partial(_placed, street, rng)
    return [place("car", ground) for ground in cars] + [place("pedestrian", ground) for ground in walkers]


def _placed(street: Street, rng: np.random.Generator, kind: str, ground: float) -> RoadUser:
    return RoadUser("car" if kind == "car" else "pedestrian", 0.02 + 0.96 * rng.random(), ground, street.unit(ground))


def _places_of_posts(street: Street, rng: np.random.Generator) -> list[float]:
    far = street.houses + 0.85 * (street.far_kerb - street.houses)
    near = street.near_kerb + 0.3 * (1 - street.near_kerb)
    return [far] * int(4 * rng.random()) + [near] * int(2 * rng.random())


def _fits(box: Box, user: RoadUser, others: list[tuple[RoadUser, Box]]) -> bool:
    # Enough of it lies in the picture, it stands in no other car, and leaves enough to be seen of those behind it.
    left, top, right, bottom = box
    expected = user.unit * (1.6 if user.kind == "car" else 0.48)
    if right - left < LEAST_INSIDE * expected:
        return False
    for other, (other_left, other_top, other_right, other_bottom) in others:
        across = min(right, other_right) - max(left, other_left)
        down = min(bottom, other_bottom) - max(top, other_top)
        behind = (other_right - other_left) * (other_bottom - other_top)
        one_lane = user.kind == other.kind == "car" and abs(user.ground - other.ground) < LANE
        allowed = 0.0 if one_lane else 1 - LEAST_SEEN
        if max(across, 0) * max(down, 0) > allowed * behind:
            return False
    return True


def _photograph(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    # Light of some strength and tint from one side, and noise; rounded to 8 bits, as a camera does.
    side = len(picture)
    light = (0.70 + 0.40 * rng.random()) * (1 + 0.10 * (rng.random(3) - 0.5))
    slope = 1 + 0.25 * (rng.random() - 0.5) * np.linspace(-1, 1, side)[None, :, None]
    grain = rng.random((2, *picture.shape)).sum(axis=0) - 1  # triangular, standard deviation 1/√6
    noisy = picture * light * slope + NOISE * 6**0.5 * grain * rng.random()
    return (np.round(255 * np.clip(noisy, 0, 1)) / 255).astype(np.float32)
