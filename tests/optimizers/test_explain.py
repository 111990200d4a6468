"""Explanations of rules: nothing left out, laid out within the width, JSON for machines."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from thalweg.errors import UnknownNameError
from thalweg.optimizers.catalogue import OPTIMIZERS
from thalweg.optimizers.explain import as_text, explain
from thalweg.records import plain


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_rule_is_explained_whole(name: str) -> None:
    rule, found = OPTIMIZERS[name], explain(name)
    text = as_text(found, 100)
    for line in rule.formula:
        assert f"  {line}\n" in text
    flowing = " ".join(text.split())
    for sentence in (*rule.sources, *rule.differences, *rule.slips, *rule.attributes):
        assert " ".join(sentence.split()) in flowing
    assert [h.name for h in found.hyperparameters] == list(rule.hyperparameters())
    assert [v.name for v in found.variants] == list(rule.variants())
    assert found.presets == rule.presets
    assert found.summary.endswith(".")
    assert sum(entry.numbers_per_parameter for entry in found.state) * 4 == found.state_bytes_per_parameter
    for what in (*rule.hyperparameters(), *rule.variants(), *rule.presets):
        assert what in text


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140])
@pytest.mark.parametrize("name", ["adam", "rmsprop", "swats"])
def test_lines_keep_to_the_width_except_formulas_and_columns(name: str, width: int) -> None:
    found = explain(name)
    kept = {f"  {line}" for line in found.formula}
    names = tuple(f"  {h.name} " for h in found.hyperparameters)
    for line in as_text(found, width).splitlines():
        assert len(line) <= width or line in kept or line.startswith((*names, "      ")), line


def test_a_presets_defaults_are_shown() -> None:
    keras = explain("adam@keras")
    assert {h.name: h.default for h in keras.hyperparameters}["epsilon"] == 1e-7
    assert {v.name: v.default for v in keras.variants}["epsilon_place"] == "uncorrected"
    assert "with the preset 'keras'" in as_text(keras)


def test_state_is_measured_for_the_preset() -> None:
    assert explain("rmsprop").state_bytes_per_parameter == 4.0
    assert explain("rmsprop@graves").state_bytes_per_parameter == 12.0
    assert [entry.name for entry in explain("rmsprop@graves").state] == ["v", "m", "buffer"]
    assert explain("sgd").state == ()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_explanations_are_json(name: str) -> None:
    found = explain(name)
    document = json.loads(json.dumps(plain(found)))
    assert document["name"] == name
    assert document["hyperparameters"][0]["default"] == found.hyperparameters[0].default


def test_unknown_names() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'adamw'"):
        explain("adamww")


def test_a_users_rule_is_explained(tmp_path: Path) -> None:
    from test_user_rules import HEAVY_BALL

    path = tmp_path / "my_rule.py"
    path.write_text(HEAVY_BALL, encoding="utf-8")
    found = explain(str(path))
    assert (found.title, found.summary) == ("heavy-ball", "A velocity.")
    path.write_text(HEAVY_BALL.replace('    """A velocity."""\n', ""), encoding="utf-8")
    assert explain(str(path)).summary == ""


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from thalweg.optimizers.explain import as_text, explain; as_text(explain('swats'));"
        "print([m for m in ('jax', 'torch', 'scipy', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
