"""NNX modules as pure functions: parameters in, outputs and statistics out."""

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
        training: Its graph in training mode.
        evaluating: Its graph in evaluation mode.
        params: Shapes of its parameters.
        randomness: Shapes of its random streams.
        state: Shapes of all else.
    """

    training: Any
    evaluating: Any
    params: Any
    randomness: Any
    state: Any


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

    from thalweg.interop.flax_models import modes

    def made(rngs: Any) -> Any:
        try:
            module = make(rngs)
        except TypeError:
            module = make(rngs=rngs)  # pyright: ignore[reportCallIssue]
        if not isinstance(module, nnx.Module):
            raise TaskError(
                f"task {name!r}: its module function returned a {type(module).__name__}; return an nnx.Module, or give "
                "a Linen module itself."
            )
        return module

    @cache
    def anatomy() -> tuple[_Anatomy, type]:
        module = nnx.eval_shape(lambda: made(nnx.Rngs(0)))
        module.eval()
        evaluating = nnx.split(module, nnx.Param, nnx.RngState, ...)
        module.train()
        return _Anatomy(nnx.graphdef(module), *evaluating), type(module)

    def call(graph: Any, params: Params, given: Inputs, key: Any, arguments: dict[str, Any]) -> tuple[Any, Any]:
        known, _ = anatomy()
        trained = {path: value for path, value in params.items() if path != STATE}
        own = state_in(_unflat(known.state, params.get(STATE, {})), known.state)
        module = nnx.merge(graph, _unflat(known.params, trained), _streams(known.randomness, key), own)
        outputs = module(*given, **arguments)
        _, _, _, after = nnx.split(module, nnx.Param, nnx.RngState, ...)
        return outputs, held(_flat(after))

    def arguments(key: Any, in_training: bool) -> dict[str, Any]:
        _, owner = anatomy()
        import inspect

        chosen = modes(owner, training, evaluation)[0 if in_training else 1]
        drawing = "rngs" in inspect.signature(owner.__call__).parameters and in_training
        return {**chosen, "rngs": nnx.Rngs(jax.random.fold_in(key, 1))} if drawing else chosen

    def init(key: Any) -> Params:
        _, params, _, state = nnx.split(made(nnx.Rngs(key)), nnx.Param, nnx.RngState, ...)
        return join_state(name, _flat(params), _flat(state))

    def apply(params: Params, given: Inputs) -> Any:
        key = jax.random.key(0)
        return call(anatomy()[0].evaluating, params, given, key, arguments(key, False))[0]

    def train(params: Params, given: Inputs, key: Any) -> tuple[Any, Any]:
        return call(anatomy()[0].training, params, given, key, arguments(key, True))

    return ForeignModel(init, apply, train)


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
