"""The Polyak step: as far as a straight line would fall to the lowest loss."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, namespace, total
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant

__all__ = ["PolyakStep"]

Arrays = tuple[Array, ...]


@dataclass(frozen=True)
class PolyakStep(Rule):
    """SGD whose step size follows from the loss: its distance to the lowest loss over the squared gradient.

    References:
        Loizou, Vaswani, Laradji and Lacoste-Julien (2021), Stochastic Polyak step-size for SGD, equation 4.
        Polyak (1987), Introduction to Optimization.
    """

    name: ClassVar[str] = "polyak-step"
    title: ClassVar[str] = "Stochastic Polyak step"
    whole_tree: ClassVar[bool] = True
    needs: ClassVar[frozenset[str]] = frozenset({"loss"})
    formula: ClassVar[tuple[str, ...]] = (
        "γ = min( (L − L*) / (c·‖g‖²), η )",
        "θ ← θ − γ·g",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Loizou, Vaswani, Laradji and Lacoste-Julien (2021), Stochastic Polyak step-size for SGD: an adaptive learning "
        "rate for fast convergence, equation 4 (SPS_max), arXiv:2002.10542",
        "Polyak (1987), Introduction to Optimization, section 5.3 (the step for functions whose minimum is known)",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The bound γ_b of the paper is the learning rate η here, so that a schedule can lower it; the authors' code "
        "lets it grow with the last step instead.",
        "The paper takes the lowest loss of each minibatch, 0 for models that can fit every example; here it is one "
        "number.",
        "Where the loss is below L* no step is taken; optax's sps then climbs, and its sps+ takes none "
        "(below = climb or stay).",
        "c is ½ in the paper's theory and 0.2 for its deep networks; optax has c = 1 and a factor on the whole step.",
        "The authors' code adds ε = 1e-8 to the denominator; here a vanishing gradient gives no step.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps nothing, and costs what SGD costs.",
        "Needs no learning rate where the lowest loss is known; η only bounds the step.",
        "Where the loss cannot reach L*, the steps never shrink, for L − L* stays above zero.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {}, "optax": {"share": 1.0, "below": "climb"}}

    learning_rate: Number = hyperparameter(1.0, meaning="learning rate η, the largest step size", search=(1e-3, 1e2))
    share: Number = hyperparameter(0.5, meaning="c, divides the step", low_open=True, search=(0.1, 10.0))
    lowest_loss: Number = hyperparameter(0.0, meaning="lowest loss L*", low=-math.inf)
    below: str = variant("stay", choices=("stay", "climb"), meaning="what is done where the loss is below L*")

    def init(self, x: Arrays) -> State:
        """Return an empty state."""
        del x
        return {}

    def update(self, x: Arrays, g: Arrays, state: State, t: Array, **inputs: Array) -> tuple[Arrays, State]:
        """Return the parameters after one step."""
        del t
        xp = namespace(*g)
        gap = inputs["loss"] - self.lowest_loss
        if self.below == "stay":
            gap = xp.maximum(gap, xp.zeros_like(gap))
        square = total([a * a for a in g])
        square = xp.where(square > 0, square, xp.ones_like(square))  # no gradient, no step, whatever its size
        step = xp.minimum(gap / (self.share * square), self.learning_rate)
        return tuple(a - step * b for a, b in zip(x, g, strict=True)), state
