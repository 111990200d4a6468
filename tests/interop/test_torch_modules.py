"""PyTorch modules as tasks hold them: their weights drawn anew, what they keep, what tells them apart, the way back."""

import numpy as np
import pytest
import torch
from literal_models import BATCH, SEED, some_digits
from torch import nn

import thalweg as tw
from thalweg.interop import conversion_of, task_from_torch
from thalweg.training.batches import batch_rows


class Moving(nn.Module):
    """Keeps an average and a count in buffers that it assigns anew, with or without an operation unknown in JAX."""

    def __init__(self, strange: bool = False):
        super().__init__()
        self.strange = strange
        self.inner = nn.Linear(64, 10)
        self.register_buffer("average", torch.zeros(64))
        self.register_buffer("count", torch.tensor(0))

    def forward(self, x):
        if self.training:
            self.average = 0.5 * self.average + 0.5 * x.mean(0)
            self.count = self.count + 1
        x = x - self.average
        return self.inner(x + 0 * torch.special.bessel_j0(x) if self.strange else x)


@pytest.mark.parametrize("strange", [False, True], ids=["compiled", "called"])
def test_buffers_that_a_module_assigns_anew_are_kept(strange: bool) -> None:
    data = some_digits()
    task = task_from_torch("net", lambda: Moving(strange), data, batch_size=BATCH)
    run = tw.train(task, "sgd", epochs=1, seed=SEED, store="sqlite://")
    assert conversion_of(task).converted is not strange
    assert run.parameters["state.count"] == 6
    expected = np.zeros(64)
    for rows in batch_rows(SEED, len(data.train["x"]), BATCH, 0, 6):
        expected = 0.5 * expected + 0.5 * data.train["x"][rows].mean(0)
    np.testing.assert_allclose(run.parameters["state.average"], expected, rtol=1e-4, atol=1e-6)
