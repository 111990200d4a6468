"""Tables use the room there is, and cells are never read as markup."""

import io

import pytest
from rich.console import Console

from thalweg.cli.tables import drawn_to_fit
from thalweg.report.tables import Column, Table

TABLE = Table(
    (
        Column("name", "left"),
        Column("third", priority=3),
        Column("second, a wide one", priority=2),
        Column("value"),
        Column("2b", priority=2),
    ),
    (("[bold]adam[/bold]", "c", "b", "1", "x"), ("sgd", "cc", "bb", "22", "y")),
)


def shown(width: int) -> list[str]:
    screen = Console(width=width, file=io.StringIO())
    screen.print(drawn_to_fit(TABLE, screen))
    return screen.file.getvalue().splitlines()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("width", "headings"),
    [
        (100, ["name", "third", "second, a wide one", "value", "2b"]),
        (55, ["name", "second, a wide one", "value", "2b"]),
        (35, ["name", "value", "2b"]),  # the wide one is left out, its equal takes the room, the third does not
        (25, ["name", "value"]),
    ],
)
def test_columns_give_way(width: int, headings: list[str]) -> None:
    lines = shown(width)
    assert [part.strip() for part in lines[0].split("  ") if part.strip()] == headings
    assert max(map(len, lines)) <= width


def test_cells_are_literal() -> None:
    assert any("[bold]adam[/bold]" in line for line in shown(60))


def test_narrow_windows_fold_instead_of_cutting() -> None:
    text = "".join("".join(line.split()) for line in shown(14))
    assert max(map(len, shown(14))) <= 14
    assert "22" in text
    assert "sgd" in text
