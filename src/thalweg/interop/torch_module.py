"""A PyTorch module made anew for each seed, and its parameters as a task holds them."""

import copy
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from thalweg.errors import InvalidValueError, TaskError
from thalweg.interop.torch_identity import traits

__all__ = ["Maker", "in_task_layout", "in_torch_layout", "torch_state_dict"]

MATRICES = (nn.Linear, _ConvNd, nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention)  # weights (outputs, inputs, …)


class Maker:
    """A module by the function that makes it, or by one example whose weights are drawn again.

    Args:
        name: Name of the task, for messages.
        given: A ``torch.nn.Module``, or a function without arguments that makes one.
    """

    def __init__(self, name: str, given: Any) -> None:
        self.name, self.given = name, given
        if not isinstance(given, nn.Module) and not callable(given):
            raise InvalidValueError(
                f"task {name!r}: module is {type(given).__name__}; give a torch.nn.Module, or a function without "
                "arguments that makes one."
            )
        if isinstance(given, nn.Module):
            self.given = copy.deepcopy(given)  # which may be trained elsewhere
            for path, part in given.named_modules():
                if _is_trained(part) and _reset(part) is None:
                    raise InvalidValueError(
                        f"task {name!r}: the weights of {path or type(part).__name__!r} cannot be drawn again, as it "
                        "has no reset_parameters; give a function that makes the module, e.g. lambda: Net()."
                    )

    def make(self, seed: int) -> nn.Module:
        """Return the module with the weights of a seed, in training mode; PyTorch's own generator stays as it is."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if isinstance(self.given, nn.Module):
                made: Any = copy.deepcopy(self.given)
                _redraw(made)
            else:
                made = self.given()
        if not isinstance(made, nn.Module):
            raise TaskError(
                f"task {self.name!r}: its module function returned a {type(made).__name__}; return a torch.nn.Module."
            )
        return made.cpu().train()

    @cached_property
    def example(self) -> nn.Module:
        """The module of seed 0."""
        return self.make(0)

    @cached_property
    def identity(self) -> tuple[Any, ...]:
        """What tells this module from others in a task's fingerprint: what makes it, and what two seeds share."""
        first, second = traits(self.example), traits(self.make(1))
        shared = (f"{name} {value}" for name, value in sorted(first.items()) if second.get(name) == value)
        return (None if isinstance(self.given, nn.Module) else self.given, *shared)

    @cached_property
    def turned(self) -> frozenset[str]:
        """Names of the weights that stand as (outputs, inputs, …); a task holds them as (…, inputs, outputs)."""
        return frozenset(
            f"{path}.{name}".lstrip(".")
            for path, part in self.example.named_modules()
            if isinstance(part, MATRICES)
            for name, value in part.named_parameters(recurse=False)
            if value.ndim > 1 and "bias" not in name
        )

    @cached_property
    def swapped(self) -> frozenset[str]:
        """Names among :attr:`turned` that stand as (inputs, outputs, …): transposed convolutions."""
        kinds = self.example.named_modules()
        return frozenset(f"{path}.weight".lstrip(".") for path, part in kinds if isinstance(part, _ConvTransposeNd))

    @cached_property
    def parameters(self) -> dict[str, torch.Tensor]:
        """The trained parameters of the example by name; shared ones once."""
        found = {name: value.detach() for name, value in self.example.named_parameters() if value.requires_grad}
        if not found:
            raise TaskError(f"task {self.name!r}: its module has no parameters that require a gradient to train.")
        return found

    @cached_property
    def buffers(self) -> dict[str, torch.Tensor]:
        """What else the module keeps, by name: buffers, and parameters that are not trained."""
        frozen = {name: value.detach() for name, value in self.example.named_parameters() if not value.requires_grad}
        return frozen | dict(self.example.named_buffers())

    @cached_property
    def aliases(self) -> dict[str, str]:
        """The names under which shared parameters and buffers stand again, with those that they have here."""
        found: dict[str, str] = {}
        for both in (self.example.named_parameters, self.example.named_buffers):
            first: dict[int, str] = {}
            for name, value in both(remove_duplicate=False):
                found[name] = first.setdefault(id(value), name)
        return {name: known for name, known in found.items() if name != known}

    def values(self, module: nn.Module) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Return parameters and buffers of a module of this make."""
        everything = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        told = {name: value.detach() for name, value in everything.items()}
        return {name: told[name] for name in self.parameters}, {name: told[name] for name in self.buffers}

    def order(self, name: str) -> tuple[int, ...] | None:
        """Return the axes of a parameter of the module in the order of the task, None if they are the same."""
        if name not in self.turned:
            return None
        places = range(2, self.parameters[name].ndim)
        return (*places, 0, 1) if name in self.swapped else (*places, 1, 0)


def _is_trained(part: nn.Module) -> bool:
    return any(value.requires_grad for value in part.parameters(recurse=False))


def _redraw(module: nn.Module) -> None:
    """Draw the weights again, of parts before what they are parts of, as construction does; the frozen ones stay."""
    frozen = [(value, value.detach().clone()) for value in module.parameters() if not value.requires_grad]
    for part in _from_below(module, set()):
        reset = _reset(part)
        if reset is not None and (_is_trained(part) or not list(part.parameters(recurse=False))):
            reset()
    with torch.no_grad():
        for value, before in frozen:
            value.copy_(before)


def _from_below(module: nn.Module, seen: set[nn.Module]) -> Iterator[nn.Module]:
    if module not in seen:
        seen.add(module)
        for part in module.children():
            yield from _from_below(part, seen)
        yield module


def _reset(part: nn.Module) -> Callable[[], Any] | None:
    return getattr(part, "reset_parameters", None) or getattr(part, "_reset_parameters", None)


def in_task_layout(maker: Maker, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as a task holds them, their outputs last and the inputs before.

    Args:
        maker: Whose they are.
        arrays: By name, with a method ``transpose``.
    """
    return {name: _transposed(array, maker.order(name)) for name, array in arrays.items()}


def in_torch_layout(maker: Maker, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as the module has them; the reverse of :func:`in_task_layout`."""
    orders = {name: maker.order(name) for name in arrays}
    back = {name: order and tuple(order.index(axis) for axis in range(len(order))) for name, order in orders.items()}
    return {name: _transposed(array, back[name]) for name, array in arrays.items()}


def _transposed(array: Any, order: tuple[int, ...] | None) -> Any:
    return array if order is None else array.transpose(order)


def torch_state_dict(module: nn.Module, parameters: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Return a run's trained parameters as ``module.load_state_dict`` takes them.

    Args:
        module: A module of the same make; buffers that the run does not tell are its own.
        parameters: ``run.parameters`` of a run on a task of :func:`thalweg.interop.task_from_torch`.

    Raises:
        InvalidValueError: The parameters are not those of such a module.
    """
    maker = Maker("", lambda: copy.deepcopy(module))
    for name, value in maker.parameters.items():
        shape = in_task_layout(maker, {name: value.numpy()})[name].shape
        if name not in parameters or np.shape(parameters[name]) != shape:
            told = f"shape {np.shape(parameters[name])}" if name in parameters else "none of that name"
            raise InvalidValueError(
                f"torch_state_dict: the module's {name!r} has shape {shape} as tasks hold it, and the parameters have "
                f"{told}; give a module of the make that the run trained."
            )
    kept = {name.removeprefix("state."): value for name, value in parameters.items() if name.startswith("state.")}
    trained = in_torch_layout(maker, {name: np.asarray(parameters[name]) for name in maker.parameters})
    found = {name: kept[name] for name in maker.buffers if name in kept} | trained
    return {
        name: torch.from_numpy(np.array(found[first])).to(value.dtype) if first in found else value
        for name, value in module.state_dict().items()
        for first in (maker.aliases.get(name, name),)
    }
