"""``list`` and ``explain``: tables for people, one JSON document for programs."""

import json
from pathlib import Path
from typing import Any

import pytest

from thalweg.cli import main
from thalweg.landscapes import LANDSCAPES
from thalweg.optimizers import optimizer_names
from thalweg.store import open_store
from thalweg.tasks.catalogue import task_names


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def document(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    return json.loads(answer(capsys, *words, "--json"))


@pytest.mark.parametrize(
    ("what", "names"), [("optimizers", optimizer_names()), ("tasks", task_names()), ("landscapes", tuple(LANDSCAPES))]
)
def test_list_has_every_name_once(what: str, names: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert tuple(item["name"] for item in document(capsys, "list", what)) == names
    table = answer(capsys, "list", what)
    rows = [line for line in table.splitlines()[2:] if not line.startswith(" ")]  # a long title goes on below
    assert [row.split()[0] for row in rows] == list(names)


def test_list_of_optimizers_measures_their_memory(capsys: pytest.CaptureFixture[str]) -> None:
    kept = {item["name"]: item["state_bytes_per_parameter"] for item in document(capsys, "list", "optimizers")}
    assert (kept["sgd"], kept["momentum"], kept["adam"]) == (0, 4, 8)


def test_no_studies_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THALWEG_STORE", str(tmp_path / "none.db"))
    assert main(["list", "studies"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("", "No studies yet; 'thalweg compare digits' makes the first.\n")
    assert document(capsys, "list", "studies") == []
    assert not (tmp_path / "none.db").exists()


def test_store_that_is_named_must_be_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "studies", "--store", str(tmp_path / "none.db")]) == 2
    assert "none.db" in capsys.readouterr().err


def test_empty_store_lists_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_store(tmp_path / "new.db") as store:
        store.list_studies()
    assert document(capsys, "list", "studies", "--store", str(tmp_path / "new.db")) == []


def test_explain_optimizer(capsys: pytest.CaptureFixture[str]) -> None:
    text = answer(capsys, "explain", "adam")
    assert text.startswith("Adam (adam)\n")
    assert "θ" in text
    assert document(capsys, "explain", "adam")["state_bytes_per_parameter"] == 8
    assert document(capsys, "explain", "adam@keras")["preset"] == "keras"


def test_explain_landscape(capsys: pytest.CaptureFixture[str]) -> None:
    text = answer(capsys, "explain", "rosenbrock")
    assert "f(1, 1) = 0" in text
    assert "thalweg race rosenbrock --start " in text
    assert document(capsys, "explain", "rosenbrock")["minima"] == [[1, 1, 0]]


@pytest.mark.parametrize("name", [name for name in task_names() if name not in LANDSCAPES])
def test_explain_task_says_where_its_data_comes_from(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = answer(capsys, "explain", name)
    facts = document(capsys, "explain", name)
    assert facts["title"] in text
    assert f"thalweg compare {name}" in text
    assert facts["licence"] in " ".join(text.split())


def test_explain_rule_of_the_users_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from dataclasses import dataclass\n"
        "from typing import ClassVar\n"
        "from thalweg.optimizers import Number, Rule, hyperparameter\n\n\n"
        "@dataclass(frozen=True)\n"
        "class Plain(Rule):\n"
        '    """Step against the gradient."""\n\n'
        '    name: ClassVar[str] = "plain"\n'
        '    formula: ClassVar[tuple[str, ...]] = ("x ← x − η·g",)\n'
        '    learning_rate: Number = hyperparameter(0.1, meaning="step size η", search=(1e-4, 10.0))\n\n'
        "    def init(self, x):\n        return {}\n\n"
        "    def update(self, x, g, state, t):\n        return x - self.learning_rate * g, state\n"
    )
    assert "x ← x − η·g" in answer(capsys, "explain", f"{path}:Plain")


def test_headings_are_bold_on_a_terminal_only(capsys: pytest.CaptureFixture[str]) -> None:
    from thalweg.cli.explain import _with_bold_headings

    assert "\x1b" not in answer(capsys, "explain", "adam")
    assert _with_bold_headings("Title\nmore\n\nPart\n  item").count("\x1b[1m") == 2
