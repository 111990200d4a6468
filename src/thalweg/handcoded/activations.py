"""The activations of the hand-coded network, each with its slope."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from thalweg.errors import UnknownNameError

__all__ = ["ACTIVATIONS", "Activation", "find_activation"]


@dataclass(frozen=True)
class Activation:
    """A function that is applied to every number of a layer.

    Attributes:
        name: E.g. ``relu``.
        formula: The function, one line, ``{z}`` standing for the pre-activations.
        slope_formula: Its derivative, one line, ``{a}`` standing for f(z).
        function: ``z -> a``, elementwise.
        slope: ``(z, a) -> f′(z)``, elementwise; a is given since most slopes are shortest in it.
        gain: Variance of the weights times the inputs for which activations keep their size, or None for the
            average over both directions, 2 / (inputs + outputs).
    """

    name: str
    formula: str
    slope_formula: str
    function: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray, np.ndarray], np.ndarray]
    gain: float | None = None


def _sigmoid(z: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * z))  # 1 / (1 + e⁻ᶻ) without overflow for z far below zero


RELU = Activation(
    "relu",
    "max(0, {z})",
    "1 where {z} > 0, else 0",
    lambda z: np.maximum(z, 0.0),
    lambda z, _a: np.asarray(z > 0, np.float64),  # 0 at the kink, as in torch and JAX
    gain=2.0,
)
TANH = Activation("tanh", "tanh {z}", "1 − {a}²", np.tanh, lambda _z, a: 1 - a * a)
SIGMOID = Activation("sigmoid", "1 / (1 + e^−{z})", "{a}·(1 − {a})", _sigmoid, lambda _z, a: a * (1 - a))
IDENTITY = Activation("identity", "{z}", "1", lambda z: z, lambda z, _a: np.ones_like(z))

ACTIVATIONS: Mapping[str, Activation] = MappingProxyType({a.name: a for a in (RELU, TANH, SIGMOID, IDENTITY)})


def find_activation(name: str) -> Activation:
    """Return the activation of that name.

    Raises:
        UnknownNameError: There is none.

    Example:
        >>> find_activation("relu").function(np.array([-1.0, 0.0, 2.0])).tolist()
        [0.0, 0.0, 2.0]
    """
    if name not in ACTIVATIONS:
        raise UnknownNameError("activation", name, ACTIVATIONS)
    return ACTIVATIONS[name]
