"""Optimizers by reference, and users' own rules with everything that can be wrong with them."""

import textwrap
from pathlib import Path

import numpy as np
import pytest

from thalweg.errors import UnknownNameError, UserFileError
from thalweg.optimizers import lift
from thalweg.optimizers.catalogue import OPTIMIZERS
from thalweg.optimizers.user_rules import load_rule, resolve_optimizer

HEAVY_BALL = '''
from dataclasses import dataclass
from typing import ClassVar

from thalweg.optimizers import Rule, hyperparameter, zeros_like


@dataclass(frozen=True)
class HeavyBall(Rule):
    """A velocity."""

    name: ClassVar[str] = "heavy-ball"
    formula: ClassVar[tuple[str, ...]] = ("v ← μ·v + g", "θ ← θ − η·v")
    presets: ClassVar[dict] = {"slow": {"learning_rate": 0.01}}

    learning_rate: float = hyperparameter(0.1, meaning="step size η", search=(1e-4, 10.0))
    momentum: float = hyperparameter(0.9, meaning="decay μ", high=1.0)

    def init(self, x):
        return {"velocity": zeros_like(x)}

    def update(self, x, g, state, t):
        velocity = self.momentum * state["velocity"] + g
        return x - self.learning_rate * velocity, {"velocity": velocity}
'''


@pytest.fixture
def rule_file(tmp_path: Path):
    def write(*changes: tuple[str, str]) -> Path:
        text = HEAVY_BALL
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "my_rule.py"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write


def refusal(path: Path) -> str:
    with pytest.raises(UserFileError) as caught:
        load_rule(str(path))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_catalogue_names_and_presets_resolve(name: str) -> None:
    plain = resolve_optimizer(name)
    assert (plain.rule_class, plain.name, plain.preset, plain.source) == (OPTIMIZERS[name], name, "", "")
    for preset in OPTIMIZERS[name].presets:
        found = resolve_optimizer(f" {name}@{preset} ")
        assert (found.rule_class, found.name, found.preset) == (OPTIMIZERS[name], name, preset)


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="optimizer 'adm' is not known: did you mean 'adam'"):
        resolve_optimizer("adm")
    with pytest.raises(UnknownNameError, match="preset of adam 'torsch' is not known: did you mean 'torch'"):
        resolve_optimizer("adam@torsch")
    with pytest.raises(UnknownNameError, match="preset of adam '' is not known"):
        resolve_optimizer("adam@")


def test_a_users_rule_is_a_rule_like_any_other(rule_file) -> None:
    path = rule_file()
    found = resolve_optimizer(str(path))
    assert found.name == f"{path}:HeavyBall"
    assert len(found.source) == 64
    assert resolve_optimizer(f"{path}:HeavyBall@slow").preset == "slow"
    assert resolve_optimizer(f"{path}@slow").rule_class is found.rule_class
    x, g = [np.array([1.0, 2.0])], [np.array([0.5, -1.0])]
    rule = found.rule_class.configured(learning_rate=0.1, momentum=0.9)
    momentum = OPTIMIZERS["momentum"].configured(learning_rate=0.1, momentum=0.9)
    (mine,), _ = lift.update(rule, x, g, lift.init_state(rule, x), 1)
    (theirs,), _ = lift.update(momentum, x, g, lift.init_state(momentum, x), 1)
    np.testing.assert_allclose(mine, theirs, rtol=1e-15)  # one step of two operations


def test_an_at_sign_in_a_path_is_no_preset(tmp_path: Path) -> None:
    folder = tmp_path / "mail@home"
    folder.mkdir()
    (folder / "my@rule.py").write_text(HEAVY_BALL, encoding="utf-8")
    assert resolve_optimizer(str(folder / "my@rule.py")).preset == ""
    assert resolve_optimizer(f"{folder / 'my@rule.py'}:HeavyBall@slow").preset == "slow"


def test_unknown_presets_of_a_users_rule(rule_file) -> None:
    with pytest.raises(UnknownNameError, match="preset of heavy-ball 'slw' is not known: did you mean 'slow'"):
        resolve_optimizer(f"{rule_file()}@slw")


DECLARATION = [
    (("@dataclass(frozen=True)\n", ""), "is no dataclass; put @dataclass(frozen=True) above it"),
    (("frozen=True", "frozen=False"), "raises TypeError: cannot inherit non-frozen dataclass from a frozen one"),
    (('    name: ClassVar[str] = "heavy-ball"\n', ""), "has name = None; give a word"),
    (('"heavy-ball"', '"heavy ball"'), "has name = 'heavy ball'; give a word"),
    (('("v ← μ·v + g", "θ ← θ − η·v")', '"v ← μ·v + g"'), "has formula = 'v ← μ·v + g'; give a tuple of lines"),
    (('("v ← μ·v + g", "θ ← θ − η·v")', "()"), "has formula = (); give a tuple of lines"),
    (("def update(", "def step("), "lacks update; define the method"),
    (('hyperparameter(0.9, meaning="decay μ", high=1.0)', "0.9"), "declares momentum as a plain field"),
    (('{"slow": {"learning_rate": 0.01}}', '{"slow"}'), "has presets = {'slow'}; give a mapping"),
    (
        ("presets: ClassVar[dict]", "needs: ClassVar = frozenset({'losses'})\n    presets: ClassVar[dict]"),
        "needs losses, which no training passes; there are gauss_newton_diagonal, hessian_diagonal, ",
    ),
    (
        ("presets: ClassVar[dict]", "needs: ClassVar = 'loss'\n    presets: ClassVar[dict]"),
        "has needs = 'loss'; give a frozenset of names",
    ),
]


@pytest.mark.parametrize(("change", "expected"), DECLARATION, ids=[expected for _, expected in DECLARATION])
def test_faults_of_the_declaration(rule_file, change: tuple[str, str], expected: str) -> None:
    path = rule_file(change)
    sentence = refusal(path)
    assert expected in sentence
    assert str(path) in sentence


UPDATE = '        return x - self.learning_rate * velocity, {"velocity": velocity}'
NEEDS = "    needs: ClassVar = frozenset({'second_gradient', 'hessian_product', 'loss'})\n"
WITH_NEEDS = "    presets: ClassVar[dict]", f"{NEEDS}    presets: ClassVar[dict]"
BEHAVIOUR = [
    (WITH_NEEDS, "raises TypeError when tried on a 2 × 2 array: HeavyBall.update() got an unexpected keyword argument"),
    ((UPDATE, "        return x - self.learning_rate * velocity"), "update (step 1) returns an object of type ndarray"),
    (
        (UPDATE, "        return x - 1 / 0, {}"),
        "line 24 raises ZeroDivisionError when tried on a 2 × 2 array",
    ),
    ((UPDATE, "        return x[0], {'velocity': velocity}"), "returns parameters of shape (2,), was (2, 2)"),
    ((UPDATE, "        return 1.0, {'velocity': velocity}"), "returns parameters holding an object of type float"),
    ((UPDATE, "        return x.astype('float32'), {'velocity': velocity}"), "returns parameters of dtype float32"),
    (
        (UPDATE, "        return x, {'speed': velocity}"),
        "returns a state with entries speed; keep those",
    ),
    ((UPDATE, "        return x, {'velocity': velocity[0]}"), "returns a state of shape (2,)"),
    (
        (UPDATE, "        return x - g / abs(g), {'velocity': velocity}"),
        "update (step 2) returns numbers that are",
    ),
    ((UPDATE, "        x -= g\n        return x, state"), "update (step 1) changes its argument x in place"),
    ((UPDATE, "        g *= 2\n        return x, state"), "update (step 1) changes its argument g in place"),
    ((UPDATE, "        state['velocity'] += g\n        return x - g, state"), "changes its argument state in place"),
    ((UPDATE, "        state['new'] = g\n        return x - g, state"), "changes its argument state in place"),
    (('return {"velocity": zeros_like(x)}', "return zeros_like(x)"), "init returns an object of type ndarray"),
    (('return {"velocity": zeros_like(x)}', 'return {"velocity": zeros_lke(x)}'), "line 20 raises NameError"),
    (
        ('{"learning_rate": 0.01}', '{"learning_rate": -1.0}'),
        "with preset 'slow' cannot be made: heavy-ball:",
    ),
    (('{"learning_rate": 0.01}', '{"rate": 0.01}'), "with preset 'slow' cannot be made: hyperparameter of heavy-ball"),
    (
        (UPDATE, UPDATE + "\n\n    def answer(self, x, state):\n        return x[0]"),
        "answer returns a point of shape (2,)",
    ),
]


@pytest.mark.parametrize(("change", "expected"), BEHAVIOUR, ids=[expected for _, expected in BEHAVIOUR])
def test_faults_of_the_mathematics(rule_file, change: tuple[str, str], expected: str) -> None:
    sentence = refusal(rule_file(change))
    assert expected in sentence
    assert "HeavyBall" in sentence


HOOKS = [
    ("second_point", "return x[0]", "second_point returns a point of shape (2,)"),
    ("direction", "return g.sum(0)[:1]", "direction returns a direction of shape (1,)"),
    ("direction", "return g", None),
]


@pytest.mark.parametrize(("hook", "body", "expected"), HOOKS)
def test_a_users_rule_may_ask_for_more_than_the_gradient(rule_file, hook: str, body: str, expected: str | None) -> None:
    given = UPDATE.replace("return x - ", "return x - loss * second_gradient - hessian_product - ")
    path = rule_file(WITH_NEEDS, (UPDATE, f"{given}\n\n    def {hook}(self, x, g, state):\n        {body}"))
    path.write_text(
        path.read_text().replace("g, state, t):", "g, state, t, loss, second_gradient, hessian_product):"),
        encoding="utf-8",
    )
    if expected is None:
        assert load_rule(str(path))[0].needs == {"second_gradient", "hessian_product", "loss"}
    else:
        assert expected in refusal(path)


def test_a_file_with_two_rules_asks_for_a_name(rule_file) -> None:
    path = rule_file()
    second = HEAVY_BALL.replace("class HeavyBall", "class Other").replace('"heavy-ball"', '"other"')
    path.write_text(HEAVY_BALL + second, encoding="utf-8")
    assert "defines several (HeavyBall, Other); name one, as in my_rule.py:HeavyBall" in refusal(path)
    assert load_rule(f"{path}:Other")[0].name == "other"


def test_a_file_without_a_rule_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.py"
    path.write_text("from thalweg.optimizers import Adam, Rule\n")
    assert "must define a class that derives from thalweg.optimizers.Rule; it defines nothing." in refusal(path)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_rule_of_the_catalogue_passes_the_trial(name: str) -> None:
    from thalweg.optimizers.trial import trial_problem

    for preset in ("", *OPTIMIZERS[name].presets):
        rule = OPTIMIZERS[name].preset(preset) if preset else OPTIMIZERS[name].configured()
        assert trial_problem(rule) is None
