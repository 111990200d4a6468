"""Optimizers by reference: ``adam``, ``adam@torch``, or a rule in a file of the user's own, ``./my_rule.py:MyRule``."""

import dataclasses
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from thalweg.errors import UnknownNameError
from thalweg.optimizers.base import INPUTS, Rule
from thalweg.optimizers.catalogue import OPTIMIZERS
from thalweg.optimizers.trial import trial_problem
from thalweg.user_classes import UserClass
from thalweg.user_files import is_file_reference, split_reference

__all__ = ["ResolvedRule", "check_rule", "load_rule", "resolve_optimizer"]


@dataclasses.dataclass(frozen=True)
class ResolvedRule:
    """A rule found by its reference.

    Attributes:
        rule_class: The rule.
        name: Catalogue name, or ``path/to/file.py:Name`` for a user's own rule.
        preset: Named preset, or empty.
        source: Fingerprint of a user's file; empty for built-in rules.
    """

    rule_class: type[Rule]
    name: str
    preset: str
    source: str


def resolve_optimizer(reference: str) -> ResolvedRule:
    """Return the rule that a reference means.

    Args:
        reference: ``adam``, ``adam@torch``, ``path/to/file.py``, ``path/to/file.py:MyRule`` or
            ``path/to/file.py:MyRule@preset``.

    Raises:
        UnknownNameError: No such optimizer or preset; the nearest is offered.
        UserFileError: The user's file cannot be used, with the reason.

    Example:
        >>> resolve_optimizer("adam@keras").preset
        'keras'
    """
    name, preset = _split_preset(reference.strip())
    if is_file_reference(name):
        rule_class, source = load_rule(name)
        path, _ = split_reference(name)
        name = f"{path}:{rule_class.__name__}"
    elif name in OPTIMIZERS:
        rule_class, source = OPTIMIZERS[name], ""
    else:
        raise UnknownNameError("optimizer", name, OPTIMIZERS)
    if preset is not None and preset not in rule_class.presets:
        raise UnknownNameError(f"preset of {rule_class.name}", preset, rule_class.presets)
    return ResolvedRule(rule_class, name, preset or "", source)


def load_rule(reference: str) -> tuple[type[Rule], str]:
    """Return a rule out of a user's file, checked and tried for three steps, and the file's fingerprint.

    Args:
        reference: ``path/to/file.py:MyRule``, or only the path if the file defines one rule.

    Raises:
        UserFileError: The file cannot be used, or its rule breaks the contract of
            :class:`thalweg.optimizers.Rule`; the sentence names the line or the method.
    """
    found = _RULE.load(reference)
    check_rule(found.value, found.path)
    return found.value, found.source_fingerprint


def check_rule(rule_class: type[Rule], path: Path | None = None) -> None:
    """Refuse a rule that breaks the contract of :class:`thalweg.optimizers.Rule`.

    Args:
        rule_class: The rule.
        path: The file that defines it, or None for a class made in a running program.

    Raises:
        UserFileError: It breaks the contract; the sentence names the line or the method.
    """
    _RULE.check_declaration(rule_class, path)
    _RULE.check_trial(rule_class, path, rule_class.configured, trial_problem)
    for preset in rule_class.presets:
        made = partial(rule_class.preset, preset)
        _RULE.check_trial(rule_class, path, made, trial_problem, f" with preset {preset!r}")


def _split_preset(reference: str) -> tuple[str, str | None]:
    head, at, tail = reference.rpartition("@")
    if not at or re.search(r"[/\\:]|\.py", tail):
        return reference, None
    return head, tail


def _declaration_problem(rule_class: type[Rule]) -> str | None:
    needs = rule_class.needs
    if not isinstance(needs, frozenset) or not all(isinstance(name, str) for name in needs):
        return f"has needs = {needs!r}; give a frozenset of names, as in needs: ClassVar = frozenset({{'loss'}})"
    unknown = sorted(needs - set(INPUTS))
    if unknown:
        return f"needs {', '.join(unknown)}, which no training passes; there are {', '.join(sorted(INPUTS))}"
    presets = rule_class.presets
    if not isinstance(presets, Mapping) or not all(isinstance(settings, Mapping) for settings in presets.values()):
        return f"has presets = {presets!r}; give a mapping of names to settings, as in {{'paper': {{'beta1': 0.9}}}}"
    return None


_RULE = UserClass(
    "optimizer",
    Rule,
    forbidden="@:,/\\",
    formula="θ ← θ − η·g",
    tried_on="a 2 × 2 array",
    declaration_problem=_declaration_problem,
)
