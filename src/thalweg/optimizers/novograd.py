"""NovoGrad: momentum of gradients that are divided by one number per array."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, variant, zeros_like

__all__ = ["NovoGrad"]


@dataclass(frozen=True)
class NovoGrad(Rule):
    """NovoGrad: divides an array's gradient by its norm's moving average before momentum gathers it.

    The default is the form and the numbers of the paper's algorithm 1.

    References:
        Ginsburg et al. (2019), Stochastic Gradient Methods with Layer-wise Adaptive Moments for Training of
        Deep Networks, algorithm 1.
    """

    name: ClassVar[str] = "novograd"
    title: ClassVar[str] = "NovoGrad"
    compressible: ClassVar[tuple[str, ...]] = ("m",)
    formula: ClassVar[tuple[str, ...]] = (
        "v ← β₂·v + (1 − β₂)·‖g‖²  (‖g‖² at the first step)",
        "m ← β₁·m + g / (√v + ε) + λ·θ",
        "θ ← θ − η·m",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Ginsburg, Castonguay, Hrinchuk, Kuchaiev, Lavrukhin, Leary, Li, Nguyen, Zhang and Cohen (2019), Stochastic "
        "Gradient Methods with Layer-wise Adaptive Moments for Training of Deep Networks, algorithm 1, "
        "arXiv:1905.11286",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "β₁ and β₂ are 0.95 and 0.98 in the paper and here, 0.9 and 0.25 in optax, whose ε is 1e-6 for 1e-8.",
        "m is a decaying sum in the paper and optax; NVIDIA's code can make it an average (gathering).",
        "Weight decay goes into m beside the divided gradient in the paper, optax and here.",
        "The first v is ‖g‖² in the paper and optax; pytorch_optimizer 3.9.0 started at zero with Adam's correction.",
        "The paper's layers are arrays here: a kernel and its bias have a norm each, as in every implementation.",
        "torch and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps one array per parameter array, and one number.",
        "Parameters of one array keep the proportions of their gradients, as in SGD; arrays get steps of one norm.",
        "Robust to the first rate: reported to do without warm-up.",
        "Its rate compares with SGD's with momentum, times the gradient's norm.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "optax": {"beta1": 0.9, "beta2": 0.25, "epsilon": 1e-6},
    }

    learning_rate: Number = fields.learning_rate(1e-2, search=(1e-5, 1e0))
    beta1: Number = fields.first_decay(0.95, meaning="decay β₁ of the sum m of divided gradients")
    beta2: Number = fields.second_decay("decay β₂ of the average v of squared norms", 0.98, (0.1, 0.999))
    epsilon: Number = fields.epsilon(1e-8)
    weight_decay: Number = fields.weight_decay()
    gathering: str = variant(
        "sum", choices=("sum", "average"), meaning="add the divided gradient to m whole, or times 1 − β₁"
    )

    def init(self, x: Array) -> State:
        """Return the sum as zeros, and no norm yet."""
        return {"m": zeros_like(x), "v": zeros_like(self.beta2)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters, the sum and the averaged norm after one step."""
        xp = namespace(x)
        square = xp.sum(g * g)
        v = xp.where(t > 1, self.beta2 * state["v"] + (1 - self.beta2) * square, square)
        entering = g / (xp.sqrt(v) + self.epsilon) + self.weight_decay * x
        if self.gathering == "average":
            entering = (1 - self.beta1) * entering
        m = self.beta1 * state["m"] + entering
        return x - self.learning_rate * m, {"m": m, "v": v}
