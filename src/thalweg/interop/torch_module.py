"""A PyTorch module made anew for each seed, and its parameters as a task holds them."""

import copy
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch

from thalweg.errors import InvalidValueError, TaskError

__all__ = ["Maker", "in_task_layout", "in_torch_layout", "torch_state_dict"]

ROWS = (torch.nn.Embedding, torch.nn.EmbeddingBag, torch.nn.Bilinear)  # whose weights are no (outputs, inputs, …)


class Maker:
    """A module by the function that makes it, or by one example whose weights are drawn again.

    Args:
        name: Name of the task, for messages.
        given: A ``torch.nn.Module``, or a function without arguments that makes one.
    """

    def __init__(self, name: str, given: Any) -> None:
        self.name, self.given = name, given
        if not isinstance(given, torch.nn.Module) and not callable(given):
            raise InvalidValueError(
                f"task {name!r}: module is {type(given).__name__}; give a torch.nn.Module, or a function without "
                "arguments that makes one."
            )
        if isinstance(given, torch.nn.Module):
            for path, part in given.named_modules():
                own = list(part.parameters(recurse=False))
                if own and _reset(part) is None:
                    raise InvalidValueError(
                        f"task {name!r}: the weights of {path or type(part).__name__!r} cannot be drawn again, as it "
                        "has no reset_parameters; give a function that makes the module, e.g. lambda: Net()."
                    )

    def make(self, seed: int) -> torch.nn.Module:
        """Return the module with the weights of a seed, in training mode; PyTorch's own generator stays as it is."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            if isinstance(self.given, torch.nn.Module):
                made: Any = copy.deepcopy(self.given)
                for part in made.modules():
                    reset = _reset(part)
                    if reset is not None:
                        reset()
            else:
                made = self.given()
        if not isinstance(made, torch.nn.Module):
            raise TaskError(
                f"task {self.name!r}: its module function returned a {type(made).__name__}; return a torch.nn.Module."
            )
        return made.cpu().train()

    @cached_property
    def example(self) -> torch.nn.Module:
        """The module of seed 0."""
        return self.make(0)

    @property
    def identity(self) -> tuple[Any, ...]:
        """What tells this module from others in a task's fingerprint: the code that makes it, or its parts."""
        if not isinstance(self.given, torch.nn.Module):
            return (self.given,)
        kinds = dict.fromkeys(type(part) for part in self.given.modules())
        return (repr(self.given), *kinds)

    @cached_property
    def turned(self) -> frozenset[str]:
        """Names of the weights that stand as (outputs, inputs, …); a task holds them with the outputs last."""
        found = set[str]()
        for path, part in self.example.named_modules():
            if not type(part).__module__.startswith("torch.nn") or isinstance(part, ROWS):
                continue
            for name, value in part.named_parameters(recurse=False):
                if value.ndim > 1:
                    found.add(f"{path}.{name}" if path else name)
        return frozenset(found)

    @cached_property
    def swapped(self) -> frozenset[str]:
        """Names among :attr:`turned` whose outputs are the second axis: transposed convolutions."""
        kinds = (torch.nn.ConvTranspose1d, torch.nn.ConvTranspose2d, torch.nn.ConvTranspose3d)
        return frozenset(
            f"{path}.weight" if path else "weight"
            for path, part in self.example.named_modules()
            if isinstance(part, kinds)
        )

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

    def values(self, module: torch.nn.Module) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """Return parameters and buffers of a module of this make."""
        everything = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        told = {name: value.detach() for name, value in everything.items()}
        return {name: told[name] for name in self.parameters}, {name: told[name] for name in self.buffers}

    def axis(self, name: str) -> int | None:
        """Return the axis of a parameter's outputs if that is not the last as the task holds it."""
        return None if name not in self.turned else 1 if name in self.swapped else 0


def _reset(part: torch.nn.Module) -> Callable[[], Any] | None:
    return getattr(part, "reset_parameters", None) or getattr(part, "_reset_parameters", None)


def in_task_layout(maker: Maker, arrays: Mapping[str, Any], move: Callable[[Any, int, int], Any]) -> dict[str, Any]:
    """Return parameters with their outputs last.

    Args:
        maker: Whose they are.
        arrays: By name.
        move: The library's function that moves an axis.
    """
    return {n: a if maker.axis(n) is None else move(a, maker.axis(n) or 0, -1) for n, a in arrays.items()}


def in_torch_layout(maker: Maker, arrays: Mapping[str, Any], move: Callable[[Any, int, int], Any]) -> dict[str, Any]:
    """Return parameters as the module has them; the reverse of :func:`in_task_layout`."""
    return {n: a if maker.axis(n) is None else move(a, -1, maker.axis(n) or 0) for n, a in arrays.items()}


def torch_state_dict(module: torch.nn.Module, parameters: Mapping[str, np.ndarray]) -> dict[str, torch.Tensor]:
    """Return a run's trained parameters as ``module.load_state_dict`` takes them.

    Args:
        module: A module of the same make.
        parameters: ``run.parameters`` of a run on a task of :func:`thalweg.interop.task_from_torch`.
    """
    maker = Maker("", lambda: copy.deepcopy(module))
    trained = {name: torch.from_numpy(np.array(parameters[name])) for name in maker.parameters}
    kept = {name.removeprefix("state."): value for name, value in parameters.items() if name.startswith("state.")}
    own = {
        name: torch.from_numpy(np.array(kept[name])).to(value.dtype)
        for name, value in maker.buffers.items()
        if name in kept
    }
    found = in_torch_layout(maker, trained, torch.moveaxis)
    return {name: value.contiguous() for name, value in {**found, **own}.items()}
