"""``list`` and ``explain`` for schedules, initializers and techniques."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thalweg.cli import main
from thalweg.cli.kinds import KINDS
from thalweg.initializers import initializer_listing
from thalweg.schedules import SCHEDULES, parse_schedule, schedule_picture
from thalweg.techniques import technique_listing

SCHEDULE_FILE = '''
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from thalweg.schedules import Schedule, hyperparameter


@dataclass(frozen=True)
class Half(Schedule):
    """Half of it."""

    name: ClassVar[str] = "half"
    formula: ClassVar[tuple[str, ...]] = ("f(n) = c",)

    value: float = hyperparameter(0.5, meaning="what is left")

    def factor(self, step, total):
        return np.full(np.shape(step), self.value)
'''
INITIALIZER_FILE = '''
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from thalweg.initializers import Initializer
from thalweg.settings import hyperparameter


@dataclass(frozen=True)
class Ones(Initializer):
    """All ones."""

    name: ClassVar[str] = "ones"
    formula: ClassVar[tuple[str, ...]] = ("W = c",)

    value: float = hyperparameter(1.0, meaning="c")

    def draw(self, rng, shape, fan_in, fan_out):
        return np.full(shape, self.value, dtype=np.float32)
'''


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def document(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    return json.loads(answer(capsys, *words, "--json"))


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("schedules", list(SCHEDULES)),
        ("initializers", [item["name"] for item in initializer_listing()]),
        ("techniques", [item["name"] for item in technique_listing()]),
    ],
)
def test_list_has_every_name(what: str, names: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    items = document(capsys, "list", what)
    assert [item["name"] for item in items] == names
    assert all(item["title"] for item in items)
    rows = [line for line in answer(capsys, "list", what).splitlines()[2:] if not line.startswith(" ")]
    assert [row.split()[0] for row in rows] == names


NAMED = [(kind.word, name) for kind in KINDS.values() for name in kind.classes()]


@pytest.mark.parametrize(("word", "name"), NAMED, ids=[f"{word} {name}" for word, name in NAMED])
@pytest.mark.parametrize("width", ["50", "100"])
def test_explain_tells_all(
    word: str, name: str, width: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    text = answer(capsys, "explain", name, "--kind", word)
    facts = document(capsys, "explain", name, "--kind", word)
    assert facts["name"] == name
    assert text.split() == [w for w in text.split() if w]
    flat = " ".join(text.split())
    assert facts["title"] in flat
    assert facts["summary"] in flat
    for line in facts["formula"]:
        assert f"  {line}\n" in text
    for told in (*facts["sources"], *facts["differences"], *facts.get("borders", ())):
        assert " ".join(told.split()) in flat
    for entry in facts["settings"]:
        assert entry["value"] == entry["default"]
        assert f"\n  {entry['name']} " in text
    prose = [line for line in text.splitlines() if line.strip() not in facts["formula"]]
    assert max(map(len, prose)) <= max(int(width), 60)


def test_explain_draws_the_schedule_as_it_is_set(capsys: pytest.CaptureFixture[str]) -> None:
    text = answer(capsys, "explain", "cosine:warmup=0.1", "--steps", "500")
    picture = schedule_picture(parse_schedule("cosine:warmup=0.1"), 500, 78)
    assert "\n".join(f"  {line}" for line in picture.splitlines()) in text
    assert picture.splitlines()[0] == "factor"
    assert picture.splitlines()[-1].strip() == "step"
    assert "  warmup      0.1    0 " in text
    assert text != answer(capsys, "explain", "cosine", "--steps", "500")


def test_explain_gives_the_curve_as_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    drawn = document(capsys, "explain", "polynomial:final=0.5", "--steps", "4")["picture"]
    assert drawn == {"steps": 4, "step": [1, 2, 3, 4], "factor": [1, 0.875, 0.75, 0.625]}
    drawn = document(capsys, "explain", "cosine")["picture"]
    assert drawn["steps"] == drawn["step"][-1] == 1000
    np.testing.assert_allclose(drawn["factor"], parse_schedule("cosine").factor(drawn["step"], 1000), rtol=1e-12)


def test_explain_a_product_and_a_sequence(capsys: pytest.CaptureFixture[str]) -> None:
    text = answer(capsys, "explain", "warmup:0.2+constant:0.5")
    assert text.startswith("Product of schedules (warmup:length=0.2+constant:value=0.5)\n")
    assert "\nLinear warm-up (warmup:length=0.2)\n" in text
    facts = document(capsys, "explain", "constant~0.5~cosine")
    assert [part["name"] for part in facts["parts"]] == ["constant", "cosine"]
    assert facts["notation"] == "constant~0.5~cosine"


def test_explain_says_that_plateau_cannot_be_drawn_ahead(capsys: pytest.CaptureFixture[str]) -> None:
    assert "they depend on the losses" in answer(capsys, "explain", "warmup+plateau")
    assert "they depend on the losses" not in answer(capsys, "explain", "warmup+cosine")


@pytest.mark.parametrize("ending", [".svg", ".png"])
def test_explain_writes_a_figure(ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / f"figure{ending}"
    for steps in ("20", "1000"):
        assert f"Figure: {path}" in answer(capsys, "explain", "one-cycle", "--steps", steps, "--out", str(path))
        assert path.stat().st_size > 1000


def test_a_name_with_several_meanings_asks_for_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, "explain", "constant") == (
        "thalweg: name 'constant' is known as schedule, initializer and biases; add --kind schedule or another of "
        "them.\n"
    )
    assert "f(n) = c" in answer(capsys, "explain", "constant", "--kind", "schedule")
    assert "f(n)" not in answer(capsys, "explain", "constant", "--kind", "biases")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("cosne",), "did you mean 'cosine'?"),
        (("cosine:warmpu=0.1",), "did you mean 'warmup'?"),
        (("warmup+cosne",), "schedule 'cosne' is not known: did you mean 'cosine'?"),
        (("adam", "--kind", "schedule"), "schedule 'adam' is not known"),
        (("adam", "--out", "figure.png"), "--out draws schedules, and 'adam' is none; leave it out."),
        (("ema", "--out", "figure.png"), "--out draws schedules, and 'ema' is none; leave it out."),
        (("cosine", "--out", "figure.txt"), "end it in .png, .svg or .pdf"),
        (("cosine", "--steps", "0"), "give a whole number of 1 or more"),
        (("wsd:warmup=600:decay=600:unit=update",), "together are more than the run's 1,000 updates"),
        (("exponential:1e200:every=1:unit=update",), "at update 3 of 1,000 makes the factor inf"),
    ],
)
def test_refusals(
    words: tuple[str, ...],
    expected: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert expected in refusal(capsys, "explain", *words)
    assert list(tmp_path.iterdir()) == []


def test_explain_the_users_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("half.py").write_text(SCHEDULE_FILE)
    Path("ones.py").write_text(INITIALIZER_FILE)
    for text in ("half.py", "./half.py:Half", f"{tmp_path}/half.py:Half"):
        assert document(capsys, "explain", text)["name"] == "half"
    assert "  value  0.25   0.5 " in answer(capsys, "explain", "half.py:Half:value=0.25")
    assert document(capsys, "explain", "warmup+half.py:Half")["parts"][1]["name"] == "half"
    assert document(capsys, "explain", "ones.py:Ones")["notation"] == "ones.py:Ones"
    Path("half.py").write_text(SCHEDULE_FILE.replace("self.value)", "self.valu)"))
    assert "schedule: Half in" in refusal(capsys, "explain", "half.py:Half")
    assert "there is no such file" in refusal(capsys, "explain", "halff.py:Half")


@pytest.mark.parametrize("line", ["list schedules", "explain cosine", "explain warmup+cosine --json"])
def test_looking_schedules_up_loads_nothing_heavy(line: str) -> None:
    program = (
        "import sys; from thalweg.cli import main; "
        f"assert main({line.split()!r}) == 0; "
        "print('LOADED', *[n for n in ('jax', 'torch', 'matplotlib', 'scipy', 'pandas') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED"
