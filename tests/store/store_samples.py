"""Runs and studies to keep, made from a number, and equality that knows NaN."""

import dataclasses
import math
from collections.abc import Mapping

import numpy as np

from thalweg.records import (
    Contender,
    Curve,
    Dimension,
    OptimizerSpec,
    PlannedRun,
    Protocol,
    RunResult,
    RunSpec,
    StudyRecord,
    StudySpec,
)


def make_spec(number: int, **changes) -> RunSpec:
    settings = {"learning_rate": 1e-3 * (1 + number), "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}
    optimizer = OptimizerSpec("adam", settings, {"bias_correction": True, "epsilon_inside": False})
    spec = RunSpec("digits", "a" * 64, optimizer, 32, 900, 300, number)
    return dataclasses.replace(spec, **changes)


def make_result(number: int, **changes) -> RunResult:
    points = np.random.default_rng(number).random((3, 3)).astype(np.float32)
    curve = Curve(np.array([300, 600, 900], np.int32), *points)
    result = RunResult(make_spec(number), "finished", None, curve, 0.1 + number, 0.9, None, None, 900)
    return dataclasses.replace(result, **changes)


def diverged_result(number: int) -> RunResult:
    values = np.array([0.5, np.nan, np.nan], np.float32)
    curve = Curve(np.array([300, 600, 900], np.int32), values, values, values)
    spec = make_spec(number, read_test=True, techniques={"clipping": ("norm", 1.0)})
    return RunResult(spec, "diverged", 417, curve, math.nan, math.nan, math.nan, math.nan, 417)


def make_study(seed: int = 0, **changes) -> StudyRecord:
    space = (Dimension("learning_rate", 1e-5, 1.0, "log"), Dimension("beta1", 0.5, 0.999, "complement"))
    adam = Contender("adam", "adam", "", "all", space, {"learning_rate": 1e-3, "beta1": 0.9}, {"x": True}, "", ("sgd",))
    sgd = Contender("sgd", "sgd", "", "learning-rate", space[:1], {"learning_rate": 0.1})
    spec = StudySpec("digits", "a" * 64, (adam, sgd), Protocol("quick", 16, 1, 10, 32, 900, 300), seed)
    record = StudyRecord(
        id=spec.fingerprint[:12],
        spec=spec,
        task_card={"name": "digits", "target_value": None, "examples": {"train": 1000}},
        status="running",
        created=f"2025-01-{1 + seed % 28:02d}T00:00:00Z",
        command="thalweg compare digits --optimizers adam,sgd",
        environment={"python": "3.11", "devices": ["cpu:0", "cpu:1"], "load": (0.5, math.inf)},
        seconds={"total": 1.25, "compile": math.nan},
        seconds_per_step={"adam": 8e-6},
        state_bytes_per_parameter={"adam": 8.0, "sgd": 0.0},
    )
    return dataclasses.replace(record, **changes)


def make_plan(numbers) -> list[PlannedRun]:
    return [PlannedRun("adam", "trial", number, make_spec(number)) for number in numbers]


def same(first, second) -> bool:
    """Equality of records in type and value, where NaN equals NaN."""
    if isinstance(first, np.ndarray):
        return (
            isinstance(second, np.ndarray)
            and first.dtype == second.dtype
            and np.array_equal(first, second, equal_nan=True)
        )
    if dataclasses.is_dataclass(first):
        fields = dataclasses.fields(first)
        return type(first) is type(second) and all(
            same(getattr(first, f.name), getattr(second, f.name)) for f in fields
        )
    if isinstance(first, Mapping):
        return (
            isinstance(second, Mapping) and set(first) == set(second) and all(same(first[k], second[k]) for k in first)
        )
    if isinstance(first, list | tuple):
        return type(first) is type(second) and len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, float) and math.isnan(first):
        return isinstance(second, float) and math.isnan(second)
    return type(first) is type(second) and first == second
