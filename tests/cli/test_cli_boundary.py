"""Every way to fail ends in one sentence and the right status."""

import errno
import subprocess
import sys

import click
import pytest

from thalweg.cli.boundary import Interrupted, guarded
from thalweg.errors import InvalidValueError, StoreError


def failing(error: BaseException) -> int:
    def work() -> None:
        raise error

    return guarded(work)


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (InvalidValueError("epochs = 0 is not allowed."), 2, "epochs = 0 is not allowed."),
        (StoreError("the store is full."), 1, "the store is full."),
        (KeyboardInterrupt(), 130, "interrupted."),
        (click.Abort(), 130, "interrupted."),
        (Interrupted("interrupted; it goes on."), 130, "interrupted; it goes on."),
        (PermissionError(errno.EACCES, "Permission denied", "/x/report.html"), 1,
         "/x/report.html cannot be used: Permission denied."),
        (MemoryError(), 1,
         "the memory of this machine is used up; give a smaller task, batch size or number of trials."),
        (ZeroDivisionError("division by zero"), 1,
         "this is a fault of Thalweg (ZeroDivisionError: division by zero); THALWEG_DEBUG=1 shows where it happened."),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)  # fmt: skip
def test_error_becomes_a_sentence(
    error: BaseException,
    status: int,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("THALWEG_DEBUG", raising=False)
    assert failing(error) == status
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"thalweg: {sentence}\n")


def test_work_without_errors_is_done() -> None:
    assert guarded(lambda: None) == 0
    assert guarded(lambda: 3) == 3


def test_debugging_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THALWEG_DEBUG", "1")
    with pytest.raises(InvalidValueError):
        failing(InvalidValueError("no."))


def test_reader_that_goes_away_is_met_with_silence() -> None:
    program = "from thalweg.cli import main; import sys; sys.exit(main(['list', 'optimizers', '--json']))"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        complaint = process.stderr.read()
        assert process.wait(timeout=60) == 1
    assert complaint == ""
