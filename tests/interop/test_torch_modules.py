"""PyTorch modules as tasks hold them: their weights drawn anew, what they keep, what tells them apart, the way back."""

import copy
import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from literal_models import some_digits
from torch import nn

from thalweg.errors import InvalidValueError
from thalweg.interop import task_from_torch, torch_state_dict
from thalweg.interop.torch_calls import called
from thalweg.interop.torch_conversion import converted
from thalweg.interop.torch_identity import traits
from thalweg.interop.torch_module import Maker, in_task_layout, in_torch_layout
from thalweg.tasks.definition import definition_digest

ROWS = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32)


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
    maker = Maker("net", lambda: Moving(strange))
    forward = called(maker, (ROWS,)) if strange else converted(maker, (ROWS,))[0]
    assert forward is not None
    trained, kept = ({n: jnp.asarray(v.numpy()) for n, v in part.items()} for part in (maker.parameters, maker.buffers))
    for _ in range(2):
        _, kept = forward(trained, kept, (ROWS,), None, True)
    assert kept["count"] == 2
    np.testing.assert_allclose(kept["average"], 0.75 * ROWS.mean(0), rtol=1e-5, atol=1e-6)


class Scaled(nn.Module):
    """A module with a plain number."""

    factor = 0.5

    def __init__(self, scale: float = 1.0, flag: bool = True, kind: type[nn.Module] = nn.Tanh):
        super().__init__()
        self.scale = scale
        self.inner = nn.Linear(64, 10)
        self.inner.bias.requires_grad_(flag)
        self.between = kind()

    def forward(self, x):
        return self.factor * self.scale * self.between(self.inner(x))


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(64, 10)

    def forward(self, x):
        return self.inner(x)


class Other(Base):
    def forward(self, x):
        return -self.inner(x)


def digest(module) -> str:
    return definition_digest(task_from_torch("t", module, some_digits))


def frozen(value: float) -> nn.Module:
    first = nn.Linear(64, 8)
    nn.init.constant_(first.weight.requires_grad_(False), value)
    return nn.Sequential(first, nn.Linear(8, 10))


def test_what_a_module_is_set_to_tells_it_from_others() -> None:
    derived = {name: type("Net", (base,), {"__module__": __name__}) for name, base in (("a", Base), ("b", Other))}
    louder = type("Net", (Scaled,), {"__module__": __name__, "factor": 9.0})
    quiet = type("Net", (Scaled,), {"__module__": __name__, "factor": 8.0})
    makes = [
        *(Scaled(), Scaled(50.0), Scaled(flag=False), Scaled(kind=nn.ReLU), louder(), quiet()),
        *(louder, quiet, derived["a"], derived["b"], derived["a"](), derived["b"]()),
        *(frozen(1.0), frozen(2.0), lambda: frozen(3.0)),
    ]
    assert len({digest(make) for make in makes}) == len(makes)
    for make in (Scaled, lambda: frozen(1.0), Moving):
        assert digest(make()) == digest(make())  # though their weights differ


class Circular(nn.Module):
    """Knows itself, a function that knows it, and arrays that NumPy has not."""

    def __init__(self):
        super().__init__()
        self.own, self.called = [self], lambda x: self.inner(x)
        self.inner = nn.Linear(64, 10, dtype=torch.bfloat16)
        self.pair, self.function = torch.ones(2, dtype=torch.bfloat16), torch.relu


def test_a_module_that_knows_itself_has_traits() -> None:
    first, second = traits(Circular()), traits(Circular())
    names = {name for name, value in first.items() if second[name] != value}
    assert {"numbers of inner.weight", "numbers of inner.bias"} == names - {"attribute .called"}


class Constant(nn.Module):
    """Sets its part's weights to a constant, as many authors' models do after their parts were made."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(64, 10), nn.Linear(10, 10)
        self.reset_parameters()

    def reset_parameters(self):
        nn.init.constant_(self.first.weight, 0.125)


@pytest.mark.parametrize("make", [Constant, lambda: nn.MultiheadAttention(8, 2)], ids=["constant", "attention"])
def test_a_given_module_is_drawn_as_its_construction_does(make) -> None:
    drawn, made = (Maker("net", given).make(5).state_dict() for given in (make(), make))
    for name, value in made.items():
        np.testing.assert_array_equal(drawn[name], value)


def test_what_is_frozen_is_not_drawn_again() -> None:
    first = nn.Linear(64, 8)
    net = nn.Sequential(first.requires_grad_(False), nn.BatchNorm1d(8).requires_grad_(False), nn.Linear(8, 10))
    net(torch.from_numpy(ROWS))
    before = copy.deepcopy(net.state_dict())
    maker = Maker("net", net)
    first.weight.data.zero_()  # later, elsewhere
    after = maker.make(7).state_dict()
    for name, value in before.items():
        assert torch.equal(after[name], value) is not name.startswith("2."), name


class Tied(nn.Module):
    """Two layers with one weight, and a buffer that is not saved."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.outer = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 10)
        self.b.weight = self.a.weight
        self.register_buffer("places", torch.linspace(0, 1, 64), persistent=False)

    def forward(self, x):
        return self.outer(self.b(torch.tanh(self.a(x + self.places))))


def test_shared_weights_convert_and_come_back() -> None:
    found, reason = converted(Maker("net", Tied), (ROWS,))
    assert found is not None, reason
    params = task_from_torch("net", Tied, some_digits).init(jax.random.key(0))
    told = {name: np.asarray(value) for name, value in params.items() if name != "state"}
    module = Tied()
    module.load_state_dict(torch_state_dict(module, told | {"state.places": np.zeros(64)}))
    np.testing.assert_array_equal(module.b.weight.detach(), params["a.weight"].T)
    del told["a.weight"]
    with pytest.raises(InvalidValueError, match=r"'a.weight' has shape .* and the parameters have none of that name"):
        torch_state_dict(module, told)


class Mine(nn.Linear):
    """A layer of the user's."""


def test_weights_stand_with_their_inputs_and_outputs_last() -> None:
    parts = {"own": Mine(3, 4), "conv": nn.Conv2d(4, 8, (3, 5)), "back": nn.ConvTranspose2d(4, 8, (3, 5))}
    maker = Maker("net", lambda: nn.ModuleDict({**parts, "attention": nn.MultiheadAttention(4, 2, add_bias_kv=True)}))
    held = in_task_layout(maker, {name: value.numpy() for name, value in maker.parameters.items()})
    shapes = {name: value.shape for name, value in held.items()}
    assert shapes["own.weight"] == (3, 4)
    assert shapes["conv.weight"] == shapes["back.weight"] == (3, 5, 4, 8)
    assert shapes["attention.in_proj_weight"] == (4, 12)
    assert shapes["attention.bias_k"] == (1, 1, 4)
    for name, value in in_torch_layout(maker, held).items():
        np.testing.assert_array_equal(value, maker.parameters[name])
    np.testing.assert_array_equal(held["conv.weight"][1, 2, 3, 7], parts["conv"].weight[7, 3, 1, 2].item())


class Reversed(torch.autograd.Function):
    """The identity, whose gradient is turned round."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, *slopes):
        return -slopes[0]


class Training(nn.Module):
    """Does something in training that an export holds fast."""

    def __init__(self, what):
        super().__init__()
        self.inner = nn.Linear(64, 10)
        self.what, self.steps = what, 0

    def forward(self, x):
        y = self.inner(x)
        return self.what(self, y) if self.training else y


def counted(module, y):
    module.steps += 1
    return y * min(1.0, module.steps / 10)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (lambda _, y: y if random.random() < 0.5 else 2 * y, "draws random numbers from Python or NumPy"),
        (lambda _, y: y + float(np.random.normal()), "draws random numbers from Python or NumPy"),  # noqa: NPY002
        (counted, "training changes its attribute .steps, which torch.export holds fast; keep it in a buffer"),
        (lambda _, y: Reversed.apply(y), "the gradient by inner.weight in training is not what torch.export makes"),
    ],
    ids=["random", "numpy", "counter", "backward"],
)
def test_what_an_export_holds_fast_is_not_compiled(what, said: str) -> None:
    found, reason = converted(Maker("net", lambda: Training(what)), (ROWS,))
    assert found is None
    assert said in reason
