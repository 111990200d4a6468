"""The loss of YOLO: five sums of squares, for centres, extents, two kinds of confidence, and classes.

A picture is covered by a grid of S × S cells. Every cell predicts B boxes, each with a confidence, and
one probability per class. A cell is charged for the object whose centre lies in it; of its boxes only the one that
overlaps the object most is responsible for it.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from thalweg.tasks.street.boxes import overlap

__all__ = ["COORDINATES", "NO_OBJECT", "Prediction", "on_picture", "yolo_loss", "yolo_terms"]

COORDINATES = 5.0  # λ_coord
NO_OBJECT = 0.5  # λ_noobj


class Prediction(NamedTuple):
    """What a network says of n pictures.

    Attributes:
        boxes: Shape (n, S, S, B, 4): centre x and y within the cell, in units of a cell's side, and width and height
            as shares of the picture's side, not negative.
        confidence: Shape (n, S, S, B): how sure a box is to hold an object and to fit it, an estimate of its overlap.
        classes: Shape (n, S, S, C): probability of each class, given that there is an object.
    """

    boxes: Any
    confidence: Any
    classes: Any


def yolo_loss(prediction: Prediction, labels: Any) -> Any:
    """Return the sum of the five terms, their mean over the pictures; see :func:`yolo_terms`."""
    return sum(yolo_terms(prediction, labels).values())


def yolo_terms(
    prediction: Prediction, labels: Any, coordinates: float = COORDINATES, no_object: float = NO_OBJECT
) -> dict[str, Any]:
    """Return the five terms of the loss by name, weighted, each the mean over the pictures.

    With 1ᵢ for a cell that holds an object, 1ᵢⱼ for its responsible box, and hats for the predictions::

        centre      λ_coord Σᵢⱼ 1ᵢⱼ [(xᵢ − x̂ᵢⱼ)² + (yᵢ − ŷᵢⱼ)²]
        extent      λ_coord Σᵢⱼ 1ᵢⱼ [(√wᵢ − √ŵᵢⱼ)² + (√hᵢ − √ĥᵢⱼ)²]
        object      Σᵢⱼ 1ᵢⱼ (IoUᵢⱼ − Ĉᵢⱼ)²
        no-object   λ_noobj Σᵢⱼ (1 − 1ᵢⱼ) (0 − Ĉᵢⱼ)²
        class       Σᵢ 1ᵢ Σ_c (pᵢ(c) − p̂ᵢ(c))²

    Args:
        prediction: What the network says.
        labels: Shape (n, S, S, 5 + C), see :func:`~thalweg.tasks.street.boxes.grid_labels`.
        coordinates: λ_coord.
        no_object: λ_noobj.

    Which box is responsible and how much it overlaps the object are taken as given: no gradient flows through
    them. Of boxes that overlap equally, as where none does, the first is responsible. The gradient of √ŵ
    at 0 is 0 here, not infinite.

    References:
        Redmon, Divvala, Girshick & Farhadi 2016, "You Only Look Once: Unified, Real-Time Object Detection", eq. 3;
        section 2 for the confidence's target, the overlap. Their sum over pictures is a mean here.
    """
    there, true = labels[..., 0], labels[..., None, 1:5]
    fit = jax.lax.stop_gradient(overlap(on_picture(prediction.boxes), on_picture(true)))
    boxes = prediction.boxes.shape[-2]
    responsible = there[..., None] * (jnp.argmax(fit, axis=-1)[..., None] == jnp.arange(boxes))
    off_centre = (true[..., :2] - prediction.boxes[..., :2]) ** 2
    off_extent = (_root(true[..., 2:]) - _root(prediction.boxes[..., 2:])) ** 2
    unlike = (labels[..., 5:] - prediction.classes) ** 2
    squares = {
        "centre": coordinates * responsible * off_centre.sum(-1),
        "extent": coordinates * responsible * off_extent.sum(-1),
        "object": responsible * (fit - prediction.confidence) ** 2,
        "no-object": no_object * (1 - responsible) * prediction.confidence**2,
        "class": there * unlike.sum(-1),
    }
    return {name: jnp.sum(values) / labels.shape[0] for name, values in squares.items()}


def on_picture(boxes: Any) -> Any:
    """Return boxes with their centres as shares of the picture's side rather than of their cell's.

    Args:
        boxes: Shape (n, S, S, boxes, 4).
    """
    rows, columns = boxes.shape[1:3]
    x = (boxes[..., 0] + jnp.arange(columns)[:, None]) / columns
    y = (boxes[..., 1] + jnp.arange(rows)[:, None, None]) / rows
    return jnp.stack([x, y, boxes[..., 2], boxes[..., 3]], axis=-1)


def _root(values: Any) -> Any:
    positive = values > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, values, 1)), 0)
