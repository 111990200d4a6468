"""PyTorch modules train as PyTorch's own loop does, compiled where they convert and called where they do not."""

import dataclasses

import numpy as np
import pytest
import torch
from literal_models import BATCH, RATE, SEED, some_digits
from torch import nn

import thalweg as tw
from thalweg.errors import InvalidValueError, TaskError
from thalweg.interop import conversion_of, task_from_torch, torch_state_dict
from thalweg.tasks.definition import definition_digest
from thalweg.training.batches import batch_rows

EPOCHS, STEPS = 2, 12


class Reader(nn.Module):
    """A recurrent layer over the rows of an image, batch norm, and an operation that has no counterpart in JAX."""

    def __init__(self, dropout: float = 0.0, strange: bool = False):
        super().__init__()
        self.strange = strange
        self.rows = nn.GRU(8, 6, batch_first=True)
        self.norm = nn.BatchNorm1d(6)
        self.drop = nn.Dropout(dropout)
        self.outer = nn.Linear(6, 10)

    def forward(self, x):
        last = self.rows(x.reshape(-1, 8, 8))[0][:, -1]
        last = self.drop(self.norm(last))
        return self.outer(last + 0 * torch.special.bessel_j0(last.detach()) if self.strange else last)


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 12), nn.BatchNorm1d(12), nn.Tanh(), nn.Linear(12, 10))


def trained(task: tw.Task, seed: int = SEED):
    return tw.train(task, "sgd", {"learning_rate": RATE}, epochs=EPOCHS, seed=seed, store="sqlite://")


def by_torch(task: tw.Task, module: nn.Module, data: tw.Data) -> tuple[nn.Module, float]:
    """Return the module and its validation loss after PyTorch's own training from where the task begins."""
    run = tw.train(task, "sgd", {"learning_rate": 0.0}, epochs=1, seed=SEED, store="sqlite://")
    begin = {name: value for name, value in run.parameters.items() if not name.startswith("state.")}
    module.load_state_dict(torch_state_dict(module, begin), strict=False)
    optimizer = torch.optim.SGD(module.parameters(), lr=RATE)
    x, y = (torch.from_numpy(data.train[name]) for name in ("x", "y"))
    module.train()
    for rows in batch_rows(SEED, len(x), BATCH, 0, STEPS):
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(x[rows]), y[rows].long()).backward()
        optimizer.step()
    module.eval()
    with torch.no_grad():
        logits = module(torch.from_numpy(data.validation["x"]))
        return module, nn.functional.cross_entropy(logits, torch.from_numpy(data.validation["y"]).long()).item()


@pytest.mark.parametrize(
    ("make", "engine", "compiled"),
    [(perceptron, "auto", True), (perceptron, "torch", False), (lambda: Reader(strange=True), "auto", False)],
    ids=["compiled", "called", "recurrent"],
)
def test_both_ways_train_as_pytorch_does(make, engine: str, compiled: bool) -> None:
    data = some_digits()
    task = task_from_torch("net", make, data, engine=engine, batch_size=BATCH)
    run = trained(task)
    assert conversion_of(dataclasses.replace(task, target=tw.Target("validation_loss", 0.1))).converted is compiled
    module, loss = by_torch(task, make(), data)
    assert run.result.validation_loss == pytest.approx(loss, rel=1e-4)
    found = torch_state_dict(module, run.parameters)
    assert set(found) == set(module.state_dict())
    for name, value in module.state_dict().items():
        np.testing.assert_allclose(found[name], value, rtol=2e-3, atol=1e-4)


def test_a_population_is_its_runs_alone_where_pytorch_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    from thalweg.interop import torch_calls

    hosts = []
    old = torch_calls._Host.__init__
    monkeypatch.setattr(torch_calls._Host, "__init__", lambda self, *args: (old(self, *args), hosts.append(self))[0])
    data = some_digits()
    for make in (perceptron, lambda: Reader(dropout=0.3)):
        task = task_from_torch("net", make, data, engine="torch", batch_size=BATCH, epochs=1)
        study = tw.compare(task, ["sgd"], trials=3, tuning_seeds=1, store="sqlite://")
        run, result = study.runs()[1]
        spec = run.spec
        alone = tw.train(task, "sgd", spec.optimizer.hyperparameters, epochs=1, seed=spec.seed, store="sqlite://")
        assert result.validation_loss == pytest.approx(alone.result.validation_loss, rel=1e-5)
    assert hosts[0].stacks == {True: True, False: True}
    assert hosts[1].stacks[True] is False  # what drops at random goes one by one, so that no run depends on others


def test_the_file_of_a_user_on_the_command_line(tmp_path) -> None:
    from thalweg.cli import main

    file = tmp_path / "mine.py"
    file.write_text(
        "import torch\nfrom sklearn.datasets import load_iris\nfrom torch.utils.data import TensorDataset\n"
        "from thalweg.interop import task_from_torch\n"
        "x, y = load_iris(return_X_y=True)\n"
        "data = TensorDataset(torch.tensor(x, dtype=torch.float32), torch.tensor(y))\n"
        "iris = task_from_torch('iris', torch.nn.Linear(4, 3), data, batch_size=16, epochs=2)\n"
    )
    line = ["train", str(file), "--optimizer", "adam", "--quiet", "--store", str(tmp_path / "store.db")]
    assert main(line) == 0


def test_an_optimizer_that_needs_a_hessian_is_refused_where_pytorch_is_called() -> None:
    task = task_from_torch("net", perceptron, some_digits, engine="torch", batch_size=BATCH, epochs=1)
    with pytest.raises(TaskError, match="gives first derivatives only; choose an optimizer"):
        tw.train(task, "sophia-h", store="sqlite://")


def test_data_sets_become_arrays() -> None:
    from thalweg.interop.torch_data import data_from_torch

    class Squares(torch.utils.data.Dataset):
        def __len__(self):
            return 10

        def __getitem__(self, i):
            if i >= 10:
                raise IndexError
            return torch.full((2,), float(i)), i * 2.0, i

    data = data_from_torch("t", Squares())
    assert callable(data)
    found = data()
    assert {name: array.dtype.name for name, array in found.train.items()} == {
        "x": "float32",
        "x2": "float32",
        "y": "int32",
    }
    assert [len(part["y"]) for part in (found.train, found.validation, found.test)] == [6, 2, 2]
    given = data_from_torch("t", (Squares(), Squares(), Squares()))
    assert callable(given)
    np.testing.assert_array_equal(given().test["x"][:, 1], np.arange(10))


def test_another_module_is_another_task() -> None:
    def task(module):
        return definition_digest(task_from_torch("t", module, some_digits))

    assert task(nn.Linear(64, 10)) == task(nn.Linear(64, 10))
    assert task(nn.Linear(64, 10)) != task(nn.Linear(64, 10, bias=False))
    assert task(lambda: Reader(0.1)) != task(lambda: Reader(0.2))


class Stream(torch.utils.data.IterableDataset):
    def __iter__(self):
        yield 1, 2


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(64, 10)

    def forward(self, x):
        return self.inner(x), x


class Custom(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(64, 10))


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda d: task_from_torch("t", Pair, d), TaskError, "its model returns a tuple, not one array"),
        (lambda d: task_from_torch("t", Pair, d, engine="torch"), TaskError, "its model returns a tuple"),
        (lambda d: task_from_torch("t", Pair, Stream()), InvalidValueError, "Stream has no length"),
        (lambda d: task_from_torch("t", Pair, [1, 2]), InvalidValueError, "data is 2 of them; give a torch Dataset"),
        (lambda d: task_from_torch("t", "mlp", d), InvalidValueError, "module is str; give a torch.nn.Module"),
        (lambda d: task_from_torch("t", Custom(), d), InvalidValueError, "it has no reset_parameters"),
        (lambda d: task_from_torch("t", lambda: 3, d), TaskError, "its module function returned a int"),
        (lambda d: task_from_torch("t", Pair, d, engine="jax"), InvalidValueError, "give one of auto, compiled, torch"),
        (
            lambda d: task_from_torch("t", lambda: Reader(strange=True), d, engine="compiled"),
            TaskError,
            "the operation aten.special_bessel_j0 has no counterpart here; engine='torch' trains it anyway",
        ),
    ],
)
def test_mistakes_are_told_in_a_sentence(make, error, said: str) -> None:
    with pytest.raises(error) as told:
        tw.train(make(some_digits()), "sgd", store="sqlite://")
    assert said in str(told.value)
    assert "\n" not in str(told.value)
