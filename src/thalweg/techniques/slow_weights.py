"""Lookahead: slow weights follow the fast ones now and then, and the fast ones go on from there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from thalweg.arrays import Array, as_scalar, namespace
from thalweg.errors import InvalidValueError
from thalweg.settings import Number, hyperparameter
from thalweg.techniques.averaging import averaged
from thalweg.techniques.base import ActsOn, Technique

__all__ = ["Lookahead", "lookahead_shares", "pulled_back"]


@dataclass(frozen=True)
class Lookahead(Technique):
    """Every few updates slow weights move a share of the way to the weights, which then go on from the slow ones.

    References:
        Zhang, Lucas, Hinton and Ba (2019), Lookahead optimizer: k steps forward, 1 step back, algorithm 1.
    """

    name: ClassVar[str] = "lookahead"
    title: ClassVar[str] = "Lookahead"
    acts_on: ClassVar[ActsOn] = "weights"
    misleads_searches: ClassVar[bool] = True
    formula: ClassVar[tuple[str, ...]] = ("after every k-th update: φ ← φ + α·(x − φ), x ← φ; φ is the result",)
    sources: ClassVar[tuple[str, ...]] = (
        "Zhang, Lucas, Hinton and Ba (2019), Lookahead optimizer: k steps forward, 1 step back, algorithm 1, "
        "arXiv:1907.08610",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The rule's state goes on as it is (the paper also tries to reset or to interpolate it, with little "
        "difference); optax resets it if told to.",
        "k is 5 and α 0.5 in the paper's algorithm, 6 and 0.5 in optax; the authors' code has 5 and 0.8.",
        "Weights are judged by the slow ones, as in the paper and in optax; with ema, swa or polyak the slow ones are "
        "averaged.",
    )

    every: Number = hyperparameter(5, meaning="updates k from one slow step to the next", low=1, whole=True)
    share: Number = hyperparameter(0.5, meaning="share α of the way", low_open=True, high=1.0, search=(0.1, 1.0))


def lookahead_shares(technique: Lookahead, total: int) -> np.ndarray:
    """Return the share of the way that the slow weights go after each update, shape (total,), 0 where they stay.

    Args:
        technique: Its settings.
        total: Updates of the whole run, 1 or more.

    Raises:
        InvalidValueError: The run ends before the first slow step.

    Example:
        >>> lookahead_shares(Lookahead(every=2, share=0.5), 5).tolist()
        [0.0, 0.5, 0.0, 0.5, 0.0]
    """
    every = int(technique.every)
    if every > total:
        raise InvalidValueError(
            f"lookahead: every = {every} leaves the slow weights where they began, for the run has {total} updates; "
            f"give a whole number in [1, {total}]."
        )
    return np.where(np.arange(1, total + 1) % every == 0, float(technique.share), 0.0)


def pulled_back(slow: Sequence[Array], fast: Sequence[Array], share: Array) -> tuple[list[Array], list[Array]]:
    """Return the slow and the fast weights after an update.

    Args:
        slow: Arrays of one run, the slow weights before.
        fast: Arrays like them, the weights after the update.
        share: Share α of the way in [0, 1], 0-d; 0 where the slow weights stay, 1 gives the fast ones to the bit.
    """
    moved = averaged(slow, fast, share)

    def one(a: Array, x: Array) -> Array:
        return namespace(a, x).where(as_scalar(share, x, x.dtype) > 0, a, x)

    return moved, [one(a, x) for a, x in zip(moved, fast, strict=True)]
