"""Text and bytes of records, for anything a record may hold."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_samples import make_spec, make_study, same

from thalweg.records import Curve, OptimizerSpec
from thalweg.store import codec

NUMBERS = st.floats() | st.integers() | st.booleans()
VALUES = st.recursive(
    NUMBERS | st.none() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.sampled_from(["$tuple", "$float", "$mapping", "a", "b", ""]), inner, max_size=2)
    ),
    max_leaves=8,
)
SETTINGS = st.dictionaries(st.text(max_size=8), VALUES, max_size=3)


@given(SETTINGS, SETTINGS, st.dictionaries(st.text(max_size=8), st.floats() | st.integers(), max_size=3))
def test_any_specification_comes_back_equal(techniques, structure, hyperparameters):
    optimizer = OptimizerSpec("./mine.py:Rule", hyperparameters, structure, "f" * 64)
    spec = make_spec(1, optimizer=optimizer, techniques=techniques)
    text = codec.spec_text(spec)
    back = codec.run_spec(text, "0" * 64)
    assert same(back, spec)
    assert back.fingerprint == "0" * 64
    assert text.isascii()
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


@given(SETTINGS, SETTINGS)
def test_any_study_comes_back_equal(environment, card):
    record = make_study(environment=environment, task_card=card)
    assert same(codec.study_record(codec.study_text(record)), record)


def test_numpy_values_become_python_values():
    spec = make_spec(1, seed=np.int64(3), techniques={"a": np.float32(0.5), "b": np.arange(2)})
    assert codec.run_spec(codec.spec_text(spec), "").techniques == {"a": 0.5, "b": [0, 1]}


def test_what_json_cannot_write_is_refused():
    with pytest.raises(TypeError, match="JSON cannot write"):
        codec.spec_text(make_spec(1, techniques={"callback": print}))


def test_curves_are_little_endian_and_read_only():
    values = np.array([1.0, math.nan, math.inf])
    curve = Curve(np.array([1, 2, 3]), values, values, -values)
    parts = codec.array_bytes(curve)
    assert parts["step"] == bytes([1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0])
    assert parts["train_loss"][:4] == b"\x00\x00\x80\x3f"
    back = codec.curve(**parts)
    assert same(back.validation_metric, -values.astype(np.float32))
    with pytest.raises(ValueError, match="read-only"):
        back.step[0] = 5
    with pytest.raises(ValueError, match="differ in length"):
        codec.curve(**{**parts, "train_loss": b""})


def test_every_field_of_the_records_is_kept():
    # A field added to a record without a thought for the store would be lost silently.
    fields = json.loads(codec.study_text(make_study()))
    assert set(fields) == {field.name for field in dataclasses.fields(make_study())}
