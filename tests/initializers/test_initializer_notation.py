"""Initializers by notation, and users' own with what can be wrong with them."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from thalweg.errors import InvalidValueError, UnknownNameError, UserFileError
from thalweg.initializers import (
    BIASES,
    INITIALIZERS,
    Glorot,
    He,
    Sparse,
    check_initializer,
    initializer_listing,
    parse_bias,
    parse_biases,
    parse_initializer,
    resolve_initializer,
)
from thalweg.settings import as_notation

NAMES = [
    "gaussian", "uniform", "truncated", "glorot", "he", "lecun", "orthogonal", "sparse", "zero", "constant",
]  # fmt: skip


def test_catalogue() -> None:
    assert list(INITIALIZERS) == NAMES
    assert list(BIASES) == ["zero", "constant", "marginal", "open-gates"]


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("glorot", Glorot()),
        (" he ", He()),
        ("he:uniform", None),
        ("he:law=uniform:fan=out", He(law="uniform", fan="out")),
        ("he:1.5:law=Uniform", He(law="uniform", gain=1.5)),
        ("sparse:10", Sparse(k=10)),
        ("sparse:k=10:deviation=0.5", Sparse(k=10, deviation=0.5)),
    ],
)
def test_notation(text: str, made: object) -> None:
    if made is None:  # the first setting is a number
        with pytest.raises(InvalidValueError, match="gain = 'uniform' is not allowed"):
            parse_initializer(text)
        return
    assert parse_initializer(text) == made
    found = resolve_initializer(text)
    assert parse_initializer(found.notation) == made
    assert found.source == ""


@pytest.mark.parametrize("kind", [*INITIALIZERS.values(), *BIASES.values()], ids=lambda kind: f"{kind.__name__}")
def test_default_notation_is_the_name(kind: type) -> None:
    assert as_notation(kind()) == kind.name


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("hee", UnknownNameError, "initializer 'hee' is not known: did you mean 'he'? Allowed: constant, gaussian, "),
        ("", UnknownNameError, "initializer '' is not known: "),
        ("he:mode=in", UnknownNameError, "hyperparameter of he 'mode' is not known"),
        ("he:law=cauchy", InvalidValueError, "he: law = 'cauchy' is not allowed; give one of uniform, normal, trunc"),
        ("he:gain=0", InvalidValueError, "he: gain = 0 is not allowed; give a number in (0, inf)."),
        ("gaussian:deviation=nan", InvalidValueError, "gaussian: deviation = nan is not allowed"),
        ("gaussian:-1", InvalidValueError, "gaussian: deviation = -1 is not allowed"),
        ("truncated:cut=0.1", InvalidValueError, "truncated: cut = 0.1 is not allowed; give a number in [0.5, 8]."),
        ("sparse:k=1/2", InvalidValueError, "sparse: k = '1/2' is not allowed; give a whole number in [1, inf)."),
        ("zero:1", InvalidValueError, "initializer 'zero:1': '1' is not understood; give the name alone."),
        ("constant:inf", InvalidValueError, "constant: value = inf is not allowed"),
    ],
)
def test_notation_that_is_refused(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as caught:
        parse_initializer(text)
    assert str(caught.value).startswith(message)


def test_biases() -> None:
    assert parse_bias("open-gates:2").values() == {"value": 2}
    assert [as_notation(one) for one in parse_biases("constant:1e+2+marginal:empty=1")] == [
        "constant:value=100",
        "marginal:empty=1",
    ]
    assert [as_notation(one) for one in parse_biases("constant:+0.5+zero")] == ["constant:value=0.5", "zero"]
    with pytest.raises(UnknownNameError, match="biases 'margin' is not known: did you mean 'marginal'"):
        parse_biases("zero+margin")
    with pytest.raises(InvalidValueError, match=r"biases 'zero\+zero': zero is given twice; give it once\."):
        parse_biases("zero+zero")


def test_listing_is_plain_and_complete() -> None:
    listing = initializer_listing()
    assert json.loads(json.dumps(listing)) == listing
    assert [entry["name"] for entry in listing if entry["kind"] == "weights"] == NAMES
    for entry in listing:
        assert entry.keys() == {
            "name", "title", "kind", "summary", "formula", "settings", "sources", "differences",
        }  # fmt: skip
        assert entry["summary"].endswith(".")
    he = next(entry for entry in listing if entry["name"] == "he")
    assert {setting["name"]: setting["default"] for setting in he["settings"]} == {
        "gain": math.sqrt(2),
        "law": "normal",
        "fan": "in",
    }
    assert he["settings"][0]["allowed"] == "(0, inf)"
    assert he["settings"][2]["allowed"] == ["in", "out"]


MINE = '''
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from thalweg.initializers import Initializer
from thalweg.settings import hyperparameter


@dataclass(frozen=True)
class Laplace(Initializer):
    """Heavy tails."""

    name: ClassVar[str] = "laplace"
    formula: ClassVar[tuple[str, ...]] = ("W ~ Laplace(0, s)",)

    width: float = hyperparameter(1.0, meaning="width s", low_open=True)

    def draw(self, rng, shape, fan_in, fan_out):
        return rng.laplace(0, self.width / fan_in**0.5, shape).astype(np.float32)
'''

Writer = Callable[..., Path]


@pytest.fixture
def mine(tmp_path: Path) -> Writer:
    def write(*changes: tuple[str, str]) -> Path:
        text = MINE
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "mine.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_users_initializer_is_one_like_any_other(mine: Writer) -> None:
    path = mine()
    for text in (f"{path}", f"{path}:Laplace", f"{path}:Laplace:width=1", f" {path}:width=1"):
        found = resolve_initializer(text)
        assert found.notation == f"{path}:Laplace"
        assert len(found.source) == 64
    for text in (f"{path}:Laplace:width=2", f"{path}:Laplace:2", f"{path}:width=2"):
        found = resolve_initializer(text)
        assert found.notation == f"{path}:Laplace:width=2"
        assert found.initializer.values() == {"width": 2}
        assert resolve_initializer(found.notation).initializer == found.initializer
    weights = parse_initializer(f"{path}").draw(np.random.default_rng(0), (100, 50), 100, 50)
    assert abs(weights.std() - math.sqrt(2) / 10) < 0.01


def test_settings_of_a_users_initializer_are_checked(mine: Writer) -> None:
    path = mine()
    with pytest.raises(InvalidValueError, match=r"laplace: width = 0 is not allowed; give a number in \(0, inf\)\."):
        parse_initializer(f"{path}:Laplace:width=0")
    with pytest.raises(UnknownNameError, match="hyperparameter of laplace 'widht' is not known: did you mean 'width'"):
        parse_initializer(f"{path}:Laplace:widht=2")


FAULTS = [
    (("@dataclass(frozen=True)\n", ""), "line 11, is no dataclass; put @dataclass(frozen=True) above it."),
    (('    name: ClassVar[str] = "laplace"\n', ""), "has name = None; give a word"),
    (('"laplace"', '"la place"'), "has name = 'la place'; give a word"),
    (('("W ~ Laplace(0, s)",)', '"W"'), "has formula = 'W'; give a tuple of lines"),
    (('hyperparameter(1.0, meaning="width s", low_open=True)', "1.0"), "declares width as a plain field"),
    (("def draw(", "def sample("), "lacks draw; define the method."),
    (("fan_in**0.5", "(fan_in - 64)"), "raises ZeroDivisionError when tried on a 64 × 48 array: "),
    ((", shape)", ", shape[::-1])"), "draw returns an array of shape (48, 64) where the shape (64, 48) is asked for"),
    (("        return rng", "        return 0 if rng else rng"), "draw returns int where the shape (64, 48) is asked"),
    (("float32", "int32"), "draw returns numbers of dtype int32; return float32."),
    (("self.width /", "np.inf *"), "draw returns numbers that are not finite; return finite numbers."),
    (("return rng", "return np.random.default_rng()"), "draw differs from call to call with the same generator"),
]


@pytest.mark.parametrize(("change", "expected"), FAULTS, ids=[expected for _, expected in FAULTS])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_faults_of_a_users_initializer(mine: Writer, change: tuple[str, str], expected: str) -> None:
    path = mine(change)
    with pytest.raises(UserFileError) as caught:
        parse_initializer(f"{path}:Laplace")
    sentence = str(caught.value)
    assert expected in sentence
    assert str(path) in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_files_that_are_missing_or_hold_something_else(tmp_path: Path) -> None:
    with pytest.raises(UserFileError, match=r"initializer .*: there is no such file"):
        parse_initializer(f"{tmp_path}/none.py:Mine")
    with pytest.raises(UserFileError, match="there is no such file"):
        parse_initializer(f"{tmp_path}/none")
    other = tmp_path / "other.py"
    other.write_text("class Mine: ...\n", encoding="utf-8")
    with pytest.raises(UserFileError, match=r"is the class Mine; it must be a class that derives from thalweg\.init"):
        parse_initializer(f"{other}:Mine")


@pytest.mark.parametrize("kind", INITIALIZERS.values(), ids=lambda kind: kind.name)
def test_built_in_initializers_pass_the_same_check(kind: type) -> None:
    check_initializer(kind)
