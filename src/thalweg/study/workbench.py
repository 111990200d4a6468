"""A task made ready for training: loaded, checked, fingerprinted, with what the engine needs of it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from thalweg.errors import InvalidValueError
from thalweg.optimizers.base import Rule
from thalweg.optimizers.lift import state_bytes_per_parameter
from thalweg.records import TaskCard
from thalweg.tasks.base import Data, Task
from thalweg.tasks.catalogue import load_task, task_data, task_version
from thalweg.tasks.check import check_task, task_card
from thalweg.training.batches import steps_per_epoch
from thalweg.training.devices import prepare_jax

__all__ = ["ReadyTask", "Schedule", "ready_task"]

CURVE_POINTS = 50  # most points of a curve; a point costs one pass over the validation set


@dataclass(frozen=True)
class Schedule:
    """How long and in what portions a run trains.

    Attributes:
        batch_size: Examples per step, at most the training set.
        steps: Updates.
        evaluate_every: Updates between two points of the curve; divides ``steps``.
    """

    batch_size: int
    steps: int
    evaluate_every: int


@dataclass(frozen=True)
class ReadyTask:
    """A task that has passed its checks.

    Attributes:
        reference: How the user named it.
        task: The task.
        data: Its splits.
        version: Fingerprint of data and definition.
        card: Facts for reports.
    """

    reference: str
    task: Task
    data: Data
    version: str
    card: TaskCard

    @cached_property
    def examples(self) -> int:
        """Number of training examples."""
        return len(next(iter(self.data.train.values())))

    def schedule(self, epochs: int | None = None, batch_size: int | None = None) -> Schedule:
        """Return steps and evaluation points for a number of passes over the data.

        Args:
            epochs: Passes over the training set, 1 or more; the task's own by default.
            batch_size: Examples per step, 1 or more; the task's own by default.

        Raises:
            InvalidValueError: One of them is not a whole number of 1 or more.
        """
        epochs = self.task.epochs if epochs is None else epochs
        size = self.task.batch_size if batch_size is None else batch_size
        for name, value in (("epochs", epochs), ("batch_size", size)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidValueError(f"{name} = {value!r} is not allowed; give a whole number of 1 or more.")
        size = min(size, self.examples)
        per_epoch = steps_per_epoch(self.examples, size)
        return Schedule(size, epochs * per_epoch, per_epoch * _divisor(epochs))

    def member_bytes(self, rules: list[Rule], batch_size: int) -> int:
        """Return roughly how many bytes one member touches in a step.

        Parameters, gradients and optimizer state are counted; activations are taken as two numbers
        per example and unit, the units being the last axes of the parameters.
        """
        state = max(state_bytes_per_parameter(rule) for rule in rules) / 4
        parameters = self.card.parameters * 4 * (2 + state)
        return int(parameters + self.activation_bytes * batch_size)

    @cached_property
    def activation_bytes(self) -> int:
        """Rough bytes of activations per example."""
        import jax

        shapes = jax.eval_shape(self.task.init, jax.eval_shape(lambda: jax.random.key(0)))
        return sum(8 * leaf.shape[-1] for leaf in jax.tree.leaves(shapes) if len(leaf.shape) > 1)


def ready_task(reference: str | Task) -> ReadyTask:
    """Return a task by name or file, or a task object, checked and ready to train.

    Raises:
        UnknownNameError: No such task.
        UserFileError: The user's file is missing, raises, or holds no task.
        TaskError: The task breaks its contract.
    """
    prepare_jax()
    if isinstance(reference, Task):
        task, name, source = reference, reference.name, ""
    else:
        loaded = load_task(reference)
        task, name, source = loaded.task, reference, loaded.source_fingerprint
    checked = check_task(task)
    return ReadyTask(name, task, task_data(task), task_version(task, source), task_card(task, checked))


def _divisor(epochs: int) -> int:
    """Return the smallest divisor of ``epochs`` that leaves at most ``CURVE_POINTS`` points."""
    return next(int(d) for d in np.arange(1, epochs + 1) if epochs % d == 0 and epochs // d <= CURVE_POINTS)
