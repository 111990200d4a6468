"""ADOPT: Adam that divides each gradient by what was known before it."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, full_like, variant, zeros_like

__all__ = ["ADOPT"]


@dataclass(frozen=True)
class ADOPT(Rule):
    """ADOPT: normalizes the gradient by the average of earlier squares, then averages the quotient.

    The first step only looks: it sets v and leaves the parameters alone. The default clips the
    quotient, as the authors' code and optax do; the preset ``paper`` is algorithm 1, without.

    References:
        Taniguchi et al. (2024), ADOPT: Modified Adam Can Converge with Any β₂ with the Optimal Rate,
        algorithm 1, and section 5 for the clipping.
    """

    name: ClassVar[str] = "adopt"
    title: ClassVar[str] = "ADOPT"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("m", "v")
    formula: ClassVar[tuple[str, ...]] = (
        "first step:  v = g²,  θ stays",
        "q = g / max(√v, ε),  clipped to ±(t − 1)^¼",
        "m ← β₁·m + (1 − β₁)·q",
        "θ ← θ − η·m",
        "v ← β₂·v + (1 − β₂)·g²",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Taniguchi, Harada, Minegishi, Oshima, Jeong, Nagahara, Iiyama, Suzuki, Iwasawa and Matsuo (2024), ADOPT: "
        "Modified Adam Can Converge with Any β₂ with the Optimal Rate, algorithm 1, arXiv:2411.02853",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The paper's algorithm does not clip, the authors' later code and optax do, at the fourth root of the number "
        "of earlier steps; pytorch_optimizer counts one more, timm takes the third root (clipping).",
        "An early version of the authors' code kept the denominator above a falling power of a third decay instead.",
        "The paper starts m with the first quotient, optax and the authors' clipped code with (1 − β₁) times it "
        "(start).",
        "Weight decay: the authors' code adds λ·θ to the gradient unless told otherwise, as here; decoupled it starts "
        "with the second step (decay_form). optax has none.",
        "torch and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays per parameter array.",
        "Converges with any β₂, where Adam may need one that depends on the problem, since the quotient's two parts "
        "come from different batches.",
        "A gradient far larger than all before it makes a huge quotient: hence the clipping.",
        "A first gradient near zero leaves its parameter a denominator of ε; without clipping the average m of float16 "
        "parameters may then overflow, unless ε is larger.",
        "Wastes its first step.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {"clipping": False, "start": "quotient"},
        "authors": {},
        "optax": {},
    }

    learning_rate: Number = fields.learning_rate(1e-3, search=(1e-5, 1e0))
    beta1: Number = fields.first_decay(meaning="decay β₁ of the average m of normalized gradients")
    beta2: Number = fields.second_decay(default=0.9999, search=(0.9, 0.99999))
    epsilon: Number = fields.epsilon(1e-6, meaning="ε, lower bound of the denominator")
    weight_decay: Number = fields.weight_decay()
    clipping: bool = variant(
        True, choices=(True, False), meaning="clip the quotient q at the fourth root of the number of earlier steps"
    )
    start: str = variant("zero", choices=("zero", "quotient"), meaning="start m at zero, or with the first quotient")
    decay_form: str = fields.decay_form()

    def init(self, x: Array) -> State:
        """Return both averages as zeros."""
        return {"m": zeros_like(x), "v": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and both averages after one step."""
        xp = namespace(x)
        y, g = fields.decayed(x, g, self.weight_decay, self.learning_rate, self.decay_form)
        quotient = g / xp.maximum(xp.sqrt(state["v"]), full_like(x, self.epsilon))
        if self.clipping:
            bound = full_like(x, xp.sqrt(xp.sqrt(t - 1)))
            quotient = xp.minimum(xp.maximum(quotient, -bound), bound)
        m = self.beta1 * state["m"] + (1 - self.beta1) * quotient
        if self.start == "quotient":
            m = xp.where(t > 2, m, quotient)
        m = xp.where(t > 1, m, zeros_like(m))
        v = xp.where(t > 1, self.beta2 * state["v"] + (1 - self.beta2) * g * g, g * g)
        return xp.where(t > 1, y - self.learning_rate * m, x), {"m": m, "v": v}
