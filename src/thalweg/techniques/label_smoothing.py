"""Label smoothing, declared here and done by the losses."""

from dataclasses import dataclass
from typing import ClassVar

from thalweg.settings import Number, hyperparameter
from thalweg.techniques.base import ActsOn, Technique

__all__ = ["LabelSmoothing"]


@dataclass(frozen=True)
class LabelSmoothing(Technique):
    """While training, a share of each label is spread evenly over all classes.

    References:
        Szegedy, Vanhoucke, Ioffe, Shlens and Wojna (2016), Rethinking the Inception architecture for computer vision,
        section 7.
    """

    name: ClassVar[str] = "label-smoothing"
    title: ClassVar[str] = "Label smoothing"
    acts_on: ClassVar[ActsOn] = "objective"
    formula: ClassVar[tuple[str, ...]] = ("y ← (1 − α)·y + α/K, y one-hot over K classes",)
    sources: ClassVar[tuple[str, ...]] = (
        "Szegedy, Vanhoucke, Ioffe, Shlens and Wojna (2016), Rethinking the Inception architecture for computer "
        "vision, section 7, arXiv:1512.00567",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "torch (CrossEntropyLoss), optax (smooth_labels) and Keras agree: the right class keeps a part of the share, "
        "1 − α + α/K; some texts give each wrong class α/(K − 1) and the right one 1 − α.",
        "The loss of the validation and test sets is that of the labels as they are.",
    )

    share: Number = hyperparameter(
        0.1, meaning="share α of the label that is spread", high=1.0, high_open=True, search=(0.01, 0.3)
    )
