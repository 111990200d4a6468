"""One step of a rule on the parameters of a group, in place: elementwise, array by array, or on the whole tree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from thalweg.errors import InvalidValueError, WorkError
from thalweg.interop.torch.array_kernel import update_compiled
from thalweg.interop.torch.nested import leaves, mapped
from thalweg.interop.torch.passes import Column, update_columns, write
from thalweg.interop.torch.points import look_of, rule_state
from thalweg.interop.torch.rows import check_rows, update_rows
from thalweg.interop.torch.sharding import is_sharded, piece, spread_like, whole
from thalweg.interop.torch.states import called, check_gradient
from thalweg.optimizers import lift
from thalweg.optimizers.base import Rule

__all__ = ["Update", "check_gradients", "update_arrays", "update_elementwise", "update_tree"]

LinAlgError: type[RuntimeError] = torch.linalg.LinAlgError  # pyright: ignore[reportPrivateImportUsage]  # documented


@dataclass(frozen=True)
class Update:
    """What is common to the parameters of a group.

    Attributes:
        rule: With its settings as Python numbers.
        state: Of the optimizer, by parameter.
        inputs: What the rule needs: ``loss`` as a number, all else by parameter.
        group: The parameters' group.
    """

    rule: Rule
    state: Mapping[Any, dict[str, Any]]
    inputs: Mapping[str, Any]
    group: Mapping[str, Any]

    @property
    def fused(self) -> bool:
        """Whether to use the compiler where there is one."""
        return self.group["fused"] is not False

    def of(self, parameter: Any) -> dict[str, Any]:
        """Return the inputs of one parameter."""
        return {name: value if name == "loss" else value[parameter] for name, value in self.inputs.items()}


def check_gradients(rule: Rule, group: Mapping[str, Any]) -> None:
    """Refuse gradients that the rule cannot take, before anything is written.

    Raises:
        InvalidValueError: A gradient is sparse and the rule looks at more than some rows, or is not like its parameter.
    """
    for parameter in group["params"]:
        if parameter.grad is None:
            continue
        check_gradient(rule, group, parameter)
        if parameter.grad.is_sparse and rule.elementwise:
            check_rows(rule, everywhere=group["sparse"])
        elif parameter.grad.is_sparse:
            raise InvalidValueError(
                f"{rule.name}: a sparse gradient is not allowed, since the rule looks at the array as a whole; give a "
                "dense one, e.g. torch.nn.Embedding(..., sparse=False)."
            )


def update_elementwise(update: Update, parameters: Sequence[Any]) -> None:
    """Update parameters of an elementwise rule; sharded ones piece by piece, each process its own."""
    columns = []
    for parameter in parameters:
        kept = update.state[parameter]
        gradient = parameter.grad
        if gradient.is_sparse:
            update_rows(update.rule, parameter, kept, update.inputs.get("loss"))
            continue
        if is_sharded(parameter):
            columns.append(_sharded_column(update, parameter, kept))
            continue
        state = rule_state(kept)
        given = update.of(parameter)
        given.pop("loss", None)
        point = kept.get("base_point")
        gradient = gradient if gradient.dtype == parameter.dtype else gradient.to(parameter.dtype)
        data = parameter.detach()
        columns.append(
            Column(
                kept["step_number"],
                data if point is None else point,
                None if point is None else data,
                gradient,
                state,
                given,
            )
        )
    if columns:
        update_columns(update.rule, columns, update.inputs.get("loss"), update.fused)


def update_arrays(update: Update, parameters: Sequence[Any]) -> None:
    """Update parameters one by one, each as a whole; compiled where the rule but sums over arrays."""
    left = update_compiled(update.rule, parameters, update.state, update.inputs) if update.fused else parameters
    for parameter in left:
        kept = update.state[parameter]
        state, base = rule_state(kept), kept.get("base_point", parameter)
        point, gradient = whole(base).detach(), _gradient(parameter)
        inputs = {name: [value] if name != "loss" else value for name, value in update.of(parameter).items()}
        before = mapped(whole, state)
        t = (kept["step_number"] + 1).to(point.device)
        try:
            (new,), (new_state,) = lift.update(
                update.rule, [point], [gradient], (before,), t, **_as_tensors(inputs, point)
            )
        except LinAlgError as error:
            raise _failed(update.rule, called(update.group, parameter), error) from error
        look = look_of(update.rule, [new], new_state)[0] if "base_point" in kept else None
        results = [(base, new), *zip(leaves(state), leaves(mapped(lambda _, a: a, state, new_state)), strict=True)]
        _write_all([*results, *([] if look is None else [(parameter, look)])])
        kept["step_number"] += 1


def update_tree(update: Update, parameters: Sequence[Any]) -> None:
    """Update all parameters of a group together; those without gradient count with a gradient of zero and stay."""
    rule, first = update.rule, update.state[parameters[0]]
    bases = [update.state[p].get("base_point", p) for p in parameters]
    points = [whole(base).detach() for base in bases]
    gradients = [_gradient(p) for p in parameters]
    inputs = {
        name: value if name == "loss" else [value[p] for p in parameters] for name, value in update.inputs.items()
    }
    t = (first["step_number"] + 1).to(points[0].device)
    try:
        new, new_tree = lift.update(rule, points, gradients, first["tree_state"], t, **_as_tensors(inputs, points[0]))
    except LinAlgError as error:
        raise _failed(rule, f"{len(points)} parameters", error) from error
    results = [(base, a) for base, a, p in zip(bases, new, parameters, strict=True) if p.grad is not None]
    results += list(
        zip(leaves(first["tree_state"]), leaves(mapped(lambda _, a: a, first["tree_state"], new_tree)), strict=True)
    )
    if any("base_point" in update.state[p] for p in parameters):
        looks = look_of(rule, list(new), new_tree)
        results += [(p, a) for p, a in zip(parameters, looks, strict=True) if p.grad is not None]
    _write_all(results)
    first["step_number"] += 1


def _failed(rule: Rule, what: str, error: Exception) -> WorkError:
    why = str(error).strip().rstrip(".")
    return WorkError(f"{rule.name}: the step of {what} failed, since {why}; skip steps whose gradient is not finite.")


def _sharded_column(update: Update, parameter: Any, kept: dict[str, Any]) -> Column:
    gradient = parameter.grad
    if gradient.placements != parameter.placements:
        gradient = gradient.redistribute(parameter.device_mesh, parameter.placements)
    point = kept.get("base_point")
    data, inputs = piece(parameter.detach()), update.of(parameter)
    inputs.pop("loss", None)
    return Column(
        kept["step_number"],
        data if point is None else piece(point),
        None if point is None else data,
        piece(gradient).to(data.dtype),
        mapped(piece, rule_state(kept)),
        {name: piece(value) for name, value in inputs.items()},
    )


def _write_all(pairs: Sequence[tuple[Any, torch.Tensor]]) -> None:
    """Copy whole results to where they are kept, which may be a piece per process."""
    targets = [target.detach() for target, _ in pairs]
    values = [spread_like(v, t) if is_sharded(t) and not is_sharded(v) else v for t, v in pairs]
    if any(map(is_sharded, targets)):
        for target, value in zip(targets, [value.clone() for value in values], strict=True):
            target.copy_(value)
    else:
        write(targets, values)


def _gradient(parameter: Any) -> torch.Tensor:
    if parameter.grad is None:
        return torch.zeros_like(whole(parameter))
    return whole(parameter.grad).to(parameter.dtype)


def _as_tensors(inputs: dict[str, Any], like: torch.Tensor) -> dict[str, Any]:
    """Return the inputs with the loss as a 0-d tensor beside the parameters."""
    if "loss" not in inputs:
        return inputs
    dtype = torch.float64 if like.dtype == torch.float64 else torch.float32
    return {**inputs, "loss": torch.as_tensor(inputs["loss"], dtype=dtype, device=like.device).detach()}
