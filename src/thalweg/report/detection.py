"""The picture of detections: scenes with the true boxes, solid, and the boxes that a network found, dashed."""

import base64
import io
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from thalweg.errors import InvalidValueError
from thalweg.report.files import check_figure_path, write_atomically
from thalweg.report.palette import DARK, LIGHT, Theme
from thalweg.report.svg import line, picture, tag, text

__all__ = ["detection_figure", "write_detections"]

PANEL = 232.0  # side of a scene
GAP = 16.0
MARGIN = 14.0
LEAST_WIDTH = 560.0  # of the legend
LABEL = 15.0  # height of the line under a scene
HUES = (0, 1)  # blue and vermilion differ for every kind of colour vision, and names stand at every box
FONT = 'system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",Arial,sans-serif'


def write_detections(
    path: str | os.PathLike[str],
    images: np.ndarray,
    truth: Sequence[np.ndarray],
    found: Sequence[np.ndarray],
    classes: Sequence[str],
    title: str = "Detections",
) -> Path:
    """Write the picture of detections as SVG, whole or not at all; see :func:`detection_figure`.

    Raises:
        InvalidValueError: The path does not end in ``.svg`` or cannot be written, or the arrays do not fit together.
        WorkError: Writing failed.
    """
    target = check_figure_path(path, ("svg",))
    return write_atomically(target, detection_figure(images, truth, found, classes, title).encode(), "figure")


def detection_figure(
    images: np.ndarray,
    truth: Sequence[np.ndarray],
    found: Sequence[np.ndarray],
    classes: Sequence[str],
    title: str = "Detections",
) -> str:
    """Return scenes with their true and their predicted boxes as one SVG that needs nothing else.

    Args:
        images: Shape (n, height, width, 3), in [0, 1], n ≥ 1.
        truth: Per scene an array of shape (objects, 5): class, centre x, centre y, width, height as shares of the
            picture; rows of a negative class are left out.
        found: Per scene an array of shape (boxes, 6): class, score, then as in ``truth``.
        classes: Name of every class.
        title: What stands above.

    Equal arguments give equal text. Colours follow the reader's light or dark setting.

    Raises:
        InvalidValueError: The arrays do not fit together.
    """
    truth, found = _checked(images, truth, found, classes)
    columns = min(4, len(images))
    rows = -(-len(images) // columns)
    width = max(columns * PANEL + (columns - 1) * GAP, LEAST_WIDTH) + 2 * MARGIN
    head = 58.0
    height = head + rows * (PANEL + LABEL + GAP) - GAP + 2 * MARGIN
    parts = [_style(len(classes)), text(0.0, 18.0, title, "hd"), _legend(classes, 42.0)]
    for k, image in enumerate(images):
        row, column = divmod(k, columns)
        left, top = column * (PANEL + GAP), head + row * (PANEL + LABEL + GAP)
        parts.append(_scene(k, image, truth[k], found[k], classes, left, top))
    counted = ", ".join(
        f"{sum(int((rows[:, 0] == kind).sum()) for rows in truth)} of class {name}" for kind, name in enumerate(classes)
    )
    described = (
        f"{len(images)} scenes with {counted}; solid boxes are true, dashed ones predicted, each with class and score."
    )
    drawing = picture(
        "detections",
        width,
        height,
        title,
        described,
        f'<g transform="translate({MARGIN:g} {MARGIN:g})">{"".join(parts)}</g>',
    )
    sized = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
    return drawing.replace("<svg ", sized, 1)


def _checked(
    images: np.ndarray, truth: Sequence[np.ndarray], found: Sequence[np.ndarray], classes: Sequence[str]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    if np.ndim(images) != 4 or np.shape(images)[-1] != 3 or not len(images):
        raise InvalidValueError(
            f"images of shape {np.shape(images)} are not allowed; give at least one, as an array of shape "
            "(n, height, width, 3)."
        )
    for name, some, columns in (("truth", truth, 5), ("found", found, 6)):
        if len(some) != len(images):
            raise InvalidValueError(
                f"{name} has boxes of {len(some)} scenes for {len(images)} images; give one array each."
            )
        for rows in some:
            if np.ndim(rows) != 2 or np.shape(rows)[1] != columns or np.any(np.asarray(rows)[:, 0] >= len(classes)):
                raise InvalidValueError(
                    f"{name} holds an array of shape {np.shape(rows)}; give rows of {columns} numbers, the class below "
                    f"{len(classes)} first."
                )
    known = [np.asarray(rows)[np.asarray(rows)[:, 0] >= 0] for rows in truth]
    return known, [np.asarray(rows) for rows in found]


def _scene(
    k: int, image: np.ndarray, truth: np.ndarray, found: np.ndarray, classes: Sequence[str], left: float, top: float
) -> str:
    inner = [
        tag("image", href=_png(image), x=0, y=0, width=PANEL, height=PANEL, class_="px", preserveAspectRatio="none")
    ]
    for kind, *box in truth:
        inner += _outline(int(kind), box, "true")
    for kind, _, *box in found:
        inner += _outline(int(kind), box, "said")
    clip = f'<clipPath id="scene{k}">{tag("rect", x=0, y=0, width=PANEL, height=PANEL, rx=4)}</clipPath>'
    taken: list[tuple[float, float, float, float]] = []
    names = [_name(int(kind), f"{classes[int(kind)]} {score:.2f}", box, taken) for kind, score, *box in found]
    counts = text(0.0, PANEL + 13.0, f"{len(truth)} true, {len(found)} found", "tk")
    body = f'{clip}<g clip-path="url(#scene{k})">{"".join(inner)}</g>{"".join(names)}{counts}'
    return f'<g transform="translate({left:g} {top:g})">{body}</g>'


def _outline(kind: int, box: Sequence[float], class_: str) -> list[str]:
    x, y, width, height = (float(value) * PANEL for value in box)
    left, top, width, height = x - width / 2, y - height / 2, max(width, 0.5), max(height, 0.5)
    looks = (f"halo {class_}", f"box {class_} c{kind}")
    return [tag("rect", x=left, y=top, width=width, height=height, class_=look) for look in looks]


def _name(kind: int, words: str, box: Sequence[float], taken: list[tuple[float, float, float, float]]) -> str:
    # Above its box where there is room, below or inside it otherwise, and not over another name.
    x, y, width, height = (float(value) * PANEL for value in box)
    wide, tall = 5.7 * len(words) + 7, 13.0
    left = min(max(x - width / 2, 0.0), PANEL - wide)
    tops = (y - height / 2 - tall - 1, y + height / 2 + 1, y - height / 2 + 1, y + height / 2 - tall - 1)
    free = [
        top for top in tops if 0 <= top <= PANEL - tall and not any(_meet((left, top, wide, tall), o) for o in taken)
    ]
    top = free[0] if free else min(max(tops[0], 0.0), PANEL - tall)
    taken.append((left, top, wide, tall))
    plate = tag("rect", x=left, y=top, width=wide, height=tall, rx=2, class_=f"plate c{kind}")
    return plate + text(left + 3, top + 9.8, words, f"name n{kind}")


def _meet(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return all(one[k] < other[k] + other[k + 2] and other[k] < one[k] + one[k + 2] for k in (0, 1))


def _legend(classes: Sequence[str], y: float) -> str:
    parts, x = [], 0.0
    for kind, name in enumerate(classes):
        parts += [tag("rect", x=x, y=y - 9, width=11, height=11, rx=2, class_=f"plate c{kind}")]
        parts.append(text(x + 17, y, name, "vl"))
        x += 17 + 7.2 * len(name) + 22
    for class_, words in (("true", "true box"), ("said", "predicted box, with class and score")):
        parts += [line(x, y - 4, x + 28, y - 4, f"key {class_}"), text(x + 35, y, words, "vl")]
        x += 35 + 7.2 * len(words) + 16
    return "".join(parts)


def _png(image: np.ndarray) -> str:
    from matplotlib.image import imsave  # here, since it takes long to load

    buffer = io.BytesIO()
    pixels = np.round(255 * np.clip(np.asarray(image, float), 0, 1)).astype(np.uint8)
    imsave(buffer, pixels, format="png", metadata={"Software": "Thalweg"})
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _style(classes: int) -> str:
    # Boxes lie on the photograph, so their colours are the same in both themes; a dark halo parts them from it.
    hues = "".join(f".c{k}{{--c:{DARK.contenders[_hue(k)]}}}.n{k}{{fill:#0c1118}}" for k in range(classes))
    rules = (
        f".fig{{background:var(--paper);font-family:{FONT}}}.px{{image-rendering:pixelated}}"
        ".hd{font-size:16px;font-weight:600;fill:var(--ink)}.vl{font-size:12.5px;fill:var(--ink)}"
        ".tk{font-size:11px;fill:var(--quiet)}.name{font-size:9.8px;font-weight:600}"
        ".halo{fill:none;stroke:#0c1118;stroke-opacity:.55}.box{fill:none;stroke:var(--c)}"
        ".halo.true{stroke-width:3.6}.box.true{stroke-width:2}.halo.said{stroke-width:3.2}"
        ".box.said{stroke-width:2;stroke-dasharray:5 3.5}"
        ".plate{fill:var(--c)}.key{stroke:var(--ink);stroke-width:2;fill:none}.key.said{stroke-dasharray:5 3.5}"
    )
    dark = f"@media(prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}"
    return f"<style>:root{{{_variables(LIGHT)}}}{dark}{rules}{hues}</style>"


def _hue(kind: int) -> int:
    return HUES[kind] if kind < len(HUES) else kind % len(DARK.contenders)


def _variables(theme: Theme) -> str:
    return f"--paper:{theme.paper};--ink:{theme.ink};--quiet:{theme.quiet};"
