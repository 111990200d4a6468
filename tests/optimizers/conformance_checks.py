"""Everything that is asserted of one rule's numbers, as functions of the catalogue.

The tests run these on the catalogue; ``scripts/mutate_rules.py`` runs the same on catalogues with one mistake in them.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import array_api_strict
import numpy as np
from conformance_details import DETAILS
from conformance_identities import IDENTITIES, special_case_identities
from conformance_scenarios import CURVED, PLAIN, largest_difference, needed, run_rule
from conformance_table import TABLE, TOLERANCE, Case, Reference, cases, oracle_cases

from thalweg.optimizers import Rule, lift
from thalweg.optimizers.catalogue import OPTIMIZERS

__all__ = ["Check", "checks", "range_lines"]

RANGES = Path(__file__).with_name("hyperparameter_ranges.txt")
Rules = Mapping[str, type[Rule]]


@dataclass(frozen=True)
class Check:
    """One assertion about a rule.

    Attributes:
        rule: Name of the rule.
        kind: ``oracle``, ``library``, ``defaults``, ``identity``, ``detail``, ``ranges``, ``state`` or ``strict``.
        label: What is asserted, unique.
        run: Raises AssertionError if it does not hold for the catalogue given.
    """

    rule: str
    kind: str
    label: str
    run: Callable[[Rules], None]


def checks(rule: str) -> list[Check]:
    """Return all checks of a rule: first the quick ones, then those that find most mistakes."""
    found = [Check(rule, "ranges", f"{rule}-ranges", _ranges(rule))]
    for reference in TABLE[rule].references:
        label = f"{rule}-{reference.label()}-own-defaults"
        found.append(Check(rule, "defaults", label, _defaults(rule, reference)))
    for label, run in DETAILS.get(rule, {}).items():
        found.append(Check(rule, "detail", f"{rule}-detail-{label}".replace(" ", "_"), run))
    variants = _choices_default_first(OPTIMIZERS[rule])
    found += [Check(rule, "oracle", case.label, _trajectory(case)) for case in oracle_cases(rule, variants)]
    for case in cases(rule):
        kind = "oracle" if "-oracle-" in case.label else "library"
        found.append(Check(rule, kind, case.label, _trajectory(case)))
    for number, identity in enumerate(identity for identity in IDENTITIES if identity.rule == rule):
        label = f"{rule}-identity-{number}-{identity.label}".replace(" ", "_")
        found.append(Check(rule, "identity", label, _same(identity)))
    for other, _ in OPTIMIZERS[rule].special_cases:
        found.append(Check(rule, "identity", f"{rule}-special-case-{other}", _special_case(rule, other)))
    found.append(Check(rule, "state", f"{rule}-state", _state(rule)))
    found.append(Check(rule, "strict", f"{rule}-array-api-strict", _strict(rule)))
    return found


def range_lines(rule_class: type[Rule]) -> list[str]:
    """Return one line per hyperparameter: what is allowed, and what is searched when tuning."""
    lines = []
    for name, what in rule_class.hyperparameters().items():
        searched = f"{what.search[0]:g} … {what.search[1]:g} {what.scale}" if what.search else "kept"
        lines.append(f"{rule_class.name}.{name}: {what.range_text()}, {searched}")
    return lines


def _choices_default_first(rule_class: type[Rule]) -> dict[str, tuple[Any, ...]]:
    defaults = rule_class.configured().structure()
    return {
        name: (defaults[name], *(choice for choice in what.choices if choice != defaults[name]))
        for name, what in rule_class.variants().items()
    }


def _trajectory(case: Case) -> Callable[[Rules], None]:
    def run(rules: Rules) -> None:
        worst, step = largest_difference(run_rule(case.ours(rules), case.scenario), case.expected())
        assert worst <= case.tolerance, f"{case.label}: off by {worst:.3g}, first in step {step}"

    return run


def _same(identity: Any) -> Callable[[Rules], None]:
    def run(rules: Rules) -> None:
        worst, step = largest_difference(identity.left(rules), identity.right(rules))
        assert worst <= TOLERANCE, f"{identity.label}: off by {worst:.3g}, first in step {step}"

    return run


def _special_case(rule: str, other: str) -> Callable[[Rules], None]:
    def run(rules: Rules) -> None:
        claims = [i for i in special_case_identities(rules[rule], rules) if i.label.startswith(f"{rule} is {other} ")]
        assert claims
        for identity in claims:
            _same(identity)(rules)

    return run


def _defaults(rule: str, reference: Reference) -> Callable[[Rules], None]:
    """Hold a preset's numbers against the signature of the library's constructor, or of the oracle."""

    def run(rules: Rules) -> None:
        cls = rules[rule]
        ours = (cls.preset(reference.preset, **reference.ours) if reference.preset else cls.configured()).values()
        library = reference.library
        if library:
            known = {h: library.default(h) for h in library.arguments}
        else:
            signature = inspect.signature(reference.oracle or TABLE[rule].oracle).parameters
            known = {h: reference.theirs.get(h, signature[h].default) for h in ours if h in signature}
        off = {h for h, value in known.items() if value is not None and ours[h] != value}
        assert not off, f"{reference.label()}: {[(h, ours[h], known[h]) for h in sorted(off)]}"
        for h in (h for h, value in known.items() if value is None and h == "weight_decay"):
            assert ours[h] == 0.0, f"{reference.label()}: weight decay is off there"
        if library and library.undefaulted:
            assert ours["learning_rate"] == library.undefaulted["learning_rate"]

    return run


def _state(rule: str) -> Callable[[Rules], None]:
    def run(rules: Rules) -> None:
        assert rules[rule].elementwise == TABLE[rule].elementwise
        for preset in ("", *rules[rule].presets):
            made = rules[rule].preset(preset) if preset else rules[rule].configured()
            wanted = 4.0 * TABLE[rule].arrays_kept.get(preset, TABLE[rule].arrays_kept[""])
            kept = lift.state_bytes_per_parameter(made)
            # Beside whole arrays a rule may keep single numbers, 4 bytes for the 2048 parameters measured.
            assert wanted <= kept < wanted + 0.05, f"{rule}@{preset}: {kept} bytes per parameter, not {wanted}"
            leaves = [np.ones((3, 2)), np.ones(())]
            made_state = lift.init_state(made, leaves)
            inputs = needed(made, PLAIN, leaves, leaves, leaves, leaves, made_state)
            _, new_state = lift.update(made, leaves, leaves, made_state, 1, **inputs)
            assert _outline(new_state) == _outline(made_state)

    return run


def _strict(rule: str) -> Callable[[Rules], None]:
    """Run the rule on a library that has the standard's functions only, with no type of argument beyond it."""

    def run(rules: Rules) -> None:
        made = rules[rule].configured()
        leaves: tuple[Any, ...] = tuple(array_api_strict.asarray(x) for x in PLAIN.starts)
        state = lift.init_state(made, leaves)
        for step in range(1, 8):
            g = [array_api_strict.asarray(a) for a in PLAIN.gradients[step - 1]]
            inputs = needed(made, CURVED, g, leaves, leaves, g, state)
            leaves, state = lift.update(made, leaves, g, state, step, **inputs)
        assert _outline(leaves) == tuple((x.shape, "array_api_strict.float64") for x in PLAIN.starts)

    return run


def _outline(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _outline(value) for key, value in tree.items()}
    if isinstance(tree, tuple | list):
        return tuple(_outline(value) for value in tree)
    return tree.shape, str(tree.dtype)


def _ranges(rule: str) -> Callable[[Rules], None]:
    def run(rules: Rules) -> None:
        written = [line for line in RANGES.read_text(encoding="utf-8").splitlines() if line.startswith(f"{rule}.")]
        assert range_lines(rules[rule]) == written

    return run


def main() -> None:
    """Write the ranges of all rules to the file that the tests hold them against."""
    lines = [line for rule in OPTIMIZERS.values() for line in range_lines(rule)]
    RANGES.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
