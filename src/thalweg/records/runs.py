"""A run as a value: everything it depends on, and everything it produced."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np

from thalweg.records.canonical import fingerprint

__all__ = ["Curve", "OptimizerSpec", "RunResult", "RunSpec", "RunStatus"]

RunStatus: TypeAlias = Literal["finished", "diverged"]


@dataclass(frozen=True)
class OptimizerSpec:
    """An optimizer with all of its settings written out.

    Attributes:
        name: Catalogue name, or ``path/to/file.py:Name`` for a user's own rule.
        hyperparameters: Every numeric field with its value.
        structure: Every variant field with its value.
        source: Fingerprint of the source of a user's own rule; empty for built-in rules.
    """

    name: str
    hyperparameters: Mapping[str, float]
    structure: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True)
class RunSpec:
    """Everything that one training run depends on. Equal specs give equal results.

    Attributes:
        task: Task name, or ``path/to/file.py:name``.
        task_version: Fingerprint of the task's data and definition.
        optimizer: The optimizer with all settings.
        batch_size: Examples per step, without replacement within an epoch.
        steps: Number of updates.
        evaluate_every: Updates between two points of the curve; divides ``steps``.
        seed: Fixes initial parameters and batch order; runs of one seed share both.
        read_test: Whether the test set is read at the end.
        techniques: Further settings of the training (schedule, initializer, clipping …) that
            differ from plain training; empty means plain.
        engine: Version of the engine's arithmetic.
    """

    task: str
    task_version: str
    optimizer: OptimizerSpec
    batch_size: int
    steps: int
    evaluate_every: int
    seed: int
    read_test: bool = False
    techniques: Mapping[str, Any] = field(default_factory=dict)
    engine: int = 1

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON, 64 hexadecimal digits."""
        return fingerprint(self)


@dataclass(frozen=True)
class Curve:
    """What was measured along a run, at K equally spaced points.

    Attributes:
        step: Number of updates taken, shape (K,), int32.
        train_loss: Mean minibatch loss since the previous point, shape (K,), float32.
        validation_loss: Loss on the whole validation set, shape (K,), float32.
        validation_metric: The task's metric there, shape (K,), float32.

    After a divergence the remaining values are NaN.
    """

    step: np.ndarray
    train_loss: np.ndarray
    validation_loss: np.ndarray
    validation_metric: np.ndarray


@dataclass(frozen=True)
class RunResult:
    """What a run produced.

    Attributes:
        spec: What was run.
        status: ``finished``, or ``diverged`` (a loss was not finite or exploded).
        diverged_at: The update at which it diverged, or None.
        curve: The measurements along the way.
        validation_loss: At the end of training; NaN if diverged.
        validation_metric: At the end of training; NaN if diverged.
        test_loss: At the end, NaN if diverged; None unless ``spec.read_test``.
        test_metric: At the end, NaN if diverged; None unless ``spec.read_test``.
        gradient_evaluations: Minibatch gradients computed for this run.
    """

    spec: RunSpec
    status: RunStatus
    diverged_at: int | None
    curve: Curve
    validation_loss: float
    validation_metric: float
    test_loss: float | None
    test_metric: float | None
    gradient_evaluations: int
