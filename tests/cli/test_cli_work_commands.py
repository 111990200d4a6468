"""The commands that work and show work: one small comparison, and everything that can be done with it afterwards."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from thalweg.cli import main

THALWEG = [sys.executable, "-m", "thalweg"]
# As from a terminal: whatever starts the tests in the background makes their children ignore Ctrl-C.
HEARING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import sys; "
INTERRUPTIBLE = [sys.executable, "-c", HEARING + "from thalweg.cli import main; sys.exit(main(sys.argv[1:]))"]
SMALL = ["digits-logistic", "--optimizers", "sgd,adam", "--trials", "2", "--epochs", "2"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def store(folder: Path) -> str:
    return str(folder / "studies.db")


@pytest.fixture(scope="module")
def compared(folder: Path, store: str) -> subprocess.CompletedProcess[str]:
    """One comparison in a process of its own, so that nothing but the command can write to its standard output."""
    report = str(folder / "made" / "report.html")
    return subprocess.run(
        [*THALWEG, "compare", *SMALL, "--json", "--report", report, "--store", store],
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def study(compared: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert compared.returncode == 0, compared.stderr
    return json.loads(compared.stdout)  # fails if anything else is there


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    status = main(words)
    out, err = capsys.readouterr()
    assert status == 0, err
    return out


def test_compare_gives_the_json_of_the_contract(study: dict[str, Any]) -> None:
    assert {"task", "protocol", "warnings", "leaderboard", "runs", "seconds", "study"} <= set(study)
    assert study["task"] == "digits-logistic"
    assert {"total", "compile", "train"} <= set(study["seconds"])
    assert sorted(row["optimizer"] for row in study["leaderboard"]) == ["adam", "sgd"]
    for row in study["leaderboard"]:
        assert {"hyperparameters", "validation_loss", "rank", "steps_to_target", "diverged_share"} <= set(row)
        assert {"state_bytes_per_parameter", "seconds_per_step"} <= set(row)
        metric = row["test_metric"]
        assert metric["name"] == "accuracy"
        assert (
            0.5 < metric["low"] <= metric["mean"] <= metric["high"] <= 1
        )  # two epochs are enough to beat chance by far
        assert row["rank"]["low"] <= row["rank"]["high"]


def test_progress_and_messages_stay_on_standard_error(compared: subprocess.CompletedProcess[str]) -> None:
    assert "tuning" in compared.stderr
    assert "Traceback" not in compared.stderr


def test_report_is_written_with_the_command_that_repeats_it(study: dict[str, Any], folder: Path) -> None:
    page = (folder / "made" / "report.html").read_text(encoding="utf-8")
    assert study["study"] in page
    assert "thalweg compare digits-logistic --optimizers sgd,adam --trials 2 --epochs 2" in page


def test_the_same_comparison_again_comes_from_the_store(
    study: dict[str, Any], store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    again = json.loads(answer(capsys, "compare", *SMALL, "--json", "--quiet", "--store", store))
    assert again["study"] == study["study"]
    assert [row["test_metric"] for row in again["leaderboard"]] == [row["test_metric"] for row in study["leaderboard"]]
    assert again["seconds"] == study["seconds"], "nothing was trained, so the study stands as it was"


def test_leaderboard_is_shown_with_warnings_first(
    study: dict[str, Any], store: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = answer(capsys, "compare", *SMALL, "--quiet", "--store", store)
    assert max(map(len, shown.splitlines())) <= 80
    assert study["warnings"]
    assert shown.index("\n! ") < shown.index("test accuracy")
    assert f"Study {study['study']}" in shown
    for row in study["leaderboard"]:
        assert re.search(rf"\b{row['optimizer']} +0\.\d+", shown)


def test_list_studies(study: dict[str, Any], store: str, capsys: pytest.CaptureFixture[str]) -> None:
    (listed,) = json.loads(answer(capsys, "list", "studies", "--store", store, "--json"))
    assert listed["name"] == study["study"]
    assert listed["status"] == "finished"
    assert study["study"] in answer(capsys, "list", "studies", "--store", store)


@pytest.mark.parametrize("name", ["last", "digits-logistic", None])
def test_report_again(
    name: str | None, study: dict[str, Any], store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "again.html"
    shown = answer(capsys, "report", name or study["study"][:6], "--store", store, "--out", str(out))
    assert f"Report: {out}" in shown
    assert study["study"] in out.read_text(encoding="utf-8")


def test_report_without_out_is_named_for_the_study(
    study: dict[str, Any],
    store: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    answer(capsys, "report", "last", "--store", store)
    assert [path.name for path in tmp_path.iterdir()] == [f"thalweg-{study['study']}.html"]


def test_report_as_json_is_the_comparison_and_writes_nothing(
    study: dict[str, Any],
    store: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert json.loads(answer(capsys, "report", "last", "--store", store, "--json"))["study"] == study["study"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_export(
    form: str, study: dict[str, Any], store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("export", study["study"], "--to", form, "--out", str(tmp_path / "out"), "--store", store)
    files = [Path(line) for line in answer(capsys, *words).splitlines()]
    assert files
    assert all(path.stat().st_size > 0 and path.is_relative_to(tmp_path) for path in files)
    assert main(words) == 2  # never overwritten unasked
    assert "--force" in capsys.readouterr().err
    assert json.loads(answer(capsys, *words, "--force", "--json"))["files"] == [str(path) for path in files]


@pytest.mark.parametrize("command", [["report"], ["export", "--to", "csv", "--out", "x"]], ids=["report", "export"])
def test_unknown_study(
    command: list[str], study: dict[str, Any], store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "0000", "--store", store]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "0000" in err
    assert err.count("\n") == 1


def test_train(store: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figure = tmp_path / "curve.png"
    words = ["train", "digits-logistic", "--optimizer", "momentum", "--set", "learning_rate=0.05", "--epochs", "2"]
    words += ["--store", store, "--quiet"]
    run = json.loads(answer(capsys, *words, "--json", "--out", str(figure)))
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert run["status"] == "finished"
    assert run["hyperparameters"]["learning_rate"] == 0.05
    assert run["test_metric"]["name"] == "accuracy"
    assert run["curve"]["validation_loss"][-1] == pytest.approx(run["validation_loss"], rel=1e-5)  # kept in float32
    shown = answer(capsys, *words)
    assert "found in the store" in shown
    assert "Test accuracy: " in shown


def test_race(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figure = tmp_path / "ways.svg"
    words = ["race", "bowl", "--start", "2,1", "--optimizers", "sgd,adam", "--steps", "40"]
    words += ["--set", "learning_rate=0.1", "--set", "adam.beta1=0.5"]
    race = json.loads(answer(capsys, *words, "--json", "--out", str(figure)))
    assert "<svg" in figure.read_text(encoding="utf-8")
    assert race["start"] == [2, 1]
    sgd, adam = race["entries"]
    assert (sgd["label"], adam["hyperparameters"]["beta1"]) == ("sgd", 0.5)
    assert len(sgd["path"]) == 41
    assert sgd["path"][0] == [2, 1]
    assert sgd["value"][-1] < sgd["value"][0]
    shown = answer(capsys, *words)
    assert shown.index("\nsgd") < shown.index("\nadam") or shown.index("\nadam") < shown.index("\nsgd")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("compare digitz", "task 'digitz' is not known: did you mean 'digits'?"),
        ("compare digits --optimizers sgd,adm", "optimizer 'adm' is not known: did you mean 'adam'?"),
        ("compare digits --optimizers adam@torhc", "preset of adam 'torhc' is not known: did you mean 'torch'?"),
        ("train digits --optimizer adam --set learning_rat=1", "did you mean 'learning_rate'?"),
        ("train digits --optimizer adam --set beta1=1", "beta1 = 1 is not allowed; give a number in [0, 1)."),
        ("train digits --optimizer adam --set beta1=much", "beta1 = 'much' is not allowed; give a number in [0, 1)."),
        ("race rosenbrok", "landscape 'rosenbrok' is not known: did you mean 'rosenbrock'?"),
        ("race bowl --optimizers sgd --set adam.beta1=0.5", "'adam'"),
        ("compare {tmp}/mine.py", "mine.py"),
        ("compare digits --store {tmp}", "is a folder"),
    ],
)  # fmt: skip
def test_requests_that_cannot_be_met(
    line: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word.format(tmp=tmp_path) for word in line.split()] + ["--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err
    assert err.count("\n") == 1


def test_control_c_says_what_is_kept(folder: Path) -> None:
    words = [
        *INTERRUPTIBLE,
        "compare",
        "digits-logistic",
        "--effort",
        "thorough",
        "--store",
        str(folder / "stopped.db"),
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        said = ""
        while not said.startswith("tuning"):
            said = process.stderr.readline()
            assert said, "it ended before it could be stopped"
        process.send_signal(signal.SIGINT)
        last = process.stderr.read().splitlines()[-1]
        assert process.stdout.read() == ""
        assert process.wait(timeout=60) == 130
    assert re.fullmatch(
        r"thalweg: interrupted while tuning \(\d+ of \d+ runs done\); "
        r"finished runs are stored, and the same command continues from there\.",
        last,
    )
