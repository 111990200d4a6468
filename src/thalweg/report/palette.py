"""Colours, markers and dashes of contenders, legible in light and dark and without colour vision.

Eight hues after Okabe and Ito (2008), darkened on light paper and lightened on dark until each
stands out with a contrast of at least 3 : 1 (WCAG 2.2, 1.4.11). No fifteen colours can be told apart by
everyone, so a contender also has a marker and a dash of its own, and labels are in the colour of text.
"""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["DARK", "DASHES", "HUES", "LIGHT", "SHAPES", "Style", "Theme", "contrast", "style_contenders"]

HUES = 8
SHAPES = ("circle", "square", "triangle", "diamond", "wedge", "hexagon", "star", "bar")
DASHES = ("", "7 3", "2 2.5")


@dataclass(frozen=True)
class Theme:
    """The colours of one theme, as ``#rrggbb``.

    Attributes:
        paper: Background of the page.
        panel: Background of cards.
        ink: Text.
        quiet: Secondary text.
        line: Rules and frames.
        grid: Grid lines, meant to be faint.
        context: Lines of the other contenders behind the one shown.
        accent: Links and emphasis.
        warn: Warnings: rule and mark.
        warn_paper: Background of warnings.
        good: Tint of a win.
        bad: Tint of a loss.
        heat: Five steps from best to worst of the heat map.
        heat_ink: Text on each of those steps.
        contenders: One colour per hue.
    """

    paper: str
    panel: str
    ink: str
    quiet: str
    line: str
    grid: str
    context: str
    accent: str
    warn: str
    warn_paper: str
    good: str
    bad: str
    heat: tuple[str, ...]
    heat_ink: tuple[str, ...]
    contenders: tuple[str, ...]


LIGHT = Theme(
    paper="#fdfcf9",
    panel="#f5f3ed",
    ink="#1d2129",
    quiet="#5b616b",
    line="#d8d4c8",
    grid="#e9e6dd",
    context="#c9c7c0",
    accent="#0b5c8f",
    warn="#a34a00",
    warn_paper="#fff3e0",
    good="#d5ead9",
    bad="#f6dcd2",
    heat=("#0b4a6f", "#35749a", "#8fbcd6", "#cfe0ea", "#eeeae0"),
    heat_ink=("#ffffff", "#ffffff", "#10202b", "#10202b", "#1d2129"),
    contenders=("#0072b2", "#c65200", "#00805d", "#b0447f", "#9c6a00", "#2a8cc4", "#6f6a00", "#4a4f58"),
)

DARK = Theme(
    paper="#14171c",
    panel="#1c2027",
    ink="#e7e5df",
    quiet="#a5abb5",
    line="#3a404a",
    grid="#262b33",
    context="#4a505b",
    accent="#7cc4f0",
    warn="#ffb454",
    warn_paper="#2c2216",
    good="#1f3d2a",
    bad="#472a20",
    heat=("#9ed2f0", "#5a9cc4", "#2f6c92", "#234a63", "#252a32"),
    heat_ink=("#0c1820", "#0c1820", "#ffffff", "#ffffff", "#e7e5df"),
    contenders=("#4aa8e8", "#f08030", "#2fc296", "#e08abb", "#e6a820", "#8fd0f5", "#d9cf3c", "#c3c7ce"),
)


@dataclass(frozen=True)
class Style:
    """How one contender looks in every figure.

    Attributes:
        index: Position among the contenders of the report, from 0.
        hue: Index of the colour.
        shape: Marker.
        hollow: Whether the marker is drawn as an outline.
        dash: SVG dash pattern, empty for a solid line.
    """

    index: int
    hue: int
    shape: str
    hollow: bool
    dash: str


def style_contenders(labels: Iterable[str]) -> dict[str, Style]:
    """Return a style for every label, in order of first appearance.

    Colour and marker repeat after eight; the marker is then hollow and the dash another one.

    Example:
        >>> styles = style_contenders(["adam", "sgd", "adam"])
        >>> [(label, style.hue, style.shape) for label, style in styles.items()]
        [('adam', 0, 'circle'), ('sgd', 1, 'square')]
    """
    unique = list(dict.fromkeys(labels))
    return {
        label: Style(i, i % HUES, SHAPES[i % len(SHAPES)], i // HUES % 2 == 1, DASHES[i % len(DASHES)])
        for i, label in enumerate(unique)
    }


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours by WCAG 2.2, between 1 and 21.

    Example:
        >>> round(contrast("#000000", "#ffffff"))
        21
    """
    a, b = sorted((_luminance(first), _luminance(second)))
    return (b + 0.05) / (a + 0.05)
