"""A few large weights per unit instead of many small ones."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from thalweg.errors import InvalidValueError
from thalweg.initializers import laws
from thalweg.initializers.base import Initializer
from thalweg.settings import hyperparameter

__all__ = ["Sparse"]


@dataclass(frozen=True)
class Sparse(Initializer):
    """Exactly k non-zero weights for every unit, at random inputs, Gaussian.

    What a unit receives does not shrink as the layer widens, and units differ from the start; but gradient descent
    has to shrink large weights where they are wrong.

    References:
        Martens (2010), Deep learning via Hessian-free optimization, section 5: k = 15; its deviation of 1 is that of
        Sutskever, Martens, Dahl and Hinton (2013), On the importance of initialization and momentum in deep
        learning, section 3.1.
    """

    name: ClassVar[str] = "sparse"
    title: ClassVar[str] = "Sparse"
    formula: ClassVar[tuple[str, ...]] = ("k of the m weights of every unit ~ N(0, σ²), the others 0",)
    sources: ClassVar[tuple[str, ...]] = (
        "Martens (2010), Deep learning via Hessian-free optimization, section 5 (k = 15)",
        "Sutskever, Martens, Dahl and Hinton (2013), On the importance of initialization and momentum in deep "
        "learning, section 3.1 (σ = 1)",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "torch.nn.init.sparse_ takes the share of zeros rather than k, σ = 0.01 by default, and counts along the "
        "columns of a matrix (units × inputs): per input, not per unit as the paper.",
    )

    k: int = hyperparameter(15, meaning="non-zero weights k of a unit", low=1, whole=True, search=(1, 100))
    deviation: float = hyperparameter(
        1.0, meaning="standard deviation σ of the non-zero weights", low_open=True, search=(1e-2, 10.0)
    )

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        """Return the weights of one array, float32.

        Raises:
            InvalidValueError: k is larger than the number of inputs.
        """
        del fan_in, fan_out
        inputs, units = int(np.prod(shape[:-1])), shape[-1]
        count = int(self.k)
        if count > inputs:
            raise InvalidValueError(
                f"sparse: k = {count} is more than the {inputs} inputs of a unit; give a k of {inputs} or less."
            )
        chosen = rng.permuted(np.broadcast_to(np.arange(inputs), (units, inputs)), axis=1)[:, :count]
        weights = np.zeros((units, inputs))
        np.put_along_axis(weights, chosen, rng.standard_normal((units, count)), axis=1)
        return laws.as_float32(weights.T.reshape(shape), self.deviation)
