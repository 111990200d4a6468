"""States of PyTorch's optimizers in bfloat16 and in eight bits: bytes measured, numbers as a literal loop has them."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from thalweg.compression import BLOCK, BYTES_PER_NUMBER, FORMATS, is_random, rounded
from thalweg.errors import InvalidValueError
from thalweg.interop import torch as ours
from thalweg.interop.torch import storage
from thalweg.optimizers import AdamW, Momentum, Muon, lift

SHAPE, SMALL, STEPS = (97, 64), (64,), 4


def _parameters(dtype: torch.dtype = torch.float32) -> list[Any]:
    generator = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator).to(dtype)) for shape in (SHAPE, SMALL)]


def _gradients() -> list[list[torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    scale = torch.exp(2 * torch.randn(SHAPE, generator=generator))
    return [
        [torch.randn(SHAPE, generator=generator) * scale, torch.randn(SMALL, generator=generator)] for _ in range(STEPS)
    ]


def _stepped(optimizer: Any, parameters: list[Any], gradients: list[list[torch.Tensor]]) -> None:
    for step in gradients:
        for parameter, gradient in zip(parameters, step, strict=True):
            parameter.grad = gradient.to(parameter.dtype)
        optimizer.step()


def _tensors(kept: Any) -> Iterator[torch.Tensor]:
    for value in kept.values() if isinstance(kept, dict) else [kept]:
        if isinstance(value, dict):
            yield from _tensors(value)
        else:
            yield value


def _bytes(kept: dict[str, Any]) -> int:
    """Return the memory that the averages of a parameter hold, whatever part of it their shapes show."""
    tensors = _tensors({name: value for name, value in kept.items() if name != "step_number"})
    return sum(tensor.untyped_storage().nbytes() for tensor in tensors)


@pytest.mark.parametrize(
    ("name", "arrays"),
    [
        ("AdamW", 2),
        ("Adan", 4),
        ("Lion", 1),
        ("Momentum", 1),
        ("AdEMAMix", 3),
        ("Muon", 1),
        ("LAMB", 2),
        ("Nesterov", 2),
    ],
)
@pytest.mark.parametrize("form", [None, *FORMATS])
def test_the_state_is_as_small_as_it_is_said_to_be(name: str, arrays: int, form: str | None) -> None:
    parameters = _parameters()
    optimizer = ours.make(ours.__getattr__(name).rule_class, parameters, state_format=form)
    _stepped(optimizer, parameters, _gradients()[:2])
    large, small = (optimizer.state[p] for p in parameters)
    per_number = 4.0 if form is None else BYTES_PER_NUMBER[form]
    points = 4.0 if name == "Nesterov" else 0.0  # the point that it looks ahead from stays in full
    averages = arrays - bool(points)
    assert _bytes(large) / parameters[0].numel() == pytest.approx(averages * per_number + points, abs=5e-3)
    assert {tensor.dtype for tensor in _tensors(small)} <= {torch.float32, torch.float64}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "rule", [AdamW(learning_rate=0.01), Momentum(learning_rate=0.01), Muon(learning_rate=0.01, layout="out-in")]
)
def test_steps_are_those_of_a_literal_loop(rule: Any, form: str) -> None:
    parameters = _parameters()
    optimizer = ours.make(rule, parameters, state_format=form, fused=False)
    points = [p.detach().clone() for p in parameters]
    state = lift.init_state(rule, points)
    for step, gradients in enumerate(_gradients(), start=1):
        _stepped(optimizer, parameters, [gradients])
        points, state = lift.update(rule, points, gradients, state, step)
        generator = torch.Generator().manual_seed(step * 1_000_003)
        draw = not form.endswith("nearest")
        noise = {name: torch.rand(SHAPE, generator=generator) if draw else None for name in state[0]}
        state[0].update({name: rounded(value, form, noise[name]) for name, value in state[0].items()})
    for parameter, point in zip(parameters, points, strict=True):
        # Where other operations round otherwise, a number may fall on the other side of a border of the format.
        far = (parameter - point).abs() > 1e-5 * point.abs().clamp_min(0.1)
        assert far.float().mean() < 1e-3
    plain = _parameters()
    _stepped(ours.make(rule, plain, fused=False), plain, _gradients())
    way = (plain[0] - _parameters()[0]).norm()
    assert 1e-4 < (parameters[0] - plain[0]).norm() / way < 0.1
    assert torch.equal(parameters[1], plain[1])


@pytest.mark.parametrize("form", ["bfloat16", "int8"])
@pytest.mark.parametrize("name", ["AdamW", "Nesterov", "Muon"])
def test_a_run_taken_up_again_goes_on_to_the_bit(name: str, form: str) -> None:
    parameters, halfway = _parameters(), _parameters()
    rule = ours.__getattr__(name).rule_class
    _stepped(ours.make(rule, parameters, state_format=form), parameters, _gradients())
    optimizer = ours.make(rule, halfway, state_format=form)
    _stepped(optimizer, halfway, _gradients()[:2])
    saved = io.BytesIO()
    torch.save(optimizer.state_dict(), saved)
    saved.seek(0)
    again = ours.make(rule, halfway)
    again.load_state_dict(torch.load(saved))
    assert again.param_groups[0]["state_format"] == form
    assert _bytes(again.state[halfway[0]]) == _bytes(optimizer.state[halfway[0]])
    torch.rand(3)  # the run's random numbers are its own
    _stepped(again, halfway, _gradients()[2:])
    for a, b in zip(parameters, halfway, strict=True):
        assert torch.equal(a, b)


class Allocations(TorchDispatchMode):
    """Sizes in bytes of the memory that operations have newly taken."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        given = [a.untyped_storage().data_ptr() for a in args if isinstance(a, torch.Tensor)]
        for tensor in made if isinstance(made, tuple) else (made,):
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage().data_ptr() not in given:
                self.sizes.append(tensor.untyped_storage().nbytes())
        return made


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("form", FORMATS)
def test_coding_in_pieces_is_coding_at_once_in_less_memory(
    form: str, turned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _gradients()[0][0]
    values = first.t() if turned else first
    expected = rounded(values, form, torch.rand(values.shape, generator=torch.Generator().manual_seed(7)))
    monkeypatch.setattr(storage, "PIECE", 4 * BLOCK)
    generator = torch.Generator().manual_seed(7) if is_random(form) else None
    with Allocations() as taken:
        found = storage.read(storage._written(values, form, generator))
    assert torch.equal(found, expected)
    large = [size for size in taken.sizes if size > 4 * storage.PIECE]
    assert len(large) <= (4 if turned else 2)  # what is stored and what is read; a copy in order of each


def test_random_numbers_of_pytorch_are_left_as_they_are() -> None:
    parameters = _parameters()
    before = torch.get_rng_state()
    _stepped(ours.AdamW(parameters, state_format="int8"), parameters, _gradients())  # type: ignore[attr-defined]
    assert torch.equal(before, torch.get_rng_state())


def test_narrow_parameters_sparse_gradients_and_answers() -> None:
    narrow = _parameters(torch.bfloat16)
    optimizer = ours.make("adamw", narrow, state_format="int8")
    _stepped(optimizer, narrow, _gradients())
    assert _bytes(optimizer.state[narrow[0]]) == pytest.approx(2 * (1 + 4 / 256) * narrow[0].numel(), rel=1e-3)
    free = _parameters()
    optimizer = ours.make("schedule-free-adamw", free, state_format="int8")
    _stepped(optimizer, free, _gradients())
    with optimizer.answer():
        assert all(torch.isfinite(p).all() for p in free)
    assert optimizer.state[free[0]]["z"].dtype == torch.float32
    assert optimizer.state[free[0]]["v"]["codes"].dtype == torch.uint8
    table = torch.nn.Embedding(96, 64, sparse=True)
    optimizer = ours.make("adam", table.parameters(), sparse=True, state_format="bfloat16")
    before = table.weight.detach().clone()
    table(torch.tensor([3, 7])).sum().backward()
    optimizer.step()
    moved = (table.weight != before).any(1)
    assert moved.nonzero().ravel().tolist() == [3, 7]
    assert optimizer.state[table.weight]["v"].dtype == torch.bfloat16


def test_a_group_may_be_stored_in_full_and_a_form_be_left() -> None:
    first, second = _parameters()[0], _parameters()[0]
    optimizer = ours.make(
        "adamw", [{"params": [first]}, {"params": [second], "state_format": None}], state_format="int8"
    )
    gradients = [[a, a] for a, _ in _gradients()]
    _stepped(optimizer, [first, second], gradients)
    assert optimizer.state[second]["m"].dtype == torch.float32
    assert not torch.equal(first, second)
    optimizer.param_groups[0]["state_format"] = None
    _stepped(optimizer, [first, second], gradients)
    assert optimizer.state[first]["m"].dtype == torch.float32


@pytest.mark.parametrize(
    ("name", "form", "words"),
    [
        ("sgd", "int8", "sgd: state_format = 'int8' is not allowed, since the rule keeps no averages that bear fewer"),
        ("prodigy", "bfloat16", "prodigy: state_format = 'bfloat16' is not allowed, since the rule keeps no averages"),
        ("adam", "int4", "adam: state_format = 'int4' is not allowed; give None or one of bfloat16, bfloat16-nearest"),
    ],
)
def test_other_rules_and_forms_are_refused(name: str, form: str, words: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        ours.make(name, _parameters(), state_format=form)
    assert str(caught.value).startswith(words)
