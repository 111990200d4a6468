from dataclasses import dataclass
from typing import ClassVar

import pytest

from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.optimizers import Adam, Rule, hyperparameter, variant
from thalweg.study.contenders import contenders_for


@dataclass(frozen=True)
class Mine(Rule):
    name: ClassVar[str] = "mine"
    formula: ClassVar[tuple[str, ...]] = ("θ ← θ − η·g",)
    special_cases: ClassVar[tuple[tuple[str, dict], ...]] = (
        ("plain", {"friction": 0.0, "kind": "a"}),
        ("signed", {"friction": 0.5, "kind": "b"}),
        ("tuned", {"friction": 0.5}),
    )
    friction: float = hyperparameter(0.5, meaning="μ", search=(0.1, 0.9), scale="linear")
    learning_rate: float = hyperparameter(0.1, meaning="η", search=(1e-3, 1.0))
    fixed: float = hyperparameter(1.0, meaning="kept")
    kind: str = variant("a", choices=("a", "b"), meaning="form")

    def init(self, x):
        return {}

    def update(self, x, g, state, t):
        return x - self.learning_rate * g, state


@dataclass(frozen=True)
class Backwards(Rule):
    name: ClassVar[str] = "backwards"
    formula: ClassVar[tuple[str, ...]] = ("θ ← θ − η·g",)
    learning_rate: float = hyperparameter(0.1, meaning="η", search=(1.0, 1e-3))

    def init(self, x):
        return {}

    def update(self, x, g, state, t):
        return x, state


def test_an_entry_says_all_of_its_settings_and_searches_the_rate_first() -> None:
    (entry,) = contenders_for([("mine", Mine, "", "")])
    assert entry.label == entry.optimizer == "mine"
    assert entry.defaults == {"friction": 0.5, "learning_rate": 0.1, "fixed": 1.0}
    assert entry.structure == {"kind": "a"}
    assert [d.name for d in entry.space] == ["learning_rate", "friction"]
    assert entry.tuned == "all"


def test_presets_change_defaults_and_structure() -> None:
    paper, keras = contenders_for([("adam", Adam, "", ""), ("adam@keras", Adam, "keras", "")])
    assert (paper.defaults["epsilon"], keras.defaults["epsilon"]) == (1e-8, 1e-7)
    assert keras.structure["epsilon_place"] == "uncorrected"
    assert (keras.label, keras.optimizer, keras.preset) == ("adam@keras", "adam", "keras")


def test_a_users_rule_is_labelled_by_its_own_name() -> None:
    (entry,) = contenders_for([("./my_rule.py:Mine", Mine, "", "abc")])
    assert (entry.label, entry.optimizer, entry.source) == ("mine", "./my_rule.py:Mine", "abc")


def test_both_ways_of_tuning_are_two_entries_where_they_differ() -> None:
    labels = [c.label for c in contenders_for([("mine", Mine, "", "")], "both")]
    assert labels == ["mine", "mine (learning rate only)"]
    (rate_only,) = contenders_for([("mine", Mine, "", "")], "learning-rate")
    assert (rate_only.label, rate_only.tuned) == ("mine", "learning-rate")
    assert [d.name for d in rate_only.space] == ["learning_rate"]


def test_special_cases_are_those_that_the_entry_leaves_open() -> None:
    (everything,) = contenders_for([("mine", Mine, "", "")])
    (rate_only,) = contenders_for([("mine", Mine, "", "")], "learning-rate")
    assert everything.special_cases == ("plain", "tuned")  # friction searched; variant b is another rule
    assert rate_only.special_cases == ("tuned",)  # friction stays 0.5


def test_an_entry_given_twice_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="optimizers: 'adam' is given twice"):
        contenders_for([("adam", Adam, "", ""), ("adam", Adam, "", "")])


def test_a_wrong_way_of_tuning_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="tune = 'some' is not allowed; give one of all, learning-rate, both"):
        contenders_for([("adam", Adam, "", "")], "some")


def test_an_unknown_preset_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'torch'"):
        contenders_for([("adam@torhc", Adam, "torhc", "")])


def test_a_users_impossible_range_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"backwards: the search range of learning_rate from 1 to 0\.001"):
        contenders_for([("./b.py:Backwards", Backwards, "", "abc")])
