"""signSGD and Signum: steps of one length along the gradient's or the momentum's sign."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, namespace
from thalweg.errors import InvalidValueError
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like

__all__ = ["SignSGD"]


@dataclass(frozen=True)
class SignSGD(Rule):
    """signSGD: SGD that keeps nothing of the gradient but its sign; Signum with an average.

    References:
        Bernstein, Wang, Azizzadenesheli and Anandkumar (2018), signSGD: Compressed Optimisation for
        Non-Convex Problems, algorithms 1 and 2.
    """

    name: ClassVar[str] = "signsgd"
    title: ClassVar[str] = "SignSGD"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("m",)
    formula: ClassVar[tuple[str, ...]] = (
        "m ← μ·m + (1 − μ)·g  (g itself without an average)",
        "θ ← θ − η·sign(m)",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Bernstein, Wang, Azizzadenesheli and Anandkumar (2018), signSGD: Compressed Optimisation for Non-Convex "
        "Problems, algorithms 1 (signSGD) and 2 (Signum), arXiv:1802.04434",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "With an average of the gradients it is called Signum, here the preset signum; optax has both rules.",
        "Signum's average may also be a sum, m ← μ·m + g: it has the same sign.",
        "Weight decay: none in the paper and optax; MXNet's Signum has both forms, λ·θ beside the sign (as here "
        "unless told otherwise) and inside it (decay_form).",
        "torch and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps nothing, or one array per parameter array with an average.",
        "A worker need send only one bit per parameter, and workers can vote.",
        "A parameter whose gradient is mostly small noise with rare large values goes where most gradients point, "
        "which may be uphill.",
        "Never comes to rest at a constant rate: it needs a schedule that falls.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "signum": {"momentum": 0.9, "average": True},
        "optax": {},
    }

    learning_rate: Number = fields.learning_rate(1e-3, search=(1e-6, 1e-1))
    momentum: Number = hyperparameter(0.0, meaning="decay μ of the gradient's average m", high=1.0, high_open=True)
    weight_decay: Number = fields.weight_decay()
    average: bool = variant(False, choices=(False, True), meaning="keep the average that momentum needs (Signum)")
    decay_form: str = fields.decay_form("decoupled")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.momentum != 0 and not self.average:
            raise InvalidValueError(
                f"{self.name}: momentum = {self.momentum!r} needs an average; set average = True as well."
            )

    def init(self, x: Array) -> State:
        """Return the average as zeros if there is one."""
        return {"m": zeros_like(x)} if self.average else {}

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the parameters and the average after one step."""
        del t
        x, g = fields.decayed(x, g, self.weight_decay, self.learning_rate, self.decay_form)
        new = {"m": self.momentum * state["m"] + (1 - self.momentum) * g} if self.average else {}
        return x - self.learning_rate * namespace(x).sign(new.get("m", g)), new
