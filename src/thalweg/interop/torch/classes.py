"""The optimizer class of every rule, made at its first use."""

import functools
import inspect
from typing import Any

from thalweg.compression import FORMATS, SMALLEST
from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.interop.torch.optimizer import RuleOptimizer
from thalweg.interop.torch.settings import has_layout, our_settings, torch_rule
from thalweg.optimizers.base import Rule
from thalweg.optimizers.catalogue import OPTIMIZERS
from thalweg.optimizers.user_rules import resolve_optimizer

__all__ = ["class_names", "class_of", "find_class", "make"]

HOME = "thalweg.interop.torch"
KEYWORDS = inspect.Parameter.KEYWORD_ONLY
POSITIONAL = inspect.Parameter.POSITIONAL_OR_KEYWORD


def class_names() -> tuple[str, ...]:
    """Return the names of the optimizer classes, which are those of the catalogue's rules."""
    return tuple(rule.__name__ for rule in OPTIMIZERS.values())


def find_class(name: str) -> type[RuleOptimizer]:
    """Return the optimizer class of a rule in the catalogue by the name of its class.

    Raises:
        AttributeError: No rule has that name; the nearest is offered.
    """
    for rule in OPTIMIZERS.values():
        if rule.__name__ == name:
            return class_of(rule)
    if name.startswith("_"):
        raise AttributeError(f"module {HOME!r} has no attribute {name!r}")
    raise AttributeError(str(UnknownNameError("optimizer", name, class_names())))


@functools.cache
def class_of(rule_class: type[Rule]) -> type[RuleOptimizer]:
    """Return the optimizer class of a rule, of the catalogue or of your own.

    Args:
        rule_class: The rule.

    Example:
        >>> from thalweg.optimizers import Adam
        >>> class_of(Adam)
        <class 'thalweg.interop.torch.Adam'>
    """
    names = {"rule_class": rule_class, "__doc__": _document(rule_class), "__module__": HOME, "__reduce__": _reduced}
    made = type(rule_class.__name__, (RuleOptimizer,), names)
    made.__signature__ = _signature(rule_class)  # type: ignore[attr-defined]
    return made


def make(rule: str | Rule | type[Rule], params: Any, **settings: Any) -> RuleOptimizer:
    """Return the optimizer of a rule.

    Args:
        rule: A reference as on the command line (``adam``, ``adam@keras``, ``my_rule.py:MyRule``), a rule with its
            settings, or a rule's class.
        params: Parameters, or groups of them.
        settings: Settings that replace the rule's, and ``fused``, ``sparse`` and ``state_format``. ``layout`` is
            ``out-in`` unless given here or in a preset, since a rule's own is that of arrays outside PyTorch.

    Raises:
        UnknownNameError: No such optimizer, preset or setting.
        UserFileError: The user's file cannot be used.
        InvalidValueError: A setting is outside its range, or ``rule`` is none of the three.

    Example:
        >>> import torch
        >>> optimizer = make("adam@keras", [torch.ones(2)], lr=0.01)
        >>> optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["epsilon"]
        (0.01, 1e-07)
    """
    if isinstance(rule, str):
        found = resolve_optimizer(rule)
        return class_of(found.rule_class)(params, preset=found.preset, **settings)
    if isinstance(rule, Rule):
        own, rest = our_settings(type(rule), settings)
        tuned = {**rule.values(), **rule.structure()}
        if has_layout(type(rule)):
            del tuned["layout"]
        return class_of(type(rule))(params, **{**tuned, **own}, **rest)
    if isinstance(rule, type) and issubclass(rule, Rule):
        return class_of(rule)(params, **settings)
    raise InvalidValueError(
        f"rule = {rule!r} is not allowed; give a name such as 'adam', or a thalweg.optimizers.Rule."
    )


def _reduced(optimizer: RuleOptimizer) -> tuple[Any, ...]:
    """Return what makes an optimizer anew from a pickle: by its rule, since its class is made, not written."""
    return _empty, (optimizer.rule_class,), optimizer.__getstate__()


def _empty(rule_class: type[Rule]) -> RuleOptimizer:
    made = class_of(rule_class)
    return made.__new__(made)


def _signature(rule_class: type[Rule]) -> inspect.Signature:
    defaults = torch_rule(rule_class)
    settings = {**defaults.values(), **defaults.structure()}
    parameters = [inspect.Parameter("params", POSITIONAL)]
    if "learning_rate" in settings:
        parameters.append(inspect.Parameter("lr", POSITIONAL, default=settings.pop("learning_rate")))
    settings |= {"preset": "", "fused": None, "sparse": False, "state_format": None}
    parameters += [inspect.Parameter(name, KEYWORDS, default=value) for name, value in settings.items()]
    return inspect.Signature(parameters)


def _document(rule_class: type[Rule]) -> str:
    numbers = [
        f"{'lr' if name == 'learning_rate' else name}: {what.meaning}; {what.wanted()}."
        for name, what in rule_class.hyperparameters().items()
    ]
    variants = [
        f"{name}: {what.meaning}; one of {', '.join(map(str, what.choices))}."
        for name, what in rule_class.variants().items()
    ]
    lines = [
        f"{rule_class.title or rule_class.name} as an optimizer of PyTorch.",
        "",
        *(f"    {line}" for line in rule_class.formula),
        "",
        "Args:",
        "    params: Parameters, named parameters, or groups of them.",
        *(f"    {line}" for line in [*numbers, *variants]),
        f"    preset: Named settings to start from: {', '.join(rule_class.presets) or 'none'}.",
        "    fused: None to use the machine's C compiler where there is one, False to do without.",
        "    sparse: Whether a sparse gradient updates only the rows that it has, where the others would move.",
        f"    state_format: How averages of {SMALLEST} numbers or more are stored, for rules that keep such: None for",
        f"        the parameter's own dtype, or one of {', '.join(FORMATS)}.",
    ]
    return "\n".join(lines)
