"""The two losses of the hand-coded network: cross-entropy of a softmax, and the mean squared difference.

Each pairs the last layer's output with its loss, so that the error signal is a plain difference.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from thalweg.errors import UnknownNameError

__all__ = ["LOSSES", "Loss", "find_loss", "log_softmax", "softmax"]


@dataclass(frozen=True)
class Loss:
    """What the last layer's pre-activations z become, and how they are judged against the targets y.

    Attributes:
        name: E.g. ``cross-entropy``.
        output_name: What the outputs p are called.
        output_formula: The outputs, one line, ``{z}`` standing for z.
        formula: The loss, one line; n rows, m outputs.
        signal_formula: Its gradient with respect to z, one line.
        output: ``z -> p``.
        value: ``(z, y) -> loss``.
        error_signal: ``(p, y) -> ∂loss/∂z``, of the shape of z.
    """

    name: str
    output_name: str
    output_formula: str
    formula: str
    signal_formula: str
    output: Callable[[np.ndarray], np.ndarray]
    value: Callable[[np.ndarray, np.ndarray], float]
    error_signal: Callable[[np.ndarray, np.ndarray], np.ndarray]


def softmax(z: np.ndarray) -> np.ndarray:
    """Return the probabilities eᶻ / Σ eᶻ of each row.

    Args:
        z: Shape (n, classes), any size of numbers: the largest of a row is subtracted first.

    Example:
        >>> softmax(np.array([[1000.0, 1000.0]])).tolist()
        [[0.5, 0.5]]
    """
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def log_softmax(z: np.ndarray) -> np.ndarray:
    """Return the logarithms of :func:`softmax`, finite where a probability underflows to zero."""
    shifted = z - z.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


CROSS_ENTROPY = Loss(
    name="cross-entropy",
    output_name="probabilities",
    output_formula="e^{z} / Σ e^{z}",
    formula="−1/n · Σ y·log p",
    signal_formula="(p − y) / n",
    output=softmax,
    value=lambda z, y: -float(np.sum(y * log_softmax(z))) / len(y),
    error_signal=lambda p, y: (p - y) / len(y),
)
SQUARED = Loss(
    name="squared",
    output_name="outputs",
    output_formula="{z}",
    formula="1/(n·m) · Σ (p − y)²",
    signal_formula="2·(p − y) / (n·m)",
    output=lambda z: z,
    value=lambda z, y: float(np.mean((z - y) ** 2)),
    error_signal=lambda p, y: 2 * (p - y) / y.size,
)

LOSSES: Mapping[str, Loss] = MappingProxyType({loss.name: loss for loss in (CROSS_ENTROPY, SQUARED)})


def find_loss(name: str) -> Loss:
    """Return the loss of that name.

    Raises:
        UnknownNameError: There is none.

    Example:
        >>> find_loss("cross-entropy").signal_formula
        '(p − y) / n'
    """
    if name not in LOSSES:
        raise UnknownNameError("loss", name, LOSSES)
    return LOSSES[name]
