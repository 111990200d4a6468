"""What PyTorch expects of an optimizer: groups, schedulers, states, closures, scalers, odd gradients, errors."""

import copy
import inspect
import io
import pickle
import subprocess
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch

import thalweg.interop.torch as thalweg_torch
from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.interop.torch import passes
from thalweg.optimizers import OPTIMIZERS, Adam, Nesterov, Rule
from thalweg.optimizers.base import zeros_like


def parameters(dtype: torch.dtype = torch.float64, count: int = 3) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    shapes = [(4, 3), (3,), (), (2, 5), (7,)][:count]
    return [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_() for shape in shapes]


def draw(given: Sequence[torch.Tensor], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for p in given:
        p.grad = torch.randn(p.shape, generator=generator, dtype=torch.float64).to(p.dtype)


def walk(optimizer: torch.optim.Optimizer, given: Sequence[torch.Tensor], steps: int, first: int = 0) -> None:
    for step in range(first, first + steps):
        draw(given, step)
        optimizer.step()


def same(a: Sequence[torch.Tensor], b: Sequence[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_no_jax() -> None:
    program = (
        "import sys, torch\n"
        "from thalweg.interop.torch import AdamW\n"
        "x = torch.ones(3, requires_grad=True)\n"
        "optimizer = AdamW([x], lr=0.1)\n"
        "x.square().sum().backward(); optimizer.step()\n"
        "print(sorted(n for n in sys.modules if n.split('.')[0] in ('jax', 'sklearn', 'matplotlib', 'pandas')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"


def test_other_modules_of_interop_do_not_bring_it_in() -> None:
    program = "import sys, thalweg.interop; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "False"


def test_every_rule_has_a_class_with_its_settings() -> None:
    for name, rule in OPTIMIZERS.items():
        made = getattr(thalweg_torch, rule.__name__)
        assert issubclass(made, torch.optim.Optimizer)
        assert rule.__name__ in dir(thalweg_torch)
        known = inspect.signature(made).parameters
        assert next(iter(known)) == "params"
        for setting in (*rule.hyperparameters(), *rule.variants()):
            assert ("lr" if setting == "learning_rate" else setting) in known
            assert f"    {'lr' if setting == 'learning_rate' else setting}: " in made.__doc__
        assert all(line in made.__doc__ for line in rule.formula), name
    assert "None for\n        the parameter's own dtype" in thalweg_torch.Adam.__doc__


def test_unknown_class() -> None:
    with pytest.raises(AttributeError, match=r"'Adamm' is not known: did you mean 'Adam'\?"):
        _ = thalweg_torch.Adamm


def test_make_takes_references_rules_and_classes() -> None:
    x = [torch.ones(2)]
    assert thalweg_torch.make("adam@keras", x, lr=0.5).param_groups[0]["epsilon"] == 1e-7
    assert thalweg_torch.make(Adam(learning_rate=0.25, beta1=0.5), x).param_groups[0]["beta1"] == 0.5
    assert thalweg_torch.make(Adam(learning_rate=0.25), x, lr=0.5).param_groups[0]["lr"] == 0.5
    assert isinstance(thalweg_torch.make(Nesterov, x), thalweg_torch.Nesterov)
    with pytest.raises(InvalidValueError, match="rule = 3 is not allowed; give a name"):
        thalweg_torch.make(3, x)


def test_words_of_torch_are_understood() -> None:
    group = thalweg_torch.Adam([torch.ones(2)], 0.5, betas=(0.5, 0.75), eps=1e-3).param_groups[0]
    assert (group["lr"], group["beta1"], group["beta2"], group["epsilon"]) == (0.5, 0.5, 0.75, 1e-3)
    assert thalweg_torch.Adam([torch.ones(2)], learning_rate=0.5).param_groups[0]["lr"] == 0.5
    with pytest.raises(InvalidValueError, match="learning_rate is given twice"):
        thalweg_torch.Adam([torch.ones(2)], lr=0.5, learning_rate=0.5)
    with pytest.raises(InvalidValueError, match=r"betas = 0.9 is not allowed; give a tuple of 2 numbers"):
        thalweg_torch.Adam([torch.ones(2)], betas=0.9)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lr": -1.0}, "learning_rate = -1.0 is not allowed"),
        ({"epsilon_place": "beside"}, "epsilon_place = 'beside' is not allowed; give one of"),
    ],
)
def test_settings_outside_their_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        thalweg_torch.Adam([torch.ones(2)], **settings)
    with pytest.raises(InvalidValueError, match=message):
        thalweg_torch.Adam([{"params": [torch.ones(2)], **settings}])


def test_misspelt_settings_are_answered_with_the_nearest() -> None:
    for call in ({"weight_decey": 0.1}, {"foreach": True}):
        with pytest.raises(UnknownNameError, match="hyperparameter of adam"):
            thalweg_torch.Adam([torch.ones(2)], **call)
    with pytest.raises(UnknownNameError, match="did you mean 'weight_decay'"):
        thalweg_torch.Adam([{"params": [torch.ones(2)], "weight_decey": 0.1}])
    kept = thalweg_torch.Adam([{"params": [torch.ones(2)], "name": "head"}])
    assert kept.param_groups[0]["name"] == "head"


def test_complex_parameters_are_refused() -> None:
    with pytest.raises(InvalidValueError, match=r"complex64 is not allowed; give its real view, torch.view_as_real"):
        thalweg_torch.SGD([torch.ones(2, dtype=torch.complex64)])


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if not OPTIMIZERS[name].needs])
def test_state_goes_round(name: str) -> None:
    a, b = parameters(torch.bfloat16), parameters(torch.bfloat16)
    first, second = thalweg_torch.make(name, a), thalweg_torch.make(name, b)
    walk(first, a, 3)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    with torch.no_grad():
        for x, y in zip(b, a, strict=True):
            x.copy_(y)
    second.load_state_dict(torch.load(file, weights_only=True))
    walk(first, a, 3, 3)
    walk(second, b, 3, 3)
    assert same(a, b)


def test_copies_are_their_own() -> None:
    given = parameters()
    optimizer = thalweg_torch.Adam(given, lr=0.1)
    walk(optimizer, given, 2)
    twin = copy.deepcopy(optimizer)
    before = twin.state_dict()["state"][0]["m"].clone()
    walk(optimizer, given, 2)
    assert torch.equal(twin.state_dict()["state"][0]["m"], before)


@dataclass(frozen=True)
class HeavyBall(Rule):
    """A rule that is not in the catalogue."""

    name: ClassVar[str] = "heavy-ball"
    formula: ClassVar[tuple[str, ...]] = ("v ← v/2 + g", "θ ← θ − v/8")

    def init(self, x: Any) -> dict[str, Any]:
        return {"v": zeros_like(x)}

    def update(self, x: Any, g: Any, state: dict[str, Any], t: Any) -> tuple[Any, dict[str, Any]]:
        v = 0.5 * state["v"] + g
        return x - v / 8, {"v": v}


@pytest.mark.parametrize("rule", [Adam, HeavyBall], ids=["of the catalogue", "of one's own"])
def test_pickled_optimizers_go_on(rule: type[Rule]) -> None:
    given = parameters()
    optimizer = thalweg_torch.make(rule, given)
    walk(optimizer, given, 2)
    twin = pickle.loads(pickle.dumps(optimizer))
    held = twin.param_groups[0]["params"]
    assert type(twin) is type(optimizer)
    assert same(held, given)
    assert held[0] is not given[0]
    walk(optimizer, given, 2, 2)
    walk(twin, held, 2, 2)
    assert same(held, given)


FOREIGN = {
    "SGD": ("SGD", {"lr": 0.1}),
    "Momentum": ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
    "Nesterov": ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "Adam": ("Adam", {"lr": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.1}),
    "AdamW": ("AdamW", {"lr": 0.125, "eps": 1e-3}),
    "AMSGrad": ("Adam", {"amsgrad": True}),
    "Adamax": ("Adamax", {"eps": 1e-3}),
    "NAdam": ("NAdam", {"momentum_decay": 0.01, "decoupled_weight_decay": True, "weight_decay": 0.1}),
    "RAdam": ("RAdam", {"betas": (0.5, 0.9)}),
    "AdaGrad": ("Adagrad", {"lr_decay": 0.1}),
    "AdaDelta": ("Adadelta", {"rho": 0.5}),
    "RMSProp": ("RMSprop", {"alpha": 0.5, "momentum": 0.9, "centered": True}),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_states_of_torch_are_gone_on_with(name: str) -> None:
    theirs, settings = FOREIGN[name]
    a, b = parameters(), parameters()
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # NAdam keeps its product of momenta in the default dtype
    try:
        first = getattr(torch.optim, theirs)(a, **settings)
        walk(first, a, 6)
        second = getattr(thalweg_torch, name)(b)
        with torch.no_grad():
            for x, y in zip(b, a, strict=True):
                x.copy_(y)
        second.load_state_dict(first.state_dict())
        walk(first, a, 6, 6)
        walk(second, b, 6, 6)
    finally:
        torch.set_default_dtype(before)
    for x, y in zip(b, a, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("ours", "theirs", "message"),
    [
        ("Adam", torch.optim.SGD([torch.ones(1)]), "load one of this optimizer or of torch.optim.Adam"),
        ("Adam", torch.optim.Adam([torch.ones(1)], amsgrad=True), "amsgrad = True is not allowed"),
        ("Adam", torch.optim.Adam([torch.ones(1)], maximize=True), "maximize = True is not allowed"),
        ("Adam", torch.optim.AdamW([torch.ones(1)]), "decoupled_weight_decay = True is not allowed"),
        ("Momentum", torch.optim.SGD([torch.ones(1)], momentum=0.9, nesterov=True), "nesterov = True is not allowed"),
        ("SWATS", torch.optim.Adam([torch.ones(1)]), "torch.optim keeps none for this rule"),
        ("Adam", thalweg_torch.AdamW([torch.ones(1)]), "a state of adamw is not allowed; load one of adam"),
    ],
)
def test_states_of_other_rules_are_refused(ours: str, theirs: torch.optim.Optimizer, message: str) -> None:
    with pytest.raises(InvalidValueError, match=message):
        getattr(thalweg_torch, ours)([torch.ones(1)]).load_state_dict(theirs.state_dict())


def test_closure_is_called_and_its_loss_returned() -> None:
    x = torch.ones(2, requires_grad=True)
    optimizer = thalweg_torch.SGD([x], lr=0.25)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = x.square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 2.0
    assert x.tolist() == [0.5, 0.5]


def test_parameters_without_gradient_are_skipped() -> None:
    a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    optimizer = thalweg_torch.AdamW([a, b], lr=0.1)
    a.grad = torch.ones(2)
    optimizer.step()
    assert b.tolist() == [1.0, 1.0]
    assert b not in optimizer.state or not optimizer.state[b]
    b.grad = torch.ones(2)
    optimizer.step()
    assert [float(optimizer.state[p]["step_number"]) for p in (a, b)] == [2.0, 1.0]


def test_gradient_scaler_skips_steps_with_infinite_gradients() -> None:
    x = torch.ones(2, requires_grad=True)
    optimizer = thalweg_torch.SGD([x], lr=0.25)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    for factor, wanted in ((1.0, [0.5, 0.5]), (float("inf"), [0.5, 0.5])):
        optimizer.zero_grad()
        scaler.scale(factor * x.square().sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        assert x.tolist() == wanted
    assert scaler.get_scale() == 2.0


LAYOUTS = {
    "transposed": lambda x: x.t(),
    "every other column": lambda x: torch.stack([x, x], -1)[..., 0],
    "expanded gradient": lambda x: x,
}


@pytest.mark.parametrize("fused", [None, False])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_layout(layout: str, fused: bool | None) -> None:
    x = torch.randn(6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    odd, plain = LAYOUTS[layout](x.clone()).requires_grad_(), LAYOUTS[layout](x).clone().contiguous().requires_grad_()
    for given in (odd, plain):
        optimizer = thalweg_torch.Adam([given], lr=0.1, fused=fused)
        for _ in range(3):
            given.grad = (
                torch.ones((), dtype=torch.float64).expand(6, 6) if "expanded" in layout else given.detach().cos()
            )
            optimizer.step()
    torch.testing.assert_close(odd, plain, rtol=1e-14, atol=0.0)
    image = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last).requires_grad_()
    image.grad = torch.ones(2, 3, 4, 4)
    thalweg_torch.Adam([image], lr=0.1, fused=fused).step()
    assert image.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("fused", [None, False])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_is_computed_in_float32_and_rounded_once(dtype: torch.dtype, fused: bool | None) -> None:
    start = torch.linspace(-3, 3, 301).to(dtype)
    gradient = torch.linspace(-1, 1, 301).cos().to(dtype)
    half, single = start.clone().requires_grad_(), start.float().requires_grad_()
    half.grad, single.grad = gradient, gradient.float()
    thalweg_torch.AdamW([half], lr=0.01, fused=fused).step()
    thalweg_torch.AdamW([single], lr=0.01, fused=fused).step()
    assert half.dtype == dtype
    assert torch.equal(half, single.to(dtype))


@pytest.mark.parametrize("size", [5, 64, 1000])
def test_pieces_do_not_show(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passes, "PIECE", size)
    for name in ("NAdam", "Nesterov", "AdaDelta"):
        given, plain = parameters(count=5), parameters(count=5)
        walk(getattr(thalweg_torch, name)(given, fused=False), given, 4)
        monkeypatch.setattr(passes, "PIECE", 1 << 40)
        walk(getattr(thalweg_torch, name)(plain, fused=False), plain, 4)
        monkeypatch.setattr(passes, "PIECE", size)
        for x, y in zip(given, plain, strict=True):
            torch.testing.assert_close(x, y, rtol=1e-14, atol=1e-15)


def test_long_arrays_on_all_threads() -> None:
    generator = torch.Generator().manual_seed(2)
    x = torch.randn(300_001, generator=generator, dtype=torch.float64)
    g = torch.randn(300_001, generator=generator, dtype=torch.float64)
    found = []
    for make in (thalweg_torch.Adam, torch.optim.Adam):
        parts = [part.clone().requires_grad_() for part in x.split([200_000, 1, 99_999, 1])]
        for part, gradient in zip(parts, g.split([200_000, 1, 99_999, 1]), strict=True):
            part.grad = gradient.clone()
        make(parts, lr=0.1).step()
        found.append(torch.cat([part.detach() for part in parts]))
    torch.testing.assert_close(*found, rtol=1e-13, atol=1e-13)


def test_autograd_notices_the_step() -> None:
    x = torch.ones(2, requires_grad=True)
    loss = (x * x).sum()
    x.grad = torch.ones(2)
    thalweg_torch.Adam([x]).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_values_that_trade_places_are_written_safely() -> None:
    a, b, c = torch.tensor([1.0]), torch.tensor([2.0]), torch.tensor([3.0])
    passes.write([a, b, c], [c, a, b])
    assert (a.item(), b.item(), c.item()) == (3.0, 1.0, 2.0)


def embedding(seed: int, **settings: Any) -> torch.nn.Embedding:
    torch.manual_seed(seed)
    return torch.nn.Embedding(6, 3, **settings).double()


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")  # PyTorch's own code makes the tensors
@pytest.mark.parametrize(
    ("ours", "theirs", "settings"),
    [
        ("SGD", "SGD", {}),
        ("AdaGrad", "Adagrad", {"epsilon": 1e-8}),
        ("Adam", "SparseAdam", {"sparse": True, "epsilon_place": "uncorrected"}),
    ],
)
def test_sparse_gradients(ours: str, theirs: str, settings: dict[str, Any]) -> None:
    a, b = embedding(0, sparse=True), embedding(0, sparse=True)
    first = getattr(thalweg_torch, ours)(a.parameters(), lr=0.1, **settings)
    second = getattr(torch.optim, theirs)(b.parameters(), lr=0.1, **({} if theirs == "SGD" else {"eps": 1e-8}))
    for rows in ([0, 2, 2], [5], [2, 1]):
        for model, optimizer in ((a, first), (b, second)):
            optimizer.zero_grad()
            model(torch.tensor(rows)).pow(2).sum().backward()
            optimizer.step()
    torch.testing.assert_close(a.weight, b.weight, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("Adam", {}, "give sparse=True to leave those where they are, as torch.optim.SparseAdam does"),
        ("SGD", {"weight_decay": 0.1}, "the rule moves numbers without gradient too"),
        ("Nesterov", {"sparse": True}, "needs more than the gradient of some rows"),
        ("SWATS", {}, "looks at the array as a whole"),
    ],
)
def test_sparse_gradients_are_refused_where_they_mean_something_else(
    name: str, settings: dict[str, Any], message: str
) -> None:
    model = embedding(0, sparse=True)
    model(torch.tensor([1])).sum().backward()
    with pytest.raises(InvalidValueError, match=message):
        getattr(thalweg_torch, name)(model.parameters(), **settings).step()


def test_saving_while_the_parameters_hold_the_answer() -> None:
    a, b = parameters(), parameters()
    first = thalweg_torch.Nesterov(a, lr=0.1)
    walk(first, a, 3)
    first.eval()
    saved = copy.deepcopy(first.state_dict())
    with torch.no_grad():
        for x, y in zip(b, a, strict=True):
            x.copy_(y)
    second = thalweg_torch.Nesterov(b, lr=0.1)
    second.load_state_dict(saved)
    for optimizer, given in ((first, a), (second, b)):
        optimizer.train()
        walk(optimizer, given, 2, 3)
    assert same(a, b)


def test_compiled_by_torch() -> None:
    a, b = parameters(torch.float32), parameters(torch.float32)
    first, second = thalweg_torch.Adam(a, lr=0.1), thalweg_torch.Adam(b, lr=0.1)
    step = torch.compile(first.step, backend="aot_eager")
    for number in range(3):
        draw(a, number)
        draw(b, number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            step()
        second.step()
    for x, y in zip(a, b, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-5, atol=1e-6)
