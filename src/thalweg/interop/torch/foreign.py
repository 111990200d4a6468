"""States of PyTorch's own optimizers, in the words of the same rule here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from thalweg.errors import InvalidValueError
from thalweg.interop.torch.settings import OPTIONS, group_keys, their_settings
from thalweg.optimizers.base import Rule

__all__ = ["from_torch"]

KEPT = ("params", "initial_lr", "names", "param_names")  # keys of a group that are no setting of the rule
ADAM_STATE = {"exp_avg": "m", "exp_avg_sq": "v"}
ADAM_SETTINGS = {"lr": "learning_rate", "eps": "epsilon", "weight_decay": "weight_decay"}
DECOUPLED = {("decoupled_weight_decay", True): {"decay_form": "decoupled"}, ("decoupled_weight_decay", False): {}}
PLAIN = {("amsgrad", False): {}, ("decoupled_weight_decay", False): {}}


@dataclass(frozen=True)
class Foreign:
    """How ``torch.optim`` names a rule's state and settings.

    Attributes:
        constructor: Its class in ``torch.optim``.
        keys: Keys that its groups have.
        state: Its name of a state array → ours.
        settings: Its name of a number → ours; ``betas`` are known besides.
        flags: (key, value) → variants here; a key that is listed with other values only is refused. A key that the
            group lacks counts as agreeing.
        lacks: Keys that its groups do not have.
    """

    constructor: str
    keys: frozenset[str]
    state: Mapping[str, str]
    settings: Mapping[str, str]
    flags: Mapping[tuple[str, Any], Mapping[str, Any]] = field(default_factory=dict)
    lacks: frozenset[str] = frozenset()


def _sgd(**flags: Any) -> Foreign:
    names = {"lr": "learning_rate", "momentum": "momentum", "dampening": "dampening", "weight_decay": "weight_decay"}
    wanted = {item: {} for item in flags.items()}
    return Foreign("SGD", frozenset({"nesterov"}), {"momentum_buffer": "velocity"}, names, wanted)


FOREIGN: Mapping[str, Foreign] = {
    "sgd": _sgd(nesterov=False, momentum=0),
    "momentum": _sgd(nesterov=False),
    "nesterov": _sgd(nesterov=True, dampening=0),
    "adam": Foreign("Adam", frozenset({"betas", "amsgrad"}), ADAM_STATE, ADAM_SETTINGS, PLAIN),
    "adamw": Foreign(
        "AdamW",
        frozenset({"betas", "amsgrad"}),
        ADAM_STATE,
        ADAM_SETTINGS,
        {("amsgrad", False): {}, ("decoupled_weight_decay", True): {}},
    ),
    "amsgrad": Foreign(
        "Adam",
        frozenset({"betas", "amsgrad"}),
        {**ADAM_STATE, "max_exp_avg_sq": "v_max"},
        ADAM_SETTINGS,
        {("amsgrad", True): {}, **DECOUPLED},
    ),
    "adamax": Foreign(
        "Adamax",
        frozenset({"betas"}),
        {"exp_avg": "m", "exp_inf": "u"},
        ADAM_SETTINGS,
        lacks=frozenset({"amsgrad", "decoupled_weight_decay"}),
    ),
    "nadam": Foreign(
        "NAdam",
        frozenset({"betas", "momentum_decay"}),
        {**ADAM_STATE, "mu_product": "product"},
        {**ADAM_SETTINGS, "momentum_decay": "momentum_decay"},
        DECOUPLED,
    ),
    "radam": Foreign(
        "RAdam",
        frozenset({"betas", "decoupled_weight_decay"}),
        ADAM_STATE,
        ADAM_SETTINGS,
        DECOUPLED,
        frozenset({"amsgrad", "momentum_decay"}),
    ),
    "adagrad": Foreign(
        "Adagrad",
        frozenset({"lr_decay"}),
        {"sum": "sum"},
        {**ADAM_SETTINGS, "lr_decay": "learning_rate_decay", "initial_accumulator_value": "initial_accumulator"},
    ),
    "rmsprop": Foreign(
        "RMSprop",
        frozenset({"alpha", "centered"}),
        {"square_avg": "v", "grad_avg": "m", "momentum_buffer": "buffer"},
        {**ADAM_SETTINGS, "alpha": "decay", "momentum": "momentum"},
        {("centered", True): {"centered": True}, ("centered", False): {"centered": False}},
    ),
    "adadelta": Foreign(
        "Adadelta",
        frozenset({"rho"}),
        {"square_avg": "v", "acc_delta": "u"},
        {**ADAM_SETTINGS, "rho": "decay"},
    ),
}  # fmt: skip


def from_torch(rule_class: type[Rule], groups: Sequence[Mapping[str, Any]], saved: dict[str, Any]) -> dict[str, Any]:
    """Return a saved state in this package's words; its own states are returned as they are.

    Args:
        rule_class: The rule that is to go on from the state.
        groups: The optimizer's parameter groups.
        saved: What ``state_dict()`` of this optimizer or of one in ``torch.optim`` returned.

    Raises:
        InvalidValueError: The state is of another rule, or of a version that this rule does not have.
    """
    name = rule_class.name
    others = {group["rule"] for group in saved["param_groups"] if "rule" in group} - {name}
    if others:
        raise InvalidValueError(f"{name}: a state of {', '.join(sorted(others))} is not allowed; load one of {name}.")
    if all("rule" in group for group in saved["param_groups"]):
        return saved
    known = FOREIGN.get(name)
    if known is None:
        raise InvalidValueError(
            f"{name}: a state without the rule's name is not allowed, since torch.optim keeps none for this rule; load "
            "what state_dict() of this optimizer returned."
        )
    if len(saved["param_groups"]) != len(groups):
        raise InvalidValueError(
            f"{name}: a state of {len(saved['param_groups'])} parameter groups is not allowed for an optimizer of "
            f"{len(groups)}; make the optimizer with the same groups."
        )
    made = [_group(rule_class, known, theirs, ours) for theirs, ours in zip(saved["param_groups"], groups, strict=True)]
    rules = {index: rule for group, rule in made for index in group["params"]}
    state = {i: _state(rules[i], known, kept) for i, kept in saved["state"].items() if i in rules}
    return {"state": {i: kept for i, kept in state.items() if kept}, "param_groups": [group for group, _ in made]}


def _group(
    rule_class: type[Rule], known: Foreign, theirs: Mapping[str, Any], ours: Mapping[str, Any]
) -> tuple[dict[str, Any], Rule]:
    name = rule_class.name
    if not known.keys <= theirs.keys() or known.lacks & theirs.keys():
        raise InvalidValueError(
            f"{name}: a state with the settings {', '.join(sorted(theirs.keys() - {'params'}))} is not allowed; load "
            f"one of this optimizer or of torch.optim.{known.constructor}."
        )
    variants: dict[str, Any] = {}
    for key in ("maximize", *sorted({key for key, _ in known.flags})):
        value = theirs.get(key)
        if value is None or (key == "maximize" and not value):
            continue
        if (key, value) not in known.flags:
            raise InvalidValueError(
                f"{name}: a state of torch.optim.{known.constructor} with {key} = {value!r} is not allowed; take "
                "another rule for it, or start anew."
            )
        variants |= known.flags[key, value]
    if name == "rmsprop":
        variants["momentum_buffer"] = theirs["momentum"] > 0
    fields = group_keys(rule_class)
    numbers = {our: theirs[their] for their, our in known.settings.items() if their in theirs and our in fields}
    numbers |= dict(zip(("beta1", "beta2"), theirs.get("betas", ()), strict=False))
    numbers = {key: value.item() if isinstance(value, torch.Tensor) else value for key, value in numbers.items()}
    rule = rule_class.preset("torch", **numbers, **variants)
    options = {key: ours.get(key, value) for key, value in OPTIONS.items()}
    rest = {key: theirs[key] for key in KEPT if key in theirs}
    return {**rest, **their_settings(rule), **options, "rule": name}, rule


def _state(rule: Rule, known: Foreign, theirs: Mapping[str, Any]) -> dict[str, Any]:
    present = {our: theirs[their] for their, our in known.state.items() if theirs.get(their) is not None}
    wanted = rule.with_values({k: torch.tensor(float(v)) for k, v in rule.values().items()}).init(torch.zeros(1))
    if wanted and not present:
        return {}  # it had no step yet
    if present.keys() != wanted.keys():
        raise InvalidValueError(
            f"{rule.name}: a state of torch.optim.{known.constructor} with {', '.join(sorted(theirs))} is not allowed; "
            f"{', '.join(sorted(wanted))} are wanted, so load one of the same version."
        )
    step = torch.as_tensor(theirs.get("step", 1.0), dtype=torch.float64)  # SGD does not count; it has had a step
    return {"step_number": step, **{key: present[key] for key in wanted}}
