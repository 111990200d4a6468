"""Mean average precision of detections, as a JAX function of fixed shapes.

A detection is a box with a class and a score. Those of one picture and class are thinned out by
non-maximum suppression, matched with the true boxes greedily by falling score, and counted as true or false; average
precision is the area under the curve of precision against recall.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from thalweg.tasks.street.boxes import overlap
from thalweg.tasks.street.yolo_loss import Prediction, on_picture

__all__ = ["Detections", "average_precision", "detect", "mean_average_precision"]

MATCH = 0.5  # least overlap of a detection with its object
SUPPRESS = 0.5  # a box that overlaps a surer one by more is dropped
MOST = 20  # boxes of one class in one picture that are looked at, the surest first


class Detections(NamedTuple):
    """Boxes of one class in n pictures, the surest first.

    Attributes:
        boxes: Shape (n, most, 4): centre x, centre y, width, height as shares of the picture's side.
        scores: Shape (n, most): confidence times the probability of the class, falling.
        kept: Shape (n, most), bool: not suppressed.
    """

    boxes: Any
    scores: Any
    kept: Any


def detect(prediction: Prediction, kind: int, most: int = MOST, suppress: float = SUPPRESS) -> Detections:
    """Return the detections of one class after non-maximum suppression.

    Args:
        prediction: What the network says of n pictures.
        kind: Number of the class.
        most: Boxes looked at per picture, at most.
        suppress: Overlap with a surer box above which a box is dropped.

    References:
        Redmon et al. 2016, "You Only Look Once", eq. 1: a box's score for a class is the class's probability times the
        box's confidence.
    """
    pictures = len(prediction.confidence)
    boxes = on_picture(prediction.boxes).reshape(pictures, -1, 4)
    scores = (prediction.confidence * prediction.classes[..., kind, None]).reshape(pictures, -1)
    scores, order = jax.lax.top_k(scores, min(most, scores.shape[1]))
    boxes = jnp.take_along_axis(boxes, order[..., None], axis=1)
    rival = overlap(boxes[:, :, None], boxes[:, None]) > suppress
    later = jnp.arange(scores.shape[1])

    def drop(k: Any, kept: Any) -> Any:
        own = jax.lax.dynamic_index_in_dim(kept, k, 1)
        against = jax.lax.dynamic_index_in_dim(rival, k, 1, keepdims=False)
        return kept & ~(own & against & (later > k))

    kept = jax.lax.fori_loop(0, scores.shape[1], drop, jnp.ones(scores.shape, bool))
    return Detections(boxes, scores, kept)


def mean_average_precision(prediction: Prediction, truth: Any, match: float = MATCH) -> Any:
    """Return the mean over the classes of the average precision, in [0, 1].

    Args:
        prediction: What the network says of n pictures.
        truth: Shape (n, objects, 5): class (−1 for none), centre x, centre y, width, height.
        match: Least overlap of a detection with its object.

    Classes of which there is no object are left out; without any object the result is 0.
    """
    kinds = range(prediction.classes.shape[-1])
    each = jnp.stack([average_precision(detect(prediction, kind), truth, kind, match) for kind in kinds])
    present = jnp.stack([jnp.any(truth[..., 0] == kind) for kind in kinds])
    return jnp.sum(jnp.where(present, each, 0)) / jnp.maximum(present.sum(), 1)


def average_precision(detections: Detections, truth: Any, kind: int, match: float = MATCH) -> Any:
    """Return the average precision of one class: the area under the falling envelope of precision over recall.

    Args:
        detections: Detections of the class in n pictures.
        truth: Shape (n, objects, 5), of all classes.
        kind: Number of the class.
        match: Least overlap of a detection with its object.

    A detection belongs to the object that it overlaps most, and is true if that overlap is enough and no surer
    detection of the same object is; every further one is false. Among equal scores the earlier picture comes first.

    References:
        Everingham et al. 2015, "The Pascal Visual Object Classes Challenge: A Retrospective", section 4.2; all points
        of the curve as from 2010 on, not eleven.
    """
    real = truth[..., 0] == kind
    fit = jnp.where(real[:, None], overlap(detections.boxes[:, :, None], truth[:, None, :, 1:]), -1)
    best, closest = jnp.argmax(fit, axis=-1), jnp.max(fit, axis=-1) >= match
    claim = closest & detections.kept
    same = (best[:, :, None] == best[:, None]) & claim[:, :, None] & claim[:, None]
    earlier = jnp.tril(jnp.ones(same.shape[1:], bool), -1)
    right = (claim & ~jnp.any(same & earlier, axis=-1)).ravel()
    scores = jnp.where(detections.kept, detections.scores, -jnp.inf).ravel()
    order = jnp.argsort(-scores, stable=True)
    found = jnp.cumsum(right[order])
    said = jnp.cumsum(detections.kept.ravel()[order])
    precision = found / jnp.maximum(said, 1)
    envelope = jax.lax.cummax(precision, reverse=True)
    return jnp.sum(jnp.where(right[order], envelope, 0)) / jnp.maximum(jnp.sum(real), 1)
