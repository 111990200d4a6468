"""Records to text and bytes, and back to equal records.

Text is strict JSON. JSON has no tuples inside free-form settings and no number that is not
finite; these are written as ``{"$tuple": [...]}`` and ``{"$float": "nan"}``, and a mapping that
looks like such a mark as ``{"$mapping": [[key, value]]}``.
"""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from thalweg.records import Contender, Curve, Dimension, OptimizerSpec, Protocol, RunSpec, StudyRecord, StudySpec

__all__ = ["array_bytes", "curve", "run_spec", "spec_text", "study_record", "study_text"]

FLOATS = np.dtype("<f4")
STEPS = np.dtype("<i4")


def marked(value: Any) -> Any:
    """Return a value as what strict JSON can hold, with marks for what it cannot."""
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"$float": repr(float(value))}
    if isinstance(value, Mapping):
        fields = {str(key): marked(item) for key, item in value.items()}
        is_like_mark = len(fields) == 1 and next(iter(fields)).startswith("$")
        return {"$mapping": list(fields.items())} if is_like_mark else fields
    if isinstance(value, tuple):
        return {"$tuple": [marked(item) for item in value]}
    if isinstance(value, list):
        return [marked(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return marked(value.tolist())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: marked(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"a record holds {value!r}, which JSON cannot write")


def unmark(pairs: dict[str, Any]) -> Any:
    """Return a JSON object, or what a mark stands for."""
    if len(pairs) == 1:
        if "$tuple" in pairs:
            return tuple(pairs["$tuple"])
        if "$float" in pairs:
            return float(pairs["$float"])
        if "$mapping" in pairs:
            return dict(pairs["$mapping"])
    return pairs


def dump(value: Any) -> str:
    """Return marked JSON text, pure ASCII so that any database takes it."""
    return json.dumps(marked(value), separators=(",", ":"), allow_nan=False)


def load(text: str) -> Any:
    """Return what :func:`dump` was given, dataclasses as dictionaries."""
    return json.loads(text, object_hook=unmark)


def spec_text(spec: RunSpec) -> str:
    """Return a run's specification as text."""
    return dump(spec)


def run_spec(text: str, fingerprint: str) -> RunSpec:
    """Return the run that :func:`spec_text` wrote.

    Args:
        text: The text.
        fingerprint: Kept beside it; set on the spec, which then need not compute it, and
            which stays findable should a later version of the record have further fields.
    """
    fields = load(text)
    spec = RunSpec(**{**fields, "optimizer": OptimizerSpec(**fields["optimizer"])})
    spec.__dict__["fingerprint"] = fingerprint  # where cached_property looks first
    return spec


def study_text(record: StudyRecord) -> str:
    """Return a study's record as text."""
    return dump(record)


def study_record(text: str) -> StudyRecord:
    """Return the record that :func:`study_text` wrote."""
    fields = load(text)
    spec = fields["spec"]
    contenders = tuple(contender(entry) for entry in spec["contenders"])
    study = StudySpec(**{**spec, "contenders": contenders, "protocol": Protocol(**spec["protocol"])})
    return StudyRecord(**{**fields, "spec": study})


def contender(fields: dict[str, Any]) -> Contender:
    """Return a contender from its fields."""
    return Contender(**{**fields, "space": tuple(Dimension(**dimension) for dimension in fields["space"])})


def array_bytes(curve: Curve) -> dict[str, bytes]:
    """Return a curve's arrays as little-endian bytes: steps as int32, the others as float32."""
    return {
        "step": np.asarray(curve.step, dtype=STEPS).tobytes(),
        "train_loss": np.asarray(curve.train_loss, dtype=FLOATS).tobytes(),
        "validation_loss": np.asarray(curve.validation_loss, dtype=FLOATS).tobytes(),
        "validation_metric": np.asarray(curve.validation_metric, dtype=FLOATS).tobytes(),
    }


def curve(step: bytes, train_loss: bytes, validation_loss: bytes, validation_metric: bytes) -> Curve:
    """Return the curve that :func:`array_bytes` wrote; its arrays are read-only.

    Raises:
        ValueError: The arrays differ in length.
    """
    steps = np.frombuffer(step, dtype=STEPS)
    values = [np.frombuffer(part, dtype=FLOATS) for part in (train_loss, validation_loss, validation_metric)]
    if any(len(part) != len(steps) for part in values):
        raise ValueError("a curve's arrays differ in length")
    return Curve(steps, *values)
