"""Residual and plain convolutional networks of any depth, for small square images."""

from typing import Any

import jax
import jax.numpy as jnp

from thalweg.tasks.models.layers import convolve, dense, init_layers
from thalweg.tasks.models.model import Model, Pass, model

__all__ = ["residual_network"]

STAGES = 3


def residual_network(
    image: tuple[int, int, int],
    depth: int,
    width: int,
    outputs: int,
    *,
    skip: bool = True,
    activation: str = "relu",
    normalization: str = "batch",
) -> Model:
    """Return a network of 3 × 3 convolutions in blocks of two, with or without a connection past each block.

    Args:
        image: Height, width and channels of an image; the inputs, of shape (n, …), are reshaped to it.
        depth: Layers with weights, an even number of 4 or more: the first convolution, two for each block, the dense
            layer at the end. The blocks are dealt to three stages, the first ones getting what is left over.
        width: Channels of the first stage; each later one has twice as many at half the height and width.
        outputs: Numbers the last layer gives.
        skip: Whether a block's input is added to its output. Without, the network is the plain one of the same depth
            and the same parameters.
        activation: Name of the activation.
        normalization: ``none``, ``batch`` or ``layer``, after every convolution.

    The average over all positions goes to the dense layer, under dropout. A connection past a block that halves the
    image takes every other position and fills the new channels with zeros, so it has no parameters.

    References:
        He et al. 2016, "Deep residual learning for image recognition", sections 3.3 and 4.2 (basic block, shortcut A).
    """
    blocks = _blocks(depth, width)
    sizes = [(9 * image[2], width)]
    for before, after, _ in blocks:
        sizes += [(9 * before, after), (9 * after, after)]
    sizes.append((sizes[-1][1], outputs))

    def convolution(now: Pass, number: int, x: Any, stride: int = 1) -> Any:
        return now.normalize(f"norm{number}", convolve(now.params[f"layer{number}"], x, (3, 3), stride))

    def forward(now: Pass, x: Any) -> Any:
        x = now.activate(convolution(now, 1, jnp.reshape(x, (-1, *image))))
        for index, (before, after, stride) in enumerate(blocks):
            inner = now.activate(convolution(now, 2 * index + 2, x, stride))
            inner = convolution(now, 2 * index + 3, inner)
            x = now.activate(inner + _shortcut(x, after - before, stride) if skip else inner)
        return dense(now.params[f"layer{depth}"], now.drop(1, jnp.mean(x, (1, 2))))

    return model(
        lambda key: init_layers(key, sizes),
        forward,
        activation=activation,
        normalization=normalization,
        channels={f"norm{number}": after for number, (_, after) in enumerate(sizes[:-1], start=1)},
        roles={
            **{f"layer{number}.weight": "patch:9" for number in range(1, depth)},
            f"layer{depth}.bias": "output-bias",
        },
    )


def _blocks(depth: int, width: int) -> list[tuple[int, int, int]]:
    # Channels in, channels out and stride of each block.
    count = (depth - 2) // 2
    found, before = [], width
    for stage in range(STAGES):
        for index in range(count // STAGES + (stage < count % STAGES)):
            after = width * 2**stage
            found.append((before, after, 2 if stage and index == 0 else 1))
            before = after
    return found


def _shortcut(x: Any, new_channels: int, stride: int) -> Any:
    if stride > 1:
        x = jax.lax.slice(x, (0, 0, 0, 0), x.shape, (1, stride, stride, 1))
    return jnp.pad(x, [(0, 0), (0, 0), (0, 0), (0, new_channels)]) if new_channels else x
