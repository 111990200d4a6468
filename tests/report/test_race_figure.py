import dataclasses
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from race_fixtures import MINIMA, make_race

from thalweg.errors import InvalidValueError
from thalweg.report.race import race_figure, race_table, write_race


def _paths(axes):
    return [line for line in axes.lines if len(line.get_xdata()) > 2 and line.get_linewidth() < 3]


def test_the_figure_draws_every_iterate_as_it_was():
    race = make_race()
    left, right = race_figure(race).axes
    drawn = _paths(left)
    for entry, line in zip(race.entries[:3], drawn, strict=False):
        np.testing.assert_allclose(np.column_stack(line.get_data()), entry.path)
    values = [line.get_ydata() for line in right.lines]
    np.testing.assert_allclose(values[0][:5], race.entries[0].value[:5])
    assert right.get_yscale() == "log"


def test_minima_and_start_are_marked():
    race = make_race()
    left = race_figure(race).axes[0]
    stars = next(line for line in left.lines if line.get_marker() == "*" and line.get_markersize() == 15)
    np.testing.assert_allclose(np.column_stack(stars.get_data()), MINIMA)
    points = [np.ravel(line.get_data()) for line in left.lines if len(line.get_xdata()) == 1]
    assert any(np.allclose(point, race.start) for point in points)


def test_the_legend_names_every_entry_and_says_who_diverged():
    race = make_race()
    labels = [text.get_text() for text in race_figure(race).legends[0].get_texts()]
    assert [label.split(" (")[0] for label in labels] == [entry.label for entry in race.entries]
    wild = race.entries[-1]
    assert wild.status == "diverged"
    assert labels[-1].endswith(f"(diverged at step {wild.diverged_at})")


def test_the_table_puts_the_best_first_and_the_diverged_last():
    table = race_table(make_race())
    assert table.rows[-1][0] == "<wild>"
    assert "diverged" in table.rows[-1][4]
    best = [float(row[1]) for row in table.rows[:-1]]
    assert best == sorted(best)


@pytest.mark.parametrize(("ending", "head"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_formats(tmp_path, ending, head):
    content = write_race(tmp_path / f"race.{ending}", make_race(30)).read_bytes()
    assert content.startswith(head)
    if ending == "svg":
        ElementTree.fromstring(content)
        assert b"&lt;wild&gt;" in content
        again = write_race(tmp_path / "again.svg", make_race(30)).read_bytes()
        assert content == again


def test_an_unknown_ending_is_refused(tmp_path):
    with pytest.raises(InvalidValueError, match=r"does not end in \.png, \.svg, \.pdf"):
        write_race(tmp_path / "race.gif", make_race(3))
    assert not list(tmp_path.iterdir())


def test_a_race_without_minima_and_with_holes_is_drawn():
    race = make_race(10)
    z = race.grid_z.copy()
    z[:3] = np.nan
    z[5, 5] = np.inf
    lost = dataclasses.replace(
        race.entries[0], path=np.full((11, 2), np.nan), value=np.full(11, np.nan), best_value=float("nan")
    )
    race = dataclasses.replace(race, minima=(), lowest=None, grid_z=z, entries=(lost, *race.entries[1:]))
    figure = race_figure(race)
    assert len(figure.axes) == 2
    assert race_table(race).rows
