"""What every technique must declare, its notation, its errors, and the page that documents it."""

from pathlib import Path

import pytest

from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.records import canonical_json
from thalweg.settings import as_notation
from thalweg.techniques import TECHNIQUES, parse_technique, technique_listing

PAGE = (Path(__file__).parents[2] / "docs" / "techniques.md").read_text(encoding="utf-8")
NAMES = [
    "clip-value",
    "clip-norm",
    "clip-adaptive",
    "centralize",
    "sam",
    "l1",
    "l2",
    "weight-decay",
    "cautious",
    "state",
    "dropout",
    "label-smoothing",
    "ema",
    "swa",
    "polyak",
    "lookahead",
    "early-stopping",
    "curriculum",
    "diffusion",
    "gaussian-smoothing",
    "accumulate",
]


def test_every_technique_is_there() -> None:
    assert list(TECHNIQUES) == NAMES
    assert [entry["name"] for entry in technique_listing()] == [*NAMES, "sampling", "growth"]


@pytest.mark.parametrize("entry", technique_listing(), ids=lambda entry: entry["name"])
def test_what_is_known_of_each(entry: dict) -> None:
    assert canonical_json(entry)
    for key in ("title", "acts_on", "summary", "example", "formula", "settings", "sources", "differences"):
        if (entry["name"], key) != ("growth", "settings"):
            assert entry[key], key
    assert entry["summary"].endswith(".")
    for source in entry["sources"]:
        assert "(" in source
    for difference in entry["differences"]:
        assert difference.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_notation_and_back(name: str) -> None:
    plain = parse_technique(name)
    assert plain == TECHNIQUES[name]()
    assert as_notation(plain) == name
    assert parse_technique(next(e["example"] for e in technique_listing() if e["name"] == name)) == plain
    first, what = next(iter(plain.hyperparameters().items()))
    value = what.low + (min(what.high, 9.0) - what.low) / 4
    value = round(value) + 1 if what.whole else value
    changed = parse_technique(f"{name}:{value!r}")
    assert getattr(changed, first) == value
    assert parse_technique(as_notation(changed)) == changed


def test_variants_are_parsed() -> None:
    made = parse_technique("curriculum:0.3:order=decreasing:pacing=step:full=0.25")
    assert (made.start, made.order, made.pacing, made.full) == (0.3, "decreasing", "step", 0.25)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip-norm:0", "clip-norm: threshold = 0 is not allowed; give a number in (0, inf)."),
        ("dropout:1.0", "dropout: rate = 1.0 is not allowed; give a number in [0, 1)."),
        ("label-smoothing:-0.1", "label-smoothing: share = -0.1 is not allowed; give a number in [0, 1)."),
        ("early-stopping:0", "early-stopping: patience = 0 is not allowed; give a whole number in [1, inf)."),
        ("ema:1", "ema: decay = 1 is not allowed; give a number in [0, 1)."),
        ("diffusion:levels=1", "diffusion: levels = 1 is not allowed; give a whole number in [2, inf)."),
        ("l2:nan", "l2: strength = nan is not allowed; give a number in [0, inf)."),
        (
            "curriculum:order=easy",
            "curriculum: order = 'easy' is not allowed; give one of increasing, decreasing, random.",
        ),
    ],
)
def test_values_outside_the_range_are_refused(text: str, message: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_technique(text)
    assert str(caught.value) == message


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="technique 'clip-nrom' is not known: did you mean 'clip-norm'"):
        parse_technique("clip-nrom")
    with pytest.raises(UnknownNameError, match="hyperparameter of clip-norm 'threshhold' is not known"):
        parse_technique("clip-norm:threshhold=1")


@pytest.mark.parametrize("entry", technique_listing(), ids=lambda entry: entry["name"])
def test_the_page_says_all_that_is_known(entry: dict) -> None:
    assert f"\n## {entry['name']}\n" in PAGE
    section = PAGE.split(f"\n## {entry['name']}\n")[1].split("\n## ")[0]
    assert f"[`{entry['name']}`](#{entry['name']})" in PAGE
    for text in (entry["title"], entry["summary"], f"`{entry['example']}`", *entry["formula"]):
        assert text in section, text
    for text in (*entry["sources"], *entry["differences"]):
        assert f"- {text}\n" in section, text
    for setting in entry["settings"]:
        default = f"{setting['default']:.4g}" if isinstance(setting["default"], float) else setting["default"]
        assert f"| `{setting['name']}` | {default} | `{setting['allowed']}` | {setting['meaning']} |" in section
