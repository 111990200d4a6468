"""What some rules need beside the gradient: the loss, a second gradient, and products with the Hessian."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from thalweg.errors import InvalidValueError
from thalweg.interop.torch.points import rule_state
from thalweg.interop.torch.sharding import is_sharded, spread_like
from thalweg.optimizers import lift
from thalweg.optimizers.base import INPUTS, Rule

__all__ = ["Request", "find_inputs", "random_numbers"]

Groups = Sequence[tuple[Rule, Mapping[str, Any]]]
State = Mapping[Any, dict[str, Any]]


@dataclass(frozen=True)
class Request:
    """What a call of ``step`` brings.

    Attributes:
        closure: The closure, or None.
        loss: The loss, or None.
        given: Other inputs by name, each a sequence with one tensor per parameter of all groups.
        random: Where the random generators were before the closure was called.
    """

    closure: Callable[[], Any] | None
    loss: Any
    given: Mapping[str, Sequence[Any]]
    random: tuple[Any, Any] | None = None


def random_numbers() -> tuple[Any, Any]:
    """Return where PyTorch's random generators are, of the CPU and of all CUDA devices."""
    return torch.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []


def find_inputs(groups: Groups, state: State, request: Request) -> dict[str, Any]:
    """Return what the rule needs: the loss as a number, all else as a dictionary by parameter.

    Args:
        groups: The rule with each group's settings, and the group.
        state: Of the optimizer, by parameter.
        request: What ``step`` was given.

    Raises:
        InvalidValueError: An input is neither given nor to be found from closure and gradients.
    """
    rule = groups[0][0]
    moved = [p for _, group in groups for p in group["params"] if rule.whole_tree or p.grad is not None]
    found: dict[str, Any] = {}
    for name in sorted(rule.needs):
        if name == "loss":
            found[name] = _loss(rule, request)
        elif name in request.given:
            found[name] = _given(rule, name, groups, request)
        elif not any(_asks(group_rule, group["params"], state) for group_rule, group in groups):
            found[name] = {p: torch.zeros_like(p) for p in moved}
        elif name == "second_gradient":
            found[name] = _second_gradient(groups, state, request)
        elif name in ("hessian_diagonal", "hessian_product"):
            found[name] = _hessian(name, groups, state)
        else:
            raise InvalidValueError(
                f"{rule.name}: {name} is missing, {INPUTS[name]}; give step({name}=[one tensor per parameter])."
            )
    for parameter in moved:
        if parameter.grad is not None:
            parameter.grad = parameter.grad.detach()  # the graph, if there was one, has done its work
    return found


def _loss(rule: Rule, request: Request) -> float:
    if request.loss is None:
        raise InvalidValueError(
            f"{rule.name}: the loss is missing; give step(loss=loss), or a closure that returns the loss."
        )
    return float(request.loss)


def _given(rule: Rule, name: str, groups: Groups, request: Request) -> dict[Any, Any]:
    parameters = [p for _, group in groups for p in group["params"]]
    tensors = list(request.given[name])
    if len(tensors) != len(parameters):
        raise InvalidValueError(
            f"{rule.name}: {name} has {len(tensors)} tensors, {len(parameters)} are wanted; give one per parameter, in "
            "the order of the groups."
        )
    for parameter, tensor in zip(parameters, tensors, strict=True):
        if tensor is not None and tensor.shape != parameter.shape:
            raise InvalidValueError(
                f"{rule.name}: {name} with a tensor of shape {tuple(tensor.shape)} is not allowed for a parameter of "
                f"shape {tuple(parameter.shape)}; give one of the parameter's shape, or None for zeros."
            )
    return {p: _placed(a, p) for p, a in zip(parameters, tensors, strict=True)}


def _placed(given: Any, parameter: Any) -> Any:
    """Return an input beside its parameter; zeros for None."""
    if given is None:
        return torch.zeros_like(parameter)
    beside = given.detach().to(parameter.device, parameter.dtype)
    return spread_like(beside, parameter) if is_sharded(parameter) and not is_sharded(given) else beside


def _asks(rule: Rule, parameters: Sequence[Any], state: State) -> bool:
    counted = [p for p in parameters if "step_number" in state.get(p, {}) and (rule.whole_tree or p.grad is not None)]
    return any(bool(rule.asks(state[p]["step_number"] + 1)) for p in counted)


def _second_gradient(groups: Groups, state: State, request: Request) -> dict[Any, Any]:
    """Call the closure once more where the rule wants it, with the random numbers of the first call."""
    rule = groups[0][0]
    if request.closure is None:
        raise InvalidValueError(
            f"{rule.name}: second_gradient is missing; give step(closure) a closure that computes the gradient of the "
            "same minibatch every time it is called."
        )
    parameters = [p for _, group in groups for p in group["params"]]
    first = [p.grad for p in parameters]
    held = [p.detach().clone() for p in parameters]
    after = None
    try:
        for group_rule, group in groups:
            for parameter, point in _after_gradient(group_rule, group, state, lift.second_points):
                parameter.copy_(point)
        for parameter in parameters:
            parameter.grad = None
        after = random_numbers()
        _set_random_numbers(request.random)
        with torch.enable_grad():
            request.closure()
        return {p: torch.zeros_like(p) if p.grad is None else p.grad for p in parameters}
    finally:
        _set_random_numbers(after)
        for parameter, gradient, point in zip(parameters, first, held, strict=True):
            parameter.grad = gradient
            parameter.copy_(point)


def _set_random_numbers(where: tuple[Any, Any] | None) -> None:
    if where is not None:
        torch.set_rng_state(where[0])
        if where[1]:
            torch.cuda.set_rng_state_all(where[1])


def _hessian(name: str, groups: Groups, state: State) -> dict[Any, Any]:
    rule = groups[0][0]
    moved = [p for _, group in groups for p in group["params"] if p.grad is not None]
    if any(not p.grad.requires_grad for p in moved):
        raise InvalidValueError(
            f"{rule.name}: {name} is missing; call loss.backward(create_graph=True), so that the gradient itself can "
            f"be differentiated, or give step({name}=[one tensor per parameter])."
        )
    if name == "hessian_diagonal":
        along = {p: torch.randint_like(p, 0, 2) * 2 - 1 for p in moved}
    else:
        along = {
            p: d
            for group_rule, group in groups
            for p, d in _after_gradient(group_rule, group, state, lift.directions)
            if p.grad is not None
        }
    gradients, directions = [p.grad for p in moved], [along[p] for p in moved]
    with torch.enable_grad():
        products = torch.autograd.grad(gradients, moved, directions, allow_unused=True, materialize_grads=True)
    products = [product.detach() for product in products]
    if name == "hessian_diagonal":
        products = [z * product for z, product in zip(directions, products, strict=True)]
    zeros = {p: torch.zeros_like(p) for _, group in groups for p in group["params"] if p.grad is None}
    return {**zeros, **dict(zip(moved, products, strict=True))}


def _after_gradient(rule: Rule, group: Mapping[str, Any], state: State, hook: Any) -> Iterable[tuple[Any, Any]]:
    """Return pairs of a parameter and what one of the lift's hooks makes of point, gradient and state."""
    parameters = group["params"] if rule.whole_tree else [p for p in group["params"] if p.grad is not None]
    if not parameters:
        return []
    points = [state[p].get("base_point", p.detach()) for p in parameters]
    gradients = [torch.zeros_like(p) if p.grad is None else p.grad.detach() for p in parameters]
    kept = state[parameters[0]]["tree_state"] if rule.whole_tree else tuple(rule_state(state[p]) for p in parameters)
    return list(zip(parameters, hook(rule, points, gradients, kept), strict=True))
