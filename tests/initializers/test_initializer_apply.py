"""Which arrays are drawn, from which random stream, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.initializers import (
    Gaussian,
    He,
    Initializer,
    Sparse,
    ZeroBias,
    initialize,
    parse_bias,
    parse_biases,
    parse_initializer,
)
from thalweg.initializers.apply import purpose

ARRAYS = {
    "layer1.weight": np.full((16, 12), 7, np.float32),
    "layer1.bias": np.full(12, 7, np.float32),
    "norm1.scale": np.full(12, 7, np.float32),
    "norm1.bias": np.full(12, 7, np.float32),
    "embedding": np.full((30, 4), 7, np.float32),
    "cell.recurrent": np.full((12, 12), 7, np.float32),
    "cell.gate.bias": np.full(12, 7, np.float32),
    "layer2.weight": np.full((12, 3), 7, np.float32),
    "layer2.bias": np.full(3, 7, np.float32),
    "state.norm1.mean": np.full(12, 7, np.float32),
    "state.norm1.matrix": np.full((12, 12), 7, np.float32),
    "steps": np.full((2, 2), 7, np.int32),
}
ROLES = {
    "norm1.bias": "fixed",
    "embedding": "fixed",
    "cell.gate.bias": "gate-bias",
    "layer2.bias": "output-bias",
}
WEIGHTS = {"layer1.weight", "cell.recurrent", "layer2.weight"}
LABELS = np.array([0, 0, 1, 2], np.int32)


def start(
    initializer: str | None = "he", biases: str = "", seed: int = 0, arrays: dict[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    arrays = ARRAYS if arrays is None else arrays
    return initialize(
        arrays,
        parse_initializer(initializer) if initializer else None,
        parse_biases(biases) if biases else (),
        roles={path: role for path, role in ROLES.items() if path in arrays},
        output="classes",
        targets=LABELS,
        seed=seed,
    )


def changed(made: dict[str, np.ndarray]) -> set[str]:
    return {path for path, array in made.items() if array is not ARRAYS[path]}


def test_only_weights_are_drawn_without_bias_strategies() -> None:
    made = start()
    assert list(made) == list(ARRAYS)
    assert changed(made) == WEIGHTS
    for path in WEIGHTS:
        assert made[path].shape == ARRAYS[path].shape
        assert abs(made[path].std() / (2 / made[path].shape[0]) ** 0.5 - 1) < 0.4  # of 36 numbers at least


def test_each_strategy_sets_the_biases_of_its_roles() -> None:
    assert changed(start(None, "zero")) == {"layer1.bias", "cell.gate.bias", "layer2.bias"}
    assert changed(start(None, "constant:0.1")) == {"layer1.bias"}
    assert changed(start(None, "open-gates")) == {"cell.gate.bias"}
    assert changed(start(None, "marginal")) == {"layer2.bias"}
    assert changed(start(None)) == set()


@pytest.mark.parametrize("text", ["zero+constant:0.1+open-gates:2+marginal", "marginal+open-gates:2+constant:0.1+zero"])
def test_the_special_strategy_wins_over_zero_in_any_order(text: str) -> None:
    made = start(None, text)
    np.testing.assert_array_equal(made["layer1.bias"], np.full(12, 0.1, np.float32))
    np.testing.assert_array_equal(made["cell.gate.bias"], np.full(12, 2, np.float32))
    np.testing.assert_allclose(made["layer2.bias"], np.log([0.5, 0.25, 0.25]), rtol=1e-6)
    only_zero_and_gates = start(None, "zero+open-gates")
    assert not only_zero_and_gates["layer1.bias"].any()
    assert not only_zero_and_gates["layer2.bias"].any()
    assert (only_zero_and_gates["cell.gate.bias"] == 1).all()


@pytest.mark.parametrize(
    ("path", "shape", "expected"),
    [
        ("b", (3,), "hidden-bias"),
        ("layers.b2", (3,), "hidden-bias"),
        ("b_in", (3,), "hidden-bias"),
        ("conv.Bias", (3,), "hidden-bias"),
        ("out.bias", (), "hidden-bias"),
        ("beta", (3,), ""),
        ("norm.scale", (3,), ""),
        ("bias.scale", (3,), ""),
        ("w", (3,), ""),
        ("w", (3, 4), "weight"),
        ("kernel", (3, 3, 4, 8), "weight"),
        ("state.w", (3, 4), ""),
        ("statement.w", (3, 4), "weight"),
    ],
)
def test_purpose_is_told_by_shape_and_name(path: str, shape: tuple[int, ...], expected: str) -> None:
    assert purpose(path, np.zeros(shape, np.float32)) == expected


def test_same_seed_same_numbers_other_seed_other_numbers() -> None:
    first, again, other = start(seed=3), start(seed=3), start(seed=4)
    for path in WEIGHTS:
        assert np.array_equal(first[path], again[path])
        assert not np.array_equal(first[path], other[path])


def test_a_layer_more_changes_no_other_layer() -> None:
    more = {"layer0.weight": np.zeros((5, 5), np.float32), **dict(reversed(ARRAYS.items()))}
    fewer = {"layer1.weight": ARRAYS["layer1.weight"]}
    for path, array in start(arrays=fewer).items():
        assert np.array_equal(array, start()[path])
    for path in WEIGHTS:
        assert np.array_equal(start(arrays=more)[path], start()[path])


def test_arrays_of_one_shape_differ_by_path() -> None:
    two = {name: np.zeros((8, 8), np.float32) for name in ("a", "c")}
    made = start(arrays=two)
    assert abs(np.corrcoef(made["a"].ravel(), made["c"].ravel())[0, 1]) < 0.4  # 3 standard errors of 64 pairs


@given(st.integers(-(2**70), 2**70), st.text(max_size=20))
def test_any_seed_and_path_will_do(seed: int, path: str) -> None:
    arrays = {f"m.{path}": np.zeros((2, 2), np.float32)}
    made = initialize(arrays, He(), roles={}, output="", targets=None, seed=seed)
    assert np.isfinite(made[f"m.{path}"]).all()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_dtype_is_kept(dtype: str) -> None:
    arrays = {"w": np.zeros((4, 3), dtype), "b": np.zeros(3, dtype)}
    made = start("he", "constant:0.5", arrays=arrays)
    assert made["w"].dtype == made["b"].dtype == np.dtype(dtype)


def test_nothing_given_is_written_to() -> None:
    arrays = {path: array.copy() for path, array in ARRAYS.items()}
    for array in arrays.values():
        array.flags.writeable = False
    start("orthogonal", "zero", arrays=arrays)
    for path, array in arrays.items():
        assert np.array_equal(array, ARRAYS[path])


def test_patch_role_widens_the_fan_out() -> None:
    arrays = {"conv": np.zeros((9 * 8, 16), np.float32)}
    as_dense, as_convolution = (
        initialize(arrays, parse_initializer("glorot"), roles=roles, output="", targets=None, seed=0)["conv"]
        for roles in ({}, {"conv": "patch:9"})
    )
    np.testing.assert_allclose(as_convolution / as_dense, ((72 + 16) / (72 + 144)) ** 0.5, rtol=1e-6)


class Wrong(Initializer):
    """Draws whatever it is told to."""

    name = "wrong"
    answer = np.zeros(3)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        return self.answer


def refusal(arrays: dict[str, np.ndarray] = ARRAYS, **given: object) -> str:
    settings = {"initializer": None, "biases": (), "roles": {}, "output": "classes", "targets": LABELS, "seed": 0}
    with pytest.raises(InvalidValueError) as caught:
        initialize(arrays, **{**settings, **given})  # type: ignore[arg-type]
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert ". " not in text
    return text


def test_sparse_names_the_array_that_is_too_narrow() -> None:
    assert refusal({"conv.kernel": np.zeros((9, 8), np.float32)}, initializer=Sparse()) == (
        "conv.kernel (9 × 8): sparse: k = 15 is more than the 9 inputs of a unit; give a k of 9 or less."
    )


@pytest.mark.parametrize("shape", [(0, 8), (8, 0), (3, 0, 4)])
def test_a_layer_without_inputs_or_units_is_refused(shape: tuple[int, ...]) -> None:
    text = refusal({"layer1.weight": np.zeros(shape, np.float32)}, initializer=He())
    assert text.startswith("layer1.weight (")
    assert text.endswith("): a layer has at least one input and one unit; make the layer wider.")


def test_a_bias_without_units_is_refused() -> None:
    text = refusal({"layer1.bias": np.zeros(0, np.float32)}, biases=[ZeroBias()])
    assert text == "layer1.bias (0): a layer has at least one unit; make the layer wider."


def test_numbers_that_the_dtype_cannot_hold_are_refused() -> None:
    text = refusal({"w": np.zeros((4, 4), np.float32)}, initializer=Gaussian(1e300))
    assert text == (
        "w (4 × 4): 'gaussian:deviation=1e+300' gives numbers that are not finite in float32; give smaller settings."
    )
    assert "float16" in refusal({"b": np.zeros(4, np.float16)}, biases=[parse_bias("constant:1e6")])


@pytest.mark.parametrize("answer", [np.zeros(3), np.full((4, 4), np.nan)])
def test_what_an_initializer_draws_is_checked(answer: np.ndarray) -> None:
    made = Wrong()
    object.__setattr__(made, "answer", answer)
    text = refusal({"w": np.zeros((4, 4), np.float32)}, initializer=made)
    assert "drew the shape (3,); return the shape it is asked for" in text or "not finite" in text


def test_a_setting_that_would_do_nothing_is_refused() -> None:
    scalar = {"x": np.zeros(1, np.float32)}
    assert refusal(scalar, initializer=He()) == (
        "initializer 'he': the model has no weights, which are arrays of two or more axes; leave the initializer out."
    )
    assert refusal(biases=[parse_bias("marginal")]) == (
        "biases 'marginal': no array of the model is known for its output biases; leave it out, or name the array in "
        "the task's roles."
    )
    assert "known for its gate biases;" in refusal(biases=[parse_bias("open-gates")])
    assert "hidden biases or output biases or gate biases;" in refusal(scalar, biases=[ZeroBias()])


def test_two_strategies_for_one_role_are_refused() -> None:
    biases = [parse_bias("constant:0.1"), parse_bias("constant:0.2")]
    assert refusal(biases=biases) == (
        "biases 'constant' and 'constant:value=0.2' both set hidden biases; give one of them."
    )


def test_roles_are_checked() -> None:
    with pytest.raises(
        UnknownNameError, match=r"role of layer1\.bias 'output' is not known: did you mean 'output-bias'"
    ):
        initialize(ARRAYS, None, roles={"layer1.bias": "output"}, output="", targets=None, seed=0)
    assert refusal(roles={"layer9.bias": "fixed"}).startswith(
        "role 'fixed' is given to 'layer9.bias', and the model has no such array; it has layer1.weight,"
    )
    assert "whose inputs are no multiple of 9;" in refusal(roles={"layer1.weight": "patch:9"})


def test_marginal_problems_name_the_array() -> None:
    given = {"biases": [parse_bias("marginal")], "roles": {"layer2.bias": "output-bias"}}
    assert refusal(**given, targets=None) == (
        "biases 'marginal' of layer2.bias (3): there are no training targets to take statistics of; leave 'marginal' "
        "out."
    )
    assert "the task's output is '', and must be" in refusal(**given, output="")
