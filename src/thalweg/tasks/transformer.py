"""A small causal transformer: layer normalization before each part, learnt positions."""

from typing import Any

import jax
import jax.numpy as jnp

from thalweg.tasks.base import Params
from thalweg.tasks.models import Model, Pass, dense, model

__all__ = ["causal_attention", "transformer"]


def causal_attention(query: Any, key: Any, value: Any) -> Any:
    """Return softmax(q kᵀ / √d) v, where a position sees itself and what comes before.

    Args:
        query: Shape (n, length, d).
        key: Likewise.
        value: Likewise.

    The division by the softmax's sum follows the product with v, which has d columns where the weights have
    ``length``.

    References:
        Vaswani et al. 2017, "Attention is all you need", eq. 1 and section 3.2.3.
    """
    length, size = query.shape[-2:]
    seen = jnp.tril(jnp.ones((length, length), bool))
    scores = jnp.where(seen, (query * size**-0.5) @ jnp.swapaxes(key, -1, -2), -jnp.inf)
    largest = jax.lax.stop_gradient(jnp.max(scores, axis=-1, keepdims=True))  # cancels, and keeps exp finite
    weights = jnp.exp(scores - largest)
    return (weights @ value) / jnp.sum(weights, axis=-1, keepdims=True)


def transformer(
    classes: int,
    length: int,
    *,
    width: int = 64,
    layers: int = 2,
    heads: int = 4,
    activation: str = "gelu",
    normalization: str = "layer",
    skip: bool = True,
) -> Model:
    """Return a causal transformer: ``apply`` takes integers (n, t ≤ length) and gives logits (n, t, classes).

    Args:
        classes: Size of the vocabulary.
        length: Most characters in a row.
        width: Numbers per position; a multiple of ``heads``.
        layers: Blocks of attention and perceptron.
        heads: Attention heads.
        activation: Of the perceptrons, which are 4 · width wide.
        normalization: ``layer`` or ``none``.
        skip: Whether each part's result is added to its input or replaces it.

    Weights are N(0, 1/inputs), those that end a part divided by √(2 · layers), so that the sum over all parts keeps
    its size; embeddings are N(0, 0.02²) and the output layer N(0, 1/width), biases zero.

    References:
        Radford et al. 2019, "Language models are unsupervised multitask learners", section 2.3 (normalization
        before each part and at the end, division by √(parts)); Xiong et al. 2020, "On layer normalization in the
        transformer architecture", figure 1b.
    """
    sizes = {
        name: size
        for number in range(1, layers + 1)
        for name, size in (
            *((f"{part}{number}", (width, width)) for part in ("query", "key", "value", "mix")),
            (f"widen{number}", (width, 4 * width)),
            (f"narrow{number}", (4 * width, width)),
        )
    }
    sizes["output"] = (width, classes)
    channels = {f"norm{number}": width for number in range(1, 2 * layers + 2)}

    def init(key: Any) -> Params:
        keys = jax.random.split(key, 3)
        params = _init_layers(keys[0], sizes, layers)
        for name, rows, one in (("characters", classes, keys[1]), ("positions", length, keys[2])):
            params[name] = {"embedding": 0.02 * jax.random.normal(one, (rows, width), jnp.float32)}
        return params

    def forward(now: Pass, x: Any) -> Any:
        # An index into the table, whose gradient is a scatter: see character_models for what was measured.
        state = now.params["characters"]["embedding"][x] + now.params["positions"]["embedding"][: x.shape[1]]
        state = now.drop(0, state)
        for number in range(1, layers + 1):
            found = now.drop(2 * number - 1, _attend(now, number, heads, now.normalize(f"norm{2 * number - 1}", state)))
            state = state + found if skip else found
            found = now.drop(2 * number, _think(now, number, now.normalize(f"norm{2 * number}", state)))
            state = state + found if skip else found
        return dense(now.params["output"], now.normalize(f"norm{2 * layers + 1}", state))

    roles = {"output.bias": "output-bias", "characters.embedding": "fixed", "positions.embedding": "fixed"}
    return model(init, forward, activation=activation, normalization=normalization, channels=channels, roles=roles)


def _init_layers(key: Any, sizes: dict[str, tuple[int, int]], layers: int) -> Params:
    # All drawn at once: of a small model's program, the random generator takes longest to compile.
    drawn = jax.random.normal(key, (sum(inputs * outputs for inputs, outputs in sizes.values()),), jnp.float32)
    params, used = {}, 0
    for name, (inputs, outputs) in sizes.items():
        ends = name.startswith(("mix", "narrow"))
        scale = (inputs * (2 * layers if ends else 1)) ** -0.5
        weight = drawn[used : used + inputs * outputs].reshape(inputs, outputs) * scale
        params[name] = {"weight": weight, "bias": jnp.zeros(outputs, jnp.float32)}
        used += inputs * outputs
    return params


def _attend(now: Pass, number: int, heads: int, x: Any) -> Any:
    # One product for query, key and value; then heads beside rows, so that attention is a product of many matrices.
    layers = [now.params[f"{part}{number}"] for part in ("query", "key", "value")]
    together = {part: jnp.concatenate([layer[part] for layer in layers], axis=-1) for part in ("weight", "bias")}
    rows, length, width = x.shape
    parts = jnp.reshape(dense(together, x), (rows, length, 3, heads, width // heads))
    query, key, value = jnp.reshape(jnp.transpose(parts, (2, 0, 3, 1, 4)), (3, rows * heads, length, width // heads))
    mixed = jnp.reshape(causal_attention(query, key, value), (rows, heads, length, width // heads))
    return dense(now.params[f"mix{number}"], jnp.reshape(jnp.swapaxes(mixed, 1, 2), x.shape))


def _think(now: Pass, number: int, x: Any) -> Any:
    return dense(now.params[f"narrow{number}"], now.activate(dense(now.params[f"widen{number}"], x)))
