"""DoG: a step as long as the way so far over the root of the sum of squared gradients."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like
from thalweg.optimizers.norms import inner, norm

__all__ = ["DoG"]

Arrays = tuple[Array, ...]


@dataclass(frozen=True)
class DoG(Rule):
    """DoG (distance over gradients): SGD whose rate is the distance from the start over the gradients' length.

    The default is the paper's rule with the authors' settings. The learning rate η multiplies the rate and is meant to
    stay 1. With ``scope = array`` it is the paper's L-DoG, with ``form = dowg`` Khaled's DoWG, which weighs every
    gradient by the distance at its time.

    References:
        Ivgi, Hinder and Carmon (2023), DoG is SGD's Best Friend: A Parameter-Free Dynamic Step Size Schedule, eq. 1;
        Khaled, Mishchenko and Jin (2023), DoWG Unleashed, algorithm 1.
    """

    name: ClassVar[str] = "dog"
    title: ClassVar[str] = "DoG (distance over gradients)"
    formula: ClassVar[tuple[str, ...]] = (
        "ρ ← max(ρ, ‖θ − θ₀‖),  ρ = κ·(1 + ‖θ₀‖) at first",
        "G ← G + ‖g‖²",
        "θ ← θ − η·ρ/√(G + ε)·g",
        "DoWG:  G ← G + ρ²·‖g‖²,  θ ← θ − η·ρ²/(√G + ε)·g",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Ivgi, Hinder and Carmon (2023), DoG is SGD's Best Friend: A Parameter-Free Dynamic Step Size Schedule, eq. 1, "
        "arXiv:2302.12022",
        "Khaled, Mishchenko and Jin (2023), DoWG Unleashed: An Efficient Universal Parameter-Free Gradient Descent "
        "Method, algorithm 1, arXiv:2305.16284",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The first ρ is κ·(1 + ‖θ₀‖) in the authors' DoG and by default in optax (start = relative), a number in the "
        "paper's theory and in DoWG (start = absolute).",
        "DoG adds ε = 1e-8 to the sum of squares, DoWG 1e-4 to its root; the papers have none.",
        "optax's dowg is given the square of the first ρ, 1e-4 unless set, which is 0.01 here.",
        "The form whose first rate is given in place of the first ρ is left out.",
        "The authors average the iterates, and say that it matters; here that is a technique.",
        "optax has no L-DoG; torch and Keras have none of these rules.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps one array per parameter array, the starting point, and two numbers.",
        "Needs no learning rate; the result hardly depends on κ once that is small.",
        "Its rate starts tiny, so the first steps hardly move, and it falls as 1/√t once the distance has settled.",
        "Invariant to the scale of the loss but for ε.",
        "Parameters in bfloat16 or float16 hardly move, since the first steps are smaller than their rounding: keep "
        "them in float32, or set a larger κ.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {},
        "authors": {},
        "optax": {},
        "l-dog": {"scope": "array"},
        "dowg": {"form": "dowg", "start": "absolute", "initial_distance": 0.01, "epsilon": 1e-4},
    }
    whole_tree: ClassVar[bool] = True

    learning_rate: Number = fields.learning_rate(1.0, search=(1e-2, 1e1))
    initial_distance: Number = hyperparameter(
        1e-6, meaning="κ, the first distance ρ, in units of 1 + ‖θ₀‖ or as it is", low_open=True, search=(1e-8, 1e-1)
    )
    epsilon: Number = fields.epsilon(1e-8)
    weight_decay: Number = fields.weight_decay()
    form: str = variant("dog", choices=("dog", "dowg"), meaning="weigh all gradients alike, or by the distance squared")
    scope: str = variant("all", choices=("all", "array"), meaning="one rate for all parameters, or one for each array")
    start: str = variant(
        "relative", choices=("relative", "absolute"), meaning="multiply the first distance by 1 + ‖θ₀‖, or not"
    )

    def init(self, x: Arrays) -> State:
        """Return the starting point, and distance and sum of squares of each group of arrays."""
        groups = self._groups(x)
        return {
            "start": tuple(a + zeros_like(a) for a in x),
            "distance": tuple(self._first_distance(group) for group in groups),
            "sum": tuple(zeros_like(self.initial_distance) for _ in groups),
        }

    def update(self, x: Arrays, g: Arrays, state: State, t: Array) -> tuple[Arrays, State]:
        """Return all parameters and the state after one step."""
        del t
        g = tuple(slope + self.weight_decay * a for a, slope in zip(x, g, strict=True))
        away = tuple(a - start for a, start in zip(x, state["start"], strict=True))
        moved, distances, sums = [], [], []
        parts = (self._groups(x), self._groups(g), self._groups(away), state["distance"], state["sum"])
        for xs, gs, ways, distance, squares in zip(*parts, strict=True):
            distance = namespace(distance).maximum(distance, norm(*ways))
            rate, squares = self._rate(distance, squares, inner(gs, gs))
            moved += [a - self.learning_rate * rate * slope for a, slope in zip(xs, gs, strict=True)]
            distances.append(distance)
            sums.append(squares)
        return tuple(moved), {"start": state["start"], "distance": tuple(distances), "sum": tuple(sums)}

    def _rate(self, distance: Array, squares: Array, square: Array) -> tuple[Array, Array]:
        """Return the rate before η, and the sum of squares with the new one."""
        xp = namespace(distance)
        if self.form == "dowg":
            squares = squares + distance * distance * square
            return distance * distance / (xp.sqrt(squares) + self.epsilon), squares
        squares = squares + square
        return distance / xp.sqrt(squares + self.epsilon), squares

    def _groups(self, arrays: Arrays) -> tuple[Arrays, ...]:
        """Return the arrays in groups that share a rate."""
        return (tuple(arrays),) if self.scope == "all" else tuple((a,) for a in arrays)

    def _first_distance(self, group: Arrays) -> Array:
        """Return the first ρ of a group of arrays, in the dtype of the computation."""
        first: Array = self.initial_distance
        if self.start == "absolute":
            return first + zeros_like(first)
        wide = [namespace(a).astype(a, first.dtype) for a in group]
        return first * (1 + norm(*wide))
