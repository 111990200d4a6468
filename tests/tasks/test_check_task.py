"""Every way to break a task's contract is answered with one sentence that says where and what to do."""

import dataclasses
import textwrap

import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.errors import TaskError, UserFileError
from thalweg.tasks import Data, Metric, Target, Task, find_task, load_task
from thalweg.tasks.check import check_task, task_card


def part(rows=8, **arrays):
    x = np.linspace(-1, 1, rows * 3, dtype=np.float32).reshape(rows, 3)
    return {"x": x, "y": x.sum(axis=1), **arrays}


def init(key):
    return {"w": jnp.zeros(3)}


def loss(params, batch):
    return jnp.mean((batch["x"] @ params["w"] - batch["y"]) ** 2)


GOOD = Task("plane", init, loss, Data(part(), part(4), part(4)), batch_size=4)


def broken(**fields):
    return dataclasses.replace(GOOD, **fields)


def with_data(train=None, validation=None, test=None):
    return broken(data=Data(train or part(), validation or part(4), test or part(4)))


def complaint(task):
    with pytest.raises(TaskError) as caught:
        check_task(task)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    return message


def test_a_good_task_is_measured():
    checked = check_task(GOOD)
    assert checked.parameters == 3
    assert checked.examples == {"train": 8, "validation": 4, "test": 4}
    assert checked.initial_loss == pytest.approx(np.mean(part(4)["y"] ** 2), rel=1e-6)  # weights are zero
    assert checked.initial_metric == checked.initial_loss  # no metric: judged by the loss
    assert checked.notes == ()


def test_a_batch_larger_than_the_training_set_is_allowed_and_said():
    assert "every step uses all of them" in check_task(broken(batch_size=100)).notes[0]


def test_data_may_come_from_a_function():
    assert check_task(broken(data=lambda: GOOD.data)).parameters == 3


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": " "}, "name is ' '"),
        ({"init": 3}, "init is int; give a function"),
        ({"loss": "mse"}, "loss is str; give a function"),
        ({"data": [1, 2]}, "data is list; give thalweg.Data"),
        ({"data": lambda: 5}, "data function returned int"),
        ({"batch_size": 0}, "batch_size = 0 is not allowed; give a whole number of 1 or more"),
        ({"batch_size": True}, "batch_size = True"),
        ({"epochs": 2.5}, "epochs = 2.5 is not allowed"),
        ({"metric": "accuracy"}, "metric is str; give thalweg.Metric"),
        ({"target": Target("test_loss", 1.0)}, "target quantity 'test_loss' is not known; give one of validation_loss"),
        ({"target": Target("validation_metric", 1.0)}, "no metric"),
        ({"target": Target("validation_loss", float("nan"))}, "target value nan is not allowed"),
    ],
)
def test_fields(fields, expected):
    assert expected in complaint(broken(**fields))


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (with_data(train=[1, 2]), "its train split is list; give arrays by name"),
        (broken(data=Data(part(), {}, part())), "its validation split holds no arrays"),
        (with_data(train={"x": part()["x"], "y": part(5)["y"]}), "(x has 8, y has 5)"),
        (with_data(test=part(0)), "its test split is empty"),
        (with_data(train={**part(), "y": [1.0] * 8}), "array 'y' of its train split is a list; give a NumPy array"),
        (with_data(train={**part(), "y": np.float32(1)}), "is a single number"),
        (with_data(train={**part(), 3: part()["y"]}), "has an array named 3"),
        (with_data(train={**part(), "y": np.array(["a"] * 8)}), "has dtype <U1; give numbers"),
        (with_data(train={**part(), "y": np.array([None] * 8)}), "has dtype object; give numbers"),
        (with_data(train={**part(), "y": np.zeros(8, "M8[D]")}), "has dtype datetime64[D]; give numbers"),
        (with_data(train={**part(), "y": np.zeros(8, np.complex64)}), "has dtype complex64"),
        (with_data(train={**part(), "y": np.full(8, 2**40)}), "holds 1099511627776, which 32 bits cannot"),
        (with_data(validation={"x": part(4)["x"]}), "its validation split has the arrays x but training has x, y"),
        (
            with_data(test={**part(4), "x": np.zeros((4, 5), np.float32)}),
            "rows of shape (5,) and dtype float32 in its test",
        ),
        (with_data(test={**part(4), "y": np.zeros(4, np.int32)}), "dtype int32 in its test split but () and float32"),
    ],
)
def test_data(task, expected):
    assert expected in complaint(task)


@pytest.mark.parametrize(("value", "word"), [(np.nan, "nan"), (np.inf, "inf"), (1e300, "1e+300")])
def test_numbers_that_float32_cannot_hold_are_found_with_their_row(value, word):
    x = part()["x"].astype(np.float64)
    x[5, 1] = x[6, 0] = value
    arrays = {"x": x, "y": part()["y"]}
    message = complaint(broken(data=Data(arrays, arrays, arrays)))
    assert f"array 'x' of its train split holds {word} (first in row 5; 2 of 8 rows" in message


def raises_here(*_):
    raise ZeroDivisionError("nothing to divide by")


def metric(function):
    return Metric("error", function, larger_is_better=False)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"init": raises_here}, "its init raised ZeroDivisionError: nothing to divide by (test_check_task.py, line"),
        ({"init": lambda key: {}}, "init returned no parameters"),
        ({"init": lambda key: {"w": "text"}}, "its init raised TypeError"),
        ({"init": lambda key: {"a": {"w": jnp.zeros(3, int)}}}, "parameter a.w has dtype int32"),
        ({"init": lambda key: {"w": jnp.full(3, jnp.nan)}}, "parameter w is not finite at the start"),
        ({"loss": raises_here}, "its loss raised ZeroDivisionError: nothing to divide by (test_check_task.py, line"),
        ({"loss": lambda p, b: jnp.mean(b["z"])}, "its loss raised KeyError: 'z' (test_check_task.py, line"),
        ({"loss": lambda p, b: b["x"] @ p["w"]}, "its loss returned an array of shape (4,); return one number"),
        ({"loss": lambda p, b: (loss(p, b), 1)}, "its loss returned a tuple; return one number"),
        ({"loss": lambda p, b: jnp.sum(b["x"] > 0)}, "its loss returned int32"),
        (
            {"loss": lambda p, b: jnp.log(jnp.sum(p["w"] ** 2))},
            "the loss at the start is -inf on the first 4 training rows",
        ),
        ({"loss": lambda p, b: loss(p, b) / 0}, "the loss at the start is inf"),
        ({"loss": lambda p, b: jnp.linalg.norm(p["w"])}, "the gradient by parameter w is not finite at the start"),
        ({"metric": metric(raises_here)}, "its metric raised ZeroDivisionError"),
        ({"metric": metric(lambda p, s: s["y"])}, "its metric returned an array of shape (4,)"),
        ({"data": raises_here}, "its data function raised ZeroDivisionError"),
    ],
)
def test_functions(fields, expected):
    assert expected in complaint(broken(**fields))


def loss_with_if(params, batch):
    return loss(params, batch) if jnp.sum(batch["x"]) > 0 else jnp.float32(0)


def loss_in_numpy(params, batch):
    return np.mean(np.square(np.asarray(batch["x"]) @ np.asarray(params["w"])))


def loss_with_float(params, batch):
    return jnp.float32(float(params["w"][0]))


@pytest.mark.parametrize("function", [loss_with_if, loss_in_numpy, loss_with_float])
def test_a_loss_that_jax_cannot_compile_is_told_so_with_its_line(function):
    message = complaint(broken(loss=function))
    assert "its loss needs the value of an array while JAX compiles it" in message
    assert f"(test_check_task.py, line {function.__code__.co_firstlineno + 1})" in message


def test_validation_loss_counts_at_the_start_too():
    # labels outside the outputs only in the validation split
    task = broken(
        loss=lambda p, b: loss(p, b) + jnp.where(jnp.any(b["x"] > 5), jnp.nan, 0.0),
        data=Data(part(), {**part(4), "x": np.full((4, 3), 9, np.float32)}, part(4)),
    )
    assert "the loss at the start is nan on validation" in complaint(task)


def test_card_of_a_task_without_metric_judges_by_the_loss():
    card = task_card(GOOD, check_task(GOOD))
    assert (card.metric, card.larger_is_better, card.title, card.target_value) == ("loss", False, "plane", None)


def test_card_of_a_built_in_task_has_every_fact():
    task = find_task("digits")
    card = task_card(task, check_task(task))
    assert card.parameters == 64 * 32 + 32 + 32 * 10 + 10
    assert card.metric == "accuracy"
    assert card.larger_is_better
    assert task.target is not None
    assert card.target_value == task.target.value
    assert "Handwritten Digits" in card.source
    assert card.licence == "CC BY 4.0"


def test_a_users_file_is_told_by_file_and_line(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        textwrap.dedent("""
        import numpy as np
        from thalweg import Data, Task
        part = {"x": np.ones((4, 2), np.float32)}

        def loss(params, batch):
            return batch["x"] @ params

        broken = Task("mine", lambda key: np.ones(2, np.float32), loss, Data(part, part, part))
        worse = Task("worse", lambda key: np.ones(2, np.float32), lambda p, b: b["nothing"], Data(part, part, part))
        """)
    )
    assert "its loss returned an array of shape (4,)" in complaint(load_task(f"{path}:broken").task)
    assert "KeyError: 'nothing' (mine.py, line 10)" in complaint(load_task(f"{path}:worse").task)
    with pytest.raises(UserFileError):
        load_task(str(path))  # two tasks and no name
