"""The mutation campaign in a reduced form: each mistake in a rule must fail a check."""

import ast
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import mutate_rules
from mutation_operators import Vocabulary, apply, mutants

SOURCE = '''
FACTOR = 3.0

class Rule:
    title = "a text"
    rate = hyperparameter(0.5, meaning="a text")
    form = variant("a", choices=("a", "b"), meaning="a text")

    def update(self, x: Array, g: Array, state: dict, t: Array):
        """Return 1 + 1."""
        if self.form == "a":
            raise ValueError("1 + 1")
        m = self.rate * state["m"] - self.decay * g
        return xp.where(t > 1, x, xp.maximum(m, g)), {"m": m, "v": g}
'''


def test_the_operators_reach_every_kind_of_place_and_no_text() -> None:
    tree = ast.parse(SOURCE)
    words = Vocabulary(("rate", "decay"), {"form": ("a", "b")}, ("m", "v"))
    found = mutants("sample", tree, words)
    changes = {f"{mutant.old} → {mutant.new}" for mutant in found}
    assert changes >= {
        "3.0 → 2.9699999999999998",
        "0.5 → 1.0",
        "'a' → 'b'",
        "self.form == 'a' → self.form != 'a'",
        "self.rate → self.decay",
        "state['m'] → state['v']",
        "self.rate * state['m'] - self.decay * g → self.rate * state['m'] + self.decay * g",
        "self.rate * state['m'] - self.decay * g → self.decay * g - self.rate * state['m']",
        "self.decay * g → g",
        "t → t + 1",
        "t > 1 → t <= 1",
        "xp.where(t > 1, x, xp.maximum(m, g)) → xp.where(t > 1, xp.maximum(m, g), x)",
        "xp.maximum(m, g) → xp.minimum(m, g)",
        "{'m': m, 'v': g} → {'m': g, 'v': m}",
        "{'m': m, 'v': g} → {'m': state['m'], 'v': g}",
    }
    assert not any("text" in change for change in changes)
    assert not any(mutant.old in {"1 + 1", "'1 + 1'"} for mutant in found)
    sources = {ast.unparse(apply(tree, mutant)) for mutant in found}
    assert len(sources) == len(found)
    assert ast.unparse(tree) not in sources


def test_a_mistake_that_no_check_sees_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutate_rules, "checks", lambda rule: [])
    counts = mutate_rules.run(sample=3, modules=["sgd"])
    assert (counts["mutants"], counts["killed"], counts["survived"]) == (3, 0, 3)
    assert all(survivor["module"] == "sgd" for survivor in counts["survivors"])


@pytest.mark.slow
def test_no_mutant_of_a_sample_survives() -> None:
    counts = mutate_rules.run(sample=40, seed=20)
    assert counts["mutants"] == 40
    assert counts["survivors"] == []
