"""A rule of one's own: signSGD with momentum, also known as Signum.

Every parameter moves by the same distance in each step; the gradient decides only the direction. Try it with

    thalweg explain examples/my_rule.py
    thalweg compare digits --optimizers examples/my_rule.py:MyRule,adam
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, namespace
from thalweg.optimizers import Number, Rule, State, hyperparameter, zeros_like


@dataclass(frozen=True)
class MyRule(Rule):
    """Signum: a step of fixed length along the sign of the averaged gradient."""

    name: ClassVar[str] = "signum"
    title: ClassVar[str] = "signSGD with momentum"
    formula: ClassVar[tuple[str, ...]] = ("m ← β·m + (1 − β)·g", "θ ← θ − η·sign(m)")
    sources: ClassVar[tuple[str, ...]] = (
        "Bernstein, Wang, Azizzadenesheli and Anandkumar (2018), signSGD: Compressed Optimisation for Non-Convex "
        "Problems, arXiv:1802.04434, algorithm 2",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {"plain": {"beta": 0.0}}

    learning_rate: Number = hyperparameter(1e-3, meaning="step size η", search=(1e-5, 1e-1))
    beta: Number = hyperparameter(
        0.9, meaning="decay β of the average m", high=1.0, high_open=True, search=(0.5, 0.99), scale="complement"
    )

    def init(self, x: Array) -> State:
        """Return the average at zero."""
        return {"m": zeros_like(x)}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and the average after one step."""
        m = self.beta * state["m"] + (1 - self.beta) * g
        return x - self.learning_rate * namespace(x).sign(m), {"m": m}
