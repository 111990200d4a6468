"""Progress is shown where somebody watches, told where nobody does, and an interruption says what is kept."""

import dataclasses
import io

import pytest

from thalweg.cli import progress
from thalweg.cli.boundary import Interrupted
from thalweg.cli.progress import Bar, Lines, Watch, described
from thalweg.training.progress import Progress

STATE = Progress("tuning", 48, 136, 2, 43_200, 122_400, 1_234_567.0, 12.4)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_line_tells_everything() -> None:
    assert described(STATE) == "tuning: 48 of 136 runs · 2 diverged · 1.23 M steps/s · 12 s left"
    assert described(Progress("compiling", 0, 0, 0, 0, 0, 0.0, None)) == "compiling"
    single = Progress("training", 0, 1, 0, 10, 100, 5.0, 18.0, train_loss=0.12345)
    assert described(single) == "training: 0 of 1 runs · loss 0.1235 · 5 steps/s · 18 s left"


def test_lines_come_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter([100.0, 101.0, 109.9, 110.0, 111.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    lines = Lines()
    for done in (1, 2, 3, 4):
        lines.show(dataclasses.replace(STATE, runs_done=done))
    lines.show(dataclasses.replace(STATE, phase="confirming"))  # a new phase is told at once
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split(" of")[0] for line in err.splitlines()] == ["tuning: 1", "tuning: 4", "confirming: 48"]


def test_bar_is_drawn_on_a_terminal_and_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    watch = Watch(quiet=False, kept="")
    assert isinstance(watch.display, Bar)
    with watch:
        watch(STATE)
        watch(dataclasses.replace(STATE, phase="confirming", runs_done=3, runs_total=8))
        watch.display.bars.refresh()
    drawn = screen.getvalue()
    assert "tuning" in drawn
    assert "48/136" in drawn
    assert "1.23 M steps/s" in drawn
    assert "confirming" in drawn
    assert "\x1b[2K" in drawn  # lines are erased


def test_bar_moves_with_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", Terminal())
    bar = Bar()
    try:
        bar.show(dataclasses.replace(STATE, runs_done=0, steps_done=61_200))
        (task,) = bar.bars.tasks
        assert (task.completed, task.total) == (68, 136)  # half of the steps of runs that all end together
    finally:
        bar.close()


def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Watch(quiet=True, kept="") as watch:
        watch(STATE)
    assert capsys.readouterr() == ("", "")


def test_interruption_says_what_is_kept() -> None:
    watch = Watch(quiet=True, kept="finished runs are stored.")
    watch(STATE)
    with pytest.raises(Interrupted) as caught, watch:
        raise KeyboardInterrupt
    assert str(caught.value) == "interrupted while tuning (48 of 136 runs done); finished runs are stored."


def test_interruption_before_the_first_state() -> None:
    with pytest.raises(Interrupted) as caught, Watch(quiet=True, kept="finished runs are stored."):
        raise KeyboardInterrupt
    assert str(caught.value) == "interrupted; finished runs are stored."


def test_other_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError), Watch(quiet=True, kept=""):
        raise ZeroDivisionError
