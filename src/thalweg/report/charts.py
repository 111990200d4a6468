"""The two charts all line figures are made of: one overview, and one small panel per contender.

Fifteen lines in one picture cannot be read, so the overview only ranks; each panel shows one
contender with its spread before the faint lines of all the others, on the same axes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from thalweg.report.formatting import escape, finite, shorten
from thalweg.report.palette import Style
from thalweg.report.svg import Frame, axes, band, clip, frame, marker, picture, polyline, tag, text

__all__ = ["Axis", "Line", "figure", "legend", "overview", "panel", "shared_paths", "spread", "swatch"]

PANEL_BOX = (38.0, 42.0, 262.0, 152.0)


@dataclass(frozen=True)
class Axis:
    """One axis: its title with unit, its ends, and whether it is logarithmic."""

    title: str
    low: float
    high: float
    log: bool = False

    @property
    def ends(self) -> tuple[float, float, bool]:
        """The triple (low, high, log)."""
        return self.low, self.high, self.log


@dataclass(frozen=True)
class Line:
    """One contender's line with its spread; missing values are None.

    Attributes:
        contender: Label.
        x: Abscissae.
        y: Middle of the spread.
        low: Lower end, or empty without a spread.
        high: Upper end, or empty.
        step: Whether the line is a staircase.
    """

    contender: str
    x: Sequence[float]
    y: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    step: bool = False


def swatch(style: Style) -> str:
    """Return the small sample of line and marker that stands before a contender's name."""
    sample = tag("path", d="M1 7H27", class_="ln", stroke_dasharray=style.dash or None) + marker(style, 14.0, 7.0)
    return f'<svg class="sw c{style.hue}" viewBox="0 0 28 14" aria-hidden="true">{sample}</svg>'


def legend(labels: Sequence[str], styles: Mapping[str, Style]) -> str:
    """Return the legend of a figure: every contender with its line and marker."""
    entries = "".join(f"<li>{swatch(styles[label])}<span>{escape(label)}</span></li>" for label in labels)
    return f'<ul class="legend">{entries}</ul>'


def figure(key: str, title: str, note: str, body: str, table: str) -> str:
    """Return a figure: title, what to look for, pictures, and the same numbers as a table."""
    twin = f'<details><summary>The numbers of this figure</summary><div class="scroll">{table}</div></details>'
    heading = f"<h3>{escape(title)}</h3><p>{escape(note)}</p>"
    return f'<figure id="{key}"><figcaption>{heading}</figcaption>{body}{twin if table else ""}</figure>'


def _last_point(f: Frame, one: Line) -> tuple[float, float] | None:
    for x, y in zip(reversed(one.x), reversed(one.y), strict=True):
        known = finite(y)
        if known is not None and (known > 0 or not f.y.log):
            return f.x(x), f.y.clamped(known)
    return None


def _spread_labels(wanted: Sequence[float], gap: float, top: float, bottom: float) -> list[float]:
    """Return label heights near the wanted ones (sorted), ``gap`` apart and inside the frame."""
    placed: list[float] = []
    for height in wanted:
        placed.append(max(height, placed[-1] + gap) if placed else max(height, top))
    limit = bottom
    for i in range(len(placed) - 1, -1, -1):
        placed[i] = min(placed[i], limit)
        limit = placed[i] - gap
    return placed


def _direct_labels(f: Frame, lines: Sequence[Line], styles: Mapping[str, Style]) -> str:
    ends = [(end, one.contender) for one in lines if (end := _last_point(f, one)) is not None]
    ends.sort(key=lambda item: item[0][1])
    heights = _spread_labels([end[1] for end, _ in ends], 14.0, f.top, f.bottom)
    parts = []
    for (end, label), height in zip(ends, heights, strict=True):
        x, y = end
        lead = tag("path", d=f"M{x:.1f} {y:.1f}L{f.right + 14:.1f} {height:.1f}h6", class_="ld")
        name = text(f.right + 34, height + 4, shorten(label, 26), "nm")
        parts.append(f'<g class="c{styles[label].hue}">{lead}{marker(styles[label], f.right + 24, height)}{name}</g>')
    return "".join(parts)


def _one_overview(
    key: str, size: tuple[float, float], right: float, lines: Sequence[Line], styles: Mapping[str, Style],
    x: Axis, y: Axis, words: tuple[str, str], class_: str, marks: Sequence[Line],
) -> str:  # fmt: skip
    width, height = size
    f = frame((46.0, 28.0, width - right, height - 40.0), x.ends, y.ends)
    drawn = "".join(
        f'<g class="c{styles[one.contender].hue}">'
        + polyline(f, one.x, one.y, "ln", one.step, dash=styles[one.contender].dash)
        + "</g>"
        for one in reversed(lines)
    )
    labels = _direct_labels(f, lines, styles) if right > 60 else _end_markers(f, lines, styles)
    labels += _end_markers(f, marks, styles, hollow=True)
    body = axes(f, x.title, y.title, 6 if right > 60 else 4) + clip(f"{key}-c", f, drawn) + labels
    return picture(key, width, height, words[0], words[1], body, class_)


def _end_markers(f: Frame, lines: Sequence[Line], styles: Mapping[str, Style], hollow: bool | None = None) -> str:
    parts = []
    for one in reversed(lines):
        end = _last_point(f, one)
        if end is not None:
            style = styles[one.contender]
            parts.append(f'<g class="c{style.hue}">{marker(style, *end, hollow=hollow)}</g>')
    return "".join(parts)


def overview(
    key: str, lines: Sequence[Line], styles: Mapping[str, Style], x: Axis, y: Axis, title: str, description: str,
    marks: Sequence[Line] = (),
) -> str:  # fmt: skip
    """Return all lines in one picture, twice: wide with names at the line ends, narrow for phones.

    The last point of each of ``marks`` is shown as a hollow marker.
    """
    words = title, description
    wide = _one_overview(f"{key}-w", (960.0, 330.0), 196.0, lines, styles, x, y, words, "wide", marks)
    narrow = _one_overview(f"{key}-n", (340.0, 260.0), 14.0, lines, styles, x, y, words, "narrow", marks)
    return wide + narrow


def shared_paths(key: str, lines: Sequence[Line], x: Axis, y: Axis) -> str:
    """Return the lines of all contenders, drawn once, that every panel shows faintly by reference."""
    f = frame(PANEL_BOX, x.ends, y.ends)
    paths = "".join(polyline(f, one.x, one.y, "ct", one.step) for one in lines)
    return f'<svg class="defs" aria-hidden="true"><defs><g id="{key}">{paths}</g></defs></svg>'


def panel(
    key: str, contender: str, style: Style, x: Axis, y: Axis, description: str,
    draw: Callable[[Frame], str] | None = None, over: Callable[[Frame], str] | None = None, context: str = "",
    box: tuple[float, float, float, float] = PANEL_BOX,
) -> str:  # fmt: skip
    """Return one contender's small picture.

    Args:
        key: Unique within the document.
        contender: Label, shown as the panel's title.
        style: Its look.
        x: Horizontal axis, the same for all panels.
        y: Vertical axis, the same for all panels.
        description: What is to be seen, in words.
        draw: Draws what is cut off at the frame, if anything.
        over: Draws what may stand outside the frame.
        context: Key of the faint lines behind, see :func:`shared_paths`.
        box: Left, top, right and bottom of the frame.
    """
    f = frame(box, x.ends, y.ends)
    behind = f'<use href="#{context}"/>' if context else ""
    head = marker(style, 8.0, 11.0) + text(18.0, 15.0, shorten(contender, 34), "nm")
    lift = 33.0 - box[1]  # the title of the vertical axis stands right below the name
    height = box[3] + 38.0
    body = (
        f'<g class="c{style.hue}">{head}{axes(f, x.title, y.title, 4, 4, lift)}'
        + (clip(f"{key}-c", f, behind + draw(f)) if draw else "")
        + (over(f) if over else "")
        + "</g>"
    )
    return picture(key, 270.0, height, f"{contender}: {y.title}", description, body, "panel")


def spread(f: Frame, one: Line, dash: str | None = None) -> str:
    """Return a line with its band."""
    area = band(f, one.x, one.low, one.high, "bd") if one.low else ""
    return area + polyline(f, one.x, one.y, "ln", one.step, dash)
