"""What options accept and with which sentence they refuse."""

import click
import pytest

from thalweg.cli.values import Choice, Names, Point, Setting, Whole, settings_by_name
from thalweg.errors import InvalidValueError, UnknownNameError


def converted(kind: click.ParamType, text: str) -> object:
    return kind.convert(text, click.Option(["--this"]), None)


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("1e3", 1000), ("1_000", 1000), ("7.0", 7)])
def test_whole_reads_numbers(text: str, number: int) -> None:
    assert converted(Whole(1), text) == number


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "", "nan", "inf", "1e999"])
def test_whole_refuses(text: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        converted(Whole(1), text)
    assert str(caught.value) == f"--this {text} is not allowed; give a whole number of 1 or more."


def test_whole_names_both_ends() -> None:
    assert converted(Whole(0, 3), "3") == 3
    with pytest.raises(InvalidValueError, match="from 0 to 3"):
        converted(Whole(0, 3), "4")


def test_choice_offers_the_nearest() -> None:
    assert converted(Choice(["quick", "standard"]), "QUICK") == "quick"
    with pytest.raises(UnknownNameError) as caught:
        converted(Choice(["quick", "standard"]), "quik")
    assert str(caught.value) == "--this 'quik' is not known: did you mean 'quick'? Allowed: quick, standard."


def test_names_are_split_and_trimmed() -> None:
    assert converted(Names(), "sgd, adam@torch,./mine.py:Rule") == ("sgd", "adam@torch", "./mine.py:Rule")


@pytest.mark.parametrize(
    ("text", "words"), [("", "empty entry"), ("sgd,,adam", "empty entry"), ("sgd,", "empty"), ("a,b,a", "'a' twice")]
)
def test_names_refuse(text: str, words: str) -> None:
    with pytest.raises(InvalidValueError, match=words):
        converted(Names(), text)


def test_point_reads_two_numbers() -> None:
    assert converted(Point(), "-1.2, 1e0") == (-1.2, 1.0)


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "x,y", "nan,1", "1,inf"])
def test_point_refuses(text: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        converted(Point(), text)
    assert str(caught.value).startswith(f"--this {text!r} is not a point")


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        ("learning_rate=0.01", ("learning_rate", 0.01)),
        ("learning-rate = 1e-3", ("learning_rate", 1e-3)),
        ("nesterov=true", ("nesterov", True)),
        ("form=None", ("form", None)),
        ("form=paper", ("form", "paper")),
        ("power=2", ("power", 2)),
    ],
)
def test_setting_reads_values(text: str, setting: tuple[str, object]) -> None:
    found = converted(Setting(), text)
    assert found == setting
    assert isinstance(found, tuple)
    assert type(found[1]) is type(setting[1])


@pytest.mark.parametrize("text", ["", "learning_rate", "=1", "learning_rate="])
def test_setting_refuses(text: str) -> None:
    with pytest.raises(InvalidValueError, match="give NAME=VALUE"):
        converted(Setting(), text)


def test_settings_are_given_once() -> None:
    assert settings_by_name([("a", 1), ("b", 2)]) == {"a": 1, "b": 2}
    with pytest.raises(InvalidValueError) as caught:
        settings_by_name([("a", 1), ("a", 2)])
    assert str(caught.value) == "--set gives 'a' twice (1 and 2); give it once."
