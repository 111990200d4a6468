"""Wrong use: one sentence that names the argument, the value, what is allowed; status 2; nothing on standard output."""

import subprocess
import sys
from pathlib import Path

import pytest

from thalweg.cli import main

OPTIMIZERS_HINT = "did you mean 'adam'?"

WRONG = [
    # what is typed, what the sentence must say
    ("comapre digits", "command 'comapre' is not known: did you mean 'compare'? Allowed: compare, explain, export"),
    ("--loud", "option '--loud' is not known"),
    ("compare", "TASK is missing; for example: thalweg compare digits"),
    ("compare digits --optimzers adam", "option '--optimzers' is not known: did you mean '--optimizers'?"),
    ("compare digits --epochs", "option '--epochs' needs a value"),
    ("compare digits mnist1d", "unexpected extra argument (mnist1d); see thalweg compare --help."),
    ("compare digits --epochs 0", "--epochs 0 is not allowed; give a whole number of 1 or more."),
    ("compare digits --epochs lots", "--epochs lots is not allowed; give a whole number of 1 or more."),
    ("compare digits --trials -3", "--trials -3 is not allowed"),
    ("compare digits --tuning-seeds 1.5", "--tuning-seeds 1.5 is not allowed"),
    ("compare digits --batch-size 0", "--batch-size 0 is not allowed"),
    ("compare digits --seed -1", "--seed -1 is not allowed; give a whole number from 0 to 2147483647."),
    ("compare digits --seed 2147483648", "--seed 2147483648 is not allowed"),
    ("compare digits --effort quik", "--effort 'quik' is not known: did you mean 'quick'?"),
    ("compare digits --tune everything", "--tune 'everything' is not known: Allowed: all, both, learning-rate."),
    ("compare digits --optimizers sgd,,adam", "--optimizers 'sgd,,adam' has an empty entry"),
    ("compare digits --optimizers adam,sgd,adam", "names 'adam' twice; name each once."),
    ("compare digits,digits", "TASK 'digits,digits' names 'digits' twice"),
    ("compare digits --report {tmp}", "is a folder; give a file in it"),
    ("compare digits --report {tmp}/report.pdf", "end it in .html or .htm."),
    ("compare digits --report {tmp}/file.html/report.html", "its folder cannot be made (File exists)"),
    ("train digits", "--optimizer is missing; for example: thalweg train digits --optimizer adam"),
    ("train digits --optimizer adam --set learning_rate", "--set 'learning_rate' is not a setting"),
    ("train digits --optimizer adam --set epsilon=1 --set epsilon=2", "--set gives 'epsilon' twice (1 and 2)"),
    ("race rosenbrock --start 1", "--start '1' is not a point; give two finite numbers and a comma"),
    ("race rosenbrock --start nan,1", "--start 'nan,1' is not a point"),
    ("list", "WHAT is missing; for example: thalweg list optimizers"),
    ("list schedule", "WHAT 'schedule' is not known: did you mean 'schedules'? Allowed: initializers, landscapes"),
    ("list optimisers", "WHAT 'optimisers' is not known: did you mean 'optimizers'?"),
    ("explain adm", OPTIMIZERS_HINT),
    ("explain adam@paperr", "preset of adam 'paperr' is not known: did you mean 'paper'?"),
    ("explain {tmp}/missing.py", "missing.py"),
    ("export last --to xml --out x", "--to 'xml' is not known"),
    ("export last --to csv", "--out is missing; for example: thalweg export last"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "sentence"), WRONG, ids=[line for line, _ in WRONG])
def test_wrong_use_gets_one_sentence(
    line: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file.html").touch()
    assert main([word.format(tmp=tmp_path) for word in line.split()]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err
    assert err.startswith("thalweg: ")
    assert err.count("\n") == 1
    assert err.rstrip().endswith((".", "?")) or "for example: " in err


def test_the_installed_program_says_the_same() -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "thalweg", "compare", "digits", "--epochs", "0"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "thalweg: --epochs 0 is not allowed; give a whole number of 1 or more.\n"


def test_json_keeps_errors_off_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "adm", "--json"]) == 2
    assert capsys.readouterr().out == ""
