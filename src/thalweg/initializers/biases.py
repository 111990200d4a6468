"""Where biases start: at zero, above zero for rectifiers, at the output's marginal statistics, with gates open."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from thalweg.errors import InvalidValueError
from thalweg.initializers import laws
from thalweg.settings import Configurable, hyperparameter

__all__ = ["BIASES", "BiasStrategy", "ConstantBias", "MarginalBias", "OpenGates", "ZeroBias"]

GOODFELLOW = "Goodfellow, Bengio and Courville (2016), Deep Learning, section 8.4"


@dataclass(frozen=True)
class BiasStrategy(Configurable):
    """A rule by which biases are set.

    Class attributes:
        name: Its name on the command line.
        title: Its name for people.
        formula: The rule, one line each.
        roles: Whose biases it sets: ``hidden-bias``, ``output-bias``, ``gate-bias``. Where two strategies set the
            same role, the one with fewer roles is meant.
        sources: Papers and books.
        differences: Where the world's versions differ, one sentence each.
    """

    formula: ClassVar[tuple[str, ...]]
    roles: ClassVar[tuple[str, ...]]
    title: ClassVar[str] = ""
    sources: ClassVar[tuple[str, ...]] = ()
    differences: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def fill(self, size: int, output: str, targets: np.ndarray | None) -> np.ndarray:
        """Return one layer's biases, shape (size,), float32.

        Args:
            size: Number of biases, ≥ 1.
            output: What output biases estimate, ``classes`` or ``values``; empty if unknown.
            targets: Targets of the training set, one row per example, or None if unknown.

        Raises:
            InvalidValueError: The targets do not say what the biases are to be.
        """


@dataclass(frozen=True)
class ZeroBias(BiasStrategy):
    """All biases zero, which suits most initializations of the weights."""

    name: ClassVar[str] = "zero"
    title: ClassVar[str] = "Zero"
    formula: ClassVar[tuple[str, ...]] = ("b = 0",)
    roles: ClassVar[tuple[str, ...]] = ("hidden-bias", "output-bias", "gate-bias")
    sources: ClassVar[tuple[str, ...]] = (GOODFELLOW,)
    differences: ClassVar[tuple[str, ...]] = (
        "Keras, Flax and this library start at zero; torch.nn.Linear draws biases from U(−1/√m, 1/√m).",
    )

    def fill(self, size: int, output: str, targets: np.ndarray | None) -> np.ndarray:
        """Return zeros."""
        del output, targets
        return np.zeros(size, np.float32)


@dataclass(frozen=True)
class ConstantBias(BiasStrategy):
    """One number for the biases of hidden units; a little above zero, rectifiers begin active for most inputs."""

    name: ClassVar[str] = "constant"
    title: ClassVar[str] = "Constant, positive for ReLU"
    formula: ClassVar[tuple[str, ...]] = ("b = c in hidden layers",)
    roles: ClassVar[tuple[str, ...]] = ("hidden-bias",)
    sources: ClassVar[tuple[str, ...]] = (
        f"{GOODFELLOW} (c = 0.1 for ReLU)",
        "Krizhevsky, Sutskever and Hinton (2012), ImageNet Classification with Deep Convolutional Neural Networks, "
        "section 5 (c = 1 in some layers)",
    )

    value: float = hyperparameter(0.1, meaning="the number c", low=float("-inf"))

    def fill(self, size: int, output: str, targets: np.ndarray | None) -> np.ndarray:
        """Return the number, repeated."""
        del output, targets
        return laws.as_float32(np.full(size, self.value, np.float64))


@dataclass(frozen=True)
class OpenGates(BiasStrategy):
    """Biases that let the gates of a recurrent network pass on what they receive, until they learn otherwise.

    It fills arrays of the role ``gate-bias`` whole; a sigmoid gate of bias 1 begins near 0.73.
    """

    name: ClassVar[str] = "open-gates"
    title: ClassVar[str] = "Open gates"
    formula: ClassVar[tuple[str, ...]] = ("b = c in gates, which then pass on a share sigmoid(c)",)
    roles: ClassVar[tuple[str, ...]] = ("gate-bias",)
    sources: ClassVar[tuple[str, ...]] = (
        GOODFELLOW,
        "Gers, Schmidhuber and Cummins (2000), Learning to forget: continual prediction with LSTM, section 3",
        "Jozefowicz, Zaremba and Sutskever (2015), An empirical exploration of recurrent network architectures, "
        "section 2.2 (c = 1)",
    )
    differences: ClassVar[tuple[str, ...]] = (
        "Keras' LSTM opens its forget gate so by default (unit_forget_bias); torch and Flax do not, and no library "
        "does for the GRU.",
    )

    value: float = hyperparameter(1.0, meaning="the number c", low=float("-inf"), search=(-2.0, 4.0), scale="linear")

    def fill(self, size: int, output: str, targets: np.ndarray | None) -> np.ndarray:
        """Return the number, repeated."""
        del output, targets
        return laws.as_float32(np.full(size, self.value, np.float64))


@dataclass(frozen=True)
class MarginalBias(BiasStrategy):
    """Output biases that give the training targets' marginal statistics before anything is learned.

    Without weights before them, the outputs' cross-entropy is then the entropy of the labels, and their mean squared
    error the variance of the targets. A class without examples counts as ``empty`` examples; where every class has
    some, the frequencies are exact.
    """

    name: ClassVar[str] = "marginal"
    title: ClassVar[str] = "Marginal statistics of the output"
    formula: ClassVar[tuple[str, ...]] = (
        "softmax(b) = c: b = log c, c the frequencies of the classes",
        "sigmoid(b) = p: b = log(p / (1 − p)) for one output and two classes",
        "b = mean of the targets for values",
    )
    roles: ClassVar[tuple[str, ...]] = ("output-bias",)
    sources: ClassVar[tuple[str, ...]] = (
        GOODFELLOW,
        "Lin, Goyal, Girshick, He and Dollár (2017), Focal loss for dense object detection, section 3.3, which sets "
        "the prior by hand",
    )

    empty: float = hyperparameter(0.5, meaning="examples that a class without any counts as", low_open=True)

    def fill(self, size: int, output: str, targets: np.ndarray | None) -> np.ndarray:
        """Return the biases whose outputs are the targets' marginal statistics.

        Args:
            size: Number of outputs.
            output: ``classes``, targets being integers in [0, size), or in {0, 1} for one output; or ``values``,
                targets being numbers, as many per row as there are outputs.
            targets: Targets of the training set.

        Raises:
            InvalidValueError: There are no targets, or they do not fit the outputs.
        """
        if targets is None or not np.size(targets):
            raise InvalidValueError("there are no training targets to take statistics of; leave 'marginal' out.")
        if output not in {"classes", "values"}:
            raise InvalidValueError(
                f"the task's output is {output!r}, and must be 'classes' or 'values' for 'marginal'; leave it out."
            )
        targets = np.asarray(targets)
        if targets.dtype.kind not in "biuf" or not np.all(np.isfinite(targets)):
            raise InvalidValueError("the training targets are not all finite numbers; mend the data.")
        return laws.as_float32(self._classes(size, targets) if output == "classes" else _means(size, targets))

    def _classes(self, size: int, targets: np.ndarray) -> np.ndarray:
        classes = max(size, 2)
        if targets.min() < 0 or targets.max() >= classes or np.any(targets != np.floor(targets)):
            raise InvalidValueError(
                f"the training targets are not all whole numbers in 0 … {classes - 1}, one for each of {classes} "
                "classes; leave 'marginal' out or number the classes from 0."
            )
        counts = np.bincount(targets.astype(np.int64).ravel(), minlength=classes).astype(np.float64)
        counts[counts == 0] = self.empty
        frequencies = np.log(counts / counts.sum())
        return frequencies[1:] - frequencies[:1] if size == 1 else frequencies


def _means(size: int, targets: np.ndarray) -> np.ndarray:
    if size == 1 or (targets.ndim > 1 and targets.shape[-1] == size):
        return targets.reshape(-1, size).mean(axis=0, dtype=np.float64)
    if targets.size == len(targets) * size:
        return targets.reshape(len(targets), size).mean(axis=0, dtype=np.float64)
    shape = " × ".join(map(str, targets.shape))
    raise InvalidValueError(
        f"training targets of shape {shape} give no mean for each of {size} outputs; leave 'marginal' out."
    )


BIASES: Mapping[str, type[BiasStrategy]] = MappingProxyType(
    {strategy.name: strategy for strategy in (ZeroBias, ConstantBias, MarginalBias, OpenGates)}
)
