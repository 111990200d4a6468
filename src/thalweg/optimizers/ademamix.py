"""AdEMAMix: AdamW with a second, much longer memory of gradients."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, log_decay, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, zeros_like
from thalweg.optimizers.denominators import corrected_root, epsilon_place

__all__ = ["AdEMAMix"]


@dataclass(frozen=True)
class AdEMAMix(Rule):
    """AdEMAMix: adds to Adam's m an average of gradients over some ten thousand steps.

    The slow average fills without correction of its bias, so that it takes part only as it
    gathers. α and β₃ are meant to grow over the first ``warmup`` steps, all of the training in
    the paper; without warm-up they have their values at once.

    References:
        Pagliardini, Ablin and Grangier (2024), The AdEMAMix Optimizer: Better, Faster, Older,
        algorithm 1 and section 3.
    """

    name: ClassVar[str] = "ademamix"
    title: ClassVar[str] = "AdEMAMix"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("fast", "slow", "v")
    formula: ClassVar[tuple[str, ...]] = (
        "f = min(t/T, 1),  αₜ = f·α,  1/log β₃ₜ = (1 − f)/log β₁ + f/log β₃",
        "m₁ ← β₁·m₁ + (1 − β₁)·g,  m̂₁ = m₁ / (1 − β₁ᵗ)",
        "m₂ ← β₃ₜ·m₂ + (1 − β₃ₜ)·g",
        "v ← β₂·v + (1 − β₂)·g²,  v̂ = v / (1 − β₂ᵗ)",
        "θ ← θ − η·((m̂₁ + αₜ·m₂) / (√v̂ + ε) + λ·θ)",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Pagliardini, Ablin and Grangier (2024), The AdEMAMix Optimizer: Better, Faster, Older, algorithm 1 and "
        "section 3, arXiv:2409.03137",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "α is 5 in optax and here, 2 in the authors' code.",
        "The slow average's bias is not corrected by the paper, the authors' code and optax; pytorch_optimizer 3.9.0 "
        "did correct it.",
        "The paper and the authors' code let α and β₃ grow, over numbers of steps of their own; here over one (warmup, "
        "off unless set). optax leaves them constant unless given schedules.",
        "The authors' code adds 1e-8 to every decay inside the logarithms of the growth of β₃; the paper does not.",
        "torch and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps three arrays per parameter array.",
        "Uses gradients tens of thousands of steps old, so it shows its worth in long trainings only.",
        "Slow to adapt when the data change, and to forget a bad start.",
        "Without warm-up the steps grow to 1 + α times Adam's as the slow average fills.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {}, "authors": {"mixing": 2.0}, "optax": {}}
    special_cases: ClassVar[tuple[tuple[str, dict[str, Any]], ...]] = (("adamw", {"mixing": 0.0}),)

    learning_rate: Number = fields.learning_rate(1e-3, search=(1e-5, 1e0))
    beta1: Number = fields.first_decay(meaning="decay β₁ of the gradient's fast average m₁")
    beta2: Number = fields.second_decay()
    beta3: Number = fields.second_decay("decay β₃ of the gradient's slow average m₂", 0.9999, (0.99, 0.99999))
    mixing: Number = hyperparameter(5.0, meaning="weight α of the slow average", search=(0.5, 20.0))
    epsilon: Number = fields.epsilon(1e-8)
    warmup: Number = hyperparameter(0.0, meaning="steps T over which α and β₃ grow, 0 for none")
    weight_decay: Number = fields.weight_decay()
    epsilon_place: str = epsilon_place()

    def init(self, x: Array) -> State:
        """Return three averages as zeros."""
        return {"fast": zeros_like(x), "slow": zeros_like(x), "v": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and three averages after one step."""
        xp = namespace(x)
        grown = t / xp.maximum(t, self.warmup)
        log3 = 1 / ((1 - grown) / log_decay(self.beta1) + grown / log_decay(self.beta3))
        fast = self.beta1 * state["fast"] + (1 - self.beta1) * g
        slow = xp.exp(log3) * state["slow"] - xp.expm1(log3) * g
        v = self.beta2 * state["v"] + (1 - self.beta2) * g * g
        root = corrected_root(v, bias_correction(self.beta2, t), self.epsilon, self.epsilon_place)
        step = (fast / bias_correction(self.beta1, t) + grown * self.mixing * slow) / root
        new = {"fast": fast, "slow": slow, "v": v}
        return x - self.learning_rate * (step + self.weight_decay * x), new
