import re

import numpy as np
import pytest
from race_fixtures import make_run
from report_fixtures import make_summary

from thalweg.errors import InvalidValueError
from thalweg.report import render_training_report, write_training, write_training_report
from thalweg.report.training import training_figure

TASK = make_summary().task


def test_the_figure_draws_the_curve_and_the_target():
    run = make_run()
    left, right = training_figure(run, TASK).axes
    train, validation, target = left.lines
    np.testing.assert_array_equal(train.get_ydata(), run.curve.train_loss)
    np.testing.assert_array_equal(validation.get_ydata(), run.curve.validation_loss)
    assert target.get_ydata()[0] == TASK.target_value
    np.testing.assert_array_equal(right.lines[0].get_ydata(), run.curve.validation_metric)
    assert "test 0.97" in right.get_title(loc="left")


def test_a_diverged_run_says_where():
    left = training_figure(make_run(400), TASK).axes[0]
    assert any("diverged at step 400" in text.get_text() for text in left.texts)
    page = render_training_report(make_run(400), TASK)
    assert "diverged at step 400 of 960" in page
    assert not re.search(r"\bnan\b", page.lower())


def test_the_report_of_a_run(tmp_path):
    page = render_training_report(make_run(), TASK)
    assert "97.0 % test accuracy after 960 steps" in page
    assert "http" not in page.replace("http-equiv", "")
    path = write_training_report(tmp_path / "run.html", make_run(), TASK)
    assert path.read_text(encoding="utf-8") == page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_writing_a_figure(tmp_path):
    assert write_training(tmp_path / "run.svg", make_run(), TASK).read_bytes().startswith(b"<?xml")
    with pytest.raises(InvalidValueError, match="does not end in"):
        write_training(tmp_path / "run", make_run(), TASK)
