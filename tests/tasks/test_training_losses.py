"""Training losses against torch, and against the plain loss where no technique is asked for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from thalweg.tasks import find_task, regression, task_data, with_options
from thalweg.tasks.base import Context, Data
from thalweg.tasks.losses import cross_entropy, rmse, squared_loss

NOTHING = Context(None, None, None, None)


def test_label_smoothing_and_its_gradient_equal_torch_in_one_program():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(20, 7)) * 4, rng.integers(7, size=20)
    traced = []

    @jax.jit
    def smoothed(logits, smoothing):
        traced.append(1)
        return jax.value_and_grad(cross_entropy)(logits, jnp.asarray(labels), smoothing)

    with jax.enable_x64(True):
        for smoothing in (0.0, 0.1, 0.5, 0.99):
            theirs = torch.tensor(logits, requires_grad=True)
            expected = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)(theirs, torch.tensor(labels))
            expected.backward()
            value, slope = smoothed(logits, smoothing)
            assert float(value) == pytest.approx(expected.item(), rel=1e-12)
            np.testing.assert_allclose(slope, theirs.grad.numpy(), rtol=1e-10, atol=1e-14)
    assert len(traced) == 1


def test_smoothing_of_zero_is_the_plain_loss_to_the_last_bit_and_a_bad_label_is_still_nan():
    logits, labels = jnp.asarray(np.random.default_rng(0).normal(size=(9, 4)), jnp.float32), jnp.arange(9) % 4
    plain = jax.value_and_grad(cross_entropy)(logits, labels)
    for found, expected in zip(jax.value_and_grad(cross_entropy)(logits, labels, jnp.float32(0)), plain, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert np.isnan(float(cross_entropy(logits, labels - 1, jnp.float32(0.1))))


@pytest.mark.parametrize("name", ["digits", "digits-logistic", "digits-cnn", "digits-autoencoder", "diabetes"])
def test_without_a_technique_training_is_evaluation(name):
    task = find_task(name)
    batch = {key: value[:8] for key, value in task_data(task).train.items()}
    params = jax.jit(task.init)(jax.random.key(0))
    if task.training_loss is None:
        assert not task.techniques
        return
    zero = jnp.float32(0)
    both = jax.jit(
        lambda p: [task.training_loss(p, batch, c) for c in (NOTHING, Context(jax.random.key(0), *[zero] * 3))]
    )
    expected = float(jax.jit(task.loss)(params, batch))
    for loss, state in both(params):
        assert float(loss) == pytest.approx(expected, rel=1e-6)
        assert state == {}


def test_every_technique_a_task_names_changes_its_training_loss_and_no_other_does():
    for task in (find_task("house-prices"), with_options(find_task("digits-resnet"), depth=4, width=2)):
        batch = {key: value[:8] for key, value in task_data(task).train.items()}
        params = jax.jit(task.init)(jax.random.key(0))
        params["layer1"]["weight"] += 0.01
        loss = jax.jit(lambda p, c, task=task, batch=batch: task.training_loss(p, batch, c)[0])
        plain = Context(jax.random.key(0), jnp.float32(0), jnp.float32(0), jnp.float32(0))
        for technique in ("dropout", "label_smoothing", "diffusion"):
            changed = float(loss(params, plain._replace(**{technique: jnp.float32(0.4)}))) != float(loss(params, plain))
            assert changed == (technique in task.techniques), (task.name, technique)


def test_several_numbers_per_row_are_averaged_over_all():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 5, 3)).astype(np.float32)
    assert float(squared_loss(a, b)) == pytest.approx(float(np.mean((a - b) ** 2)), rel=1e-6)
    assert float(rmse(a, b, 10)) == pytest.approx(10 * float(np.sqrt(np.mean((a - b) ** 2))), rel=1e-6)


def test_a_regression_with_a_training_mode_keeps_its_state():
    part = {"x": np.ones((4, 1), np.float32), "y": np.full(4, 2, np.float32)}
    task = regression(
        "two",
        lambda key: {"w": jnp.zeros(1), "state": {"seen": jnp.zeros(())}},
        lambda p, x: x @ p["w"],
        Data(part, part, part),
        train=lambda p, x, context: (x @ p["w"] + 1, {"seen": p["state"]["seen"] + 1}),
    )
    loss, state = task.training_loss(task.init(None), part, NOTHING)
    assert (float(loss), float(state["seen"])) == (1, 1)
    assert float(task.loss(task.init(None), part)) == 4
    assert task.output == "values"
