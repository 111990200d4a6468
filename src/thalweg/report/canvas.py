"""Figures by matplotlib for single results: the same colours, markers and manners as the report.

matplotlib is imported when the first figure is drawn, since its import takes half a second.
"""

import io
from typing import TYPE_CHECKING, Any

from thalweg.report.palette import LIGHT, SHAPES, Style

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["MARKERS", "house_style", "line_look", "new_figure", "save_figure", "tidy"]

MARKERS: dict[str, str] = dict(zip(SHAPES, ("o", "s", "^", "D", "v", "h", "*", "|"), strict=True))
_SETTINGS: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": LIGHT.quiet,
    "axes.labelcolor": LIGHT.quiet,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": LIGHT.ink,
    "xtick.color": LIGHT.quiet,
    "ytick.color": LIGHT.quiet,
    "figure.facecolor": LIGHT.paper,
    "axes.facecolor": LIGHT.paper,
    "savefig.facecolor": LIGHT.paper,
    "svg.fonttype": "none",
    "svg.hashsalt": "thalweg",
    "pdf.fonttype": 42,
    "legend.frameon": False,
}


def house_style() -> "AbstractContextManager[None]":
    """Return a context in which figures are drawn and saved in the house's look."""
    from matplotlib import rc_context

    return rc_context(_SETTINGS)


def new_figure(width: float, height: float) -> "Figure":
    """Return an empty figure of so many inches, bound to no window system."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def line_look(style: Style) -> dict[str, Any]:
    """Return colour, dash and marker of a contender as matplotlib's keyword arguments."""
    dash = tuple(float(part) for part in style.dash.split())
    return {
        "color": LIGHT.contenders[style.hue],
        "linestyle": (0, dash) if dash else "-",
        "marker": MARKERS[style.shape],
        "markerfacecolor": LIGHT.paper if style.hollow else LIGHT.contenders[style.hue],
        "markeredgecolor": LIGHT.contenders[style.hue],
        "markersize": 5,
        "linewidth": 1.6,
    }


def tidy(axes: "Axes", x_label: str, y_label: str) -> None:
    """Name both axes and draw a faint grid behind."""
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(True, color=LIGHT.grid, linewidth=0.8)
    axes.set_axisbelow(True)


def save_figure(figure: "Figure", kind: str) -> bytes:
    """Return a figure as ``png``, ``svg`` or ``pdf``; equal figures give equal bytes."""
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}
    buffer = io.BytesIO()
    with house_style():
        figure.savefig(buffer, format=kind, dpi=160, metadata=dates[kind])
    return buffer.getvalue()
