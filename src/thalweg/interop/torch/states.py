"""Whether what is kept of a parameter is what its update expects: the entries of the rule's init, in order and shape.

Compiled updates are given addresses alone, so whatever was loaded or changed is compared before they are.
"""

import functools
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from thalweg.errors import InvalidValueError
from thalweg.interop.torch.nested import leaves, mapped
from thalweg.interop.torch.points import OWN_KEYS, looks_ahead
from thalweg.interop.torch.storage import is_coded
from thalweg.optimizers import lift
from thalweg.optimizers.base import Rule

__all__ = ["arranged", "arranged_tree", "called", "check_gradient"]

Structure = tuple[tuple[str, Any], ...]
SHAPE, DEVICE, CPU = operator.attrgetter("shape"), operator.attrgetter("device"), torch.device("cpu")
REMEDY = "load the state of a model of these shapes, or drop this parameter's to start it anew"


def called(group: Mapping[str, Any], parameter: Any) -> str:
    """Return how an error names a parameter: by its name if the group has names, and its shape."""
    place = next((i for i, other in enumerate(group["params"]) if other is parameter), 0)
    names = group.get("param_names") or group.get("names")
    named = repr(names[place]) if isinstance(names, Sequence) and len(names) == len(group["params"]) else str(place)
    return f"parameter {named} of shape {tuple(parameter.shape)}"


def check_gradient(rule: Rule, group: Mapping[str, Any], parameter: Any) -> None:
    """Refuse a gradient that is left of another shape or device of its parameter.

    Raises:
        InvalidValueError: It is.
    """
    gradient = parameter.grad
    if gradient.shape != parameter.shape or gradient.device != parameter.device:
        raise InvalidValueError(
            f"{rule.name}: a gradient of shape {tuple(gradient.shape)} on {gradient.device} is not allowed for "
            f"{called(group, parameter)} on {parameter.device}; call optimizer.zero_grad() after such a change."
        )


def arranged(
    rule: Rule, structure: Structure, group: Mapping[str, Any], parameter: Any, kept: dict[str, Any]
) -> dict[str, Any]:
    """Return what is kept of a parameter with its entries in the order of the rule's init; itself if it is so already.

    Args:
        rule: One that acts array by array, with the group's settings.
        structure: Its variants, as pairs, which are the same for the whole group.
        group: The parameter's group.
        parameter: The parameter.
        kept: Its step number, the rule's state of it, and ``base_point`` if there is one.

    Raises:
        InvalidValueError: The state has other entries than the rule makes, other shapes, or lies on another device.
    """
    wanted = _wanted(type(rule), structure, parameter.shape)
    if _is_plain(wanted, parameter, kept):
        return kept
    own = {key: value for key, value in kept.items() if key not in OWN_KEYS}
    problem = _problem(wanted.tree, own) or _misplaced(own, parameter)
    found = {"step_number": _counted(kept["step_number"])}
    if "base_point" in kept:
        problem = problem or _problem(parameter, kept["base_point"]) or _misplaced(kept["base_point"], parameter)
        found["base_point"] = kept["base_point"].to(parameter.dtype)
    if problem:
        raise InvalidValueError(
            f"{rule.name}: the state of {called(group, parameter)} is not allowed, since {problem}; {REMEDY}."
        )
    found |= _ordered(wanted.tree, own)
    return kept if all(a is b for a, b in zip(leaves(kept), leaves(found), strict=True)) else found


def arranged_tree(rule: Rule, group: Mapping[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    """Return what is kept of a whole group of parameters, beside its first one, likewise.

    Raises:
        InvalidValueError: The state has other entries than the rule makes, or other shapes.
    """
    shapes = tuple(tuple(p.shape) for p in group["params"])
    wanted = _wanted(type(rule), tuple(rule.structure().items()), shapes).tree
    problem = _problem(wanted, kept["tree_state"])
    if problem:
        raise InvalidValueError(
            f"{rule.name}: the state of {len(shapes)} parameters is not allowed, since {problem}; load the state of a "
            "model of these shapes, or start anew."
        )
    tree = _ordered(wanted, kept["tree_state"])
    return {**kept, "step_number": _counted(kept["step_number"]), "tree_state": tree}


@dataclass(frozen=True, eq=False)
class _Wanted:
    """The first state of a parameter.

    Attributes:
        tree: As arrays of which only the shapes count.
        keys: Of all that is kept of the parameter, in order; none for a rule that acts on the whole tree.
        shapes: Of all that, None for what is no single array.
    """

    tree: Any
    keys: list[str]
    shapes: list[Any]


@functools.lru_cache(maxsize=4096)
def _wanted(rule_class: type[Rule], structure: Structure, shape: tuple[Any, ...]) -> _Wanted:
    """Return the first state of an array of a shape; of arrays of several for a rule that acts on the whole tree."""
    rule = rule_class.configured().with_values(dict(structure))
    shapes = shape if rule.whole_tree else (shape,)
    try:
        made = lift.init_state(rule, [torch.empty(one, device="meta") for one in shapes])
    except (RuntimeError, TypeError, ValueError):  # an init that looks at numbers
        made = lift.init_state(rule, [torch.zeros(one) for one in shapes])
    tree = mapped(lambda leaf: leaf.to("meta"), made if rule.whole_tree else made[0])
    if rule.whole_tree:
        return _Wanted(tree, [], [])
    first: dict[str, Any] = {"step_number": torch.Size()}
    if looks_ahead(rule):
        first["base_point"] = torch.Size(shape)
    every = {**first, **{key: getattr(value, "shape", None) for key, value in tree.items()}}
    return _Wanted(tree, list(every), list(every.values()))


def _is_plain(wanted: _Wanted, parameter: Any, kept: dict[str, Any]) -> bool:
    """Return whether there is one tensor per key and all is as it is wanted, looked up in little time."""
    if list(kept) != wanted.keys:
        return False
    values = list(kept.values())
    step, rest = values[0], values[1:]
    try:
        return (
            list(map(SHAPE, values)) == wanted.shapes
            and step.dtype is torch.float64
            and step.device == CPU
            and set(map(DEVICE, rest)) <= {parameter.device}
            and ("base_point" not in kept or kept["base_point"].dtype is parameter.dtype)
        )
    except AttributeError:  # codes with scales, or a nest
        return False


def _problem(wanted: Any, found: Any, name: str = "it") -> str:
    """Return in which way a nest of arrays differs from what is wanted; nothing if it does not."""
    if isinstance(wanted, dict):
        if not isinstance(found, dict) or found.keys() != wanted.keys():
            given = ", ".join(map(str, found)) if isinstance(found, dict) else type(found).__name__
            return f"{name} has {given or 'nothing'} where {', '.join(wanted) or 'nothing'} is wanted"
        problems = (_problem(part, found[key], repr(key)) for key, part in wanted.items())
        return next(filter(None, problems), "")
    if isinstance(wanted, tuple | list):
        if not isinstance(found, tuple | list) or len(found) != len(wanted):
            return f"{name} is no tuple of {len(wanted)}"
        return next(filter(None, (_problem(a, b, name) for a, b in zip(wanted, found, strict=True))), "")
    array = found["codes"] if is_coded(found) else found
    if not isinstance(array, torch.Tensor):
        return f"{name} is {type(array).__name__} where a tensor is wanted"
    if array.shape != wanted.shape:
        return f"{name} has the shape {tuple(array.shape)} where {tuple(wanted.shape)} is wanted"
    return ""


def _misplaced(found: Any, parameter: Any) -> str:
    """Return which device arrays lie on, if it is not the parameter's; numbers may lie on the CPU."""
    device = parameter.device
    for leaf in leaves(found):
        if leaf.device != device and (leaf.ndim or device.type == "cpu"):
            return f"it lies on {leaf.device} and the parameter on {device}"
    return ""


def _counted(step: Any) -> torch.Tensor:
    """Return a step number as compiled updates count it: one double on the CPU."""
    if isinstance(step, torch.Tensor) and step.dtype == torch.float64 and not step.ndim and step.device.type == "cpu":
        return step
    return torch.as_tensor(step).detach().to("cpu", torch.float64).reshape(())


def _ordered(wanted: Any, found: Any) -> Any:
    if isinstance(wanted, dict):
        return {key: _ordered(part, found[key]) for key, part in wanted.items()}
    if isinstance(wanted, tuple | list):
        return tuple(_ordered(a, b) for a, b in zip(wanted, found, strict=True))
    return found
