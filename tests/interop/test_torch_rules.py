"""Every rule as an optimizer of PyTorch: the rule on NumPy, and PyTorch's own optimizer where there is one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from conformance_scenarios import CURVED, RATE_CHANGE, ZEROS, Scenario, Trajectory, largest_difference, run_rule
from conformance_table import TABLE

import thalweg.interop.torch as thalweg_torch
from thalweg.interop.torch.array_kernel import find_array_kernel
from thalweg.interop.torch.axes import UntraceableError
from thalweg.interop.torch.kernel import find_kernel
from thalweg.interop.torch.library import compiler
from thalweg.interop.torch.nested import leaves
from thalweg.interop.torch.points import answers_elsewhere, looks_ahead
from thalweg.interop.torch.settings import torch_rule
from thalweg.interop.torch.source import SLOW, slots_of, source_of
from thalweg.interop.torch.tracing import trace_update
from thalweg.optimizers import OPTIMIZERS, Muon, Rule, lift

TOLERANCE = 1e-12  # float64; the two libraries round in another order


def unusual(name: str) -> Rule:
    """Return a rule with its default variants in PyTorch and numbers away from every default."""
    defaults = torch_rule(OPTIMIZERS[name])
    settings = dict(TABLE[name].unusual)
    for choice in defaults.structure().items():
        for unused in TABLE[name].without.get(choice, ()):
            settings.pop(unused, None)
    return torch_rule(OPTIMIZERS[name], **settings)


def run_optimizer(
    optimizer: torch.optim.Optimizer, parameters: Sequence[torch.Tensor], scenario: Scenario
) -> Trajectory:
    """Return the rule's points after every step."""
    group = optimizer.param_groups[0]
    base, done = group.get("lr"), []
    for factor, table in zip(scenario.rates, scenario.gradients, strict=True):
        if base is not None:
            group["lr"] = base * factor
        row = [torch.tensor(g) for g in table]

        def closure(row: list[torch.Tensor] = row) -> Any:
            loss = scenario.input("loss", row, parameters)
            gradients = torch.autograd.grad(loss, parameters, create_graph=True)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            return loss

        rule = getattr(optimizer, "rule_class", None)
        given = {"hessian_diagonal", "gauss_newton_diagonal"} & (rule.needs if rule else frozenset())
        optimizer.step(closure, **{name: scenario.input(name, row, row) for name in given})
        points = [optimizer.state[p].get("base_point", p) for p in parameters]
        done.append([point.detach().numpy().copy() for point in points])
    return done


def started(scenario: Scenario) -> list[torch.Tensor]:
    return [torch.tensor(x, requires_grad=True) for x in scenario.starts]


@pytest.mark.parametrize("fused", [None, False], ids=["compiled", "plain"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_is_the_rule_on_numpy(name: str, fused: bool | None) -> None:
    rule, parameters = unusual(name), started(CURVED)
    optimizer = thalweg_torch.make(rule, parameters, fused=fused)
    found = run_optimizer(optimizer, parameters, CURVED)
    assert largest_difference(found, run_rule(rule, CURVED))[0] <= TOLERANCE


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_zero_gradients(name: str) -> None:
    rule, parameters = torch_rule(OPTIMIZERS[name]), started(ZEROS)
    found = run_optimizer(thalweg_torch.make(rule, parameters), parameters, ZEROS)
    assert largest_difference(found, run_rule(rule, ZEROS))[0] <= TOLERANCE


@pytest.mark.skipif(compiler() is None, reason="no C compiler")
def test_elementwise_rules_are_compiled_unless_an_operation_is_slow_in_c() -> None:
    for name, rule_class in OPTIMIZERS.items():
        rule = rule_class.configured()
        if rule.elementwise:
            states = (torch.float64,) * len(leaves(lift.init_state(rule, [np.ones(2)])[0]))
            if find_kernel(rule, torch.float64, states, looks_ahead(rule)) is None:
                trace = trace_update(rule, torch.float64, looks_ahead(rule))
                with pytest.raises(UntraceableError) as caught:
                    source_of(trace, slots_of(trace, torch.float64, states))
                assert str(caught.value) in {*SLOW, "a power of an array"}, name


ARRAYS = {  # of a vector, a matrix and a kernel, for how many the rule is compiled: not where matrices are multiplied
    "novograd": 3, "mars": 3, "lars": 3, "lamb": 3, "adafactor": 3, "muon": 1, "shampoo": 1, "soap": 1,
}  # fmt: skip


@pytest.mark.skipif(compiler() is None, reason="no C compiler")
@pytest.mark.parametrize("name", ARRAYS)
def test_rules_that_sum_over_arrays_are_compiled(name: str) -> None:
    rule = OPTIMIZERS[name].configured()
    kernels = []
    for shape in ((4,), (4, 3), (5, 2, 3)):
        (state,) = lift.init_state(rule, [np.ones(shape)])
        structure = tuple(sorted(rule.structure().items()))
        dtypes = (torch.float64,) * len(leaves(state))
        kernels.append(find_array_kernel(type(rule), structure, torch.float64, shape, dtypes, looks_ahead(rule)))
    assert sum(kernel is not None for kernel in kernels) == ARRAYS[name]


SHAPES = ((300, 700), (5000,), (3, 4, 5, 6), (1, 5), (5, 1), (400, 400), (0, 3), (), (2, 9000))


@pytest.mark.parametrize("name", ["adafactor", "lamb", "novograd"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_compiled_sums_are_plain_sums(name: str, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(4)
    starts = [torch.randn(shape, generator=generator).to(dtype) for shape in SHAPES]
    for settings in ({}, {"factored_axes": "largest", "min_size_to_factor": 4, "epsilon_place": "floor"}):
        if settings and name != "adafactor":
            continue
        a, b = ([x.clone().requires_grad_() for x in starts] for _ in range(2))
        trained(thalweg_torch.make(name, a, **settings), a, 3)
        trained(thalweg_torch.make(name, b, fused=False, **settings), b, 3)
        accuracy = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 1e-2}[dtype]  # sums in another order
        for x, y in zip(a, b, strict=True):
            torch.testing.assert_close(x, y, rtol=accuracy, atol=accuracy / 10)


PAIRS = {
    "SGD": ("SGD", {}), "Momentum": ("SGD", {"momentum": 0.9}),
    "Nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "Adam": ("Adam", {}), "AdamW": ("AdamW", {}), "AMSGrad": ("Adam", {"amsgrad": True}), "NAdam": ("NAdam", {}),
    "RAdam": ("RAdam", {}), "Adamax": ("Adamax", {}), "AdaGrad": ("Adagrad", {}), "AdaDelta": ("Adadelta", {}),
    "RMSProp": ("RMSprop", {}),
}  # fmt: skip


def trained(optimizer: torch.optim.Optimizer, parameters: Sequence[torch.Tensor], steps: int, seed: int = 0) -> None:
    """Take steps along random gradients."""
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        for p in parameters:
            p.grad = torch.randn(p.shape, dtype=torch.float64, generator=generator).to(p.dtype)
        optimizer.step()


def two_sets(dtype: torch.dtype) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    starts = [torch.randn(shape, generator=generator, dtype=dtype) for shape in ((5, 4), (3,), ())]
    first, second = ([x.clone().requires_grad_() for x in starts] for _ in range(2))
    return first, second


@pytest.mark.parametrize("fused", [None, False], ids=["compiled", "plain"])
@pytest.mark.parametrize("ours", PAIRS)
def test_is_torch_optim(ours: str, fused: bool | None) -> None:
    theirs, settings = PAIRS[ours]
    a, b = two_sets(torch.float32)
    trained(getattr(torch.optim, theirs)(a, **settings, foreach=False), a, 12)
    trained(getattr(thalweg_torch, ours)(b, preset="torch", fused=fused), b, 12)
    for x, y in zip(a, b, strict=True):
        torch.testing.assert_close(x, y, rtol=2e-5, atol=2e-6)  # RMSProp's first steps amplify a rounding by ten


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if OPTIMIZERS[name].elementwise])
def test_compiled_float32_is_plain_float32(name: str) -> None:
    a, b = two_sets(torch.float32)
    if OPTIMIZERS[name].needs:
        pytest.skip("trained with inputs elsewhere")
    trained(thalweg_torch.make(name, a), a, 8)
    trained(thalweg_torch.make(name, b, fused=False), b, 8)
    for x, y in zip(a, b, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_looks_where_it_starts_before_the_first_step(name: str) -> None:
    rule = unusual(name)
    leaves = [torch.tensor(x) for x in RATE_CHANGE.starts]
    for look, x in zip(lift.lookahead(rule, leaves, lift.init_state(rule, leaves)), leaves, strict=True):
        torch.testing.assert_close(look, x, rtol=1e-15, atol=0.0)


@pytest.mark.parametrize("name", [n for n in OPTIMIZERS if looks_ahead(unusual(n)) or answers_elsewhere(unusual(n))])
def test_answer_is_the_rule_s(name: str) -> None:
    rule, parameters = unusual(name), started(CURVED)
    optimizer = thalweg_torch.make(rule, parameters)
    run_optimizer(optimizer, parameters, CURVED)
    training = [p.detach().clone() for p in parameters]
    points = [optimizer.state[p].get("base_point", p).detach().clone() for p in parameters]
    if rule.whole_tree:
        state = optimizer.state[parameters[0]]["tree_state"]
    else:
        names = {"step_number", "base_point"}
        state = tuple({k: v for k, v in optimizer.state[p].items() if k not in names} for p in parameters)
    current = rule.with_values({"learning_rate": optimizer.param_groups[0].get("lr", 0.0)})
    with optimizer.answer():
        for p, wanted in zip(parameters, lift.answer(current, points, state), strict=True):
            assert torch.equal(p, wanted)
        with pytest.raises(ValueError, match=r"while the parameters hold the answer; call optimizer.train\(\) first"):
            optimizer.step()
    for p, before in zip(parameters, training, strict=True):
        torch.testing.assert_close(p.detach(), before, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    "given",
    ["Muon", "muon", "muon@optax", Muon(), Muon(layout="out-in")],
    ids=["class", "name", "preset", "rule", "rule, out-in"],
)
def test_outputs_are_the_first_axis_unless_it_is_said(given: Any) -> None:
    """PyTorch's own Muon is the witness, rounded to bfloat16 in its iterations."""
    for shape in ((16, 4), (4, 16)):
        found = {}
        for layout in ("", "in-out"):
            x = torch.zeros(shape, requires_grad=True)
            settings = {"lr": 0.1, **({"layout": layout} if layout else {})}
            made = (
                thalweg_torch.Muon([x], **settings) if given == "Muon" else thalweg_torch.make(given, [x], **settings)
            )
            trained(made, [x], 1)
            found[layout] = x.detach().norm().item()
        witness = torch.zeros(shape, requires_grad=True)
        trained(torch.optim.Muon([witness], lr=0.1, weight_decay=0.0), [witness], 1)
        assert found[""] == pytest.approx(witness.detach().norm().item(), rel=0.02)
        assert found["in-out"] == pytest.approx(found[""] * (0.5 if shape == (16, 4) else 2.0), rel=1e-5)


def test_adahessian_averages_over_the_places_of_a_kernel() -> None:
    x = torch.zeros(8, 4, 3, 3, requires_grad=True)
    x.grad = torch.ones_like(x)
    diagonal = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    optimizer = thalweg_torch.AdaHessian([x])
    optimizer.step(hessian_diagonal=[diagonal])
    means = diagonal.mean((2, 3), keepdim=True).expand_as(x)
    torch.testing.assert_close(optimizer.state[x]["v"], 1e-3 * means.square())
