"""Street detection as a task: its data, its mirrored training, what it learns and what it finds."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.optimizers import Adam, lift
from thalweg.tasks import task_data
from thalweg.tasks.base import Context
from thalweg.tasks.choices import with_options
from thalweg.tasks.street.boxes import grid_labels
from thalweg.tasks.street.model import GRID, detector
from thalweg.tasks.street.task import STREET_DETECTION, detections, mirrored

SMALL = with_options(STREET_DETECTION, scenes=50, width=8)
DATA = task_data(SMALL)


def test_splits_hold_pictures_labels_and_boxes():
    for part, count in ((DATA.train, 30), (DATA.validation, 10), (DATA.test, 10)):
        shapes = {name: array.shape for name, array in part.items()}
        assert shapes == {"x": (count, 48, 48, 3), "y": (count, 6, 6, 7), "boxes": (count, 8, 5)}
        np.testing.assert_array_equal(part["y"], grid_labels(part["boxes"], 6, 2))
    assert np.abs(DATA.validation["x"] - DATA.test["x"]).max() > 0.1


def test_a_mirrored_picture_has_mirrored_boxes():
    twin = {name: np.asarray(array) for name, array in mirrored(jax.random.key(1), DATA.train).items()}
    boxes = DATA.train["boxes"].copy()
    boxes[..., 1] = np.where(boxes[..., 0] >= 0, 1 - boxes[..., 1], 0)
    there = np.array([not np.array_equal(a, b) for a, b in zip(twin["x"], DATA.train["x"], strict=True)])
    assert 5 < there.sum() < 25
    np.testing.assert_array_equal(twin["x"][there], DATA.train["x"][there][:, :, ::-1])
    np.testing.assert_allclose(twin["y"][there], grid_labels(boxes, 6, 2)[there], atol=1e-5)
    np.testing.assert_array_equal(twin["y"][~there], DATA.train["y"][~there])


def test_the_training_loss_is_the_loss_of_the_mirrored_batch():
    params, key = SMALL.init(jax.random.key(0)), jax.random.key(2)
    loss, state = jax.jit(SMALL.training_loss)(params, DATA.train, Context(key, None, None, None))
    expected = jax.jit(SMALL.loss)(params, mirrored(key, DATA.train))
    assert float(loss) == pytest.approx(float(expected), rel=1e-6)
    assert state == {}


def trained(steps):
    rule, params = Adam(learning_rate=2e-3), SMALL.init(jax.random.key(0))
    leaves, structure = jax.tree.flatten(params)

    def step(carry, t):
        leaves, state = carry
        loss, gradient = jax.value_and_grad(SMALL.loss)(jax.tree.unflatten(structure, leaves), DATA.train)
        leaves, state = lift.update(rule, tuple(leaves), tuple(jax.tree.leaves(gradient)), state, t)
        return (tuple(leaves), state), loss

    begin = tuple(leaves), lift.init_state(rule, tuple(leaves))
    (leaves, _), losses = jax.jit(lambda c: jax.lax.scan(step, c, jnp.arange(1.0, steps + 1)))(begin)
    return jax.tree.unflatten(structure, leaves), np.asarray(losses)


def test_a_small_network_learns_thirty_scenes_and_finds_what_is_in_them():
    params, losses = trained(150)
    assert losses[-1] < 0.35 * losses[0]
    assert float(jax.jit(SMALL.metric.function)(params, DATA.train)) > 0.6
    found = detections(params, DATA.train["x"])
    assert len(found) == 30
    for rows in found:
        assert rows.shape[1] == 6
        assert (np.diff(rows[:, 1]) <= 0).all()
        assert (rows[:, 1] >= 0.25).all()
    count = sum(map(len, found))
    assert count == pytest.approx((DATA.train["boxes"][..., 0] >= 0).sum(), rel=0.35)
    by_path = {f"{layer}.{part}": value for layer, both in params.items() for part, value in both.items()}
    np.testing.assert_array_equal(np.concatenate(detections(by_path, DATA.train["x"])), np.concatenate(found))


@pytest.mark.parametrize(("size", "depth"), [(48, 0), (96, 2)])
def test_the_network_grows_with_the_picture_and_the_depth(size, depth):
    network = detector(size, 2, width=4, depth=depth)
    params = jax.eval_shape(network.init, jax.random.key(0))
    said = jax.eval_shape(network.apply, params, jnp.zeros((3, size, size, 3)))
    assert len(params) == (size // GRID).bit_length() - 1 + depth + 1
    assert (said.boxes.shape, said.confidence.shape, said.classes.shape) == (
        (3, 6, 6, 2, 4),
        (3, 6, 6, 2),
        (3, 6, 6, 2),
    )


def test_at_the_start_boxes_are_of_a_sensible_size_and_hardly_sure():
    network = detector(48, 2)
    said = jax.jit(network.apply)(network.init(jax.random.key(0)), DATA.train["x"])
    assert float(jnp.abs(said.boxes[..., :2] - 0.5).mean()) < 0.2
    assert 0.1 < float(said.boxes[..., 2:].mean()) < 0.4
    assert float(jnp.abs(said.confidence - 0.1).mean()) < 0.2


def test_the_title_says_what_was_chosen():
    assert with_options(STREET_DETECTION, width="32").title == "Street scenes, YOLO network; width 32"
    params = jax.eval_shape(STREET_DETECTION.init, jax.random.key(0))
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 40_332
