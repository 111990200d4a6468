"""Hyperparameters that many rules share, with the same symbols and ranges everywhere.

The search ranges are wide enough to hold each rule's default strictly inside, so that an
optimum at an edge means that the range, not the default, was in the way.
"""

from typing import Any

from thalweg.arrays import Array
from thalweg.optimizers.base import Number, hyperparameter, variant

__all__ = [
    "decay_form",
    "decayed",
    "epsilon",
    "first_decay",
    "layout",
    "learning_rate",
    "second_decay",
    "velocity_decay",
    "weight_decay",
]


def learning_rate(default: float, search: tuple[float, float]) -> Any:
    """Declare the step size η."""
    return hyperparameter(default, meaning="learning rate η", search=search)


def velocity_decay(default: float = 0.9, search: tuple[float, float] | None = (0.5, 0.995)) -> Any:
    """Declare the decay μ of a velocity."""
    return hyperparameter(
        default,
        meaning="momentum μ, decay of the velocity",
        high=1.0,
        high_open=True,
        search=search,
        scale="complement",
    )


def first_decay(default: float = 0.9, meaning: str = "decay β₁ of the gradient's average m") -> Any:
    """Declare the decay β₁ of an average of gradients."""
    return hyperparameter(
        default,
        meaning=meaning,
        high=1.0,
        high_open=True,
        search=(0.5, 0.99),
        scale="complement",
    )


def second_decay(
    meaning: str = "decay β₂ of the squared gradient's average v",
    default: float = 0.999,
    search: tuple[float, float] = (0.9, 0.9999),
) -> Any:
    """Declare the decay β₂ of an average of squared gradients, or of a maximum of absolute ones."""
    return hyperparameter(
        default,
        meaning=meaning,
        high=1.0,
        high_open=True,
        search=search,
        scale="complement",
    )


def epsilon(
    default: float,
    search: tuple[float, float] | None = (1e-10, 1e-2),
    meaning: str = "ε, keeps the quotient finite where the gradient vanishes",
) -> Any:
    """Declare the small constant ε; zero is refused, since a zero gradient would give 0 / 0."""
    return hyperparameter(default, meaning=meaning, low_open=True, search=search)


def weight_decay() -> Any:
    """Declare weight decay λ, off unless set."""
    return hyperparameter(0.0, meaning="weight decay λ")


def decay_form(default: str = "coupled") -> Any:
    """Declare the two ways in which ``weight_decay`` enters."""
    return variant(
        default,
        choices=("coupled", "decoupled"),
        meaning="add λ·θ to the gradient, or shrink θ by η·λ·θ beside the step as Keras does",
    )


def layout() -> Any:
    """Declare which axis of an array is that of a layer's outputs."""
    return variant(
        "in-out", choices=("in-out", "out-in"), meaning="the outputs are the last axis, or the first as in torch"
    )


def decayed(x: Array, g: Array, weight_decay: Number, learning_rate: Number, form: str) -> tuple[Array, Array]:
    """Return parameters and gradient with weight decay applied to one of them.

    Args:
        x: Parameters.
        g: Gradient, like ``x``.
        weight_decay: λ, 0-d array.
        learning_rate: η, 0-d array.
        form: ``coupled`` gives ``(θ, g + λ·θ)``, ``decoupled`` gives ``(θ − η·λ·θ, g)``.

    References:
        Loshchilov and Hutter (2019), Decoupled Weight Decay Regularization, section 2.
    """
    if form == "decoupled":
        return x - learning_rate * weight_decay * x, g
    return x, g + weight_decay * x
