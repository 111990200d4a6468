"""Penalties on the size of the weights: L1, L2, and weight decay beside the rule.

They act on weights, arrays with two axes or more; biases, scales of normalizations and other vectors are left alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from thalweg.arrays import Array, as_scalar, namespace, total
from thalweg.settings import Number, hyperparameter
from thalweg.techniques.base import ActsOn, Technique

__all__ = ["L1", "L2", "WeightDecay", "decayed", "penalized", "penalty"]

WHERE = (
    "Weights are arrays with two axes or more. torch and optax decay biases and scales too unless told otherwise by "
    "parameter groups or a mask; Keras' regularizers are given per array (kernel_regularizer), its weight_decay acts "
    "on all that exclude_from_weight_decay does not name."
)


@dataclass(frozen=True)
class L1(Technique):
    """The sum of the absolute weights is added to the loss; many weights become nearly zero.

    References:
        Tibshirani (1996), Regression shrinkage and selection via the lasso.
    """

    name: ClassVar[str] = "l1"
    title: ClassVar[str] = "L1 penalty"
    acts_on: ClassVar[ActsOn] = "gradient"
    formula: ClassVar[tuple[str, ...]] = ("L ← L + λ·Σ|x|", "g ← g + λ·sign(x), sign(0) = 0")
    sources: ClassVar[tuple[str, ...]] = (
        "Tibshirani (1996), Regression shrinkage and selection via the lasso, Journal of the Royal Statistical Society "
        "B 58",
        "Goodfellow, Bengio and Courville (2016), Deep Learning, equations 7.18–7.20",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "Keras (regularizers.L1) is the same; torch and optax have none. A subgradient step swings around zero by "
        "η·λ: weights come near zero, and rarely are exactly zero as a proximal step would make them.",
        WHERE,
    )

    strength: Number = hyperparameter(1e-4, meaning="strength λ", search=(1e-7, 1e-1))


@dataclass(frozen=True)
class L2(Technique):
    """Half the sum of the squared weights is added to the loss, and its gradient goes through the rule.

    References:
        Goodfellow, Bengio and Courville (2016), Deep Learning, section 7.1.1.
    """

    name: ClassVar[str] = "l2"
    title: ClassVar[str] = "L2 penalty"
    acts_on: ClassVar[ActsOn] = "gradient"
    formula: ClassVar[tuple[str, ...]] = ("L ← L + λ/2·Σx²", "g ← g + λ·x")
    sources: ClassVar[tuple[str, ...]] = (
        "Krogh and Hertz (1992), A simple weight decay can improve generalization, NIPS 4",
        "Goodfellow, Bengio and Courville (2016), Deep Learning, equations 7.1–7.3",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The weight_decay of torch's SGD and Adam and optax's add_decayed_weights before the rule add λ·x, as here; "
        "Keras (regularizers.L2) penalizes λ·Σx² without the half, so its λ is half of ours.",
        "It is not weight decay for a rule that rescales gradients, such as Adam: see weight-decay.",
        WHERE,
    )

    strength: Number = hyperparameter(1e-4, meaning="strength λ", search=(1e-7, 1e-1))


@dataclass(frozen=True)
class WeightDecay(Technique):
    """The weights shrink by a share of themselves beside the rule's step.

    References:
        Loshchilov and Hutter (2019), Decoupled weight decay regularization, algorithm 2.
    """

    name: ClassVar[str] = "weight-decay"
    title: ClassVar[str] = "Decoupled weight decay"
    acts_on: ClassVar[ActsOn] = "weights"
    misleads_searches: ClassVar[bool] = True
    formula: ClassVar[tuple[str, ...]] = ("x ← x − η·λ·x₀ after the rule's step, x₀ the weights before it",)
    sources: ClassVar[tuple[str, ...]] = (
        "Loshchilov and Hutter (2019), Decoupled weight decay regularization, algorithm 2, arXiv:1711.05101",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The paper multiplies λ by the schedule's factor alone; torch, optax and Keras by the whole learning rate, as "
        "here: with η = 0.001 the paper's λ is a thousandth of theirs.",
        "All shrink the weights from before the step; a rule's own weight_decay, such as that of adamw, decays vectors "
        "too.",
        WHERE,
    )

    strength: Number = hyperparameter(1e-2, meaning="weight decay λ", search=(1e-5, 1.0))


def penalty(parameters: Sequence[Array], l1: Array, l2: Array) -> Array:
    """Return what the penalties add to the loss, λ₁·Σ|x| + λ₂/2·Σx², 0-d.

    Args:
        parameters: Arrays of one run; those of fewer than two axes do not count.
        l1: Strength λ₁, 0 or more, 0-d.
        l2: Strength λ₂, 0 or more, 0-d.
    """
    weights = [x for x in parameters if x.ndim >= 2]
    if not weights:
        return namespace(*parameters).zeros_like(total(parameters))
    absolute = total([namespace(x).abs(x) for x in weights])
    square = total([x**2 for x in weights])
    return as_scalar(l1, absolute, absolute.dtype) * absolute + as_scalar(l2, square, square.dtype) * square / 2


def penalized(gradients: Sequence[Array], parameters: Sequence[Array], l1: Array, l2: Array) -> list[Array]:
    """Return the gradients with those of the penalties added to them.

    Args:
        gradients: Arrays of one run.
        parameters: Arrays like the gradients; those of fewer than two axes are not penalized.
        l1: Strength λ₁, 0 or more, 0-d.
        l2: Strength λ₂, 0 or more, 0-d; with both 0 the gradients are returned as they are, to the bit.
    """

    def one(g: Array, x: Array) -> Array:
        xp = namespace(g, x)
        first, second = as_scalar(l1, g, g.dtype), as_scalar(l2, g, g.dtype)
        return xp.where((first > 0) | (second > 0), g + first * xp.sign(x) + second * x, g)

    return _on_weights(one, gradients, parameters)


def decayed(parameters: Sequence[Array], before: Sequence[Array], rate: Array, decay: Array) -> list[Array]:
    """Return the parameters after decoupled weight decay.

    Args:
        parameters: Arrays of one run after the rule's step; those of fewer than two axes are returned as they are.
        before: Likewise before the rule's step.
        rate: Learning rate η of this step, 0-d.
        decay: Weight decay λ, 0 or more, 0-d; 0 leaves the parameters as they are, to the bit.
    """

    def one(x: Array, old: Array) -> Array:
        share = as_scalar(rate, x, x.dtype) * as_scalar(decay, x, x.dtype)
        return namespace(x, old).where(share != 0, x - share * old, x)

    return _on_weights(one, parameters, before)


def _on_weights(
    change: Callable[[Array, Array], Array], arrays: Sequence[Array], others: Sequence[Array]
) -> list[Array]:
    return [change(a, b) if a.ndim >= 2 else a for a, b in zip(arrays, others, strict=True)]
