"""A study as a value: the question asked, the rules of the comparison, who takes part."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

from thalweg.records.canonical import fingerprint
from thalweg.records.runs import RunSpec

__all__ = ["Contender", "Dimension", "PlannedRun", "Protocol", "StudyRecord", "StudySpec"]

Role: TypeAlias = Literal["trial", "default-trial", "winner", "default"]


@dataclass(frozen=True)
class Dimension:
    """One searched hyperparameter.

    Attributes:
        name: Name of the hyperparameter.
        low: Lower end of the searched range.
        high: Upper end of the searched range.
        scale: ``log``, ``linear`` or ``complement`` (logarithmic in 1 − value).
    """

    name: str
    low: float
    high: float
    scale: Literal["log", "linear", "complement"]


@dataclass(frozen=True)
class Contender:
    """One entry of a comparison: an optimizer and what of it is tuned.

    Attributes:
        label: Unique within the study, e.g. ``adam``, ``adam@torch``, ``adam (learning rate only)``.
        optimizer: Catalogue name or ``file.py:Name``.
        preset: Named preset, or empty.
        tuned: ``all`` or ``learning-rate``.
        space: The searched dimensions.
        defaults: Every hyperparameter's default under the preset.
        structure: Every variant field's value.
        source: Fingerprint of a user's own rule; empty for built-in rules.
        special_cases: Names of rules that this one contains (for the inclusion warning).
        techniques: What differs from plain training, as in ``RunSpec.techniques``.
    """

    label: str
    optimizer: str
    preset: str
    tuned: Literal["all", "learning-rate"]
    space: tuple[Dimension, ...]
    defaults: Mapping[str, float]
    structure: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    special_cases: tuple[str, ...] = ()
    techniques: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Protocol:
    """The rules of a comparison; stored with every study.

    Attributes:
        effort: ``quick``, ``standard``, ``thorough`` or ``custom``.
        trials: Sampled configurations per contender; the defaults are one more.
        tuning_seeds: Seeds per trial while tuning.
        confirmation_seeds: Fresh seeds on which winner and default are trained again.
        batch_size: Examples per step, the same for all.
        steps: Updates per run, the same for all.
        evaluate_every: Updates between two points of a curve.
        sampler: How the space is sampled.
        schedule: Schedule of the learning rate that all share; entries may have one of their own.
        resamples: Bootstrap resamples.
        confidence: Confidence level of every interval.
        win_probability: P(A better than B) from which a win may be claimed.
        version: Version of the protocol.
    """

    effort: str
    trials: int
    tuning_seeds: int
    confirmation_seeds: int
    batch_size: int
    steps: int
    evaluate_every: int
    sampler: str = "scrambled Sobol"
    schedule: str = "constant"
    resamples: int = 10_000
    confidence: float = 0.95
    win_probability: float = 0.75
    version: int = 1


@dataclass(frozen=True)
class StudySpec:
    """Everything a study depends on.

    Attributes:
        task: Task name or ``file.py:name``.
        task_version: Fingerprint of the task.
        contenders: Who takes part.
        protocol: The rules.
        seed: Seed of the study; trials, tuning seeds and fresh seeds derive from it.
    """

    task: str
    task_version: str
    contenders: tuple[Contender, ...]
    protocol: Protocol
    seed: int

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical JSON, 64 hexadecimal digits."""
        return fingerprint(self)


@dataclass(frozen=True)
class PlannedRun:
    """A run's place in a study.

    Attributes:
        contender: Label of the contender.
        role: ``trial``, ``default-trial`` (the defaults among the tuning runs), or, on fresh
            seeds, ``winner`` and ``default``.
        trial: Index of the configuration, −1 for the defaults.
        spec: The run.
    """

    contender: str
    role: Role
    trial: int
    spec: RunSpec


@dataclass(frozen=True)
class StudyRecord:
    """What the store keeps of a study beside its runs.

    Attributes:
        id: First 12 digits of the spec's fingerprint.
        spec: The study.
        task_card: Facts about the task for the report (see ``records.summary.TaskCard``).
        status: ``running`` or ``finished``.
        created: ISO 8601 time, UTC.
        command: The shell command that repeats it.
        environment: Versions, device, commit.
        seconds: ``total``, ``compile``, ``train`` and further parts.
        seconds_per_step: Of one run measured alone, by contender label.
        state_bytes_per_parameter: By contender label.
    """

    id: str
    spec: StudySpec
    task_card: Mapping[str, Any]
    status: Literal["running", "finished"]
    created: str
    command: str
    environment: Mapping[str, Any]
    seconds: Mapping[str, float] = field(default_factory=dict)
    seconds_per_step: Mapping[str, float] = field(default_factory=dict)
    state_bytes_per_parameter: Mapping[str, float] = field(default_factory=dict)
