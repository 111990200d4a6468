import dataclasses

from report_fixtures import NAMES, make_awkward, make_summary

from thalweg.report import comparison_table, leaderboard_table, space_table
from thalweg.report.formatting import MISSING
from thalweg.report.tables import Column, Table, html_table, probability, time_to_target


def _column(table, title):
    at = [column.title for column in table.columns].index(title)
    return [row[at] for row in table.rows]


def test_leaderboard_shows_each_number_with_its_unit():
    summary = make_summary(NAMES[:3])
    table = leaderboard_table(summary)
    assert all(len(row) == len(table.columns) for row in table.rows)
    assert _column(table, "optimizer") == list(NAMES[:3])
    row = summary.leaderboard[0]
    assert _column(table, "test accuracy")[0].startswith(f"{row.test_metric.mean:.4f} [")
    assert _column(table, "time per step")[0] == "34 µs"
    assert _column(table, "steps to target")[0] == "320"
    assert _column(table, "time to target")[0] == "11 ms"  # 320 × 34 µs = 10.9 ms
    assert _column(table, "tuned hyperparameters")[0].startswith("learning_rate 0.00")
    assert "epsilon" not in _column(table, "tuned hyperparameters")[0]  # not tuned


def test_narrow_tables_keep_what_matters():
    table = leaderboard_table(make_summary())
    narrow = [column.title for column in table.only(1).columns]
    assert narrow == ["rank", "group", "optimizer", "test accuracy", "steps to target"]
    assert len(table.only(2).columns) < len(table.only(3).columns) == len(table.columns)
    without = leaderboard_table(make_awkward())
    assert "steps to target" not in [column.title for column in without.only(1).columns]


def test_missing_and_diverged_in_the_leaderboard():
    table = leaderboard_table(make_awkward())
    assert _column(table, "test RMSE (k$)")[0] == "0.97"
    assert _column(table, "test RMSE (k$)")[2] == "diverged"
    assert _column(table, "validation loss")[0] == MISSING  # not measured, but the run did not diverge
    assert _column(table, "validation loss")[2] == "diverged"
    assert _column(table, "time per step")[1] == MISSING
    assert _column(table, "steps to target")[1] == MISSING


def test_never_reached_is_a_word():
    summary = make_summary(NAMES)
    assert _column(leaderboard_table(summary), "steps to target")[-1] == "never"
    assert time_to_target(summary.leaderboard[-1]) is None


def test_comparisons_and_spaces():
    summary = make_summary(("adam", "momentum", "sgd"))
    pairs = comparison_table(summary)
    assert len(pairs.rows) == 3
    assert {row[-1] for row in pairs.rows} <= {"A better", "B better", "not separable"}
    spaces = space_table(summary)
    assert spaces.rows[0][:5] == ("adam", "learning_rate", "1e-5", "10", "logarithmic")
    assert len([row for row in spaces.rows if row[0] == "sgd"]) == 1
    assert space_table(dataclasses.replace(summary, spaces={})).rows == ()


def test_probabilities_are_certain_only_where_exact():
    assert [probability(p) for p in (0.0, 0.001, 0.5, 0.999, 1.0, None)] == [
        "0.00",
        "<0.01",
        "0.50",
        ">0.99",
        "1.00",
        MISSING,
    ]


def test_html_has_a_heading_per_row_and_escapes():
    text = html_table(Table((Column("n"), Column("a<b", "left")), (("1", "<i>"),)))
    assert '<th scope="row" class="l">&lt;i&gt;</th>' in text
    assert '<th scope="col" class="l">a&lt;b</th>' in text
    assert "<td>1</td>" in text
