"""Object detection on street scenes: cars and pedestrians, several in a picture, found by a small YOLO."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thalweg.tasks.base import Batch, Context, Data, Metric, Params, Target, Task
from thalweg.tasks.choices import Whole, task_family
from thalweg.tasks.street.boxes import grid_labels
from thalweg.tasks.street.detection_metric import detect, mean_average_precision
from thalweg.tasks.street.model import GRID, detector
from thalweg.tasks.street.scenes import CLASSES, street_scenes
from thalweg.tasks.street.yolo_loss import yolo_loss

__all__ = ["STREET_DETECTION", "detections", "mirrored", "street_data", "street_task"]

SURE = 0.25  # least score of a box that is shown


@functools.cache
def street_data(scenes: int = 2000, size: int = 48) -> Data:
    """Return six tenths of the scenes for training, two tenths each for validation and test.

    Args:
        scenes: Number of scenes, a multiple of 10.
        size: Height and width of the pictures in pixels.

    Every split has ``x``, pictures of shape (n, size, size, 3), ``y``, what each cell of the grid is to say
    (:func:`~thalweg.tasks.street.boxes.grid_labels`), and ``boxes``, the true boxes of shape (n, 8, 5).
    """
    counts = (scenes * 6 // 10, scenes * 2 // 10, scenes * 2 // 10)
    return Data(*(_split(count, size, part) for part, count in enumerate(counts)))


def _split(count: int, size: int, part: int) -> dict[str, np.ndarray]:
    made = street_scenes(count, size, part=part)
    return {"x": made.images, "y": grid_labels(made.boxes, GRID, len(CLASSES)), "boxes": made.boxes}


def mirrored(key: Any, batch: Batch) -> Batch:
    """Return a batch in which every picture is mirrored left to right with probability ½, its labels too.

    Args:
        key: JAX random key.
        batch: With ``x`` of shape (n, height, width, 3) and ``y`` of shape (n, S, S, 5 + C).
    """
    turn = jax.random.bernoulli(key, 0.5, (batch["x"].shape[0], 1, 1, 1))
    labels = batch["y"][:, :, ::-1]
    x = labels[..., :1] * (1 - labels[..., 1:2])
    labels = jnp.concatenate([labels[..., :1], x, labels[..., 2:]], axis=-1)
    return {
        "x": jnp.where(turn, batch["x"][:, :, ::-1], batch["x"]),
        "y": jnp.where(turn, labels, batch["y"]),
    }


def detections(params: Params, images: np.ndarray, sure: float = SURE) -> list[np.ndarray]:
    """Return the boxes that a trained network finds in pictures.

    Args:
        params: Parameters of ``street-detection`` in any of its structures, nested or by path: ``layer1.weight``.
        images: Shape (n, size, size, 3), in [0, 1].
        sure: Least score of a box, the product of its confidence and the probability of its class.

    Returns:
        One array of shape (boxes, 6) per picture: class, score (at most 1), centre x, centre y, width, height as
        shares of the picture's side, the surest first.
    """
    if any("." in name for name in params):
        names = {name.partition(".")[0] for name in params}
        params = {name: {part: params[f"{name}.{part}"] for part in ("weight", "bias")} for name in names}
    layers = len(params)
    stages = (images.shape[1] // GRID).bit_length() - 1
    network = detector(images.shape[1], len(CLASSES), params["layer1"]["bias"].shape[0], layers - stages - 1)
    prediction = jax.jit(network.apply)(params, images)
    rows: list[list[tuple[float, ...]]] = [[] for _ in images]
    for kind in range(len(CLASSES)):
        found = jax.device_get(detect(prediction, kind))
        for picture, slot in zip(*np.nonzero(found.kept & (found.scores >= sure)), strict=True):
            score = min(
                1.0, float(found.scores[picture, slot])
            )  # outputs are linear, and may exceed what they estimate
            rows[picture].append((kind, score, *found.boxes[picture, slot]))
    return [np.array(sorted(some, key=lambda row: -row[1]), float).reshape(-1, 6) for some in rows]


def street_task(size: int, scenes: int, width: int, depth: int) -> Task:
    """Return street detection at a size of its own.

    Args:
        size: Height and width of the pictures in pixels, 6 times a power of two.
        scenes: Number of scenes, a multiple of 10.
        width: Channels of the first convolution.
        depth: Convolutions on the grid of cells.
    """
    network = detector(size, len(CLASSES), width, depth)

    def loss(params: Params, batch: Batch) -> Any:
        return yolo_loss(network.apply(params, batch["x"]), batch["y"])

    def training_loss(params: Params, batch: Batch, context: Context) -> tuple[Any, Any]:
        return loss(params, batch if context.key is None else mirrored(context.key, batch)), {}

    def precision(params: Params, split: Batch) -> Any:
        return mean_average_precision(network.apply(params, split["x"]), split["boxes"])

    stages = (size // GRID).bit_length() - 1
    return Task(
        "street-detection",
        network.init,
        loss,
        functools.partial(street_data, scenes, size),
        Metric("mAP", precision, larger_is_better=True),
        batch_size=32,
        epochs=25,
        # Provisional: Adam, one seed, ends the default epochs at 0.66 (rate 0.001) and 0.70 (0.002 with cosine decay).
        target=Target("validation_metric", 0.65),
        title="Street scenes, YOLO network",
        description=(
            "Draw boxes around all cars and pedestrians of a street scene and name them, with a convolutional network "
            "that says for each of 6 × 6 cells what has its centre there. The loss has the five terms of YOLO; the "
            "metric is the mean average precision at an overlap of one half. In training every picture is mirrored "
            "with probability ½."
        ),
        source="generated here; the loss is that of J. Redmon, S. Divvala, R. Girshick and A. Farhadi (CVPR 2016)",
        licence="generated here",
        loss_name="YOLO loss, five terms",
        training_loss=training_loss,
        techniques=frozenset({"key"}),
        roles={f"layer{stages + depth + 1}.bias": "fixed"},
    )


STREET_DETECTION = task_family(
    street_task,
    {"size": (48, 96), "scenes": Whole(2000, 50, 100_000, 10), "width": Whole(16, 1, 512), "depth": Whole(1, 0, 16)},
)
