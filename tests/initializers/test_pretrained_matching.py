"""What is taken from a pretrained run, and what is not."""

import numpy as np
import pytest

from thalweg.errors import InvalidValueError
from thalweg.initializers import matching


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


PRETRAINED = {
    "layer1.weight": ones(4, 3),
    "layer1.bias": ones(3),
    "layer2.weight": ones(3, 10),
    "layer2.bias": ones(10),
    "state.mean": ones(3),
}


def test_same_paths_and_shapes_are_taken() -> None:
    new = {path: 0 * array for path, array in PRETRAINED.items()} | {
        "layer2.weight": ones(3, 5) * 0,
        "layer2.bias": ones(5) * 0,
        "layer3.bias": ones(2) * 0,
    }
    taken, left = matching(new, PRETRAINED)
    assert list(taken) == ["layer1.weight", "layer1.bias", "state.mean"]
    for path, array in taken.items():
        assert np.array_equal(array, PRETRAINED[path])
        assert array is not PRETRAINED[path]
    assert left == {
        "layer2.weight": "3 × 10 there, 3 × 5 here",
        "layer2.bias": "10 there, 5 here",
        "layer3.bias": "absent there",
    }


def test_everything_and_a_transposed_shape() -> None:
    taken, left = matching(PRETRAINED, PRETRAINED)
    assert list(taken) == list(PRETRAINED)
    assert left == {}
    _, left = matching({"a": ones(4, 3), "b": ones(2, 2)}, {"a": ones(3, 4), "b": ones(2, 2)})
    assert left == {"a": "3 × 4 there, 4 × 3 here"}


def test_dtype_is_the_models() -> None:
    taken, _ = matching({"w": np.zeros((2, 2), np.float64)}, {"w": ones(2, 2)})
    assert taken["w"].dtype == np.float64


def test_a_model_of_vectors_may_take_vectors() -> None:
    assert list(matching({"x": ones(2)}, {"x": ones(2)}).taken) == ["x"]


@pytest.mark.parametrize(
    ("arrays", "loaded", "why"),
    [
        ({"a": ones(2, 2)}, {"b": ones(2, 2)}, "it has b first, and this model has a first"),
        ({"a": ones(2, 2)}, {}, "it has no arrays, and this model has a first"),
        ({"a": ones(2, 2)}, {"a": ones(2, 3)}, "a is 2 × 3 there, 2 × 2 here"),
        ({"a": ones(2, 2), "b": ones(2)}, {"a": ones(5, 2), "b": ones(2)}, "a is 5 × 2 there, 2 × 2 here"),
    ],
)
def test_nothing_in_common_is_refused(arrays: dict, loaded: dict, why: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        matching(arrays, loaded)
    assert str(caught.value) == (
        f"the pretrained run has no weights of the same path and shape as this model's: {why}; take a run of a like "
        "model."
    )


def test_a_run_that_diverged_is_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"^pretrained array a is not finite, so its run diverged; take a run"):
        matching({"a": ones(2, 2)}, {"a": ones(2, 2) * np.inf})
    matching({"a": ones(2, 2)}, {"a": ones(2, 2), "unused": ones(2) * np.nan})
