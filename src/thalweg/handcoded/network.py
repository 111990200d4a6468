"""The hand-coded network: fully connected layers in plain NumPy."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from thalweg.errors import InvalidValueError
from thalweg.handcoded.activations import find_activation
from thalweg.handcoded.checks import checked_input, checked_layers, checked_number, checked_targets, checked_widths
from thalweg.handcoded.explain import step_trace
from thalweg.handcoded.losses import find_loss
from thalweg.handcoded.passes import (
    Backward,
    Forward,
    Gradients,
    Layers,
    backward,
    forward,
    gradients,
    interleaved,
    penalty,
)
from thalweg.handcoded.trace import Trace

if TYPE_CHECKING:
    from thalweg.optimizers import Rule

__all__ = ["Network"]


@dataclass(frozen=True, eq=False)
class Network:
    """A network of fully connected layers whose forward and backward pass are written out.

    Attributes:
        weights: (inputs, width) of each layer, float64.
        biases: (width,) of each layer, float64.
        activation: After every layer but the last: ``relu``, ``tanh``, ``sigmoid`` or ``identity``.
        loss: ``cross-entropy`` of a softmax, for labels, or ``squared``, for numbers.
        l2: λ ≥ 0 of the penalty λ/2·Σ‖W‖²; biases are not penalized.

    Raises:
        InvalidValueError: Shapes do not fit together, a layer is too narrow, or a number is not finite.
        UnknownNameError: No such activation or loss.

    Example:
        >>> network = Network.random((3, 4, 2), seed=0)
        >>> network.parameter_count(), network.parameter_count(biases=False)
        (26, 20)
        >>> x, y = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0]]), np.array([0, 1])
        >>> trace = network.explain_step(x, y)
        >>> trace["layer 2 error signal"].shape
        (2, 2)
        >>> trace.quantity("layer 1 error signal").formula
        'e1 ⊙ s1'

    References:
        Rumelhart, Hinton and Williams (1986), Learning representations by back-propagating errors, Nature 323,
        equations 4–7, there for sigmoid units and the squared loss. Goodfellow, Bengio and Courville (2016), Deep
        Learning, algorithms 6.3 and 6.4.
    """

    weights: Layers
    biases: Layers
    activation: str = "relu"
    loss: str = "cross-entropy"
    l2: float = 0.0

    def __post_init__(self) -> None:
        find_activation(self.activation)
        find_loss(self.loss)
        weights, biases = checked_layers(self.weights, self.biases)
        checked_widths((weights[0].shape[0], *(len(b) for b in biases)), self.loss)
        for name, value in (("weights", weights), ("biases", biases), ("l2", checked_number("l2", self.l2))):
            object.__setattr__(self, name, value)

    @classmethod
    def random(
        cls,
        widths: Sequence[int],
        *,
        seed: int = 0,
        activation: str = "relu",
        loss: Literal["cross-entropy", "squared"] = "cross-entropy",
        l2: float = 0.0,
    ) -> Self:
        """Return a network with normally distributed weights and zero biases.

        Args:
            widths: Inputs, units of each hidden layer, outputs; at least two numbers of 1 or more.
            seed: Of the random numbers, 0 or more.
            activation: See the class.
            loss: See the class.
            l2: See the class.

        The variance is 2/inputs of layers that a ReLU follows (He et al. 2015, equation 10) and
        2/(inputs + outputs) of the others (Glorot and Bengio 2010, equation 12).

        Raises:
            InvalidValueError: A layer is too narrow, or another argument is out of range.
            UnknownNameError: No such activation or loss.
        """
        find_loss(loss)
        sizes = list(itertools.pairwise(checked_widths(widths, loss)))
        rng = np.random.default_rng(checked_number("seed", seed, whole=True))
        gain = find_activation(activation).gain
        weights = []
        for layer, (inputs, outputs) in enumerate(sizes, start=1):
            variance = gain / inputs if gain and layer < len(sizes) else 2 / (inputs + outputs)
            weights.append(rng.normal(0.0, variance**0.5, (inputs, outputs)))
        return cls(tuple(weights), tuple(np.zeros(outputs) for _, outputs in sizes), activation, loss, l2)

    @property
    def widths(self) -> tuple[int, ...]:
        """Inputs, units of each hidden layer, outputs."""
        return (self.weights[0].shape[0], *(len(b) for b in self.biases))

    @property
    def parameters(self) -> tuple[np.ndarray, ...]:
        """All parameter arrays, weights and biases of the first layer first."""
        return interleaved(self.weights, self.biases)

    def with_parameters(self, parameters: Sequence[Any]) -> Self:
        """Return the network with other parameters, in the order of :attr:`parameters`.

        Raises:
            InvalidValueError: Shapes do not fit together, or a number is not finite.
        """
        if len(parameters) != 2 * len(self.weights):
            raise InvalidValueError(
                f"parameters hold {len(parameters)} arrays; give weights and biases of each of the {len(self.weights)} "
                "layers."
            )
        return replace(self, weights=tuple(parameters[::2]), biases=tuple(parameters[1::2]))

    def parameter_count(self, *, biases: bool = True) -> int:
        """Return how many numbers are trained: the products of the widths of connected layers, and the biases.

        Args:
            biases: Whether biases are counted; the slides of seed 001 leave them out.
        """
        return sum(W.size for W in self.weights) + biases * sum(b.size for b in self.biases)

    def forward(self, x: Any) -> Forward:
        """Return all that the forward pass computes for examples of shape (n, inputs).

        Raises:
            InvalidValueError: The shape does not fit, or a number is not finite.
        """
        rows = checked_input(x, self.widths[0])
        return forward(self.weights, self.biases, rows, find_activation(self.activation), find_loss(self.loss))

    def backward(self, passed: Forward, y: Any) -> Backward:
        """Return error signals and gradients, layer by layer.

        Args:
            passed: From :meth:`forward`.
            y: Labels (n,), or numbers (n, outputs) for the squared loss.

        Raises:
            InvalidValueError: The shape does not fit, or a label is out of range.
        """
        targets = checked_targets(y, len(passed.input), self.widths[-1], self.loss)
        return backward(self.weights, passed, targets, find_activation(self.activation), find_loss(self.loss), self.l2)

    def data_loss(self, x: Any, y: Any) -> float:
        """Return the mean loss over the rows, without the penalty; arguments as of :meth:`gradients`."""
        passed = self.forward(x)
        targets = checked_targets(y, len(passed.input), self.widths[-1], self.loss)
        return find_loss(self.loss).value(passed.pre_activations[-1], targets)

    @property
    def penalty(self) -> float:
        """λ/2 times the sum of all squared weights."""
        return penalty(self.weights, self.l2)

    def gradients(self, x: Any, y: Any) -> Gradients:
        """Return data loss plus penalty, and its gradients by backpropagation.

        Args:
            x: Examples, (n, inputs).
            y: Labels (n,), or numbers (n, outputs) for the squared loss.

        Raises:
            InvalidValueError: A shape does not fit, a label is out of range, or a number is not finite.
        """
        rows = checked_input(x, self.widths[0])
        targets = checked_targets(y, len(rows), self.widths[-1], self.loss)
        activation, loss = find_activation(self.activation), find_loss(self.loss)
        return gradients(self.weights, self.biases, rows, targets, activation, loss, self.l2)

    def accuracy(self, x: Any, y: Any) -> float:
        """Return the share of rows whose largest output is the label's, in [0, 1].

        Raises:
            InvalidValueError: The network has the squared loss, or the arguments do not fit.
        """
        if self.loss != "cross-entropy":
            raise InvalidValueError("accuracy needs classes; this network's loss is 'squared', see data_loss instead.")
        passed = self.forward(x)
        targets = checked_targets(y, len(passed.input), self.widths[-1], self.loss)
        return float(np.mean(passed.outputs.argmax(axis=1) == targets.argmax(axis=1)))

    def explain_step(self, x: Any, y: Any, optimizer: "Rule | str | None" = None) -> Trace:
        """Return every quantity of one step of training, by name and in the order of computation.

        Args:
            x: Examples, (n, inputs).
            y: Labels (n,), or numbers (n, outputs) for the squared loss.
            optimizer: If given, its first update is part of the trace.

        Raises:
            InvalidValueError: A shape does not fit, a label is out of range, or a number is not finite.
            UnknownNameError: No such optimizer.
        """
        return step_trace(self, x, y, optimizer)
