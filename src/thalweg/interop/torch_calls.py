"""Call PyTorch from the compiled program: members stacked by ``torch.func`` where it can, one by one where not.

A module that does not convert computes its outputs and its gradients in PyTorch on the arrays of the running program,
which are read and written where they lie. All else (optimizers, techniques, losses, evaluation) is as for any task.
"""

import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch
from jax.experimental.buffer_callback import buffer_callback

from thalweg.errors import TaskError
from thalweg.interop.torch_conversion import Forward
from thalweg.interop.torch_graphs.elements import dtype_of
from thalweg.interop.torch_module import Maker

__all__ = ["called", "drawn"]

LOCK = threading.Lock()  # PyTorch's generator is one for all threads
REMEMBERED = 16  # forward passes whose backward pass has not come


def drawn(maker: Maker, key: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return parameters and buffers of the module that PyTorch makes from a seed.

    Args:
        maker: The module.
        key: JAX random key; ``torch.manual_seed`` is given 32 bits of it.
    """
    shapes: Any = tuple({n: _shape(v) for n, v in part.items()} for part in (maker.parameters, maker.buffers))

    def make(_: Any, out: Any, seed: Any) -> None:  # out is (parameters, buffers)
        with LOCK:
            values = maker.values(maker.make(int(_tensor(seed).item())))
            for buffers, tensors in zip(out, values, strict=True):
                for name, buffer in buffers.items():
                    _write(buffer, tensors[name])

    seed = jax.random.bits(key, (), jnp.uint32).astype(jnp.int32)
    call: Any = buffer_callback(_told(maker, make), shapes, vmap_method="sequential")
    return call(seed)


def called(maker: Maker, batch: tuple[np.ndarray, ...]) -> Forward:
    """Return the module as a function that JAX can differentiate and map over members.

    Args:
        maker: The module.
        batch: Some rows of its inputs.
    """
    host = _Host(maker, batch)

    def forward(trained: Any, kept: Any, inputs: Any, key: Any, training: bool) -> tuple[Any, Any]:
        seed = jnp.int32(0) if key is None else jax.random.bits(key, (), jnp.uint32).astype(jnp.int32)
        found: Any = _differentiable(host, training, trained, kept, inputs, seed)
        return (found[0][0] if host.single else found[0]), found[1]

    return forward


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _differentiable(host: "_Host", training: bool, trained: Any, kept: Any, inputs: Any, seed: Any) -> tuple[Any, Any]:
    outputs, after, _ = _ahead(host, training, False, trained, kept, inputs, seed)
    return outputs, after


def _with_residuals(host: "_Host", training: bool, trained: Any, kept: Any, inputs: Any, seed: Any) -> Any:
    outputs, after, token = _ahead(host, training, True, trained, kept, inputs, seed)
    return (outputs, after), (trained, kept, inputs, seed, token)


def _backward(host: "_Host", training: bool, residuals: Any, cotangents: Any) -> Any:
    trained, kept, inputs, seed, token = residuals
    callback = _told(host.maker, partial(host.backward, training))
    call: Any = buffer_callback(callback, jax.tree.map(_like, trained), vmap_method="expand_dims")
    slopes = tuple(cotangents[0][place] for place in host.floating)
    return _once(host, call)(trained, kept, inputs, seed, token, slopes), None, None, None


_differentiable.defvjp(_with_residuals, _backward)


def _ahead(host: "_Host", training: bool, keep: bool, trained: Any, kept: Any, inputs: Any, seed: Any) -> Any:
    rows = inputs[0].shape[0]
    outputs = tuple(jax.ShapeDtypeStruct((rows, *shape), kind) for shape, kind in host.outputs)
    shapes = (outputs, jax.tree.map(_like, kept), jax.ShapeDtypeStruct((), jnp.int32))
    callback = _told(host.maker, partial(host.forward, training, keep))
    call: Any = buffer_callback(callback, shapes, vmap_method="expand_dims")
    return _once(host, call)(trained, kept, inputs, seed)


def _told(maker: Maker, function: Callable[..., None]) -> Callable[..., None]:
    """Return a callback whose errors are one sentence, which the compiled code's caller finds in JAX' report."""

    def guarded(*args: Any) -> None:
        try:
            function(*args)
        except TaskError:
            raise
        except Exception as error:
            reason = next(iter(str(error).strip().splitlines()), "").rstrip(".")
            told = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
            raise TaskError(
                f"task {maker.name!r}: its module raised {told} in PyTorch; it must run on the task's own arrays, in "
                "training as in evaluation."
            ) from error

    return guarded


def _once(host: "_Host", call: Callable[..., Any]) -> Callable[..., Any]:
    """Return a call that refuses in a sentence to be differentiated again, as for a Hessian."""

    def refuse(*_: Any) -> tuple[Any, Any]:
        raise TaskError(
            f"task {host.maker.name!r}: its module runs in PyTorch, which gives first derivatives only; choose an "
            "optimizer that needs no Hessian, or a module that converts."
        )

    guarded = jax.custom_jvp(call)
    guarded.defjvp(refuse)
    return guarded


class _Host:
    """PyTorch's side: the module, and the passes whose gradients are still wanted.

    Args:
        maker: The module.
        batch: Some rows of its inputs.
    """

    def __init__(self, maker: Maker, batch: tuple[np.ndarray, ...]) -> None:
        from thalweg.interop.torch_conversion import as_tensor

        self.maker = maker
        self.module = maker.example
        self.ranks = tuple(array.ndim for array in batch)
        self.stacks = {True: True, False: True}  # by mode, until PyTorch says that it cannot
        self.waiting: OrderedDict[int, tuple[Any, Any]] = OrderedDict()
        self.tokens = itertools.count(1)
        with torch.no_grad():
            found = maker.make(0).eval()(*(as_tensor(array) for array in batch))
        leaves = found if isinstance(found, tuple | list) else (found,)
        if not all(isinstance(leaf, torch.Tensor) and leaf.shape[:1] == batch[0].shape[:1] for leaf in leaves):
            raise TaskError(
                f"task {maker.name!r}: its module returns a {type(found).__name__}; return a tensor, or a tuple of "
                "tensors, with one row for each example."
            )
        self.single = isinstance(found, torch.Tensor)
        self.outputs = tuple((tuple(leaf.shape[1:]), dtype_of(leaf.dtype)) for leaf in leaves)
        self.floating = [place for place, leaf in enumerate(leaves) if leaf.is_floating_point()]

    def forward(
        self, training: bool, keep: bool, _: Any, out: Any, trained: Any, kept: Any, inputs: Any, seed: Any
    ) -> None:
        """Write outputs, buffers and the token of this pass."""
        outputs, after, token = out
        with LOCK, torch.set_grad_enabled(keep):
            found, buffers, params = self._compute(training, keep, trained, kept, inputs, seed, token.shape)
            for buffer, tensor in zip(outputs, found, strict=True):
                _write(buffer, tensor)
            for name, buffer in after.items():
                _write(buffer, buffers[name])
            number = next(self.tokens) % 2**30
            _write(token, torch.tensor(number, dtype=torch.int32))
            if keep:
                self.waiting[number] = (found, params)
                while len(self.waiting) > REMEMBERED:
                    self.waiting.popitem(last=False)

    def backward(
        self,
        training: bool,
        _: Any,
        out: Any,
        trained: Any,
        kept: Any,
        inputs: Any,
        seed: Any,
        token: Any,
        cotangents: Any,
    ) -> None:
        """Write the gradients by parameter, from the forward pass if it is still there."""
        lead = next(iter(out.values())).shape[: next(iter(out.values())).ndim - _rank(self.maker, next(iter(out)))]
        with LOCK, torch.enable_grad():
            known = self.waiting.pop(int(_tensor(token).reshape(-1)[0].item()), None)
            if known is None:
                found, _, params = self._compute(training, True, trained, kept, inputs, seed, lead)
            else:
                found, params = known
            slopes = [
                (found[place], _tensor(part).expand((*lead, *part.shape[len(lead) :])).reshape(found[place].shape))
                for place, part in zip(self.floating, cotangents, strict=True)
            ]
            for name, gradient in zip(params, _gradients(slopes, list(params.values())), strict=True):
                _write(out[name], torch.zeros_like(params[name]) if gradient is None else gradient)

    def _compute(
        self, training: bool, keep: bool, trained: Any, kept: Any, inputs: Any, seed: Any, lead: tuple[int, ...]
    ) -> tuple[tuple[Any, ...], dict[str, Any], dict[str, Any]]:
        """Return outputs, buffers and parameters, each with one axis of members first."""
        members = int(np.prod(lead, dtype=int))
        ranks = {n: v.ndim for part in (self.maker.parameters, self.maker.buffers) for n, v in part.items()}
        params = {n: _members(v, ranks[n], lead, members).clone().requires_grad_(keep) for n, v in trained.items()}
        buffers = {n: _members(v, ranks[n], lead, members).clone() for n, v in kept.items()}
        shared = all(part.shape[: part.ndim - rank] == (1,) * (part.ndim - rank) for part, rank in self._pairs(inputs))
        rows = [
            _wide(
                _tensor(part).reshape(part.shape[part.ndim - rank :]) if shared else _members(part, rank, lead, members)
            )
            for part, rank in self._pairs(inputs)
        ]
        if keep:  # the memory is the program's again before the backward pass, which may need the rows
            rows = [part.clone() for part in rows]
        seeds = _members(seed, 0, lead, members).tolist()
        self.module.train(training)
        if self.stacks[training]:
            try:
                each = torch.func.vmap(self._one, in_dims=(0, 0, None if shared else 0), randomness="error")
                fresh = {n: v.clone() for n, v in buffers.items()}
                return (*each(params, fresh, tuple(rows)), params)
            except Exception:  # an operation that cannot be stacked, or that draws random numbers
                self.stacks[training] = False
        return (*self._one_by_one(params, buffers, rows, shared, seeds), params)

    def _one_by_one(self, params: Any, buffers: Any, rows: Any, shared: bool, seeds: Any) -> tuple[Any, Any]:
        found = []
        for i, seed in enumerate(seeds):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                own = {n: v[i].clone() for n, v in buffers.items()}
                given = tuple(rows) if shared else tuple(part[i] for part in rows)
                found.append(self._one({n: v[i] for n, v in params.items()}, own, given))
        outputs = tuple(torch.stack(parts) for parts in zip(*(one for one, _ in found), strict=True))
        return outputs, {n: torch.stack([after[n] for _, after in found]) for n in buffers}

    def _one(self, params: Any, buffers: Any, rows: Any) -> tuple[Any, Any]:
        values = {**params, **buffers}  # where a buffer that the module assigns anew is told
        found = torch.func.functional_call(self.module, values, rows)
        return (found,) if self.single else tuple(found), {name: values[name] for name in buffers}

    def _pairs(self, inputs: Any) -> Any:
        return zip(inputs, self.ranks, strict=True)


def _gradients(slopes: list[tuple[Any, Any]], params: list[Any]) -> Any:
    """Return gradients by parameters, None where there is none, from outputs and the loss' slopes by them."""
    depending = [(output, slope) for output, slope in slopes if output.requires_grad]
    if not depending:
        return [None] * len(params)
    outputs, weights = zip(*depending, strict=True)
    return torch.autograd.grad(outputs, params, weights, allow_unused=True)


def _members(buffer: Any, rank: int, lead: tuple[int, ...], members: int) -> torch.Tensor:
    """Return an array of the program with its leading axes as one axis of members."""
    tensor = _tensor(buffer)
    shape = tensor.shape[tensor.ndim - rank :]
    return tensor.expand((*lead, *shape)).reshape((members, *shape))


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.long() if tensor.dtype == torch.int32 else tensor


def _rank(maker: Maker, name: str) -> int:
    return maker.parameters[name].ndim


def _tensor(buffer: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(buffer, copy=None))


def _write(buffer: Any, tensor: torch.Tensor) -> None:
    np.asarray(buffer)[...] = tensor.detach().reshape(buffer.shape if tensor.ndim else ()).numpy()


def _shape(tensor: torch.Tensor) -> Any:
    return jax.ShapeDtypeStruct(tuple(tensor.shape), dtype_of(tensor.dtype))


def _like(array: Any) -> Any:
    return jax.ShapeDtypeStruct(array.shape, array.dtype)
