"""A task made ready for training: loaded, checked, fingerprinted, with what the engine needs of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from thalweg.errors import InvalidValueError
from thalweg.optimizers.base import Rule
from thalweg.optimizers.lift import state_bytes_per_parameter
from thalweg.records import TaskCard
from thalweg.study.requests import shown, whole
from thalweg.tasks.base import Data, Task
from thalweg.tasks.catalogue import load_task, task_version
from thalweg.tasks.check import check_task, task_card
from thalweg.tasks.choices import with_options
from thalweg.training.batches import steps_per_epoch
from thalweg.training.devices import prepare_jax

__all__ = ["ReadyTask", "Schedule", "ready_task"]

CURVE_POINTS = 50  # most points of a curve; a point costs one pass over the validation set
FEW_POINTS = 10  # fewer than these do not show a curve
MOST_STEPS = 2**24  # float32 counts no further one by one


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
        original: The task without choices of the model's structure, if it has any.
    """

    reference: str
    task: Task
    data: Data
    version: str
    card: TaskCard
    original: Task | None = None

    def variant(self, options: Mapping[str, str]) -> "ReadyTask":
        """Return the same task with choices of the model's structure; itself if it has them already."""
        mine = {name: str(value) for name, value in self.task.chosen.items()}
        if dict(options) == mine or not (options or mine):
            return self
        return _variant(self.original or self.task, self.reference, self.version, tuple(sorted(options.items())))

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
            InvalidValueError: One of them is not a whole number of 1 or more, or the batch is larger than the data.
        """
        if batch_size is not None and whole("batch_size", batch_size, 1) > self.examples:
            raise InvalidValueError(
                f"batch_size = {shown(batch_size)} is more than the {self.examples:,} training examples of task "
                f"{self.task.name!r}; give {self.examples} to use all of them in every step, or less."
            )
        size = whole("batch_size", self.task.batch_size if batch_size is None else batch_size, 1)
        size = min(size, self.examples)
        per_epoch = steps_per_epoch(self.examples, size)
        passes = whole("epochs", self.task.epochs if epochs is None else epochs, 1, MOST_STEPS // per_epoch)
        return Schedule(size, passes * per_epoch, _window(passes, per_epoch))

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
        return sum(8 * leaf.shape[-1] for leaf in self.leaves if len(leaf.shape) > 1)

    @cached_property
    def leaves(self) -> tuple[Any, ...]:
        """Shapes and dtypes of the parameters, in the order of JAX's flattening."""
        import jax

        return tuple(jax.tree.leaves(jax.eval_shape(self.task.init, jax.eval_shape(lambda: jax.random.key(0)))))


def ready_task(reference: str | Path | Task, options: Mapping[str, str] | None = None) -> ReadyTask:
    """Return a task by name or file, or a task object, checked and ready to train.

    Args:
        reference: The task.
        options: Choices of the model's structure that differ from the task's own.

    Raises:
        UnknownNameError: No such task.
        UserFileError: The user's file is missing, raises, or holds no task.
        TaskError: The task breaks its contract.
    """
    prepare_jax()
    reference = str(reference) if isinstance(reference, Path) else reference
    if not isinstance(reference, str | Task):
        raise InvalidValueError(
            f"task = {shown(reference)} is not allowed; give a name such as 'digits', 'path/to/file.py:name', or a "
            "thalweg.Task."
        )
    if isinstance(reference, Task):
        task, name, source = reference, reference.name, ""
    else:
        loaded = load_task(reference)
        task, name, source = loaded.task, reference, loaded.source_fingerprint
    checked = check_task(task)
    version = task_version(task, source, checked.data)
    if options:
        changed = with_options(task, **options)
        checked = check_task(changed)
        return ReadyTask(name, changed, checked.data, version, task_card(changed, checked), task)
    return ReadyTask(name, task, checked.data, version, task_card(task, checked))


@lru_cache(maxsize=64)
def _variant(original: Task, reference: str, version: str, options: tuple[tuple[str, str], ...]) -> ReadyTask:
    changed = with_options(original, **dict(options)) if options else original
    checked = check_task(changed)
    return ReadyTask(reference, changed, checked.data, version, task_card(changed, checked), original)


def _window(epochs: int, per_epoch: int) -> int:
    """Return the steps between two points: whole epochs where they give a curve, else any divisor of all steps."""
    by_epochs = _most_points(epochs)
    points = by_epochs if by_epochs >= min(epochs, FEW_POINTS) else _most_points(epochs * per_epoch)
    return epochs * per_epoch // points


def _most_points(count: int) -> int:
    """Return the largest divisor of ``count`` that is at most ``CURVE_POINTS``."""
    return next(points for points in range(CURVE_POINTS, 0, -1) if count % points == 0)
