"""What rules need beside the gradient, as ``step`` finds it; and what happens without a compiler."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch

import thalweg.interop.torch as thalweg_torch
from thalweg.errors import InvalidValueError
from thalweg.interop.torch import library
from thalweg.interop.torch.kernel import find_kernel
from thalweg.optimizers import Number, Rule, hyperparameter, zeros_like

CURVATURES = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)


@dataclass(frozen=True)
class Bare(Rule):
    """Keeps what it is given, so that it can be looked at."""

    name: ClassVar[str] = "bare"
    formula: ClassVar[tuple[str, ...]] = ("θ ← θ − η·g",)
    elementwise: ClassVar[bool] = True
    learning_rate: Number = hyperparameter(0.5, meaning="η")  # noqa: RUF009

    def init(self, x: Any) -> Any:
        return {"given": zeros_like(x)}

    def update(self, x: Any, g: Any, state: Any, t: Any, **inputs: Any) -> Any:
        given = next(iter(inputs.values()), g)
        return x - self.learning_rate * g, {"given": state["given"] * 0 + given}

    def second_point(self, x: Any, g: Any, state: Any) -> Any:
        return x + g

    def direction(self, x: Any, g: Any, state: Any) -> Any:
        return 2 * g


def asking(need: str, **changes: Any) -> type[Rule]:
    """Return a rule that needs one input."""
    return dataclass(frozen=True)(type(f"Bare_{need}", (Bare,), {"needs": frozenset({need}), **changes}))


def quadratic(x: torch.Tensor) -> torch.Tensor:
    return (CURVATURES * x * x).sum() / 2


def run(rule: type[Rule], graph: bool = False, **given: Any) -> tuple[torch.Tensor, list[list[float]]]:
    """Take one step from ones on a quadratic function; return what the rule was given, and where it was asked."""
    x = torch.ones(3, dtype=torch.float64, requires_grad=True)
    optimizer = thalweg_torch.make(rule, [x])
    asked: list[list[float]] = []

    def closure() -> torch.Tensor:
        asked.append(x.tolist())
        loss = quadratic(x)
        (x.grad,) = torch.autograd.grad(loss, [x], create_graph=graph)
        return loss

    optimizer.step(closure, **given)
    assert x.tolist() == (1 - 0.5 * CURVATURES).tolist()
    assert x.grad is not None
    assert not x.grad.requires_grad
    return optimizer.state[x]["given"], asked


def test_loss_comes_from_the_closure_or_by_name() -> None:
    assert run(asking("loss"))[0].tolist() == [3.5] * 3
    assert run(asking("loss"), loss=7.0)[0].tolist() == [7.0] * 3


def test_second_gradient_is_taken_at_the_second_point() -> None:
    given, asked = run(asking("second_gradient"))
    assert asked == [[1.0, 1.0, 1.0], [2.0, 3.0, 5.0]]
    assert given.tolist() == [2.0, 6.0, 20.0]


def test_second_gradient_sees_the_same_random_numbers() -> None:
    x = torch.ones(3, requires_grad=True)
    drawn: list[float] = []

    def closure() -> torch.Tensor:
        drawn.append(float(torch.rand(())))
        x.grad = torch.ones(3)
        return x.sum()

    optimizer = thalweg_torch.make(asking("second_gradient"), [x])
    optimizer.step(closure)
    optimizer.step(closure)
    assert drawn[0] == drawn[1] != drawn[2] == drawn[3]


def test_hessian_is_that_of_the_graph() -> None:
    assert run(asking("hessian_diagonal"), graph=True)[0].tolist() == CURVATURES.tolist()
    assert run(asking("hessian_product"), graph=True)[0].tolist() == (2 * CURVATURES**2).tolist()


@pytest.mark.parametrize("need", ["hessian_diagonal", "gauss_newton_diagonal", "second_gradient"])
def test_given_inputs_are_taken(need: str) -> None:
    given = torch.tensor([5.0, 6.0, 7.0])
    assert run(asking(need), **{need: [given]})[0].tolist() == given.tolist()


def test_what_is_not_asked_for_is_not_looked_for() -> None:
    def asks(self: Any, t: Any) -> Any:
        return t > 1

    rule = asking("hessian_diagonal", asks=asks)
    assert run(rule)[0].tolist() == [0.0] * 3
    x = torch.ones(3, requires_grad=True)
    optimizer = thalweg_torch.make(rule, [x])
    told = []
    for _ in range(2):
        told.append(optimizer.asks())
        x.grad = torch.ones(3)
        optimizer.step(hessian_diagonal=[torch.ones(3)])
    assert told == [False, True]


@pytest.mark.parametrize(
    ("need", "given", "message"),
    [
        ("loss", {}, r"the loss is missing; give step\(loss=loss\), or a closure"),
        ("second_gradient", {}, r"second_gradient is missing; give step\(closure\) a closure"),
        ("hessian_diagonal", {}, r"call loss.backward\(create_graph=True\)"),
        ("hessian_product", {}, r"call loss.backward\(create_graph=True\)"),
        ("gauss_newton_diagonal", {}, r"give step\(gauss_newton_diagonal=\[one tensor per parameter\]\)"),
        ("hessian_diagonal", {"hessian_diagonal": []}, "has 0 tensors, 1 are wanted"),
    ],
)
def test_what_is_missing_is_said(need: str, given: dict[str, Any], message: str) -> None:
    x = torch.ones(3, requires_grad=True)
    x.grad = torch.ones(3)
    with pytest.raises(InvalidValueError, match=message):
        thalweg_torch.make(asking(need), [x]).step(**given)


def test_a_state_may_not_take_the_optimizer_s_names() -> None:
    def init(self: Any, x: Any) -> Any:
        return {"step_number": zeros_like(x)}

    x = torch.ones(3, requires_grad=True)
    x.grad = torch.ones(3)
    rule = dataclass(frozen=True)(type("Taken", (Bare,), {"init": init}))
    with pytest.raises(InvalidValueError, match="a state with an entry named step_number"):
        thalweg_torch.make(rule, [x]).step()


@pytest.mark.parametrize("command", ["none", "/no/such/compiler", "/bin/false"])
def test_without_a_compiler_that_works(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THALWEG_CC", command)
    x = torch.ones(3, requires_grad=True)
    optimizer = thalweg_torch.SGD([x], lr=0.5)
    for _ in range(2):
        x.grad = torch.ones(3)
        optimizer.step()
    assert x.tolist() == [0.0] * 3


def test_a_cache_that_cannot_be_written_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THALWEG_CACHE", "/dev/null/cache")
    library._compiled.cache_clear()
    assert library.compiled("void thalweg_update(void) {}") is None
    library._compiled.cache_clear()


STRANGE: dict[str, Callable[[Any], Any]] = {
    "a sum": lambda x: x - x.sum(),
    "a value read": lambda x: x * float(x[0]),
    "another shape": lambda x: x.reshape(1, -1)[0],
}


@pytest.mark.parametrize("what", STRANGE)
def test_what_no_loop_can_do_is_not_compiled(what: str) -> None:
    def update(self: Any, x: Any, g: Any, state: Any, t: Any) -> Any:
        return STRANGE[what](x), state

    rule = dataclass(frozen=True)(type("Strange", (Bare,), {"update": update}))
    assert find_kernel(rule(), torch.float64, (torch.float64,), looks_ahead=False) is None


def test_states_moved_between_steps_are_found_again() -> None:
    a, b = (torch.ones(3, requires_grad=True) for _ in range(2))
    first, second = thalweg_torch.Adam([a], lr=0.1), thalweg_torch.Adam([b], lr=0.1)
    for step in range(4):
        for x, optimizer in ((a, first), (b, second)):
            x.grad = torch.tensor([1.0, -2.0, float(step)])
            optimizer.step()
        first.state[a]["m"].data = first.state[a]["m"].data.clone()  # as one does to move states between devices
        first.state[a]["v"] = first.state[a]["v"].clone()
        a.data = a.data.clone()
    assert torch.equal(a, b)


def test_a_state_that_is_thrown_away_begins_anew() -> None:
    x = torch.ones(3, requires_grad=True)
    optimizer = thalweg_torch.Momentum([x], lr=0.5)
    for _ in range(2):
        x.grad = torch.ones(3)
        optimizer.step()
        optimizer.state.clear()
    assert x.tolist() == [0.0] * 3
