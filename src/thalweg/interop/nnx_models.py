"""NNX modules as pure functions: parameters in, outputs and statistics out."""

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import jax

from thalweg.errors import TaskError
from thalweg.interop.assembly import ForeignModel, Inputs, held, join_state, state_in
from thalweg.tasks.base import STATE, Params

__all__ = ["nnx_model"]


class _Anatomy(NamedTuple):
    """What an NNX module consists of beside its numbers.

    Attributes:
        training: Its graph in training mode, and the arguments of its call there.
        evaluating: Likewise in evaluation.
        params: Shapes of its parameters.
        randomness: Shapes of its random streams.
        state: Shapes of all else.
        takes_rngs: Whether its call takes ``rngs``.
    """

    training: tuple[Any, dict[str, Any]]
    evaluating: tuple[Any, dict[str, Any]]
    params: Any
    randomness: Any
    state: Any
    takes_rngs: bool


def nnx_model(
    name: str,
    make: Callable[[Any], Any],
    training: Mapping[str, Any] | None,
    evaluation: Mapping[str, Any] | None,
) -> ForeignModel:
    """Return an NNX module as pure functions.

    Args:
        name: Name of the task, for messages.
        make: Function of ``nnx.Rngs`` that makes the module.
        training: Arguments of its call in training; None for what its signature asks for.
        evaluation: Likewise in evaluation.
    """
    from flax import nnx

    @cache
    def anatomy() -> _Anatomy:
        return _anatomy(name, make, training, evaluation)

    def call(params: Params, given: Inputs, key: Any, *, in_training: bool) -> tuple[Any, Any]:
        known = anatomy()
        graph, arguments = known.training if in_training else known.evaluating
        trained = {path: value for path, value in params.items() if path != STATE}
        own = state_in(_unflat(known.state, params.get(STATE, {})), known.state)
        module = nnx.merge(graph, _unflat(known.params, trained), _streams(known.randomness, key), own)
        rngs = {"rngs": nnx.Rngs(jax.random.fold_in(key, 1))} if known.takes_rngs and in_training else {}
        outputs = module(*given, **arguments, **rngs)
        nnx.pop(module, nnx.Intermediate)  # what it sowed is for looking at, no state
        _, _, _, after = nnx.split(module, nnx.Param, nnx.RngState, ...)
        return outputs, held(_flat(after))

    def init(key: Any) -> Params:
        _, params, _, state = nnx.split(_made(name, make, nnx.Rngs(key)), nnx.Param, nnx.RngState, ...)
        return join_state(name, _flat(params), _flat(state))

    def apply(params: Params, given: Inputs) -> Any:
        return call(params, given, jax.random.key(0), in_training=False)[0]

    def train(params: Params, given: Inputs, key: Any) -> tuple[Any, Any]:
        return call(params, given, key, in_training=True)

    return ForeignModel(init, apply, train, identity=(training, evaluation))


def _anatomy(
    name: str,
    make: Callable[[Any], Any],
    training: Mapping[str, Any] | None,
    evaluation: Mapping[str, Any] | None,
) -> _Anatomy:
    """Return what a module consists of, from its shapes."""
    from flax import nnx

    from thalweg.interop.flax_models import modes

    module = nnx.eval_shape(lambda: _made(name, make, nnx.Rngs(0)))
    on, off = modes(type(module), training, evaluation)
    module.eval()
    evaluating, params, randomness, state = nnx.split(module, nnx.Param, nnx.RngState, ...)
    module.train()
    takes_rngs = "rngs" in inspect.signature(type(module).__call__).parameters
    return _Anatomy((nnx.graphdef(module), on), (evaluating, off), params, randomness, state, takes_rngs)


def _made(name: str, make: Callable[..., Any], rngs: Any) -> Any:
    """Return the module; ``rngs`` may have to be given by name."""
    from flax import nnx

    maker: Any = make.__init__ if isinstance(make, type) else make  # a class of NNX hides what it takes
    takes = inspect.signature(maker).parameters.values()
    by_name = any(one.name == "rngs" and one.kind is one.KEYWORD_ONLY for one in takes)
    module = make(rngs=rngs) if by_name else make(rngs)
    if not isinstance(module, nnx.Module):
        raise TaskError(
            f"task {name!r}: its module function returned a {type(module).__name__}; return an nnx.Module, or give "
            "a Linen module itself."
        )
    nnx.pop(module, nnx.Intermediate)
    return module


def _flat(state: Any) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(state)
    return {".".join(str(part.key) for part in path if hasattr(part, "key")): leaf for path, leaf in leaves}


def _unflat(like: Any, flat: Mapping[str, Any]) -> Any:
    return jax.tree.unflatten(jax.tree.structure(like), [flat[path] for path in _flat(like)])


def _streams(like: Any, key: Any) -> Any:
    """Return the module's random streams begun anew from a key, each with one of its own."""
    leaves, structure = jax.tree.flatten(like)
    begun = [
        jax.random.fold_in(key, number)
        if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        # Counters start at zero.
        else jax.numpy.zeros(leaf.shape, leaf.dtype)
        for number, leaf in enumerate(leaves)
    ]
    return jax.tree.unflatten(structure, begun)
