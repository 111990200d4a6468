"""Dropout, declared here and done by the models."""

from dataclasses import dataclass
from typing import ClassVar

from thalweg.settings import Number, hyperparameter
from thalweg.techniques.base import ActsOn, Technique

__all__ = ["Dropout"]


@dataclass(frozen=True)
class Dropout(Technique):
    """While training, each unit is silenced with some probability and the others are scaled up.

    References:
        Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), Dropout: a simple way to prevent neural
        networks from overfitting, section 4.
    """

    name: ClassVar[str] = "dropout"
    title: ClassVar[str] = "Dropout"
    acts_on: ClassVar[ActsOn] = "model"
    misleads_searches: ClassVar[bool] = True
    formula: ClassVar[tuple[str, ...]] = (
        "h ← h·m / (1 − p) while training, m = 0 with probability p and 1 else",
        "h ← h when evaluating",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014), Dropout: a simple way to prevent neural "
        "networks from overfitting, section 4, JMLR 15",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "The paper multiplies the weights by 1 − p when evaluating; torch, Flax, Keras and we divide by it while "
        "training, which is the same in expectation.",
        "p is the share dropped, as in torch, Flax and Keras; the paper's p is the share kept.",
    )

    rate: Number = hyperparameter(0.5, meaning="share p of units dropped", high=1.0, high_open=True, search=(0.05, 0.7))
