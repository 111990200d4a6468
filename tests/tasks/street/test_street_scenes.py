"""Street scenes: what the generator promises of its pictures and boxes."""

import hashlib

import numpy as np
import pytest

from thalweg.tasks.street.brush import ellipse, paint_rectangle, paint_shapes, painted_box, rectangle
from thalweg.tasks.street.road_users import RoadUser, draw_car, draw_pedestrian
from thalweg.tasks.street.scenes import CLASSES, MOST_OBJECTS, street_scenes


@pytest.fixture(scope="module")
def scenes():
    return street_scenes(60, size=48, seed=3)


def test_scenes_are_fixed_by_seed_and_part_and_do_not_depend_on_how_many(scenes):
    few = street_scenes(4, seed=3)
    np.testing.assert_array_equal(few.images, scenes.images[:4])
    np.testing.assert_array_equal(few.boxes, scenes.boxes[:4])
    for other in (street_scenes(4, seed=4), street_scenes(4, seed=3, part=1)):
        assert np.abs(other.images - few.images).max() > 0.1


def test_scenes_are_the_same_on_every_machine(scenes):
    # Only additions, products, divisions and square roots, which IEEE 754 rounds one way, and whole pixel values.
    pixels = np.round(scenes.images * 255).astype(np.uint8)
    assert hashlib.sha256(pixels.tobytes()).hexdigest()[:16] == "db28df37d0c88e07"
    assert hashlib.sha256(scenes.boxes.astype("<f4").tobytes()).hexdigest()[:16] == "f38b21ca713e95d1"


def test_pictures_are_of_eight_bits(scenes):
    assert scenes.images.shape == (60, 48, 48, 3)
    assert scenes.images.dtype == np.float32
    np.testing.assert_allclose(scenes.images * 255, np.round(scenes.images * 255), atol=1e-4)
    assert 0 <= scenes.images.min() < 0.1
    assert 0.9 < scenes.images.max() <= 1


def test_boxes_lie_in_the_picture_and_are_of_sensible_sizes(scenes):
    kinds = scenes.boxes[:, :, 0]
    assert scenes.boxes.shape == (60, MOST_OBJECTS, 5)
    assert set(np.unique(kinds)) == {-1, 0, 1}
    assert not scenes.boxes[kinds < 0][:, 1:].any()
    known = scenes.boxes[kinds >= 0]
    for axis in (1, 2):
        assert (known[:, axis] - known[:, axis + 2] / 2).min() >= -1e-6
        assert (known[:, axis] + known[:, axis + 2] / 2).max() <= 1 + 1e-6
    cars, walkers = (known[known[:, 0] == kind] for kind in range(len(CLASSES)))
    assert len(cars) > 50 < len(walkers)
    assert (cars[:, 3] > cars[:, 4]).mean() > 0.9  # cars are wide, pedestrians tall
    assert (walkers[:, 4] > 1.3 * walkers[:, 3]).all()
    assert (cars[:, 3] * 48).min() > 10
    assert (walkers[:, 3] * 48).min() > 2.5
    assert ((kinds >= 0).sum(axis=1) >= 2).mean() > 0.6  # several in most pictures


@pytest.mark.parametrize("draw", [draw_car, draw_pedestrian])
def test_a_box_is_the_extent_of_what_was_drawn(draw):
    kind = "car" if draw is draw_car else "pedestrian"
    for seed in range(20):
        canvas = np.full((96, 96, 3), 0.5, np.float32)
        painted = draw(canvas, RoadUser(kind, 0.5, 0.7, 0.3), np.random.default_rng(seed))
        changed = (canvas > 0.5 + 1e-3).any(axis=2) | (canvas < 0.27).any(axis=2)  # a shadow leaves 0.275 or more
        rows, columns = (np.flatnonzero(changed.any(axis=axis)) for axis in (1, 0))
        left, top, right, bottom = painted_box(painted, 96)
        assert left * 96 <= columns[0]
        assert top * 96 <= rows[0]
        seen = (columns[-1] + 1 - columns[0]) * (rows[-1] + 1 - rows[0])
        assert seen >= 0.85 * (right - left) * (bottom - top) * 96**2


def test_a_box_is_cut_off_at_the_rim():
    canvas = np.zeros((96, 96, 3), np.float32)
    painted = draw_car(canvas, RoadUser("car", 0.0, 0.7, 0.3), np.random.default_rng(0))
    left, _, right, _ = painted_box(painted, 96)
    assert left == 0
    assert 0.1 < right < 0.35
    outside = draw_car(canvas, RoadUser("car", -2.0, 0.7, 0.3), np.random.default_rng(0))
    assert painted_box(outside, 96) is None


def test_shapes_are_painted_where_they_are_said_to_be():
    canvas = np.zeros((10, 10, 3), np.float32)
    paint_rectangle(canvas, 0.2, 0.1, 0.5, 0.3, (1, 0, 0))
    assert canvas[1:3, 2:5, 0].all()
    assert canvas[..., 0].sum() == 6
    painted = paint_shapes(canvas, [rectangle(0.5, 0.5, 0.9, 0.8, (0, 1, 0)), rectangle(0.6, 0.6, 0.7, 0.7, (0, 0, 1))])
    np.testing.assert_array_equal(canvas[6, 6], (0, 0, 1))  # the last on top
    assert canvas[..., 1].sum() == 4 * 3 - 1
    assert painted_box(painted, 10) == (0.5, 0.5, 0.9, 0.8)
    fine = np.zeros((200, 200, 3), np.float32)
    round_one = paint_shapes(fine, [ellipse(0.5, 0.4, 0.3, 0.2, (1, 1, 1))])
    assert fine[..., 0].mean() == pytest.approx(np.pi * 0.3 * 0.2, rel=0.01)
    np.testing.assert_allclose(painted_box(round_one, 200), (0.2, 0.2, 0.8, 0.6), atol=0.006)
