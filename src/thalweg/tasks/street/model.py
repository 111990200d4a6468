"""A small convolutional network that looks at a picture once and says for every cell of a grid what is in it."""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from thalweg.tasks.base import Params
from thalweg.tasks.models import convolve, dense, init_layers
from thalweg.tasks.street.yolo_loss import Prediction

__all__ = ["BOXES", "GRID", "Detector", "as_prediction", "detector"]

GRID = 6  # cells along each axis, S
BOXES = 2  # predicted by each cell, B
# At the start every box sits in the middle of its cell and is hardly sure of anything; the first is as wide as a car
# (0.6² of the picture), the second as wide as a pedestrian, so that they divide the work; no class is preferred.
START = ((0.5, 0.5, 0.6, 0.5, 0.1), (0.5, 0.5, 0.35, 0.5, 0.1))


class Detector(NamedTuple):
    """A network as two pure functions.

    Attributes:
        init: ``key -> params``.
        apply: ``(params, x) -> Prediction``, x of shape (n, size, size, 3) in [0, 1].
    """

    init: Callable[[Any], Params]
    apply: Callable[[Params, Any], Prediction]


def detector(size: int, classes: int, width: int = 16, depth: int = 1) -> Detector:
    """Return a network from pictures to boxes, confidences and classes for every cell.

    Args:
        size: Height and width of the pictures in pixels: the grid's times a power of two.
        classes: Number of classes, C.
        width: Channels of the first convolution; the k-th stage has k times as many.
        depth: Convolutions on the grid itself before the output.

    Every stage is a 3 × 3 convolution at stride 2 with ReLU, until a cell is one pixel wide; a dense layer, the same
    in every cell, follows. The output is linear as in the paper; of a box's width and height it
    gives the roots, as the authors' program does, so that neither is ever negative.

    References:
        Redmon et al. 2016, "You Only Look Once: Unified, Real-Time Object Detection", section 2; this network is small
        and has no fully connected layers over the whole picture.
    """
    stages = (size // GRID).bit_length() - 1
    channels = [3] + [width * (k + 1) for k in range(stages)]
    channels += [channels[-1]] * depth
    outputs = 5 * BOXES + classes
    sizes = [(9 * a, b) for a, b in itertools.pairwise(channels)] + [(channels[-1], outputs)]
    start = [number for box in START for number in box] + [1 / classes] * classes

    def init(key: Any) -> Params:
        params = init_layers(key, sizes)
        last = params[f"layer{len(sizes)}"]
        last["weight"], last["bias"] = 0.1 * last["weight"], jnp.array(start, jnp.float32)
        return params

    def apply(params: Params, x: Any) -> Prediction:
        hidden = 4 * (x - 0.45)  # about mean 0 and standard deviation 1
        for number in range(1, len(sizes)):
            stride = 2 if number <= stages else 1
            hidden = jax.nn.relu(convolve(params[f"layer{number}"], hidden, (3, 3), stride))
        return as_prediction(dense(params[f"layer{len(sizes)}"], hidden))

    return Detector(init, apply)


def as_prediction(outputs: Any) -> Prediction:
    """Return what a network's outputs mean.

    Args:
        outputs: Shape (n, S, S, 5 B + C): per box centre x, centre y, √width, √height and confidence, then the classes.
    """
    boxes = outputs[..., : 5 * BOXES].reshape(*outputs.shape[:-1], BOXES, 5)
    placed = jnp.concatenate([boxes[..., :2], boxes[..., 2:4] ** 2], axis=-1)
    return Prediction(placed, boxes[..., 4], outputs[..., 5 * BOXES :])
