"""What a model is, and one pass of it over a batch: in evaluation, or in training under a context."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax

from thalweg.tasks.base import STATE, Context, Params
from thalweg.tasks.models.activations import activate
from thalweg.tasks.models.dropout import dropout
from thalweg.tasks.models.normalization import batch_normalize, init_normalization, layer_normalize

__all__ = ["Model", "Pass", "model"]


@dataclass(frozen=True)
class Model:
    """A model as pure functions.

    Attributes:
        init: ``key -> params``.
        apply: ``(params, x) -> outputs``, x of shape (n, …), outputs of shape (n, outputs), for evaluation.
        train: ``(params, x, context) -> (outputs, state)`` while training; None if that is no different.
        techniques: Fields of :class:`~thalweg.tasks.base.Context` that ``train`` heeds.
        roles: What parameter arrays are for, by path, as in :class:`~thalweg.tasks.Task`.
    """

    init: Callable[[Any], Params]
    apply: Callable[[Params, Any], Any]
    train: Callable[[Params, Any, Context], tuple[Any, Any]] | None = None
    techniques: frozenset[str] = frozenset()
    roles: Mapping[str, str] = field(default_factory=dict)

    def fields(self) -> dict[str, Any]:
        """Return what :func:`~thalweg.tasks.classification` and ``regression`` take beside init and apply."""
        return {"train": self.train, "techniques": self.techniques, "roles": self.roles}


@dataclass
class Pass:
    """One pass over a batch; a model's formula is written once, and asks the pass for what depends on the mode.

    Attributes:
        params: The model's parameters.
        activation: Name of the activation.
        normalization: ``none``, ``batch`` or ``layer``.
        context: What training may use, or None in evaluation. A field of it may be None: the technique is then left
            out of the program.
        state: New running averages by name, filled as the pass goes on.
    """

    params: Params
    activation: str = "relu"
    normalization: str = "none"
    context: Context | None = None
    state: dict[str, Any] = field(default_factory=dict)

    def normalize(self, name: str, x: Any) -> Any:
        """Return ``x`` normalized with the parameters called ``name``, or as it is."""
        if self.normalization == "none":
            return x
        if self.normalization == "layer":
            return layer_normalize(self.params[name], x)
        running = self.params[STATE][name]
        x, self.state[name] = batch_normalize(self.params[name], running, x, training=self.context is not None)
        return x

    def activate(self, x: Any) -> Any:
        """Return the activation of ``x``, diffused as the context says."""
        return activate(self.activation, x, None if self.context is None else self.context.diffusion)

    def drop(self, number: int, x: Any) -> Any:
        """Return ``x`` under dropout as the context says; ``number`` tells the model's dropouts apart."""
        if self.context is None or self.context.dropout is None:
            return x
        return dropout(jax.random.fold_in(self.context.key, number), x, self.context.dropout)


def model(
    init: Callable[[Any], Params],
    forward: Callable[[Pass, Any], Any],
    *,
    activation: str = "relu",
    normalization: str = "none",
    channels: Mapping[str, int] | None = None,
    roles: Mapping[str, str] | None = None,
) -> Model:
    """Return a model from one formula for both modes.

    Args:
        init: ``key -> params`` without those of the normalization.
        forward: ``(pass, x) -> outputs``.
        activation: Name of the activation.
        normalization: ``none``, ``batch`` or ``layer``.
        channels: Channels of each normalization, ``{"norm1": 32, …}``.
        roles: What parameter arrays are for, by path; scales and offsets of the normalization are added as ``fixed``.
    """
    channels = channels or {}

    def start(key: Any) -> Params:
        return init_normalization(init(key), normalization, channels)

    def apply(params: Params, x: Any) -> Any:
        return forward(Pass(params, activation, normalization), x)

    def train(params: Params, x: Any, context: Context) -> tuple[Any, Any]:
        training = Pass(params, activation, normalization, context)
        outputs = forward(training, x)
        return outputs, training.state

    named = () if normalization == "none" else channels
    fixed = {f"{name}.{part}": "fixed" for name in named for part in ("scale", "offset")}
    return Model(start, apply, train, frozenset({"dropout", "diffusion"}), {**(roles or {}), **fixed})
