"""Schedule-Free rules: a running average of the iterates in place of a falling learning rate."""

from dataclasses import dataclass
from typing import Any, ClassVar

from thalweg.arrays import Array, bias_correction, namespace
from thalweg.optimizers import fields
from thalweg.optimizers.base import Number, Rule, State, hyperparameter, variant, zeros_like
from thalweg.optimizers.radam import effective_length

__all__ = ["ScheduleFreeAdamW", "ScheduleFreeRAdam", "ScheduleFreeSGD"]

_SOURCES = (
    "Defazio, Yang, Mehta, Mishchenko, Khaled and Cutkosky (2024), The Road Less Scheduled, algorithm 1, "
    "arXiv:2405.15682",
)
_AVERAGE = "c = w / (the sum of all w),  w = tʳ·(the largest rate so far)ᵖ"
_LINES = ("y = (1 − β)·z + β·θ  is where g is taken", _AVERAGE)
_POINTS = (
    "Here the parameters are the average θ (the papers' x), and g is taken at y; the authors', optax's and Keras' "
    "parameters are y between the steps, from which θ is computed for evaluation as (y − (1 − β)·z)/β, so that β = 0, "
    "the plain average, is not possible there."
)
_SCHEDULES = (
    "With a schedule or warm-up optax weighs a step by the next step's rate, and its warm-up starts at 0, one step "
    "later than the authors'."
)
_NO_SCHEDULE = "Needs no schedule and no number of steps: θ is as good at any step as if training ended there."


def _average_share(default: float = 0.9) -> Any:
    return hyperparameter(
        default,
        meaning="β, share of the average in the point y",
        high=1.0,
        search=(0.5, 0.99),
        scale="complement",
    )


def _warmup_steps() -> Any:
    return hyperparameter(0.0, meaning="number of steps over which the learning rate rises to η")


def _weight_growth() -> Any:
    return hyperparameter(0.0, meaning="power r of the step's number in its weight")


def _weight_power() -> Any:
    return hyperparameter(2.0, meaning="power p of the largest learning rate so far in the step's weight")


def _start(x: Array, like: Array) -> State:
    """Return z at the parameters, and no weight yet."""
    return {"z": x + zeros_like(x), "largest_rate": zeros_like(like), "weights": zeros_like(like)}


def _warmed(rate: Number, steps: Number, t: Array) -> Array:
    """Return the learning rate of step ``t``, which rises linearly over the first steps."""
    return rate * (t / namespace(t).maximum(t, steps))


def _averaged(
    x: Array, z: Array, rate: Array, state: State, t: Array, growth: Number, power: Number
) -> tuple[Array, State]:
    """Return the average after its next point ``z``, and the new state.

    Args:
        x: Average θ.
        z: Next point.
        rate: Learning rate of this step, 0-d.
        state: Of :func:`_start`.
        t: Number of this step, 0-d.
        growth: Power r, 0-d.
        power: Power p, 0-d.
    """
    xp = namespace(x)
    largest = xp.maximum(state["largest_rate"], rate)
    weight = t**growth * largest**power
    weights = state["weights"] + weight
    share = weight / xp.where(weights > 0, weights, xp.ones_like(weights))
    return x + share * (z - x), {"z": z, "largest_rate": largest, "weights": weights}


@dataclass(frozen=True)
class ScheduleFreeSGD(Rule):
    """Schedule-Free SGD: plain gradient steps of z, averaged into θ, with the gradient taken between the two.

    The default is the authors' program: the paper's algorithm with weights that grow with the largest rate.

    References:
        Defazio, Yang, Mehta, Mishchenko, Khaled and Cutkosky (2024), The Road Less Scheduled, eqs. 3–5.
    """

    name: ClassVar[str] = "schedule-free-sgd"
    title: ClassVar[str] = "Schedule-Free SGD"
    elementwise: ClassVar[bool] = True
    formula: ClassVar[tuple[str, ...]] = (*_LINES, "z ← z − η·(g + λ·y)", "θ ← (1 − c)·θ + c·z")
    sources: ClassVar[tuple[str, ...]] = _SOURCES
    differences: ClassVar[tuple[str, ...]] = (
        _POINTS,
        "The paper's equations weigh all steps alike, c = 1/t; its algorithm 1, the authors' program and optax weigh a "
        "step by the square of the largest rate so far, which matters during warm-up (weight_power, weight_growth).",
        _SCHEDULES,
        "torch and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps one array per parameter array, and two numbers.",
        _NO_SCHEDULE,
        "Wants a larger learning rate than SGD with a schedule; the authors start at 1 and warm up over some steps.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {}, "authors": {}, "optax": {}}

    learning_rate: Number = fields.learning_rate(1.0, search=(1e-3, 1e2))
    beta: Number = _average_share()
    weight_decay: Number = fields.weight_decay()
    warmup_steps: Number = _warmup_steps()
    weight_growth: Number = _weight_growth()
    weight_power: Number = _weight_power()

    def init(self, x: Array) -> State:
        """Return z at the parameters."""
        return _start(x, self.learning_rate)

    def lookahead(self, x: Array, state: State) -> Array:
        """Return y."""
        return (1 - self.beta) * state["z"] + self.beta * x

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the average and z after one step."""
        rate = _warmed(self.learning_rate, self.warmup_steps, t)
        z = state["z"] - rate * (g + self.weight_decay * self.lookahead(x, state))
        return _averaged(x, z, rate, state, t, self.weight_growth, self.weight_power)


@dataclass(frozen=True)
class ScheduleFreeAdamW(Rule):
    """Schedule-Free AdamW: Adam's scaled steps of z without momentum, averaged into θ.

    The default is the authors' program as it is today, which corrects v; the preset ``paper`` has algorithm 1.

    References:
        Defazio, Yang, Mehta, Mishchenko, Khaled and Cutkosky (2024), The Road Less Scheduled, algorithm 1.
    """

    name: ClassVar[str] = "schedule-free-adamw"
    title: ClassVar[str] = "Schedule-Free AdamW"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("v",)
    formula: ClassVar[tuple[str, ...]] = (
        *_LINES,
        "v ← β₂·v + (1 − β₂)·g²,  v̂ = v / (1 − β₂ᵗ)",
        "z ← z − η·(g / (√v̂ + ε) + λ·y)",
        "θ ← (1 − c)·θ + c·z",
    )
    sources: ClassVar[tuple[str, ...]] = _SOURCES
    differences: ClassVar[tuple[str, ...]] = (
        _POINTS,
        "The paper's algorithm 1 and the program of its experiments put Adam's correction into the rate, η·√(1 − β₂ᵗ), "
        "and with it into the weights (correction = rate); the authors' program of today, optax and Keras divide v.",
        "Weight decay acts at y in the paper and by default in the authors' program, which can take it at z instead "
        "(decay_point).",
        "Keras weighs all steps alike (weight_power = 0); its weight decay shrinks y by η·λ·y before the step, and so "
        "acts on θ, not on z.",
        _SCHEDULES,
        "torch has no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays per parameter array, and two numbers.",
        _NO_SCHEDULE,
        "Won the self-tuning track of the AlgoPerf competition of 2024.",
        "Wants a learning rate 1 to 10 times that of AdamW with a schedule, and β between 0.9 and 0.98.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {"correction": "rate"},
        "authors": {},
        "optax": {},
        "keras": {"weight_power": 0.0},
    }

    learning_rate: Number = fields.learning_rate(2.5e-3, search=(1e-5, 1e0))
    beta1: Number = _average_share()
    beta2: Number = fields.second_decay()
    epsilon: Number = fields.epsilon(1e-8)
    weight_decay: Number = fields.weight_decay()
    warmup_steps: Number = _warmup_steps()
    weight_growth: Number = _weight_growth()
    weight_power: Number = _weight_power()
    correction: str = variant(
        "square", choices=("square", "rate"), meaning="divide v by 1 − β₂ᵗ, or multiply the rate by √(1 − β₂ᵗ)"
    )
    decay_point: str = variant("y", choices=("y", "z"), meaning="decay the point y where the gradient is taken, or z")

    def init(self, x: Array) -> State:
        """Return z at the parameters and the average of squares as zeros."""
        return {**_start(x, self.learning_rate), "v": zeros_like(x)}

    def lookahead(self, x: Array, state: State) -> Array:
        """Return y."""
        return (1 - self.beta1) * state["z"] + self.beta1 * x

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the average, z and the average of squares after one step."""
        xp = namespace(x)
        v = self.beta2 * state["v"] + (1 - self.beta2) * g * g
        rate, gathered = _warmed(self.learning_rate, self.warmup_steps, t), bias_correction(self.beta2, t)
        if self.correction == "rate":
            rate, root = rate * xp.sqrt(gathered), xp.sqrt(v) + self.epsilon
        else:
            root = xp.sqrt(v * (1 / gathered)) + self.epsilon
        decayed = state["z"] if self.decay_point == "z" else self.lookahead(x, state)
        z = state["z"] - rate * (g / root + self.weight_decay * decayed)
        x, new = _averaged(x, z, rate, state, t, self.weight_growth, self.weight_power)
        return x, {**new, "v": v}


@dataclass(frozen=True)
class ScheduleFreeRAdam(Rule):
    """Schedule-Free RAdam: Schedule-Free AdamW whose warm-up is RAdam's rectification.

    The default is the authors' program, in which the steps before the rectification sets in do nothing.

    References:
        Defazio, Yang, Mehta, Mishchenko, Khaled and Cutkosky (2024), The Road Less Scheduled, algorithm 1; Liu,
        Jiang, He, Chen, Liu, Gao and Han (2020), On the Variance of the Adaptive Learning Rate and Beyond, for r.
    """

    name: ClassVar[str] = "schedule-free-radam"
    title: ClassVar[str] = "Schedule-Free RAdam"
    elementwise: ClassVar[bool] = True
    compressible: ClassVar[tuple[str, ...]] = ("v",)
    formula: ClassVar[tuple[str, ...]] = (
        *_LINES,
        "v ← β₂·v + (1 − β₂)·g²,  v̂ = v / (1 − β₂ᵗ)",
        "if ρ > 4 (of radam):  z ← z − η·R·(g / (√v̂ + ε) + λ·y)  with radam's factor R, and the rate is η·R",
        "else:  z and θ stay, and the rate is 0",
        "θ ← (1 − c)·θ + c·z",
    )
    sources: ClassVar[tuple[str, ...]] = (
        *_SOURCES,
        "Liu, Jiang, He, Chen, Liu, Gao and Han (2020), On the Variance of the Adaptive Learning Rate and Beyond, "
        "algorithm 2, arXiv:1908.03265",
    )
    differences: ClassVar[tuple[str, ...]] = (
        _POINTS,
        "No paper states this rule; it is in the authors' program, with early steps that do nothing, or plain gradient "
        "steps if asked for (first_steps = sgd).",
        "The threshold is RAdam's paper's 4, which torch's and optax's radam have at 5.",
        "torch, optax and Keras have no such rule.",
    )
    attributes: ClassVar[tuple[str, ...]] = (
        "Keeps two arrays per parameter array, and two numbers.",
        _NO_SCHEDULE,
        "Needs no choice of a warm-up either; at β₂ = 0.999 its first four steps do nothing.",
    )
    presets: ClassVar[dict[str, dict[str, Any]]] = {"paper": {}, "authors": {}}

    learning_rate: Number = fields.learning_rate(2.5e-3, search=(1e-5, 1e0))
    beta1: Number = _average_share()
    beta2: Number = fields.second_decay()
    epsilon: Number = fields.epsilon(1e-8)
    weight_decay: Number = fields.weight_decay()
    weight_growth: Number = _weight_growth()
    weight_power: Number = _weight_power()
    first_steps: str = variant(
        "still", choices=("still", "sgd"), meaning="stand still until ρ exceeds 4, or take plain gradient steps"
    )

    def init(self, x: Array) -> State:
        """Return z at the parameters and the average of squares as zeros."""
        return {**_start(x, self.learning_rate), "v": zeros_like(x)}

    def lookahead(self, x: Array, state: State) -> Array:
        """Return y."""
        return (1 - self.beta1) * state["z"] + self.beta1 * x

    def update(self, x: Array, g: Array, state: State, t: Array) -> tuple[Array, State]:
        """Return the average, z and the average of squares after one step."""
        xp = namespace(x)
        v = self.beta2 * state["v"] + (1 - self.beta2) * g * g
        root = xp.sqrt(v * (1 / bias_correction(self.beta2, t))) + self.epsilon
        factor, trusted = self._rectifier(t)
        rate = self.learning_rate * factor
        step = xp.where(trusted, g / root, g) + self.weight_decay * self.lookahead(x, state)
        x, new = _averaged(x, state["z"] - rate * step, rate, state, t, self.weight_growth, self.weight_power)
        return x, {**new, "v": v}

    def _rectifier(self, t: Array) -> tuple[Array, Array]:
        """Return the factor of the rate, and whether ρ > 4."""
        xp = namespace(t)
        rho, limit = effective_length(self.beta2, t), (1 + self.beta2) / (1 - self.beta2)
        trusted = rho > 4
        one = xp.ones_like(rho)
        above = xp.where(trusted, (rho - 4) * (rho - 2) * limit, one)
        below = xp.where(trusted, (limit - 4) * (limit - 2) * rho, one)
        factor = xp.sqrt(above / below)
        return factor if self.first_steps == "sgd" else xp.where(trusted, factor, zeros_like(rho)), trusted
