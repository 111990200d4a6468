"""Draw plain rows and columns in the terminal, with as many columns as the window has room for."""

import math
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Drawn

    from thalweg.report.tables import Table

__all__ = ["draw", "drawn_to_fit"]


def draw(table: "Table", title: str = "") -> "Drawn":
    """Return a Rich table; cells are taken literally, never as markup."""
    from rich import box
    from rich.table import Table as Drawn
    from rich.text import Text

    drawn = Drawn(
        title=title or None,
        box=box.SIMPLE_HEAD,
        title_justify="left",
        title_style="bold",
        show_edge=False,
        pad_edge=False,
    )
    for column in table.columns:
        drawn.add_column(Text(column.title), justify=column.align, overflow="fold")
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn


def drawn_to_fit(table: "Table", screen: "Console", title: str = "") -> "Drawn":
    """Return a Rich table with as many columns as the screen has room for, the most important first."""
    from rich.measure import Measurement

    unbounded = screen.options.update(max_width=100_000)
    shown = {i for i, column in enumerate(table.columns) if column.priority == 1}
    drawn, least = draw(_only(table, shown), title), math.inf
    for i in sorted(set(range(len(table.columns))) - shown, key=lambda i: (table.columns[i].priority, i)):
        if table.columns[i].priority > least:
            break
        wider = draw(_only(table, shown | {i}), title)
        if Measurement.get(screen, unbounded, wider).maximum <= screen.width:
            shown, drawn = shown | {i}, wider
        else:
            least = table.columns[i].priority  # nothing less important may take the room
    return drawn


def _only(table: "Table", shown: set[int]) -> "Table":
    """Return the table with only these columns, in their order."""
    places = sorted(shown)
    rows = tuple(tuple(row[i] for i in places) for row in table.rows)
    return replace(table, columns=tuple(table.columns[i] for i in places), rows=rows)
