"""Canonical JSON and fingerprints: equal records have equal text, on every machine."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

__all__ = ["canonical_json", "fingerprint", "plain"]


def plain(value: Any) -> Any:
    """Return dataclasses, mappings, tuples and NumPy values as what JSON can hold.

    Non-finite floats become None, as JSON has no word for them.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    listed = getattr(value, "tolist", None)
    if listed is not None:
        return plain(listed())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def canonical_json(value: Any) -> str:
    """Return ``value`` as JSON with sorted keys, no spaces and shortest round-trip numbers.

    Raises:
        ValueError: The value holds something JSON cannot.

    Example:
        >>> canonical_json({"b": 1, "a": (0.1, True)})
        '{"a":[0.1,true],"b":1}'
    """
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of ``value`` as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
