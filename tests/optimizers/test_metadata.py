"""What every rule says about itself, and that it is true."""

import dataclasses
import re

import pytest

from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.optimizers import Rule
from thalweg.optimizers.catalogue import OPTIMIZERS, find_optimizer, make_optimizer, optimizer_names
from thalweg.optimizers.explain import explain

REQUIRED = {
    "sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "amsgrad", "adamw", "adamax", "nadam",
    "radam", "sadam", "samsgrad", "swats",
}  # fmt: skip


def test_the_catalogue_holds_every_rule_promised() -> None:
    assert set(OPTIMIZERS) >= REQUIRED
    assert optimizer_names() == tuple(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
class TestMetadata:
    def test_is_a_final_frozen_dataclass(self, name: str) -> None:
        rule = OPTIMIZERS[name]
        assert rule.name == name
        assert rule.__bases__ == (Rule,)
        assert rule.__dataclass_params__.frozen  # type: ignore[attr-defined]
        with pytest.raises(dataclasses.FrozenInstanceError):
            rule.configured().learning_rate = 1.0  # type: ignore[misc]
        assert re.fullmatch(r"[a-z][a-z0-9-]*", name)

    def test_texts_are_there(self, name: str) -> None:
        rule = OPTIMIZERS[name]
        assert rule.title
        assert rule.title[0].isupper()
        assert rule.__doc__
        assert "References:" in rule.__doc__
        assert rule.formula
        assert any("θ ←" in line for line in rule.formula)
        assert rule.sources
        assert all(re.search(r"\b(18|19|20)\d\d\b", source) for source in rule.sources)
        assert rule.differences
        assert rule.attributes
        for sentence in (*rule.differences, *rule.slips, *rule.attributes):
            assert sentence.endswith("."), sentence
            assert sentence == " ".join(sentence.split()), sentence

    def test_every_field_is_declared_and_explained(self, name: str) -> None:
        rule = OPTIMIZERS[name]
        declared = {**rule.hyperparameters(), **rule.variants()}
        assert set(declared) == {field.name for field in dataclasses.fields(rule)}
        for key, what in declared.items():
            assert what.meaning, key
        for key, what in rule.variants().items():
            assert len(what.choices) == len(set(what.choices)) >= 2, key

    def test_symbols_of_the_meanings_stand_in_the_formula(self, name: str) -> None:
        rule = OPTIMIZERS[name]
        text = " ".join(rule.formula)
        assert "η" in text
        for key, what in rule.hyperparameters().items():
            symbols = re.findall(r"(?<!\w)([α-ωΑ-Ω][₀-₉]?)(?!\w)", what.meaning)
            for symbol in symbols[:1]:
                optional = rule.configured().values()[key] == 0.0  # off unless set, and so not in the formula
                assert symbol in text or optional, f"{key}: {symbol} is not in {rule.formula}"

    def test_numbers_fit_their_ranges(self, name: str) -> None:
        rule = OPTIMIZERS[name]
        for preset in ("", *rule.presets):
            made = rule.preset(preset) if preset else rule.configured()
            for key, what in rule.hyperparameters().items():
                assert what.allows(float(made.values()[key])), f"{preset}: {key}"
        for key, what in rule.hyperparameters().items():
            if what.search:
                low, high = what.search
                assert low < high, key
                assert what.allows(low), key
                assert what.allows(high), key
                assert low <= float(rule.configured().values()[key]) <= high, f"the default of {key} is not searched"
                assert what.scale != "log" or low > 0, key
                assert what.scale != "complement" or high < 1, key

    def test_values_outside_a_range_are_refused_in_a_sentence(self, name: str) -> None:
        rule = OPTIMIZERS[name]
        for key, what in rule.hyperparameters().items():
            outside = [what.low - 1e-9, float("nan"), float("inf"), "0.1", True, None]
            outside += [what.low] * what.low_open + [what.high] * (what.high_open and what.high != float("inf"))
            for value in outside:
                with pytest.raises(InvalidValueError) as caught:
                    rule.configured(**{key: value})
                assert f"{name}: {key} = {value!r} is not allowed; give a number in " in str(caught.value)
        for key in rule.variants():
            with pytest.raises(InvalidValueError, match=f"{key} = 'nonsense' is not allowed; give one of "):
                rule.configured(**{key: "nonsense"})

    def test_unknown_settings_are_answered_with_the_nearest(self, name: str) -> None:
        with pytest.raises(UnknownNameError, match="did you mean 'learning_rate'"):
            make_optimizer(name, learning_rat=0.1)
        with pytest.raises(UnknownNameError, match="preset of"):
            make_optimizer(f"{name}@nonsense")

    def test_its_update_has_been_timed(self, name: str) -> None:
        cost = explain(name).update_cost
        assert cost is not None
        assert cost >= 0.9  # of gradient descent's, the least

    def test_presets_name_settings_that_exist(self, name: str) -> None:
        rule = OPTIMIZERS[name]
        fields = {field.name for field in dataclasses.fields(rule)}
        for settings in rule.presets.values():
            assert settings.keys() <= fields
        assert "paper" in rule.presets

    def test_special_cases_name_rules_that_exist(self, name: str) -> None:
        for other, settings in OPTIMIZERS[name].special_cases:
            assert other in OPTIMIZERS
            OPTIMIZERS[name].configured(**settings)

    def test_values_and_structure_make_the_rule_again(self, name: str) -> None:
        rule = OPTIMIZERS[name].configured(learning_rate=0.125)
        assert type(rule).configured(**rule.values(), **rule.structure()) == rule
        assert rule.with_values({"learning_rate": 0.5}) == type(rule).configured(learning_rate=0.5)


def test_unknown_optimizers_are_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'nadam'"):
        find_optimizer("nadamm")
