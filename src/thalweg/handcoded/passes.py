"""Forward and backward pass, written out: what automatic differentiation would otherwise do unseen.

Layers are counted from 1 to L. With a₀ = x, the forward pass is ::

    zₖ = aₖ₋₁·Wₖ + bₖ           pre-activations
    aₖ = f(zₖ)                  activations, of all layers but the last
    p  = softmax(z_L)           what the network says
    J  = −1/n·Σ y·log p         data loss
    R  = λ/2·Σ‖Wₖ‖²             penalty; biases are not penalized

and the backward pass carries the error signals δₖ = ∂J/∂zₖ from the last layer to the first, by the chain rule::

    δ_L = (p − y) / n
    δₖ  = (δₖ₊₁·Wₖ₊₁ᵀ) ⊙ f′(zₖ)
    ∂(J + R)/∂Wₖ = aₖ₋₁ᵀ·δₖ + λ·Wₖ
    ∂(J + R)/∂bₖ = Σ_rows δₖ
"""

from typing import NamedTuple, TypeAlias

import numpy as np

from thalweg.handcoded.activations import Activation
from thalweg.handcoded.losses import Loss

__all__ = ["Backward", "Forward", "Gradients", "Layers", "backward", "forward", "gradients", "interleaved", "penalty"]

Layers: TypeAlias = tuple[np.ndarray, ...]  # one array per layer, first to last


class Forward(NamedTuple):
    """What the forward pass computes, n rows.

    Attributes:
        input: x, shape (n, inputs).
        pre_activations: z of every layer, (n, width) each.
        activations: a of every layer but the last.
        outputs: p, (n, outputs): probabilities, or the last pre-activations themselves for the squared loss.
    """

    input: np.ndarray
    pre_activations: Layers
    activations: Layers
    outputs: np.ndarray

    def entering(self, layer: int) -> np.ndarray:
        """Return what enters layer 1, 2, …: the input, or the activations of the layer before."""
        return self.input if layer == 1 else self.activations[layer - 2]


class Backward(NamedTuple):
    """What the backward pass computes; every tuple goes from the first layer to the last.

    Attributes:
        passed_back: δₖ₊₁·Wₖ₊₁ᵀ, the error that reaches the activations of every layer but the last.
        slopes: f′(zₖ) of every layer but the last.
        error_signals: δₖ, (n, width) each.
        weight_gradients: Of loss and penalty, like the weights.
        bias_gradients: Like the biases.
    """

    passed_back: Layers
    slopes: Layers
    error_signals: Layers
    weight_gradients: Layers
    bias_gradients: Layers


class Gradients(NamedTuple):
    """Loss and gradients at a point.

    Attributes:
        loss: Data loss plus penalty.
        weights: Gradient of each layer's weights.
        biases: Gradient of each layer's biases.
    """

    loss: float
    weights: Layers
    biases: Layers


def forward(weights: Layers, biases: Layers, x: np.ndarray, activation: Activation, loss: Loss) -> Forward:
    """Return everything between the input and the outputs.

    Args:
        weights: (inputs, width) of each layer.
        biases: (width,) of each layer.
        x: (n, inputs), float64.
        activation: Applied after every layer but the last.
        loss: Whose outputs are wanted.
    """
    pre_activations, activations, entering = [], [], x
    for layer, (W, b) in enumerate(zip(weights, biases, strict=True), start=1):
        z = entering @ W + b
        pre_activations.append(z)
        if layer < len(weights):
            entering = activation.function(z)
            activations.append(entering)
    return Forward(x, tuple(pre_activations), tuple(activations), loss.output(pre_activations[-1]))


def backward(
    weights: Layers, passed: Forward, y: np.ndarray, activation: Activation, loss: Loss, l2: float
) -> Backward:
    """Return the error signals of all layers and the gradients of data loss plus penalty.

    Args:
        weights: (inputs, width) of each layer.
        passed: From :func:`forward` with the same weights.
        y: Targets, of the shape of the outputs.
        activation: As in the forward pass.
        loss: As in the forward pass.
        l2: λ.
    """
    signal = loss.error_signal(passed.outputs, y)
    passed_back, slopes, signals = [], [], [signal]
    for layer in range(len(weights) - 1, 0, -1):
        error = signal @ weights[layer].T
        slope = activation.slope(passed.pre_activations[layer - 1], passed.activations[layer - 1])
        signal = error * slope
        passed_back.insert(0, error)
        slopes.insert(0, slope)
        signals.insert(0, signal)
    weight_gradients = tuple(
        passed.entering(layer).T @ signals[layer - 1] + l2 * W for layer, W in enumerate(weights, start=1)
    )
    bias_gradients = tuple(signal.sum(axis=0) for signal in signals)
    return Backward(tuple(passed_back), tuple(slopes), tuple(signals), weight_gradients, bias_gradients)


def gradients(
    weights: Layers, biases: Layers, x: np.ndarray, y: np.ndarray, activation: Activation, loss: Loss, l2: float
) -> Gradients:
    """Return data loss plus penalty and its gradients; arguments as of :func:`forward` and :func:`backward`."""
    passed = forward(weights, biases, x, activation, loss)
    back = backward(weights, passed, y, activation, loss, l2)
    value = loss.value(passed.pre_activations[-1], y) + penalty(weights, l2)
    return Gradients(value, back.weight_gradients, back.bias_gradients)


def penalty(weights: Layers, l2: float) -> float:
    """Return λ/2 times the sum of all squared weights."""
    return 0.5 * l2 * sum(float(np.vdot(W, W)) for W in weights)


def interleaved(weights: Layers, biases: Layers) -> tuple[np.ndarray, ...]:
    """Return weights and biases in one tuple, layer by layer."""
    return tuple(array for layer in zip(weights, biases, strict=True) for array in layer)
