"""Losses and metrics by name take outputs and targets of fitting shapes, and say so of others."""

from collections.abc import Callable
from typing import Any, cast

import jax.numpy as jnp
import numpy as np
import pytest

import thalweg as tw
from thalweg.errors import TaskError
from thalweg.interop.objectives import Objective, objective


def mean(outputs: Any, targets: Any) -> Any:
    return jnp.mean(outputs)


def judge(aim: Objective) -> Callable[[Any, Any], Any]:
    assert aim.metric is not None
    return cast("Any", aim.metric.function)


IMAGES = jnp.arange(24.0).reshape(2, 3, 2, 2)  # as PyTorch has them: (n, channels, rows, columns)


@pytest.mark.parametrize(
    ("loss", "metric", "outputs", "targets", "said"),
    [
        ("squared", None, IMAGES, jnp.moveaxis(IMAGES, 1, -1), "returns shape (2, 3, 2, 2) for targets of shape"),
        ("squared", None, jnp.ones((4, 3)), jnp.ones((3, 4)), "shape (4, 3) for targets of shape (3, 4)"),
        (
            "squared",
            None,
            jnp.ones((2, 3, 1)),
            jnp.ones((2, 1, 2)),
            "squared takes both in the same shape",
        ),
        ("binary cross-entropy", None, IMAGES, jnp.moveaxis(IMAGES, 1, -1), "binary cross-entropy takes both in the"),
        ("mine", "RMSE", IMAGES, jnp.moveaxis(IMAGES, 1, -1), "RMSE takes both in the same shape"),
        ("mine", "binary accuracy", jnp.ones((4, 3)), jnp.ones((4, 2)), "binary accuracy takes both in the"),
        (
            "mine",
            "accuracy",
            jnp.ones((4, 3)),
            jnp.ones((4, 1), int),
            "accuracy takes whole numbers as labels",
        ),
        (
            "mine",
            "accuracy",
            jnp.ones(()),
            jnp.ones((), int),
            "accuracy takes whole numbers as labels",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_told_in_a_sentence(loss, metric, outputs, targets, said: str) -> None:
    aim = objective(mean if loss == "mine" else loss, metric, task="t")
    with pytest.raises(TaskError) as told:
        judge(aim)(outputs, targets) if metric else aim.loss(outputs, targets, None)
    assert "task 't': its model returns shape" in str(told.value)
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("outputs", "targets"), [((4, 1), (4,)), ((4,), (4, 1)), ((1, 3), (1, 3)), ((4, 1, 3), (4, 3))]
)
def test_axes_of_1_apart_shapes_fit(outputs: tuple[int, ...], targets: tuple[int, ...]) -> None:
    x = jnp.arange(float(np.prod(outputs))).reshape(outputs)
    aim = objective("squared")
    assert aim.loss(x, x.reshape(targets) + 2, None) == 4
    assert judge(aim)(x, x.reshape(targets) + 2) == 2
    assert judge(objective("binary cross-entropy"))(x - 0.5, (x > 0.5).reshape(targets).astype(int)) == 1


def test_accuracy_is_of_labels_whatever_axes_stand_between() -> None:
    logits = jnp.eye(3)[jnp.array([[0, 1], [2, 2]])]
    assert judge(objective("cross-entropy"))(logits, jnp.array([[0, 1], [2, 0]])) == 0.75
    own = tw.Metric("mine", lambda outputs, targets: outputs, larger_is_better=True)
    assert objective("cross-entropy", own).metric is own
