"""Structural choices: what is allowed, what is refused in a sentence, and what stays the same."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.tasks import Data, classification, find_task, task_version, with_options
from thalweg.tasks.check import check_task
from thalweg.tasks.choices import Whole, checked_choices, choices_text, default_choice, task_family
from thalweg.tasks.table import ENTRIES

# By the release before there were options: stored runs of these tasks stay valid.
VERSIONS = {
    "digits": "94e43e217a8c13690af7b072c424a737cbc8dc88541cb57d8073816780fbeecc",
    "digits-cnn": "dca54934eec1418df2f717501d8ebcab85a3db9baccd5c5a8c2d0dc2ca5752e6",
    "house-prices": "dc875c63da6c92ddafb7601b6326e64674c52ab307fd387a8f2510aa5120daf0",
    "mnist1d-cnn": "53a7056f80d9f1d69fc6625d7c9364b0465e2f14da5ade2f5f118e28830615e4",
}
WITH_OPTIONS = ["digits", "digits-cnn", "digits-resnet", "digits-autoencoder", "house-prices", "mnist1d", "mnist1d-cnn"]


def shapes(task):
    params = jax.eval_shape(task.init, jax.random.key(0))
    leaves = jax.tree_util.tree_leaves_with_path(params)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf.shape for path, leaf in leaves}


@pytest.mark.parametrize("name", VERSIONS)
def test_options_change_no_version_of_a_task_at_its_defaults(name):
    assert task_version(find_task(name)) == VERSIONS[name]


def test_width_and_depth_make_the_layers():
    task = with_options(find_task("digits"), width=7, depth=4)
    found = shapes(task)
    assert [found[f"layer{n}.weight"] for n in (1, 2, 3, 4)] == [(64, 7), (7, 7), (7, 7), (7, 10)]
    assert dict(task.chosen) == {"width": 7, "depth": 4}
    assert task.title.endswith("; depth 4, width 7")
    assert task.roles["layer4.bias"] == "output-bias"
    assert (task.name, task.target) == ("digits", find_task("digits").target)
    assert shapes(with_options(task, depth=1)) == {"layer1.weight": (64, 10), "layer1.bias": (10,)}


def test_the_same_choices_are_the_same_task_in_any_order_and_writing():
    task = find_task("digits")
    wide = with_options(task, activation="tanh", width=64)
    assert wide is with_options(task, width="64", activation="Tanh")
    assert wide is with_options(with_options(task, width=64), activation="tanh")
    assert wide is task.rebuild(width=np.int64(64)).rebuild(activation="tanh")
    assert with_options(wide, activation="relu", width=32) is task
    assert with_options(task) is task
    assert with_options(find_task("digits-resnet"), skip=False) is find_task("digits-resnet").rebuild(skip="off")


def test_versions_tell_structures_apart():
    task = find_task("digits")
    made = [task, *(with_options(task, width=width) for width in (31, 33)), with_options(task, activation="tanh")]
    assert len({task_version(one) for one in made}) == 4
    assert len({task_version(one, "source of a file") for one in made}) == 4
    assert task_version(with_options(task, width=31)) == task_version(task.rebuild(width=31))


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        (
            "digits",
            {"width": 0},
            InvalidValueError,
            "task 'digits': width = 0 is not allowed; give a whole number from 1",
        ),
        ("digits", {"width": 8.0}, InvalidValueError, "width = 8.0 is not allowed"),
        ("digits", {"width": True}, InvalidValueError, "width = True is not allowed"),
        ("digits", {"width": "-3"}, InvalidValueError, "width = '-3' is not allowed"),
        ("digits", {"width": "9" * 5000}, InvalidValueError, "is not allowed; give a whole number from 1 to 4096"),
        ("digits", {"activation": "swish"}, InvalidValueError, "give one of relu, leaky-relu, elu"),
        ("digits", {"activation": None}, InvalidValueError, "activation = None is not allowed"),
        ("digits", {"activaton": "relu"}, UnknownNameError, "did you mean 'activation'"),
        ("digits-resnet", {"depth": 9}, InvalidValueError, "from 4 to 202 in steps of 2"),
        ("digits-resnet", {"skip": "maybe"}, InvalidValueError, "give one of on, off"),
        ("digits-autoencoder", {"code": 0}, InvalidValueError, "code = 0 is not allowed"),
        ("digits-logistic", {"width": 3}, UnknownNameError, "option of task 'digits-logistic' 'width' is not known"),
    ],
)
def test_what_cannot_be_chosen_is_refused_in_a_sentence(name, options, error, message):
    with pytest.raises(error, match=message) as refused:
        with_options(find_task(name), **options)
    assert "\n" not in str(refused.value)


def test_rebuild_itself_refuses_too():
    with pytest.raises(InvalidValueError, match="normalization = 'group'"):
        find_task("digits").rebuild(normalization="group")


@pytest.mark.parametrize("name", WITH_OPTIONS)
def test_every_option_at_every_end_builds_a_task_whose_parameters_are_consistent(name):
    task = find_task(name)
    assert dict(task.chosen) == {}
    for option, choices in task.options.items():
        some = [choices.low, choices.low + choices.step] if isinstance(choices, Whole) else list(choices)
        for value in some:
            changed = with_options(task, **{option: value})
            found = shapes(changed)
            assert set(changed.roles) <= set(found), (option, value)
            assert "output-bias" in changed.roles.values()
            assert changed.chosen.get(option, default_choice(choices)) == value
    assert ENTRIES[name].title == task.title


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
def test_a_rebuilt_task_passes_the_check_and_counts_only_what_is_trained(normalization):
    task = with_options(find_task("digits"), normalization=normalization, width=4)
    bias, extra = (0, 8) if normalization == "batch" else (4, 8 if normalization == "layer" else 0)
    assert check_task(task).parameters == 64 * 4 + bias + extra + 4 * 10 + 10
    assert {"dropout", "diffusion", "label_smoothing"} == task.techniques


def test_choices_of_a_users_task():
    part = {"x": np.eye(3, dtype=np.float32), "y": np.arange(3, dtype=np.int32)}

    def make(factor):
        return classification(
            "mine", lambda key: {"w": jnp.ones((3, 3))}, lambda p, x: factor * x @ p["w"], Data(*[part] * 3)
        )

    task = task_family(make, {"factor": (1, 2, "ten")})
    assert with_options(task, factor="2") is task.rebuild(factor=2)
    assert with_options(task, factor="2").chosen == {"factor": 2}
    assert task_version(with_options(task, factor=2)) != task_version(task)
    plain = dataclasses.replace(task, options={}, rebuild=None)
    with pytest.raises(UnknownNameError, match="Allowed: none"):
        with_options(plain, factor=2)


def test_checked_choices_fills_in_the_defaults():
    offered = {"length": (50, 100), "cell": ("gru", "vanilla"), "hidden": Whole(32, 1, 64)}
    assert checked_choices("adding", offered, {"length": "100"}) == {"length": 100, "cell": "gru", "hidden": 32}
    assert choices_text(offered["hidden"]) == "a whole number from 1 to 64"
    assert choices_text(offered["length"]) == "one of 50, 100"
