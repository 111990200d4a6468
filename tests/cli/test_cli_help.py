"""Help pages: complete, with examples that the commands themselves accept."""

import resource
import shlex
import subprocess
import sys

import click
import pytest

from thalweg.cli import main
from thalweg.cli.app import app
from thalweg.cli.layout import Argument, Command, Option

CONTEXT = click.Context(app, info_name="thalweg")
COMMANDS = app.list_commands(CONTEXT)
ALLOWED_SECONDS = 0.3  # issue 2


def command(name: str) -> Command:
    found = app.get_command(CONTEXT, name)
    assert isinstance(found, Command)
    return found


def test_front_page_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    page = capsys.readouterr().out
    assert COMMANDS == ["compare", "train", "race", "list", "explain", "report", "export"]
    for name in COMMANDS:
        assert f"  {name.ljust(7)}  {command(name).get_short_help_str(limit=100)}" in page
    assert "thalweg compare digits" in page


def test_nothing_asked_shows_the_front_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    without = capsys.readouterr()
    main(["--help"])
    assert without == capsys.readouterr()


@pytest.mark.parametrize("name", COMMANDS)
def test_page_explains_everything(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "Traceback" not in out
    for parameter in command(name).params:
        if isinstance(parameter, Argument):
            assert parameter.explanation.endswith(".")
        else:
            assert isinstance(parameter, Option)
            assert parameter.help
            assert parameter.help.endswith(".")
            assert all(option in out for option in parameter.opts)
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize("line", [line for name in COMMANDS for line, _ in command(name).examples])
def test_example_is_accepted(line: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    name, *words = shlex.split(line)
    with command(name).make_context(name, words, parent=CONTEXT) as context:
        assert context.params


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_calls_its_command(name: str) -> None:
    examples = command(name).examples
    assert examples
    for line, meaning in examples:
        assert line.split()[0] == name
        assert meaning.endswith(".")


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    import thalweg

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"thalweg {thalweg.__version__}\n"


def test_colours_stay_out_of_pipes(capsys: pytest.CaptureFixture[str]) -> None:
    main(["compare", "--help"])
    assert "\x1b" not in capsys.readouterr().out


def test_help_is_quick() -> None:
    # Time on the processor: on a quiet machine that is all of it, on a busy one the clock would measure the others.
    # The fastest of five, as whatever else happens only adds.
    assert min(_processor_seconds([sys.executable, "-m", "thalweg", "--help"]) for _ in range(5)) <= ALLOWED_SECONDS


def _processor_seconds(program: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(program, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
