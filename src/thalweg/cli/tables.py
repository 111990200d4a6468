"""Draw plain rows and columns in the terminal, with as many columns as the window has room for."""

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
    """Return a Rich table with the columns that fit the screen, those of low priority left out first."""
    from rich.measure import Measurement

    for priority in (3, 2):
        drawn = draw(table.only(priority), title)
        if Measurement.get(screen, screen.options.update(max_width=10_000), drawn).maximum <= screen.width:
            return drawn
    return draw(table.only(1), title)
