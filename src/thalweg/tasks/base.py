"""What a task is: data, a model's initial parameters, a loss to minimize, a metric to judge by."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np

__all__ = ["STATE", "Batch", "Context", "Data", "Metric", "Params", "Split", "Target", "Task"]

Params: TypeAlias = Any  # any pytree of JAX arrays
Split: TypeAlias = Mapping[str, np.ndarray]  # arrays of equal length along the first axis
Batch: TypeAlias = Mapping[str, Any]  # the same names, rows of one minibatch

STATE = "state"  # key of what a model keeps beside its trained parameters, such as running averages


class Context(NamedTuple):
    """What a training loss may use beside parameters and minibatch; every number is traced, none recompiles.

    A field that no run of the program asks for is None; a training loss then leaves the technique out.

    Attributes:
        key: JAX random key of this step and seed.
        dropout: Share of units dropped, 0-d float32 in [0, 1).
        label_smoothing: Share of the label spread over all classes, 0-d float32 in [0, 1).
        diffusion: Width of the smoothing of activations (continuation), 0-d float32, 0 for none.
    """

    key: Any
    dropout: Any
    label_smoothing: Any
    diffusion: Any


@dataclass(frozen=True)
class Data:
    """The fixed splits of a task.

    Attributes:
        train: Arrays by name, e.g. ``{"x": (n, 64) float32, "y": (n,) int32}``.
        validation: Likewise; everything is selected on it.
        test: Likewise; read once, at the end.
    """

    train: Split
    validation: Split
    test: Split


@dataclass(frozen=True)
class Metric:
    """How a task judges a trained model.

    Attributes:
        name: E.g. ``accuracy``, ``RMSE``.
        function: ``(params, split) -> 0-d array``, a pure JAX function of a whole split.
        larger_is_better: Direction.
        unit: Unit, empty if it has none.
    """

    name: str
    function: Callable[[Params, Batch], Any]
    larger_is_better: bool
    unit: str = ""


@dataclass(frozen=True)
class Target:
    """What counts as solved; ships with the task, never taken from the contenders.

    Attributes:
        quantity: ``validation_loss`` (to reach or fall below) or ``validation_metric`` (in the
            metric's direction).
        value: The value to reach.
    """

    quantity: Literal["validation_loss", "validation_metric"]
    value: float


@dataclass(frozen=True, eq=False)
class Task:
    """Something to train, from pure JAX functions. Two tasks are equal only if they are the same object.

    Attributes:
        name: Name on the command line, ``data-model``.
        init: ``key -> params``: initial parameters from a JAX random key.
        loss: ``(params, batch) -> 0-d array``: mean loss over the batch's rows.
        data: The splits, or a function without arguments that returns them.
        metric: The metric, or None to judge by the loss itself.
        batch_size: Default examples per step; the whole training set if larger than it.
        epochs: Default passes over the training data.
        target: What counts as solved, or None.
        title: One line for people.
        description: A paragraph for people.
        source: Where the data comes from.
        licence: Licence of the data.
        loss_name: Name and unit of the loss for axes, e.g. ``cross-entropy (nats)``.
        version: Raised when data or definition changes, so that stored runs are not mixed.
        training_loss: ``(params, batch, Context) -> (0-d array, state)``: the loss while training where it differs
            from ``loss`` (dropout, label smoothing, batch statistics), with the next value of ``params["state"]``
            ({} where the model keeps none); None trains on ``loss``. What ``params["state"]`` holds is not trained.
        sampled_loss: ``(params, batch, key) -> (0-d array, number)``: the mean loss while training on labels that are
            drawn from the model by a JAX random key, and how many; some optimizers need it. None if there is no such
            thing.
        techniques: Names of the fields of :class:`Context` that ``training_loss`` heeds; ``key`` among them makes every
            run train on it.
        options: Choices of the model's structure by name, e.g. ``{"activation": ("relu", "tanh")}``.
        rebuild: ``(**options) -> Task`` with other choices; None if there are no options.
        chosen: The choices that differ from the defaults.
        roles: What a parameter array is for, by its path: ``{"layer3.bias": "output-bias"}``; roles are
            ``output-bias`` (with the loss's kind, see ``output``), ``gate-bias``, ``fixed`` (no initializer touches it)
            and ``patch:9`` (the matrix of a convolution with 9 places).
        output: ``classes`` or ``values``: what the output biases estimate, for their marginal statistics.

    Example:
        >>> import jax, jax.numpy as jnp, numpy as np
        >>> def init(key):
        ...     return {"w": jnp.zeros(3)}
        >>> def loss(params, batch):
        ...     return jnp.mean((batch["x"] @ params["w"] - batch["y"]) ** 2)
        >>> rng = np.random.default_rng(0)
        >>> def split(n):
        ...     x = rng.normal(size=(n, 3)).astype(np.float32)
        ...     return {"x": x, "y": x @ np.array([1, 2, 3], np.float32)}
        >>> task = Task("plane", init, loss, Data(split(64), split(32), split(32)), batch_size=16)
    """

    name: str
    init: Callable[[Any], Params]
    loss: Callable[[Params, Batch], Any]
    data: Data | Callable[[], Data]
    metric: Metric | None = None
    batch_size: int = 32
    epochs: int = 30
    target: Target | None = None
    title: str = ""
    description: str = ""
    source: str = ""
    licence: str = ""
    loss_name: str = "loss"
    version: int = 1
    training_loss: Callable[[Params, Batch, Context], tuple[Any, Any]] | None = None
    sampled_loss: Callable[[Params, Batch, Any], tuple[Any, Any]] | None = None
    techniques: frozenset[str] = frozenset()
    options: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    rebuild: "Callable[..., Task] | None" = None
    chosen: Mapping[str, Any] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    output: Literal["classes", "values", ""] = ""
