"""Gradient descent, on the whole training set or on minibatches."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State

__all__ = ["SGD"]


@dataclass(frozen=True)
class SGD(Rule):
    """Gradient descent: a step against the gradient, proportional to it.

    It is stochastic when the gradient comes from a minibatch, and plain (batch) gradient
    descent when the batch is the whole training set. The default learning rate is the
    commonest one in use, 0.01; no paper names one.

    References:
        Robbins and Monro (1951), A Stochastic Approximation Method.
    """

    name: ClassVar[str] = "sgd"
    title: ClassVar[str] = "Stochastic gradient descent"
    elementwise: ClassVar[bool] = True
    formula: ClassVar[tuple[str, ...]] = ("θ ← θ − η·(g + λ·θ)",)
    sources: ClassVar[tuple[str, ...]] = (
        "Cauchy (1847), Méthode générale pour la résolution des systèmes d'équations simultanées",
        "Robbins and Monro (1951), A Stochastic Approximation Method, Annals of Mathematical Statistics 22(3)",
        "Goodfellow, Bengio and Courville (2016), Deep Learning, algorithm 8.1",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "Coupled and decoupled weight decay are the same rule here: θ − η·(g + λ·θ) = (1 − η·λ)·θ − η·g.",
        "The default rate is 0.01 here and in Keras and 0.001 in torch; optax has none.",
        "Older texts keep the name for batches of one example; everyone now means minibatches of any size.",
    )
    slips: ClassVar[tuple[str, ...]] = (
        "Seed 001 averages over the batch by summing z = 0 … m, which are m + 1 examples, and dividing by m.",
        "Seed 001's minibatch listing stands outside its inner loop, so only the last minibatch of every epoch "
        "moves the weights.",
        "Seed 001 lists as a drawback that the batch gradient cannot be parallelised; it is the form that "
        "parallelises best, as seed 000 says.",
        "Seed 002 first writes w = w − w′ with w′ the derivative, a step of rate one, before it brings in the rate.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps no state: the least memory of all rules.",
        "One rate for all parameters, so it is slow where the curvature differs between directions.",
        "Sensitive to the scale of features and of the loss: doubling the loss doubles the step.",
        "With minibatches it makes many cheap steps per pass over redundant data, and the noise keeps it from "
        "settling unless the rate falls.",
        "Leaves saddle points, if slowly; its noise helps.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "torch": {"learning_rate": 1e-3},
        "optax": {},
        "keras": {"learning_rate": 0.01},
    }

    learning_rate: Number = fields.learning_rate(0.01, search=(1e-4, 1e1))
    weight_decay: Number = fields.weight_decay()

    def init(self, x: Array) -> State:
        """Return the empty state."""
        del x
        return {}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters after one step, and the empty state."""
        del t
        return x - self.learning_rate * (g + self.weight_decay * x), state
