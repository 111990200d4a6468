"""Modules that PyTorch computes for compiled code: outputs without a gradient, and errors told in a sentence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from torch import nn

import thalweg as tw
from thalweg.errors import TaskError
from thalweg.interop import task_from_torch
from thalweg.interop.torch_calls import called
from thalweg.interop.torch_module import Maker
from thalweg.tasks.check import check_task

ROWS = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)


class Beside(nn.Module):
    """Returns logits, and beside them what has no gradient."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 3)

    def forward(self, x):
        logits = self.inner(x)
        return logits, x, logits.argmax(-1), logits.detach()


class Failing(nn.Module):
    """Raises forwards or backwards, from some call for a gradient on."""

    def __init__(self, after: int = 0, backwards: bool = False):
        super().__init__()
        self.inner = nn.Linear(4, 3)
        self.calls, self.after, self.backwards = 0, after, backwards

    def forward(self, x):
        logits = self.inner(x)
        self.calls += torch.is_grad_enabled()
        if self.calls > self.after and self.backwards:
            logits.register_hook(self.fail)
        elif self.calls > self.after:
            self.fail()
        return logits

    def fail(self, *_):
        raise ValueError("my own message.\nAnd more of it.")


def test_outputs_without_a_gradient_stand_beside_those_with_one() -> None:
    maker = Maker("net", Beside)
    forward = called(maker, (ROWS,))
    trained = {name: jnp.asarray(value.numpy()) for name, value in maker.parameters.items()}

    def total(trained, place):
        return jnp.sum(jnp.sin(forward(trained, {}, (ROWS,), None, True)[0][place]))

    module = maker.make(0)
    torch.sin(module(torch.from_numpy(ROWS))[0]).sum().backward()
    slopes = jax.jit(jax.grad(total), static_argnums=1)(trained, 0)
    for name, value in module.named_parameters():
        np.testing.assert_allclose(slopes[name], value.grad, rtol=1e-5, atol=1e-6)
    assert not any(np.asarray(slope).any() for slope in jax.grad(total)(trained, 1).values())
    found = forward(trained, {}, (ROWS,), None, False)[0]
    np.testing.assert_array_equal(found[2], np.argmax(found[0], -1))


@pytest.mark.parametrize("make", [Failing, lambda: Failing(backwards=True)], ids=["forwards", "backwards"])
def test_an_error_of_the_module_is_told_where_it_begins(make) -> None:
    task = some_task(make)
    with pytest.raises(TaskError) as told:
        check_task(task)
    assert str(told.value).startswith("task 'net': its module raised ValueError: my own message in PyTorch; it must")
    assert "\n" not in str(told.value)


def test_an_error_of_the_module_is_told_in_the_middle_of_a_run() -> None:
    with pytest.raises(TaskError, match=r"^task 'net': its module raised ValueError: my own message in PyTorch; "):
        tw.train(some_task(lambda: Failing(after=7)), "sgd", {"learning_rate": 0.1}, store="sqlite://")


def some_task(make) -> tw.Task:
    part = {"x": ROWS, "y": np.arange(6, dtype=np.int32) % 3}
    return task_from_torch("net", make, tw.Data(part, part, part), engine="torch", batch_size=3, epochs=8)
