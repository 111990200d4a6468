"""Low memory: the optimizer's averages as they are when they are stored with fewer bits."""

from dataclasses import dataclass
from typing import ClassVar

from thalweg.compression import FORMATS, SMALLEST
from thalweg.settings import Number, hyperparameter, variant
from thalweg.techniques.base import ActsOn, Technique

__all__ = ["StoredState"]


@dataclass(frozen=True)
class StoredState(Technique):
    """The averages that an optimizer keeps are rounded after every step, as if they were stored with fewer bits.

    References:
        Dettmers, Lewis, Shleifer and Zettlemoyer (2022), 8-bit optimizers via block-wise quantization, section 2.
        Zamirai, Zhang, Aberger and De Sa (2021), Revisiting bfloat16 training, section 3.
    """

    name: ClassVar[str] = "state"
    title: ClassVar[str] = "State with fewer bits"
    acts_on: ClassVar[ActsOn] = "state"
    formula: ClassVar[tuple[str, ...]] = (
        "m ← R(m) for every average m of n numbers or more, after the rule's step",
        "bfloat16: R(m) = ulp·⌊|m|/ulp + u⌋·sign(m), u uniform on [0, 1); to nearest: u = 1/2, ties to even",
        "int8: R(m) = s·(c/255)⁴, s the largest |m| of a block of 256, c the code below or above at random; "
        "±s·(c/127)⁴ in a block with negative numbers",
    )
    sources: ClassVar[tuple[str, ...]] = (
        "Gupta, Agrawal, Gopalakrishnan and Narayanan (2015), Deep learning with limited numerical precision, "
        "section 3.1, arXiv:1502.02551",
        "Dettmers, Lewis, Shleifer and Zettlemoyer (2022), 8-bit optimizers via block-wise quantization, section 2, "
        "arXiv:2110.02861",
        "Zamirai, Zhang, Aberger and De Sa (2021), Revisiting bfloat16 training, section 3, arXiv:2010.06192",
        "Li, Chen and Zhu (2023), Memory efficient optimizers with 4-bit states, section 3.3, arXiv:2309.01507",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "What is measured is the loss: within a run the rounded numbers are held in float32, so no memory is saved; "
        "the optimizers of thalweg.interop.torch store them so indeed (state_format).",
        "bitsandbytes rounds to the nearest value of a table, the dynamic tree, in blocks of 256 (2048 in the paper); "
        "here the values are fourth powers, and the rounding is at random unless the format ends in -nearest.",
        "Rules whose state holds points, distances or factors of matrices are refused; of those with an average beside "
        "a point the average alone is rounded.",
    )
    example: ClassVar[str] = "state:format=bfloat16"

    smallest: Number = hyperparameter(
        SMALLEST, meaning="n, numbers from which on an array is stored so; 1 for all", low=1.0, whole=True
    )
    format: str = variant("bfloat16", choices=FORMATS, meaning="form in which the averages are stored")
