"""What a state with fewer bits costs: a page that is what its figures say, bytes as measured, gaps of paired runs."""

import importlib
import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from thalweg.compression import BYTES_PER_NUMBER

SCRIPTS = Path(__file__).parents[2] / "scripts"


@pytest.fixture(scope="module")
def script():
    sys.path.insert(0, str(SCRIPTS))
    try:
        yield importlib.import_module("low_memory")
    finally:
        sys.path.remove(str(SCRIPTS))


def test_page_is_what_its_figures_say(script) -> None:
    figures = json.loads(script.FIGURES.read_text(encoding="utf-8"))
    assert script.PAGE.read_text(encoding="utf-8") == script.page(figures)
    found = {(row["rule"], row["format"]) for row in figures["rows"]}
    assert found == {(rule, form) for rule in script.STORED for form in ("", *BYTES_PER_NUMBER)} | {("adafactor", "")}
    averages = {"adamw": 2, "lion": 1, "momentum": 1}
    for row in figures["rows"]:
        assert row["learning rate"] in script.GRIDS[row["rule"]]
        if row["rule"] in averages:
            bytes_per_number = BYTES_PER_NUMBER.get(row["format"], 4.0)
            assert row["bytes per parameter"] == pytest.approx(averages[row["rule"]] * bytes_per_number, rel=1e-3)


def _runs(losses: list[float], status: str = "finished") -> list[Any]:
    return [SimpleNamespace(status=status, test_loss=loss, test_metric=-loss) for loss in losses]


def test_gaps_are_means_of_paired_differences(script) -> None:
    plain = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
    row = script.row("lion", 1e-3, "int8", _runs([a + 0.5 + 0.1 * (i % 2) for i, a in enumerate(plain)]), _runs(plain))
    mean, low, high = row["loss gap"]
    assert mean == pytest.approx(0.55)
    assert 0.5 <= low < mean < high <= 0.6
    assert row["accuracy gap"][0] == pytest.approx(-0.55)
    assert script.spread(row["loss gap"]).startswith("+0.5500 [+0.5")
    lost = script.row("lion", 1e-3, "int8", _runs([math.nan] * 10, "diverged"), _runs(plain))
    assert script.spread(lost["loss gap"]) == "diverged"
    assert lost["diverged"] == 10
