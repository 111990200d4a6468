"""Every rule and preset against independent implementations, and against itself in disguise."""

import functools

import pytest
from conformance_checks import Check, checks, range_lines
from conformance_table import TABLE, cases

from thalweg.optimizers.catalogue import OPTIMIZERS

ALL = [check for rule in OPTIMIZERS if rule in TABLE for check in checks(rule)]


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.label)
def test_rule(check: Check) -> None:
    check.run(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_rule_and_preset_has_an_independent_reference(name: str) -> None:
    assert name in TABLE, f"{name} has no entry in conformance_table.TABLE"
    covered = {reference.preset for reference in TABLE[name].references}
    assert covered == {"", *OPTIMIZERS[name].presets}
    assert {case.preset for case in cases(name)} == covered


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_presets_named_for_a_library_are_run_against_that_library(name: str) -> None:
    run = {r.preset for r in TABLE[name].references if r.library and r.library.package == r.preset}
    assert run == OPTIMIZERS[name].presets.keys() & {"torch", "optax", "keras"}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_unusual_settings_move_every_hyperparameter_off_every_default(name: str) -> None:
    rule, unusual = OPTIMIZERS[name], TABLE[name].unusual
    assert unusual.keys() == rule.hyperparameters().keys()
    for made in [rule.configured(), *(rule.preset(preset) for preset in rule.presets)]:
        same = {key for key, value in made.values().items() if value == unusual[key]}
        assert not same, f"{name}: {same} are at a default in the unusual settings"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_choice_of_every_variant_is_held_against_the_oracle(name: str) -> None:
    tried = [check.label for check in ALL if check.rule == name and check.kind == "oracle"]
    for variant, what in OPTIMIZERS[name].variants().items():
        for choice in what.choices:
            assert any(f"{variant}={choice}" in label for label in tried), f"{variant} = {choice}"


def test_labels_are_unique() -> None:
    assert len({check.label for check in ALL}) == len(ALL)


def test_ranges_file_has_no_line_too_many() -> None:
    from conformance_checks import RANGES

    lines = [line for rule in OPTIMIZERS.values() for line in range_lines(rule)]
    assert RANGES.read_text(encoding="utf-8").splitlines() == lines


@functools.cache
def _kinds() -> dict[str, set[str]]:
    return {name: {check.kind for check in ALL if check.rule == name} for name in OPTIMIZERS}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_special_cases_are_proven(name: str) -> None:
    proven = [check for check in ALL if check.rule == name and check.kind == "identity"]
    for other, _ in OPTIMIZERS[name].special_cases:
        assert any(check.label == f"{name}-special-case-{other}" for check in proven)
