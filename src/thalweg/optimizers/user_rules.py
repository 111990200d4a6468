"""Optimizers by reference: ``adam``, ``adam@torch``, or a rule in a file of the user's own, ``./my_rule.py:MyRule``."""

import dataclasses
import inspect
import re
from collections.abc import Mapping
from pathlib import Path

from thalweg.errors import InvalidValueError, UnknownNameError, UserFileError
from thalweg.optimizers.base import INPUTS, Rule
from thalweg.optimizers.catalogue import OPTIMIZERS
from thalweg.optimizers.trial import trial_problem
from thalweg.user_files import is_file_reference, line_in_file, load_object, split_reference

__all__ = ["ResolvedRule", "check_rule", "load_rule", "resolve_optimizer"]

_WANTED = "a class that derives from thalweg.optimizers.Rule"


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
    found = load_object(reference, argument="optimizer", accept=_is_rule_class, what=_WANTED)
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
    where = f"{rule_class.__name__} in {path}" if path else rule_class.__qualname__
    _check_declaration(rule_class, path, where)
    for preset in ["", *rule_class.presets]:
        _check_trial(rule_class, preset, path, where)


def _split_preset(reference: str) -> tuple[str, str | None]:
    head, at, tail = reference.rpartition("@")
    if not at or re.search(r"[/\\:]|\.py", tail):
        return reference, None
    return head, tail


def _is_rule_class(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Rule) and value is not Rule


def _check_declaration(rule_class: type[Rule], path: Path | None, where: str) -> None:
    """Raise if the class is no concrete frozen dataclass with a name, a formula and declared fields."""
    problem = _declaration_problem(rule_class)
    if problem:
        line = f", line {inspect.getsourcelines(rule_class)[1]}," if path else ""
        raise UserFileError(f"optimizer: {where}{line} {problem}.")


def _declaration_problem(rule_class: type[Rule]) -> str | None:
    missing = sorted(getattr(rule_class, "__abstractmethods__", ()))
    if missing:
        return f"lacks {' and '.join(missing)}; define the method{'s' * (len(missing) > 1)}"
    if "__dataclass_params__" not in vars(rule_class):
        return "is no dataclass; put @dataclass(frozen=True) above it"
    name, formula = getattr(rule_class, "name", None), getattr(rule_class, "formula", None)
    if not isinstance(name, str) or not re.fullmatch(r"[^\s@:,/\\]+", name):
        return (
            f"has name = {name!r}; give a word without spaces, '@', ':', ',' or '/', as in name: ClassVar[str] = 'mine'"
        )
    if not isinstance(formula, tuple) or not formula or not all(isinstance(line, str) for line in formula):
        return (
            f"has formula = {formula!r}; give a tuple of lines, as in "
            "formula: ClassVar[tuple[str, ...]] = ('θ ← θ − η·g',)"
        )
    for field in dataclasses.fields(rule_class):
        if not field.metadata.keys() & {"hyperparameter", "variant"}:
            return (
                f"declares {field.name} as a plain field; use hyperparameter(…) for a number or variant(…) for a choice"
            )
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            return f"gives {field.name} no default; every field needs one"
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


def _check_trial(rule_class: type[Rule], preset: str, path: Path | None, where: str) -> None:
    where = f"optimizer: {where}" + (f" with preset {preset!r}" if preset else "")
    try:
        rule = rule_class.preset(preset) if preset else rule_class.configured()
    except (InvalidValueError, UnknownNameError) as error:
        raise UserFileError(f"{where} cannot be made: {error}") from error
    try:
        problem = trial_problem(rule)
    except Exception as error:
        line = line_in_file(error, path) if path else None
        message = " ".join(str(error).split())
        raise UserFileError(
            f"{where}{f', line {line}' if line else ''} raises {type(error).__name__} when tried on a 2 × 2 array: "
            f"{message}; mend the rule."
        ) from error
    if problem:
        raise UserFileError(f"{where}: {problem}.")
