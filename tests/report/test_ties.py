import dataclasses
import re

from report_fixtures import make_summary

from thalweg.report import render_report
from thalweg.report.ties import brackets


def _rows(groups):
    rows = make_summary(tuple(f"rule{i}" for i in range(len(groups)))).leaderboard
    return tuple(dataclasses.replace(row, group=group) for row, group in zip(rows, groups, strict=True))


def test_runs_stand_on_one_track():
    found = brackets(_rows([1, 1, 2, 3, 3, 3]))
    assert [(one.members, one.track) for one in found] == [((0, 1), 0), ((3, 4, 5), 0)]


def test_a_broken_group_is_one_bracket_and_overlaps_get_a_track_of_their_own():
    found = brackets(_rows([1, 2, 1, 2, 3, 1]))
    assert [(one.members, one.track) for one in found] == [((0, 2, 5), 0), ((1, 3), 1)]


def test_singletons_have_no_bracket():
    assert brackets(_rows([1, 2, 3])) == ()


def test_the_board_ticks_members_only():
    summary = make_summary(tuple(f"rule{i}" for i in range(4)))
    summary = dataclasses.replace(summary, leaderboard=_rows([1, 2, 1, 3]))
    page = render_report([summary])
    board = page[page.index('<table class="board">') :]
    marks = re.findall(r'<td class="tie">(?:<i class="([^"]*)"></i>)?</td>', board[: board.index("</table>")])
    assert marks == ["", "m f", "", "m l", ""]  # the head, then four rows: the second only passes by
    assert '<i class=""></i>' in board
