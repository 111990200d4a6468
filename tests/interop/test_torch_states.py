"""States that do not fit their parameters: loaded, moved, of other dtypes or in another order; and steps that fail."""

import copy
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

import thalweg.interop.torch as ours
from thalweg.errors import InvalidValueError, WorkError
from thalweg.optimizers import OPTIMIZERS, Number, Rule, hyperparameter, zeros_like


def parameters(*shapes: tuple[int, ...], dtype: torch.dtype = torch.float64) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(1)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator).to(dtype)) for shape in shapes]


def walk(optimizer: Any, given: Sequence[torch.Tensor], steps: int = 3, first: int = 0) -> None:
    for step in range(first, first + steps):
        generator = torch.Generator().manual_seed(step)
        for p in given:
            p.grad = torch.randn(p.shape, generator=generator).to(p.dtype)
        optimizer.step()


def in_alphabet(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: in_alphabet(tree[key]) for key in sorted(tree)}
    return tuple(map(in_alphabet, tree)) if isinstance(tree, tuple | list) else tree


@pytest.mark.parametrize("outputs", [5, 12])
@pytest.mark.parametrize("name", ["AdamW", "LAMB", "Nesterov", "SOAP", "Prodigy"])
def test_a_state_of_other_shapes_is_refused(name: str, outputs: int) -> None:
    old, new = parameters((10, 4), (10,)), parameters((outputs, 4), (outputs,))
    first, second = getattr(ours, name)(old), getattr(ours, name)(zip("ab", new, strict=True))
    walk(first, old)
    walk(second, new, 1)
    before = copy.deepcopy(second.state_dict())
    whose = "2 parameters" if second.rule_class.whole_tree else rf"parameter 'a' of shape \({outputs}, 4\)"
    with pytest.raises(InvalidValueError, match=rf"the state of {whose} is not allowed, .* where \({outputs}, 4\) is "):
        second.load_state_dict(first.state_dict())
    assert str(before) == str(second.state_dict())


def test_a_number_in_place_of_an_array_is_refused() -> None:
    (old,), (new,) = parameters(()), parameters((7,))
    first, second = ours.AdamW([old]), ours.AdamW([new])  # type: ignore[attr-defined]
    walk(first, [old])
    with pytest.raises(InvalidValueError, match=re.escape("'m' has the shape () where (7,) is wanted")):
        second.load_state_dict(first.state_dict())
    second.load_state_dict({**first.state_dict(), "state": {}})
    walk(second, [new])
    second.state[new]["extra"] = torch.zeros(7)
    second.param_groups[0]["fused"] = False
    with pytest.raises(InvalidValueError, match="it has m, v, extra where m, v is wanted"):
        walk(second, [new])


@pytest.mark.parametrize("name", ["AdamW", "LAMB"])
def test_a_parameter_made_shorter_between_steps_is_noticed(name: str) -> None:
    (x,) = parameters((4, 4))
    optimizer = getattr(ours, name)([x])
    walk(optimizer, [x])
    whole = x.data
    x.data, x.grad = whole[:3], None
    before = whole.clone()
    with pytest.raises(InvalidValueError, match=re.escape("shape (4, 4) where (3, 4) is wanted")):
        walk(optimizer, [x], 1)
    assert torch.equal(whole, before)
    x.data = whole
    with pytest.raises(InvalidValueError, match=re.escape("a gradient of shape (3, 4) on cpu is not allowed for")):
        optimizer.step()


def test_a_parameter_turned_in_place_is_noticed() -> None:
    (a,), (b,) = parameters((4, 4)), parameters((4, 4))
    for x, fused in ((a, None), (b, False)):
        optimizer = ours.AdamW([x], fused=fused)  # type: ignore[attr-defined]
        walk(optimizer, [x])
        x.data = x.data.t()
        walk(optimizer, [x], 1, 3)
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", ["AdamW", "Nesterov"])
@pytest.mark.parametrize("turn", [1, -1])
def test_states_of_several_dtypes_in_one_group(name: str, turn: int) -> None:
    found = []
    for fused in (None, False):
        head, body = parameters((500,), (500,), dtype=torch.float32)
        optimizer = getattr(ours, name)([head, body][::turn], lr=0.01, fused=fused)
        walk(optimizer, [head])
        for p in (head, body):
            p.data, p.grad = p.data.bfloat16(), None
        walk(optimizer, [head, body])
        assert [optimizer.state[p][next(reversed(optimizer.state[p]))].dtype for p in (head, body)] == [
            torch.float32, torch.bfloat16
        ]  # fmt: skip
        found.append(torch.cat([head.detach(), body.detach()]))
    torch.testing.assert_close(*found, rtol=1e-2, atol=1e-2)


def test_a_form_left_is_read_back_beside_small_parameters() -> None:
    found = []
    for fused in (None, False):
        given = parameters((4096,), (100,), dtype=torch.float32)
        optimizer = ours.AdamW(given, fused=fused, state_format="bfloat16-nearest")  # type: ignore[attr-defined]
        walk(optimizer, given)
        optimizer.param_groups[0]["state_format"] = None
        walk(optimizer, given, 3, 3)
        assert {optimizer.state[p]["m"].dtype for p in given} == {torch.float32}
        found.append(given)
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_a_form_set_after_the_first_steps_is_taken() -> None:
    (x,) = parameters((4096,), dtype=torch.float32)
    optimizer = ours.AdamW([x])  # type: ignore[attr-defined]
    walk(optimizer, [x])
    optimizer.param_groups[0]["state_format"] = "int8"
    walk(optimizer, [x], 1)
    assert optimizer.state[x]["m"]["codes"].dtype == torch.uint8
    optimizer.param_groups[0]["state_format"] = "int4"
    with pytest.raises(InvalidValueError, match="state_format = 'int4' is not allowed"):
        walk(optimizer, [x], 1)


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if not OPTIMIZERS[name].needs])
def test_a_state_sorted_by_its_keys_is_that_state(name: str) -> None:
    found = []
    for arrange in (in_alphabet, lambda tree: tree):
        given, later = parameters((4, 3), (3,)), parameters((4, 3), (3,))
        first, second = ours.make(name, given), ours.make(name, later)
        walk(first, given, 2)
        saved = first.state_dict()
        second.load_state_dict({**saved, "state": {i: arrange(kept) for i, kept in saved["state"].items()}})
        walk(second, later, 2, 2)
        found.append(later)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_a_step_number_saved_in_another_dtype_counts_on() -> None:
    (x,) = parameters((3,))
    optimizer = ours.Adam([x])  # type: ignore[attr-defined]
    walk(optimizer, [x])
    saved = optimizer.state_dict()
    saved["state"][0]["step_number"] = saved["state"][0]["step_number"].to(torch.float32).reshape(1)
    optimizer.load_state_dict(saved)
    walk(optimizer, [x])
    assert optimizer.state[x]["step_number"].tolist() == 6.0


@pytest.mark.parametrize("fused", [None, False])
def test_inputs_of_other_shapes_are_refused(fused: bool | None) -> None:
    (x,) = parameters((4,))
    optimizer = ours.make("sophia-h", [x], fused=fused)
    x.grad = torch.ones_like(x)
    with pytest.raises(InvalidValueError, match=r"with a tensor of shape \(\) is not allowed for a parameter of shape"):
        optimizer.step(hessian_diagonal=[torch.tensor(2.0)])


def test_frozen_parameters_do_not_ask() -> None:
    a, b, c = parameters((2,), (2,), (2,))
    b.requires_grad_(False)
    optimizer = ours.make("sophia-h", [a, b, c])
    told = []
    for step in range(4):
        c.requires_grad_(step == 0)
        told.append(optimizer.asks())
        for p in (a, c):
            p.grad = torch.ones_like(p) if p.requires_grad else None
        optimizer.step(**({"hessian_diagonal": [torch.ones_like(a), None, None]} if told[-1] else {}))
    assert told == [True, False, False, False]


def test_a_second_closure_that_is_interrupted_leaves_the_parameters_where_they_were() -> None:
    (x,) = parameters((3,))
    start, calls = x.detach().clone(), []

    def closure() -> torch.Tensor:
        calls.append(x.detach().clone())
        if len(calls) == 2:
            raise KeyboardInterrupt
        x.grad = torch.ones_like(x)
        return x.sum()

    optimizer = ours.make(Away, [x])
    with pytest.raises(KeyboardInterrupt):
        optimizer.step(closure)
    assert not torch.equal(calls[1], start)
    assert torch.equal(x, start)
    assert x.grad is not None
    assert x.grad.tolist() == [1.0] * 3


@dataclass(frozen=True)
class Away(Rule):
    """Takes its second gradient elsewhere."""

    name: ClassVar[str] = "away"
    formula: ClassVar[tuple[str, ...]] = ("θ ← θ − η·g",)
    needs: ClassVar[frozenset[str]] = frozenset({"second_gradient"})
    learning_rate: Number = hyperparameter(0.5, meaning="η")  # noqa: RUF009

    def init(self, x: Any) -> Any:
        return {"m": zeros_like(x)}

    def update(self, x: Any, g: Any, state: Any, t: Any, **inputs: Any) -> Any:
        return x - self.learning_rate * inputs["second_gradient"], state

    def second_point(self, x: Any, g: Any, state: Any) -> Any:
        return x + g


@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
@pytest.mark.parametrize("groups", [lambda a, b: [a, b], lambda a, b: [{"params": [a]}, {"params": [b]}]])
def test_a_sparse_gradient_is_refused_before_anything_moves(groups: Callable[..., Any]) -> None:
    a, b = parameters((3,), (6, 3))
    optimizer = ours.AdamW(groups(a, b))  # type: ignore[attr-defined]
    walk(optimizer, [a, b])
    before = a.detach().clone()
    b.grad = torch.sparse_coo_tensor(
        torch.tensor([[1]]), torch.ones(1, 3, dtype=torch.float64), (6, 3), check_invariants=True
    )
    with pytest.raises(InvalidValueError, match="a sparse gradient is not allowed"):
        optimizer.step()
    assert torch.equal(a, before)
    assert optimizer.state[a]["step_number"] == 3


@pytest.mark.parametrize("name", ["Shampoo", "SOAP"])
def test_a_decomposition_that_fails_names_the_parameter(name: str) -> None:
    (x,) = parameters((4, 6))
    optimizer = getattr(ours, name)([("weight", x)])
    x.grad = torch.full_like(x, torch.nan)
    with pytest.raises(
        WorkError, match=r"the step of parameter 'weight' of shape \(4, 6\) failed, since linalg.eigh.*[^.]; skip"
    ):
        optimizer.step()
    assert optimizer.state[x]["step_number"] == 0
    assert torch.isfinite(x).all()


def test_surplus_groups_of_torch_are_refused() -> None:
    a, b = parameters((2,), (2,))
    with pytest.raises(InvalidValueError, match="a state of 2 parameter groups is not allowed for an optimizer of 1"):
        ours.Adam([a]).load_state_dict(  # type: ignore[attr-defined]
            torch.optim.Adam([{"params": [a]}, {"params": [b]}]).state_dict()
        )


def test_a_compiler_that_is_no_program_is_done_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    command = tmp_path / "cc"
    command.write_text("no program")
    command.chmod(0o755)
    monkeypatch.setenv("THALWEG_CC", str(command))
    (x,) = parameters((2,))
    before = x.detach().clone()
    walk(ours.SGD([x]), [x], 1)  # type: ignore[attr-defined]
    assert not torch.equal(x, before)
