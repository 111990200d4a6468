"""Lion: steps of one length along the sign of a mixture of momentum and gradient."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, zeros_like

__all__ = ["Lion"]


@dataclass(frozen=True)
class Lion(Rule):
    """Lion: the sign of momentum that gives the newest gradient more weight than its memory does.

    The default is the form and the numbers of the paper's program, with decay off as in the
    authors' code.

    References:
        Chen et al. (2023), Symbolic Discovery of Optimization Algorithms, program 1 and algorithm 2.
    """

    name: ClassVar[str] = "lion"
    title: ClassVar[str] = "Lion"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("m",)
    formula: ClassVar[tuple[str, ...]] = (
        "c = β₁·m + (1 − β₁)·g",
        "θ ← θ − η·(sign(c) + λ·θ)",
        "m ← β₂·m + (1 − β₂)·g",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Chen, Liang, Huang, Real, Wang, Liu, Pham, Dong, Luong, Hsieh, Lu and Le (2023), Symbolic Discovery of "
        "Optimization Algorithms, algorithm 2, arXiv:2302.06675",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The rate is 1e-4 in the authors' code and here, 1e-3 in Keras; optax demands one.",
        "λ is 0 in the authors' code, in Keras and here, 1e-3 in optax; all multiply it by the rate and keep it out of "
        "the sign.",
        "optax can put tanh, or the number itself where it is below one, in the place of the sign; left out here.",
        "torch has no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps one array per parameter array.",
        "Every parameter moves by η in every step, so its rate must be 3 to 10 times smaller than Adam's and its "
        "decay as much larger.",
        "Never comes to rest at a constant rate: it needs a schedule that falls.",
        "Rescaling the loss changes nothing.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "optax": {"weight_decay": 1e-3},
        "keras": {"learning_rate": 1e-3},
    }
    special_cases: ClassVar[tuple[tuple[str, dict[str, Any]], ...]] = (("signsgd", {"beta1": 0.0}),)

    learning_rate: Number = fields.learning_rate(1e-4, search=(1e-6, 1e-1))
    beta1: Number = fields.first_decay(meaning="weight β₁ of the memory m in the direction c")
    beta2: Number = fields.second_decay("decay β₂ of the gradient's average m", 0.99, (0.9, 0.999))
    weight_decay: Number = fields.weight_decay()

    def init(self, x: Array) -> State:
        """Return the average as zeros."""
        return {"m": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and the average after one step."""
        del t
        direction = namespace(x).sign(self.beta1 * state["m"] + (1 - self.beta1) * g)
        m = self.beta2 * state["m"] + (1 - self.beta2) * g
        return x - self.learning_rate * (direction + self.weight_decay * x), {"m": m}
