"""What boxes are to each other, and how they become a grid's labels."""

from typing import Any

import jax.numpy as jnp
import numpy as np

__all__ = ["grid_labels", "overlap"]


def overlap(first: Any, second: Any) -> Any:
    """Return intersection over union of boxes, in [0, 1]; 0 where both are empty.

    Args:
        first: Centre x, centre y, width and height in the last axis, shape (…, 4); a negative extent counts as 0.
        second: Likewise; the leading axes of both are broadcast.
    """
    sides = []
    for axis in (0, 1):
        one, other = (jnp.maximum(boxes[..., axis + 2], 0) / 2 for boxes in (first, second))
        high = jnp.minimum(first[..., axis] + one, second[..., axis] + other)
        low = jnp.maximum(first[..., axis] - one, second[..., axis] - other)
        sides.append(jnp.maximum(high - low, 0))
    common = sides[0] * sides[1]
    areas = [jnp.maximum(boxes[..., 2], 0) * jnp.maximum(boxes[..., 3], 0) for boxes in (first, second)]
    union = areas[0] + areas[1] - common
    return jnp.where(union > 0, common / jnp.where(union > 0, union, 1), 0)


def grid_labels(boxes: np.ndarray, grid: int, classes: int) -> np.ndarray:
    """Return what the cells of a grid are to say: each object belongs to the cell in which its centre lies.

    Args:
        boxes: Shape (n, objects, 5): class (−1 for none), centre x, centre y, width, height as shares of the
            picture's side. Of two objects in one cell the larger is kept, as a cell can only name one.
        grid: Cells along each axis, S.
        classes: Number of classes, C.

    Returns:
        Shape (n, S, S, 5 + C), float32: 1 where there is an object, its centre x and y within the cell in [0, 1], its
        width and height as shares of the picture, and its class as C numbers of which one is 1; zeros elsewhere.
    """
    labels = np.zeros((len(boxes), grid, grid, 5 + classes), np.float32)
    for cells, objects in zip(labels, boxes, strict=True):
        known = objects[objects[:, 0] >= 0]
        for kind, x, y, width, height in known[np.argsort(known[:, 3] * known[:, 4], kind="stable")]:
            column, row = (min(int(place * grid), grid - 1) for place in (x, y))
            one_hot = np.arange(classes) == int(kind)
            cells[row, column] = (1, x * grid - column, y * grid - row, width, height, *one_hot)
    return labels
