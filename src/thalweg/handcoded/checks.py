"""What the hand-coded network is given, checked: every mistake is one sentence."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from thalweg.errors import InvalidValueError

__all__ = ["checked_input", "checked_layers", "checked_number", "checked_targets", "checked_widths"]


def checked_widths(widths: Sequence[int], loss: str) -> tuple[int, ...]:
    """Return the widths of input, hidden layers and output.

    Raises:
        InvalidValueError: Fewer than two, one is no whole number of 1 or more, or one class alone.
    """
    given = tuple(widths)
    whole = all(isinstance(width, int | np.integer) and not isinstance(width, bool) for width in given)
    if len(given) < 2 or not whole:
        raise InvalidValueError(
            f"widths = {given!r} is not allowed; give at least two whole numbers, inputs first and outputs last, "
            "e.g. (64, 32, 10)."
        )
    for position, width in enumerate(given):
        if width < 1:
            place = "the input" if position == 0 else f"layer {position}"
            raise InvalidValueError(f"widths = {given!r}: {place} is too narrow with {width} units; give 1 or more.")
    if loss == "cross-entropy" and given[-1] < 2:
        raise InvalidValueError(
            f"widths = {given!r}: the last layer is too narrow with 1 unit, as cross-entropy takes one unit per class; "
            "give 2 or more, or loss='squared'."
        )
    return tuple(int(width) for width in given)


def checked_layers(weights: Sequence[Any], biases: Sequence[Any]) -> tuple[tuple[np.ndarray, ...], ...]:
    """Return weights and biases as float64 arrays whose shapes fit together.

    Raises:
        InvalidValueError: A shape does not fit, or a number is not finite.
    """
    if len(weights) != len(biases) or not weights:
        raise InvalidValueError(
            f"weights of {len(weights)} and biases of {len(biases)} layers are given; give as many of both, 1 or more."
        )
    made = tuple(_numbers(f"weights of layer {k}", W) for k, W in enumerate(weights, start=1))
    offsets = tuple(_numbers(f"biases of layer {k}", b) for k, b in enumerate(biases, start=1))
    entering = made[0].shape[0] if made[0].ndim == 2 else 1
    for layer, (W, b) in enumerate(zip(made, offsets, strict=True), start=1):
        if W.ndim != 2 or W.shape[0] != entering:
            raise InvalidValueError(
                f"weights of layer {layer} have shape {W.shape}, but {entering} numbers enter the layer; "
                f"give shape ({entering}, width)."
            )
        entering = W.shape[1]
        if b.shape != (entering,):
            raise InvalidValueError(
                f"biases of layer {layer} have shape {b.shape}, but the layer has {entering} units; "
                f"give shape ({entering},)."
            )
    return made, offsets


def checked_number(name: str, value: Any, *, low: float = 0.0, whole: bool = False) -> Any:
    """Return a number of ``low`` or more.

    Raises:
        InvalidValueError: It is none, or not finite, or not whole where it must be.
    """
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    if isinstance(value, bool) or not isinstance(value, kinds) or not np.isfinite(value) or value < low:
        raise InvalidValueError(
            f"{name} = {value!r} is not allowed; give a {'whole ' if whole else ''}number of {low:g} or more."
        )
    return int(value) if whole else float(value)


def checked_input(x: Any, inputs: int) -> np.ndarray:
    """Return examples as float64 of shape (n, inputs), n ≥ 1.

    Raises:
        InvalidValueError: Another shape, no rows, or a number that is not finite.
    """
    rows = _numbers("x", x)
    if rows.ndim != 2 or rows.shape[1] != inputs or not len(rows):
        raise InvalidValueError(
            f"x has shape {rows.shape}, but this network takes rows of {inputs} numbers; "
            f"give shape (n, {inputs}) with n of 1 or more."
        )
    return rows


def checked_targets(y: Any, rows: int, outputs: int, loss: str) -> np.ndarray:
    """Return what the outputs are compared with, float64 of shape (n, outputs).

    Labels become rows with a one in the place of the class ("one-hot").

    Args:
        y: Labels of shape (n,) for cross-entropy; for the squared loss numbers of shape (n, outputs), or (n,) where
            there is one output.
        rows: n.
        outputs: Units of the last layer.
        loss: Name of the loss.

    Raises:
        InvalidValueError: Another shape, a label out of range, or a number that is not finite.
    """
    if loss == "cross-entropy":
        return _one_hot(y, rows, outputs)
    values = _numbers("y", y)
    if values.shape == (rows,) and outputs == 1:
        values = values[:, None]
    if values.shape != (rows, outputs):
        raise InvalidValueError(
            f"y has shape {values.shape}, but there are {rows} rows and {outputs} outputs; "
            f"give shape ({rows}, {outputs})."
        )
    return values


def _one_hot(y: Any, rows: int, classes: int) -> np.ndarray:
    labels = np.asarray(y)
    if labels.shape != (rows,):
        hint = "; np.argmax(y, axis=1) makes labels of one-hot rows" if labels.ndim == 2 else ""
        raise InvalidValueError(f"y has shape {labels.shape}, but there are {rows} rows; give one label per row{hint}.")
    if not np.issubdtype(labels.dtype, np.integer):
        raise InvalidValueError(f"y holds {labels.dtype} numbers; give labels as whole numbers, e.g. y.astype(int).")
    outside = np.flatnonzero((labels < 0) | (labels >= classes))
    if outside.size:
        raise InvalidValueError(
            f"y[{outside[0]}] = {labels[outside[0]]} is no class of this network; give labels from 0 to {classes - 1}, "
            "or a last layer with a unit for each class."
        )
    return np.eye(classes)[labels]


def _numbers(name: str, values: Any) -> np.ndarray:
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidValueError(f"{name} is no array of numbers; give one that np.asarray(…, float) accepts.") from None
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        place, value = ", ".join(str(i) for i in bad[0]), array[tuple(bad[0])]
        raise InvalidValueError(f"{name}[{place}] = {value} is not finite; leave such rows out or fill the gaps first.")
    return array
