"""Drawing: SVG elements as strings, markers, frames with axes, lines and bands.

Text stays text, colours come from the page's style sheet by class, so a picture follows the theme
and weighs a few kilobytes.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from thalweg.report.formatting import escape, finite
from thalweg.report.palette import Style
from thalweg.report.scales import Scale

__all__ = ["Frame", "axes", "band", "clip", "frame", "line", "marker", "picture", "polyline", "tag", "text"]


def tag(name: str, content: str = "", **attributes: object) -> str:
    """Return one element; ``class_`` becomes ``class``, underscores hyphens, None is left out.

    Example:
        >>> tag("rect", x=1.25, class_="bar")
        '<rect x="1.2" class="bar"/>'
    """
    parts = [name]
    for key, value in attributes.items():
        if value is not None:
            shown = _coordinate(value) if isinstance(value, float) else escape(value)
            parts.append(f'{key.rstrip("_").replace("_", "-")}="{shown}"')
    opening = " ".join(parts)
    return f"<{opening}>{content}</{name}>" if content else f"<{opening}/>"


def _coordinate(value: float) -> str:
    shown = f"{value:.1f}".removesuffix(".0")
    return "0" if shown == "-0" else shown


def text(x: float, y: float, words: object, class_: str = "tk", anchor: str | None = None) -> str:
    """Return a line of escaped text; ``anchor`` is ``middle`` or ``end``, or None for the start."""
    return tag("text", escape(words), x=x, y=y, class_=class_, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    """Return a straight line."""
    return tag("path", d=f"M{_coordinate(x1)} {_coordinate(y1)}L{_coordinate(x2)} {_coordinate(y2)}", class_=class_)


def picture(key: str, width: float, height: float, title: str, description: str, body: str, class_: str = "") -> str:
    """Return a whole picture with the title and description that screen readers speak.

    Args:
        key: Unique within the document; the ids of title and description derive from it.
        width: Width of the coordinate system; the style sheet decides the width on the page.
        height: Its height.
        title: Short name.
        description: What is to be seen, in words.
        body: Elements.
        class_: Further classes.
    """
    return (
        f'<svg id="{key}" class="fig {class_}" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-labelledby="{key}-t {key}-d"><title id="{key}-t">{escape(title)}</title>'
        f'<desc id="{key}-d">{escape(description)}</desc>{body}</svg>'
    )


@dataclass(frozen=True)
class Frame:
    """The rectangle in which data is drawn, with its two scales."""

    left: float
    top: float
    right: float
    bottom: float
    x: Scale
    y: Scale


def frame(
    box: tuple[float, float, float, float],
    x: tuple[float, float, bool],
    y: tuple[float, float, bool],
) -> Frame:
    """Return a frame from its box (left, top, right, bottom) and (low, high, log) of both axes."""
    left, top, right, bottom = box
    return Frame(left, top, right, bottom, Scale(x[0], x[1], left, right, x[2]), Scale(y[0], y[1], bottom, top, y[2]))


def axes(f: Frame, x_title: str = "", y_title: str = "", x_count: int = 5, y_count: int = 5, lift: float = -9.0) -> str:
    """Return grid, ticks and titles of a frame; the vertical title stands above, to be read upright."""
    parts = []
    for value, label in f.y.ticks(y_count):
        y = f.y(value)
        parts += [line(f.left, y, f.right, y, "gr"), text(f.left - 5, y + 3.5, label, anchor="end")]
    for value, label in f.x.ticks(x_count):
        x = f.x(value)
        parts += [line(x, f.bottom, x, f.bottom + 4, "ax"), text(x, f.bottom + 15, label, anchor="middle")]
    parts.append(line(f.left, f.bottom, f.right, f.bottom, "ax"))
    if y_title:
        parts.append(text(2.0, f.top + lift, y_title, "lb"))
    if x_title:
        parts.append(text(f.right, f.bottom + 30, x_title, "lb", "end"))
    return "".join(parts)


def clip(key: str, f: Frame, body: str) -> str:
    """Return ``body`` cut off at the frame."""
    rectangle = tag("rect", x=f.left, y=f.top - 1, width=f.right - f.left + 1, height=f.bottom - f.top + 2)
    return f'<clipPath id="{key}">{rectangle}</clipPath><g clip-path="url(#{key})">{body}</g>'


def _runs(points: Iterable[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is not None:
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _path(points: Sequence[tuple[float, float]], step: bool = False) -> str:
    words = [f"{_coordinate(x)} {_coordinate(y)}" for x, y in points]
    if step:
        tail = [f"H{_coordinate(x)}V{_coordinate(y)}" for x, y in points[1:]]
        return f"M{words[0]}{''.join(tail)}"
    return "M" + "L".join(words)


def _placed(f: Frame, x: float, y: float | None) -> tuple[float, float] | None:
    known = finite(y)
    return None if known is None or (f.y.log and known <= 0) else (f.x(x), f.y(known))


def polyline(
    f: Frame, xs: Sequence[float], ys: Sequence[float | None], class_: str, step: bool = False, dash: str | None = None
) -> str:
    """Return a line through the known points, broken where a value is missing."""
    runs = _runs(_placed(f, x, y) for x, y in zip(xs, ys, strict=True))
    path = "".join(_path(run if len(run) > 1 else run * 2, step) for run in runs)
    return tag("path", d=path, class_=class_, stroke_dasharray=dash or None) if path else ""


def band(f: Frame, xs: Sequence[float], low: Sequence[float | None], high: Sequence[float | None], class_: str) -> str:
    """Return the area between two lines where both are known."""
    pairs = []
    for x, a, b in zip(xs, low, high, strict=True):
        below, above = _placed(f, x, a), _placed(f, x, b)
        pairs.append(None if below is None or above is None else (below, above))
    path = ""
    run: list[tuple[tuple[float, float], tuple[float, float]]] = []
    for pair in [*pairs, None]:
        if pair is not None:
            run.append(pair)
        elif run:
            path += _path([*(p[1] for p in run), *(p[0] for p in reversed(run))]) + "Z"
            run = []
    return tag("path", d=path, class_=class_) if path else ""


def _polygon(x: float, y: float, radii: Sequence[float], turn: float) -> str:
    angles = [turn + 2 * math.pi * i / len(radii) for i in range(len(radii))]
    return _path([(x + r * math.sin(a), y - r * math.cos(a)) for r, a in zip(radii, angles, strict=True)]) + "Z"


def marker(style: Style, x: float, y: float, size: float = 4.0, hollow: bool | None = None) -> str:
    """Return the marker of a contender, centred; ``size`` is the radius of its circle in pixels."""
    empty = style.hollow if hollow is None else hollow
    class_ = "mh" if empty else "mk"
    if style.shape == "circle":
        return tag("circle", cx=x, cy=y, r=size, class_=class_)
    turns = {
        "square": ([1.3] * 4, math.pi / 4),
        "triangle": ([1.35] * 3, 0.0),
        "diamond": ([1.35] * 4, 0.0),
        "wedge": ([1.35] * 3, math.pi),
        "hexagon": ([1.2] * 6, 0.0),
        "star": ([1.6, 0.7] * 5, 0.0),
    }
    if style.shape in turns:
        radii, turn = turns[style.shape]
        return tag("path", d=_polygon(x, y, [r * size for r in radii], turn), class_=class_)
    half, tall = 0.55 * size, 1.35 * size
    return tag("rect", x=x - half, y=y - tall, width=2 * half, height=2 * tall, class_=class_)
