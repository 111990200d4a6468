"""Frozen records of runs, studies and their outcomes: plain data, no computation."""

from thalweg.records.canonical import canonical_json, fingerprint, plain
from thalweg.records.race import RaceEntry, RaceResult
from thalweg.records.runs import Curve, OptimizerSpec, RunResult, RunSpec, RunStatus
from thalweg.records.studies import Contender, Dimension, PlannedRun, Protocol, StudyRecord, StudySpec
from thalweg.records.summary import (
    RECORDED,
    Comparison,
    CurveBand,
    ExpectedBest,
    Interval,
    LeaderboardRow,
    PerformanceProfile,
    Sensitivity,
    StudySummary,
    StudyWarning,
    TaskCard,
)

__all__ = [
    "RECORDED",
    "Comparison",
    "Contender",
    "Curve",
    "CurveBand",
    "Dimension",
    "ExpectedBest",
    "Interval",
    "LeaderboardRow",
    "OptimizerSpec",
    "PerformanceProfile",
    "PlannedRun",
    "Protocol",
    "RaceEntry",
    "RaceResult",
    "RunResult",
    "RunSpec",
    "RunStatus",
    "Sensitivity",
    "StudyRecord",
    "StudySpec",
    "StudySummary",
    "StudyWarning",
    "TaskCard",
    "canonical_json",
    "fingerprint",
    "plain",
]
