"""Explain a rule: its formula, settings, measured state, sources, and where the world's versions of it differ."""

import dataclasses
import functools
import importlib.resources
import inspect
import json
import math
import textwrap
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from thalweg.optimizers import lift
from thalweg.optimizers.base import INPUTS, Rule
from thalweg.optimizers.catalogue import OPTIMIZERS
from thalweg.optimizers.user_rules import resolve_optimizer

__all__ = [
    "Explanation",
    "HyperparameterEntry",
    "SpecialCase",
    "StateEntry",
    "VariantEntry",
    "as_text",
    "explain",
    "explain_rule",
]

_MEASURED_SHAPE = (64, 32)


@dataclasses.dataclass(frozen=True)
class HyperparameterEntry:
    """One numeric setting: name, default, allowed range, searched range and its scale, meaning."""

    name: str
    default: float
    allowed: str
    search: tuple[float, float] | None
    scale: str
    meaning: str


@dataclasses.dataclass(frozen=True)
class VariantEntry:
    """One choice between forms: name, default, every choice, meaning."""

    name: str
    default: Any
    choices: tuple[Any, ...]
    meaning: str


@dataclasses.dataclass(frozen=True)
class StateEntry:
    """One array that the rule keeps: its name and its numbers per parameter, measured on a 64 × 32 matrix."""

    name: str
    numbers_per_parameter: float


@dataclasses.dataclass(frozen=True)
class SpecialCase:
    """Another rule that this rule becomes with the settings given."""

    name: str
    settings: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Explanation:
    """All that is known of a rule; ``records.plain`` turns it into JSON.

    Attributes:
        name: Catalogue name, or ``path/to/file.py:Name``.
        title: Name for people.
        summary: What it does, one sentence.
        preset: The preset whose defaults are shown, or empty for the rule's own.
        formula: The update, line by line.
        hyperparameters: Numeric settings.
        variants: Choices between forms.
        state: Arrays kept, measured.
        state_bytes_per_parameter: In float32, measured.
        needs: Inputs beyond the gradient, by name; see :data:`thalweg.optimizers.INPUTS`.
        update_cost: Time of an update as a multiple of gradient descent's, measured on a CPU with the gradient and what
            it needs given; None for rules that were not measured.
        presets: What each named preset sets beyond the rule's own defaults.
        sources: Papers with equation or algorithm.
        differences: Where the world's versions differ.
        slips: Where a seed text states it wrongly.
        attributes: What it is good and bad at.
        special_cases: Rules that it contains.
    """

    name: str
    title: str
    summary: str
    preset: str
    formula: tuple[str, ...]
    hyperparameters: tuple[HyperparameterEntry, ...]
    variants: tuple[VariantEntry, ...]
    state: tuple[StateEntry, ...]
    state_bytes_per_parameter: float
    needs: tuple[str, ...]
    update_cost: float | None
    presets: Mapping[str, Mapping[str, Any]]
    sources: tuple[str, ...]
    differences: tuple[str, ...]
    slips: tuple[str, ...]
    attributes: tuple[str, ...]
    special_cases: tuple[SpecialCase, ...]


def explain(reference: str) -> Explanation:
    """Return what is known of an optimizer.

    Args:
        reference: Catalogue name, ``name@preset``, or ``path/to/file.py:MyRule``.

    Raises:
        UnknownNameError: No such optimizer or preset; the nearest is offered.
        UserFileError: The user's file cannot be used.

    Example:
        >>> explain("adam").state_bytes_per_parameter
        8.0
    """
    found = resolve_optimizer(reference)
    return explain_rule(found.rule_class, name=found.name, preset=found.preset)


def explain_rule(rule_class: type[Rule], *, name: str = "", preset: str = "") -> Explanation:
    """Return what is known of a rule's class; :func:`explain` finds the class by its name."""
    rule = rule_class.preset(preset) if preset else rule_class.configured()
    return Explanation(
        name=name or rule.name,
        title=rule.title or rule.name,
        summary=_summary(rule_class),
        preset=preset,
        formula=rule.formula,
        hyperparameters=tuple(
            HyperparameterEntry(key, getattr(rule, key), what.range_text(), what.search, what.scale, what.meaning)
            for key, what in rule.hyperparameters().items()
        ),
        variants=tuple(
            VariantEntry(key, getattr(rule, key), what.choices, what.meaning) for key, what in rule.variants().items()
        ),
        state=_measured_state(rule),
        state_bytes_per_parameter=lift.state_bytes_per_parameter(rule),
        needs=tuple(sorted(rule.needs)),
        update_cost=_step_costs().get(rule.name) if OPTIMIZERS.get(rule.name) is rule_class else None,
        presets={key: dict(settings) for key, settings in rule.presets.items()},
        sources=rule.sources,
        differences=rule.differences,
        slips=rule.slips,
        attributes=rule.attributes,
        special_cases=tuple(SpecialCase(other, dict(settings)) for other, settings in rule.special_cases),
    )


def as_text(explanation: Explanation, width: int = 100) -> str:
    """Return an explanation laid out as plain text.

    Args:
        explanation: From :func:`explain`.
        width: Longest line, at least 40 columns; formula lines are never broken.
    """
    width = max(width, 40)
    preset = f" with the preset {explanation.preset!r}" if explanation.preset else ""
    head = f"{explanation.title} ({explanation.name}){preset}"
    parts = ["\n".join([*textwrap.wrap(head, width), *textwrap.wrap(explanation.summary, width)])]
    for heading, lines in _sections(explanation, width):
        if lines:
            parts.append("\n".join([heading, *lines]))
    return "\n\n".join(parts) + "\n"


def _sections(e: Explanation, width: int) -> Iterator[tuple[str, list[str]]]:
    yield "Update", [f"  {line}" for line in e.formula]
    rows = [(h.name, _number(h.default), h.allowed, _search(h), h.meaning) for h in e.hyperparameters]
    header = ("", "default", "allowed", "searched", "")
    yield "Hyperparameters", _table([header, *rows], width) if rows else []
    choices = [(v.name, str(v.default), v.meaning, f"one of: {', '.join(map(str, v.choices))}") for v in e.variants]
    yield "Variants", [line for row in choices for line in _variant_lines(row, width)]
    kept = [f"{entry.name}: {_kept(entry)}" for entry in e.state]
    kept.append(f"{e.state_bytes_per_parameter:.4g} bytes per parameter in float32, measured")
    yield "State", _items(kept, width)
    yield "Cost", _items(_costs(e), width)
    yield "Presets", _items([f"{key}: {_settings(value)}" for key, value in e.presets.items()], width)
    contains = [f"{case.name}, with {_settings(case.settings)}" for case in e.special_cases]
    yield "Contains as special cases", _items(contains, width)
    yield "Good and bad at", _items(e.attributes, width)
    yield "Where versions differ", _items(e.differences, width)
    yield "Where the seed texts slip", _items(e.slips, width)
    yield "Sources", _items(e.sources, width)


def _costs(e: Explanation) -> list[str]:
    costs = [f"beside the gradient it needs {INPUTS[name].replace('`', '')} ({name})" for name in e.needs]
    if e.update_cost is not None:
        times = "as long as" if e.update_cost == 1 else f"{e.update_cost:g} times as long as"
        costs.append(f"its update takes {times} gradient descent's, measured on a CPU")
    return costs


@functools.cache
def _step_costs() -> dict[str, float]:
    text = importlib.resources.files("thalweg.optimizers").joinpath("step_costs.json").read_text(encoding="utf-8")
    return json.loads(text)


def _summary(rule_class: type[Rule]) -> str:
    if not rule_class.__doc__ or rule_class.__doc__.startswith(f"{rule_class.__name__}("):  # made by dataclass itself
        return ""
    return " ".join(inspect.cleandoc(rule_class.__doc__).partition("\n\n")[0].split())


def _measured_state(rule: Rule) -> tuple[StateEntry, ...]:
    x = np.zeros(_MEASURED_SHAPE, dtype=np.float32)
    state = lift.init_state(rule, [x])
    sizes: dict[str, int] = {}
    for key, size in _sizes(state if rule.whole_tree else state[0], ""):
        sizes[key] = sizes.get(key, 0) + size
    return tuple(StateEntry(key, size / x.size) for key, size in sizes.items())


def _sizes(tree: Any, prefix: str) -> Iterator[tuple[str, int]]:
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from _sizes(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(tree, tuple | list):
        for value in tree:
            yield from _sizes(value, prefix)
    elif hasattr(tree, "size"):
        yield prefix, int(tree.size)


def _number(value: float) -> str:
    return f"{value:.6g}"


def _kept(entry: StateEntry) -> str:
    if entry.numbers_per_parameter >= 1:
        return f"{_number(entry.numbers_per_parameter)} per parameter"
    count = round(entry.numbers_per_parameter * math.prod(_MEASURED_SHAPE))
    return "1 number in all" if count == 1 else f"{count} numbers in all"


def _search(entry: HyperparameterEntry) -> str:
    if entry.search is None:
        return "kept"
    return f"{_number(entry.search[0])} … {_number(entry.search[1])}, {entry.scale}"


def _settings(settings: Mapping[str, Any]) -> str:
    if not settings:
        return "the defaults"
    return ", ".join(f"{k} = {_number(v) if isinstance(v, float) else v}" for k, v in settings.items())


def _variant_lines(row: tuple[str, str, str, str], width: int) -> list[str]:
    name, default, meaning, choices = row
    text = f"{name} = {default} ({choices}): {meaning}"
    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="      ")


def _items(texts: Sequence[str], width: int) -> list[str]:
    lines: list[str] = []
    for text in texts:
        lines += textwrap.wrap(text, width, initial_indent="  • ", subsequent_indent="    ", break_on_hyphens=False)
    return lines


def _columns(text: str) -> int:
    """Return the printed width of ``text``; combining marks such as the hat of m̂ take no column."""
    return sum(not unicodedata.combining(character) for character in text)


def _table(rows: Sequence[tuple[str, ...]], width: int) -> list[str]:
    """Lay rows out in columns; the last column is wrapped into the width left, or put below where none is left."""
    widths = [max(_columns(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    indent = 2 + sum(widths) + 2 * len(widths)
    below = width - indent < 24
    lines: list[str] = []
    for *cells, last in rows:
        padded = "  ".join(cell + " " * (w - _columns(cell)) for cell, w in zip(cells, widths, strict=True))
        if below:
            lines.append(f"  {padded}".rstrip())
            lines += textwrap.wrap(last, width, initial_indent="      ", subsequent_indent="      ")
        else:
            wrapped = textwrap.wrap(last, width - indent) or [""]
            lines.append(f"  {padded}  {wrapped[0]}".rstrip())
            lines += [" " * indent + line for line in wrapped[1:]]
    return lines
