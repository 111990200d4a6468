"""Painting filled shapes onto a picture, and knowing where they were painted."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np

__all__ = ["Colour", "Shape", "ellipse", "paint_rectangle", "paint_shapes", "painted_box", "rectangle", "shade_ellipse"]

Colour: TypeAlias = Sequence[float] | np.ndarray  # red, green, blue in [0, 1]
Box: TypeAlias = tuple[float, float, float, float]  # left, top, right, bottom


class Shape(NamedTuple):
    """A trapezoid with level edges, or the ellipse that fills a rectangle.

    All coordinates are shares of the picture's side from its upper left corner: x to the right, y down.

    Attributes:
        top: Where its upper edge is.
        bottom: Where its lower edge is.
        upper_left: Left end of the upper edge.
        upper_right: Right end of the upper edge.
        lower_left: Left end of the lower edge.
        lower_right: Right end of the lower edge.
        curved: 1 for an ellipse, 0 for a trapezoid.
        colour: What it is filled with.
    """

    top: float
    bottom: float
    upper_left: float
    upper_right: float
    lower_left: float
    lower_right: float
    curved: int
    colour: Colour


@dataclass(frozen=True, eq=False)
class Painted:
    """Where a thing was painted.

    Attributes:
        where: Rows and columns of the canvas.
        inside: Shape (rows, columns), bool: which of them were painted.
    """

    where: tuple[slice, slice]
    inside: np.ndarray


def rectangle(left: float, top: float, right: float, bottom: float, colour: Colour) -> Shape:
    """Return an upright rectangle."""
    return Shape(top, bottom, left, right, left, right, 0, colour)


def ellipse(x: float, y: float, x_radius: float, y_radius: float, colour: Colour) -> Shape:
    """Return an ellipse around (x, y)."""
    ends = (x - x_radius, x + x_radius)
    return Shape(y - y_radius, y + y_radius, *ends, *ends, 1, colour)


def paint_rectangle(canvas: np.ndarray, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
    """Paint one rectangle, at least a pixel wide and high, in place.

    Args:
        canvas: Shape (side, side, 3), float32 in [0, 1].
        left: Where it begins, as a share of the side.
        top: Likewise.
        right: Where it ends.
        bottom: Likewise.
        colour: What it is filled with.
    """
    side = len(canvas)
    canvas[_span(side, top, bottom), _span(side, left, right)] = colour


def paint_shapes(canvas: np.ndarray, shapes: Sequence[Shape]) -> Painted:
    """Paint shapes over one another, the last on top, in place; what lies outside the canvas is cut off.

    Args:
        canvas: Shape (side, side, 3), float32 in [0, 1].
        shapes: At least one.

    All are painted at once: a pixel gets the colour of the last shape that its middle lies in.
    """
    side = len(canvas)
    edges = np.array([shape[:7] for shape in shapes])
    top, bottom, *ends, curved = (edges[:, k, None] for k in range(7))
    bottom = np.maximum(bottom, top + 1 / side)
    where = _span(side, top.min(), bottom.max()), _span(side, edges[:, 2:6].min(), edges[:, 2:6].max())
    x, y = (_middles(side)[pixels] for pixels in reversed(where))
    down = (y - top) / (bottom - top)
    left = ends[0] + down * (ends[2] - ends[0])
    right = ends[1] + down * (ends[3] - ends[1])
    middle, half = (left + right) / 2, np.maximum(right - left, 1 / side) / 2
    half = half * np.where(curved > 0, np.sqrt(np.maximum(1 - (2 * down - 1) ** 2, 0)), 1)
    half = np.where((down >= 0) & (down < 1), half, -1)
    inside = np.abs(x - middle[:, :, None]) <= half[:, :, None]
    last = len(shapes) - 1 - np.argmax(inside[::-1], axis=0)
    any_inside = np.any(inside, axis=0, keepdims=True)[0]
    colours = np.array([shape.colour for shape in shapes], np.float32)
    patch = canvas[where]
    painted = Painted(where, any_inside)
    np.copyto(patch, colours[last], where=any_inside[:, :, None])
    return painted


def shade_ellipse(canvas: np.ndarray, x: float, y: float, x_radius: float, y_radius: float, factor: float) -> None:
    """Darken an ellipse around (x, y) by a factor, in place."""
    side = len(canvas)
    rows, columns = _span(side, y - y_radius, y + y_radius), _span(side, x - x_radius, x + x_radius)
    across = (_middles(side)[columns] - x) / x_radius
    down = (_middles(side)[rows, None] - y) / y_radius
    canvas[rows, columns] *= np.where(down * down + across * across <= 1, np.float32(factor), 1)[:, :, None]


def painted_box(painted: Painted, side: int) -> Box | None:
    """Return the smallest box around what was painted, as shares of the side; None if nothing was."""
    rows, columns = (np.flatnonzero(painted.inside.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    top, left = (pixels.start for pixels in painted.where)
    ends = (left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1)
    return tuple(float(end) / side for end in ends)  # pyright: ignore[reportReturnType]


def _span(side: int, low: float, high: float) -> slice:
    first, last = (min(max(int(end * side + 0.5), 0), side) if end > 0 else 0 for end in (low, high))
    return slice(first, min(first + 1, side) if last <= first and high > 0 else last)


@functools.cache
def _middles(side: int) -> np.ndarray:
    return (np.arange(side) + 0.5) / side
