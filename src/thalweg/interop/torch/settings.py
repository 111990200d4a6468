"""Settings of a rule in the words of PyTorch: the keys of parameter groups, and groups by the names of parameters."""

import difflib
import fnmatch
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.optimizers.base import Rule

__all__ = [
    "OPTIONS",
    "group_keys",
    "has_layout",
    "named_groups",
    "our_settings",
    "rule_of_group",
    "their_settings",
    "torch_rule",
]

OPTIONS: Mapping[str, Any] = {"fused": None, "sparse": False, "state_format": None, "answering": False}
ALIASES = {"lr": ("learning_rate",), "eps": ("epsilon",), "betas": ("beta1", "beta2", "beta3")}
UNHEEDED = ("maximize", "differentiable")  # words of torch.optim that would change the steps


@functools.cache
def group_keys(rule_class: type[Rule]) -> Mapping[str, str]:
    """Return the key in a parameter group of each of a rule's settings: ``lr`` for its learning rate, else its name."""
    names = [*rule_class.hyperparameters(), *rule_class.variants()]
    return {name: "lr" if name == "learning_rate" else name for name in names}


def our_settings(rule_class: type[Rule], given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the rule's settings among what was given, by their own names, and all that is no setting.

    Args:
        rule_class: The rule.
        given: Settings by their names, or as PyTorch calls them: ``lr``, ``eps``, ``betas``.

    Raises:
        UnknownNameError: A word that is nearly the name of a setting.
        InvalidValueError: A setting is given twice, ``betas`` is no tuple of the right length, or the gradient is to
            be climbed or the step to be differentiated.
    """
    known = group_keys(rule_class)
    settings: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for key, value in _without_betas_seen(rule_class, given).items():
        if key in UNHEEDED and key not in known and value:
            raise InvalidValueError(f"{rule_class.name}: {key} = {value!r} is not allowed; leave it out.")
        names = tuple(name for name in ALIASES.get(key, ()) if name in known) if key not in known else (key,)
        if not names:
            if key not in OPTIONS and difflib.get_close_matches(key, known, n=1, cutoff=0.75):
                raise UnknownNameError(f"hyperparameter of {rule_class.name}", key, known)
            rest[key] = value
            continue
        values = (value,) if key != "betas" else _each_beta(rule_class, names, value)
        for name, one in zip(names, values, strict=True):
            if name in settings:
                raise InvalidValueError(f"{rule_class.name}: {name} is given twice, as {key} too; give it once.")
            settings[name] = _plain(one)
    return settings, rest


def torch_rule(rule_class: type[Rule], preset: str = "", **settings: Any) -> Rule:
    """Return a rule for PyTorch's parameters, whose first axis is that of a layer's outputs.

    Args:
        rule_class: The rule.
        preset: Named settings to start from; empty for the defaults.
        settings: Settings by their names. ``layout`` is ``out-in`` unless it is among them or in the preset.

    Raises:
        InvalidValueError: A setting is outside its range.
        UnknownNameError: No such preset or setting.
    """
    if has_layout(rule_class):
        settings = {"layout": rule_class.presets.get(preset, {}).get("layout", "out-in"), **settings}
    return rule_class.preset(preset, **settings) if preset else rule_class.configured(**settings)


def has_layout(rule_class: type[Rule]) -> bool:
    """Return whether a rule can be told which axis of an array is that of the outputs."""
    layout = rule_class.variants().get("layout")
    return layout is not None and set(layout.choices) == {"in-out", "out-in"}


def their_settings(rule: Rule) -> dict[str, Any]:
    """Return a rule's settings under the keys of a parameter group."""
    settings = {**rule.values(), **rule.structure()}
    group = {key: settings[name] for name, key in group_keys(type(rule)).items()}
    _join_betas(type(rule), group)
    return group


def rule_of_group(rule_class: type[Rule], group: dict[str, Any]) -> Rule:
    """Return the rule with a group's settings, as they are now, without checking ranges.

    What was written under another name is taken over: ``eps``, ``learning_rate``, and ``betas``, which stand in a group
    beside ``beta1`` and ``beta2`` because schedulers of PyTorch move them.

    Raises:
        InvalidValueError: ``betas`` is no tuple of the right length.
    """
    _take_betas(rule_class, group)
    for alias, key in _other_keys(rule_class).items():
        if alias in group:
            group[key] = group.pop(alias)
    values = {name: _plain(group[key]) for name, key in group_keys(rule_class).items()}
    return _defaults(rule_class).with_values(values)


def named_groups(module: torch.nn.Module, settings: Mapping[str, Mapping[str, Any] | None]) -> list[dict[str, Any]]:
    """Return a module's parameters as groups by their names.

    Args:
        module: The model.
        settings: Settings by pattern, ``*`` standing for anything; the first pattern that fits a parameter's name
            counts, and parameters that none fits have the optimizer's settings. None leaves parameters out.

    Raises:
        UnknownNameError: A pattern fits no parameter.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1))
        >>> groups = named_groups(model, {"*.bias": {"weight_decay": 0.0}, "0.*": None})
        >>> [(group["names"], group.get("weight_decay")) for group in groups]
        [(['0.bias', '1.bias'], 0.0), (['1.weight'], None)]
    """
    patterns = [*settings, "*"]
    found: dict[str, list[tuple[str, torch.nn.Parameter]]] = {pattern: [] for pattern in patterns}
    for name, parameter in module.named_parameters():
        found[next(pattern for pattern in patterns if fnmatch.fnmatchcase(name, pattern))].append((name, parameter))
    names = [name for name, _ in module.named_parameters()]
    for pattern in settings:
        if not any(fnmatch.fnmatchcase(name, pattern) for name in names):
            raise UnknownNameError("pattern of parameter names", pattern, names)
    return [
        {"params": [p for _, p in found[pattern]], "names": [n for n, _ in found[pattern]], **(chosen or {})}
        for pattern, chosen in [*settings.items(), *([] if "*" in settings else [("*", {})])]
        if chosen is not None and found[pattern]
    ]


@functools.cache
def _other_keys(rule_class: type[Rule]) -> Mapping[str, str]:
    """Return the keys in a parameter group by other names that a setting may be written under."""
    known = group_keys(rule_class)
    names = {"eps": "epsilon", "learning_rate": "learning_rate"}
    return {alias: known[name] for alias, name in names.items() if name in known and alias not in known.values()}


@functools.cache
def _betas(rule_class: type[Rule]) -> tuple[str, ...]:
    """Return the settings that stand together as ``betas``; none without a first, which schedulers move."""
    known = group_keys(rule_class)
    together = "beta1" in known and "betas" not in known
    return tuple(name for name in ALIASES["betas"] if name in known) if together else ()


def _join_betas(rule_class: type[Rule], group: dict[str, Any]) -> None:
    """Put ``betas`` beside the single ones, and what they were, so that a change of either is noticed."""
    if names := _betas(rule_class):
        group["betas"] = group["betas_seen"] = tuple(group[name] for name in names)


def _take_betas(rule_class: type[Rule], group: dict[str, Any]) -> None:
    """Make ``betas`` and the single ones agree, whichever was written last; ``betas`` if both were."""
    names = _betas(rule_class)
    if not names:
        return
    if "betas" in group and group["betas"] != group.get("betas_seen"):
        group |= zip(names, _each_beta(rule_class, names, group["betas"]), strict=True)
    _join_betas(rule_class, group)


def _each_beta(rule_class: type[Rule], names: Sequence[str], betas: Any) -> Sequence[Any]:
    if not isinstance(betas, tuple | list) or len(betas) != len(names):
        raise InvalidValueError(
            f"{rule_class.name}: betas = {betas!r} is not allowed; give a tuple of {len(names)} numbers "
            f"({', '.join(names)})."
        )
    return betas


def _without_betas_seen(rule_class: type[Rule], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings without the pair of ``betas``, where they come from a group of the same rule."""
    found = dict(given)
    if "betas_seen" in found and found.keys() >= set(_betas(rule_class)):
        _take_betas(rule_class, found)
        found.pop("betas", None)
        del found["betas_seen"]
    return found


@functools.cache
def _defaults(rule_class: type[Rule]) -> Rule:
    return rule_class.configured()


def _plain(value: Any) -> Any:
    """Return a number for a 0-d tensor, which PyTorch allows as a learning rate."""
    return value.item() if isinstance(value, torch.Tensor) else value
