"""Models of dense layers: linear, and the multilayer perceptron."""

import itertools
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from thalweg.tasks.base import Params
from thalweg.tasks.models.layers import dense, init_layers
from thalweg.tasks.models.model import Model, Pass, model

__all__ = ["linear", "mlp"]


def linear(inputs: int, outputs: int) -> Model:
    """Return a model without hidden layers; its weights start at zero, as its loss is convex."""

    def init(key: Any) -> Params:
        del key
        return {
            "layer1": {"weight": jnp.zeros((inputs, outputs), jnp.float32), "bias": jnp.zeros(outputs, jnp.float32)}
        }

    return Model(init, lambda params, x: dense(params["layer1"], x), roles={"layer1.bias": "output-bias"})


def mlp(widths: Sequence[int], activation: str = "relu", normalization: str = "none") -> Model:
    """Return a multilayer perceptron; a hidden layer is dense, normalization, activation, dropout, the last is dense.

    Args:
        widths: Inputs, hidden widths, outputs; at least two numbers.
        activation: Name of the activation; the initial weights are the same for all, so that a comparison changes
            nothing else.
        normalization: ``none``, ``batch`` or ``layer``, of every hidden layer.
    """
    sizes = list(itertools.pairwise(widths))
    last = len(sizes)

    def forward(now: Pass, x: Any) -> Any:
        for number in range(1, last):
            hidden = now.normalize(f"norm{number}", dense(now.params[f"layer{number}"], x))
            x = now.drop(number, now.activate(hidden))
        return dense(now.params[f"layer{last}"], x)

    return model(
        lambda key: init_layers(key, sizes),
        forward,
        activation=activation,
        normalization=normalization,
        channels={f"norm{number}": width for number, width in enumerate(widths[1:-1], start=1)},
        roles={f"layer{last}.bias": "output-bias"},
    )
