"""Which independent implementation each rule and preset is held against, and with which settings.

A new rule is one entry in the table of its family (``conformance_classic`` and its neighbours): its oracle, unusual
settings for every hyperparameter, and per preset the other libraries' constructors with the names that they give our
hyperparameters.
"""

import functools
import inspect
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import oracles
from conformance_classic import CLASSIC
from conformance_curvature import CURVATURE
from conformance_entries import Reference, RuleTable
from conformance_matrix import MATRIX
from conformance_minimizers import MINIMIZERS
from conformance_modern import MODERN
from conformance_scaled import SCALED
from conformance_scenarios import CURVED, FADING, FLIPS, PLAIN, RATE_CHANGE, ZEROS, Scenario, Trajectory

from thalweg.optimizers import Rule

__all__ = ["TABLE", "Case", "Reference", "RuleTable", "cases", "oracle_cases"]

TOLERANCE = 1e-12  # float64, 14 steps of some ten operations each: rounding alone stays below 1e-14

TABLE: Mapping[str, RuleTable] = {
    **CLASSIC,
    **MODERN,
    **SCALED,
    **MATRIX,
    **CURVATURE,
    **MINIMIZERS,
}


@dataclass(frozen=True)
class Case:
    """A rule under a preset and settings, on a scenario, against a reference."""

    rule: str
    label: str
    preset: str
    settings: Mapping[str, Any]
    scenario: Scenario
    reference: Callable[[], Trajectory]
    rate_in_float32: bool = False
    tolerance: float = TOLERANCE

    def ours(self, rules: Mapping[str, type[Rule]]) -> Rule:
        """Return our rule with the preset and the settings."""
        cls = rules[self.rule]
        rule = cls.preset(self.preset, **self.settings) if self.preset else cls.configured(**self.settings)
        if self.rate_in_float32:
            return rule.with_values({"learning_rate": float(np.float32(rule.values()["learning_rate"]))})
        return rule

    def expected(self) -> Trajectory:
        """Return the reference's trajectory, computed once."""
        if self.label not in KNOWN:
            KNOWN[self.label] = self.reference()
        return KNOWN[self.label]


KNOWN: dict[str, Trajectory] = {}  # by label; a mutation campaign hands it to its processes


def _settings_groups(table: RuleTable, names: set[str]) -> list[tuple[dict[str, float], tuple[Scenario, ...]]]:
    """Return settings with their scenarios; every number is exact in float32, since Keras rounds the rate."""
    unusual = {name: value for name, value in table.unusual.items() if name in names}
    groups: list[tuple[dict[str, float], tuple[Scenario, ...]]] = [
        ({}, (PLAIN, ZEROS)),
        ({"learning_rate": 0.5}, (RATE_CHANGE, ZEROS, FLIPS)),
        (unusual, (CURVED, FADING)),
    ]
    if "epsilon" in names:
        groups.append(({"learning_rate": 1.0, "epsilon": 2.0**-10}, (PLAIN, FADING)))
    return groups


def cases(rule: str) -> list[Case]:
    """Return every case of a rule's presets against libraries, and of its defaults against its oracle."""
    table = TABLE[rule]
    found: list[Case] = []
    for reference in table.references:
        library = reference.library
        oracle = reference.oracle or table.oracle
        known = set(library.arguments if library else inspect.signature(oracle).parameters) - set(reference.unused)
        for given, scenarios in _settings_groups(table, known):
            ours = {**reference.ours, **given}
            rounded = library is not None and library.package == "keras" and "learning_rate" not in given
            theirs = {**reference.theirs, **given}
            for scenario in (s for s in scenarios if s.name not in reference.unlike):
                label = f"{rule}-{reference.label()}-{scenario.name}-{'+'.join(given) or 'default settings'}"
                run = library.run if library else functools.partial(oracles.run, oracle)
                found.append(
                    Case(
                        rule,
                        label.replace(" ", "_"),
                        reference.preset,
                        ours,
                        scenario,
                        functools.partial(run, theirs, scenario),
                        rate_in_float32=rounded,  # Keras keeps the learning rate in float32
                        tolerance=reference.tolerance,
                    )
                )
    return found


def oracle_cases(rule: str, variants: Mapping[str, tuple[Any, ...]]) -> list[Case]:
    """Return the rule under every combination of its variants' choices, with unusual settings, against its oracle.

    Args:
        rule: Name of the rule.
        variants: Every choice of every variant, the default first.
    """
    table = TABLE[rule]
    found: list[Case] = []
    for choice in itertools.product(*variants.values()):
        chosen = dict(zip(variants, choice, strict=True))
        departures = sum(value != variants[name][0] for name, value in chosen.items())
        if departures > table.together:
            continue
        left_out = {n for pair in chosen.items() for n in table.without.get(pair, ())}
        settings = {**chosen, **{n: v for n, v in table.unusual.items() if n not in left_out}}
        for scenario in (CURVED, ZEROS) if departures <= 1 else (CURVED,):
            words = "+".join(f"{key}={value}" for key, value in chosen.items()) or "no_variants"
            expected = functools.partial(oracles.run, table.oracle, settings, scenario)
            label = f"{rule}-oracle-{words}-{scenario.name}".replace(" ", "_")
            found.append(Case(rule, label, "", settings, scenario, expected))
    for settings in table.also:
        for scenario in (PLAIN, RATE_CHANGE, ZEROS, FLIPS, FADING, CURVED):
            expected = functools.partial(oracles.run, table.oracle, settings, scenario)
            words = "+".join(f"{key}={value}" for key, value in settings.items())
            found.append(
                Case(rule, f"{rule}-oracle-{words}-{scenario.name}".replace(" ", "_"), "", settings, scenario, expected)
            )
    return found
