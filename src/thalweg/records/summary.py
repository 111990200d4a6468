"""The outcome of a study in the form that tables, figures and reports are drawn from.

``thalweg.study`` computes it, ``thalweg.report`` and the faces show it; neither knows the other.
Missing numbers are None. Losses and metrics are in the task's own units.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = [
    "RECORDED",
    "Comparison",
    "CurveBand",
    "ExpectedBest",
    "Interval",
    "LeaderboardRow",
    "PerformanceProfile",
    "Sensitivity",
    "StudySummary",
    "StudyWarning",
    "TaskCard",
]

RECORDED = "recorded"  # effort of a study of curves that come from training loops elsewhere


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval."""

    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class TaskCard:
    """Facts about a task.

    Attributes:
        name: Name on the command line.
        title: One line for people.
        source: Where the data comes from.
        licence: Licence of the data.
        metric: Name of the metric, e.g. ``accuracy``.
        unit: Unit of the metric, empty if it has none.
        larger_is_better: Direction of the metric.
        target_quantity: ``validation_loss`` or ``validation_metric``, or None without a target.
        target_value: Value to reach, or None.
        examples: Number of examples by split (train, validation, test).
        parameters: Number of trainable parameters.
        loss: Name of the loss, e.g. ``cross-entropy (nats)``.
    """

    name: str
    title: str
    source: str
    licence: str
    metric: str
    unit: str
    larger_is_better: bool
    target_quantity: str | None
    target_value: float | None
    examples: Mapping[str, int]
    parameters: int
    loss: str = "loss"


@dataclass(frozen=True)
class StudyWarning:
    """One thing to know before reading the leaderboard.

    Attributes:
        kind: ``edge``, ``diverged``, ``inclusion``, ``seeds``, ``target``, ``incomplete`` or another short word.
        contender: Label concerned, or None for the whole study.
        sentence: The warning, one sentence with its numbers and a way to mend it.
    """

    kind: str
    contender: str | None
    sentence: str


@dataclass(frozen=True)
class LeaderboardRow:
    """One contender's outcome on the fresh seeds.

    Attributes:
        contender: Label.
        optimizer: Name.
        hyperparameters: The winner's, all of them.
        tuned: Names of the tuned ones.
        validation_loss: Mean over fresh seeds with interval.
        test_metric: Likewise, of the winner.
        default_test_metric: Likewise, of the default settings.
        rank: Lowest and highest rank within the interval, 1 is best.
        group: Contenders with the same number cannot be separated; 1 is the best group.
        steps_to_target: Median updates to the task's target over the fresh seeds, a seed that never reached it
            counted as infinite; None where that is infinite or there is no target.
        target_share: Share of fresh seeds that reached the target, or None without a target.
        diverged_share: Share of all tuning runs that diverged.
        state_bytes_per_parameter: Measured.
        seconds_per_step: Of one run measured alone, or None.
        gradient_evaluations: Of one run, in gradients of a minibatch; a product with the Hessian counts as two.
    """

    contender: str
    optimizer: str
    hyperparameters: Mapping[str, float]
    tuned: tuple[str, ...]
    validation_loss: Interval
    test_metric: Interval
    default_test_metric: Interval
    rank: tuple[int, int]
    group: int
    steps_to_target: float | None
    target_share: float | None
    diverged_share: float
    state_bytes_per_parameter: float | None
    seconds_per_step: float | None
    gradient_evaluations: int


@dataclass(frozen=True)
class Comparison:
    """Two contenders held against each other, paired by seed.

    Attributes:
        first: Label of A.
        second: Label of B.
        difference: A's test metric minus B's, with interval.
        probability_first_better: P(A better than B), ties half.
        verdict: ``first``, ``second`` or ``not separable``.
    """

    first: str
    second: str
    difference: Interval
    probability_first_better: float
    verdict: Literal["first", "second", "not separable"]


@dataclass(frozen=True)
class Sensitivity:
    """Validation loss against the learning rate over the trials of one contender.

    Sorted by learning rate; all sequences have one entry per trial, the default included.
    """

    contender: str
    learning_rate: tuple[float, ...]
    median: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    diverged_share: tuple[float, ...]
    is_default: tuple[bool, ...]
    best: float


@dataclass(frozen=True)
class CurveBand:
    """A quantity along training: median and quartiles over the fresh seeds."""

    contender: str
    quantity: Literal["train_loss", "validation_loss", "validation_metric"]
    step: tuple[int, ...]
    median: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]


@dataclass(frozen=True)
class ExpectedBest:
    """Expected best validation loss after k trials, with interval; the default's beside it."""

    contender: str
    budget: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    default: float | None


@dataclass(frozen=True)
class PerformanceProfile:
    """AlgoPerf's performance profile over several tasks.

    Attributes:
        contenders: Labels, one per row.
        tasks: Task names, one per column.
        steps_to_target: Per contender and task, None where the target was missed.
        ratio: Steps over the best contender's on that task, None where missed.
        score: ``(1/n)·Σ max(0, 4 − r)/3`` per contender, in [0, 1].
        tau: Points of the horizontal axis, 1 to 4.
        share: Share of tasks solved within tau times the best, per contender and tau.
    """

    contenders: tuple[str, ...]
    tasks: tuple[str, ...]
    steps_to_target: tuple[tuple[float | None, ...], ...]
    ratio: tuple[tuple[float | None, ...], ...]
    score: tuple[float, ...]
    tau: tuple[float, ...]
    share: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class StudySummary:
    """All that is shown of a study."""

    study: str
    task: TaskCard
    protocol: Mapping[str, Any]
    seed: int
    warnings: tuple[StudyWarning, ...]
    leaderboard: tuple[LeaderboardRow, ...]
    comparisons: tuple[Comparison, ...]
    sensitivity: tuple[Sensitivity, ...]
    curves: tuple[CurveBand, ...]
    expected_best: tuple[ExpectedBest, ...]
    runs: int
    seconds: Mapping[str, float]
    environment: Mapping[str, Any]
    command: str
    created: str
    spaces: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)

    @property
    def recorded(self) -> bool:
        """Whether the curves come from training loops elsewhere, so that nothing was tuned."""
        return self.protocol.get("effort") == RECORDED

    @property
    def judged_on(self) -> str:
        """The split that the contenders are judged on: ``test``, or ``validation`` where no test set was read."""
        return str(self.protocol.get("judged_on", "test"))
