"""Parameter groups as PyTorch has them: settings of their own, names of parameters, schedulers that write in them."""

import pytest
import torch
from test_torch_optimizer import draw, parameters, same, walk

import thalweg.interop.torch as thalweg_torch
from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.optimizers import OPTIMIZERS


def test_groups_have_settings_and_variants_of_their_own() -> None:
    a, b, c = parameters(), parameters(), parameters()
    both = thalweg_torch.Adam(
        [{"params": a, "lr": 0.1, "epsilon_place": "inside"}, {"params": b, "beta1": 0.5}], lr=0.3
    )
    walk(both, [*a, *b], 4)
    first = thalweg_torch.Adam(c, lr=0.1, epsilon_place="inside")
    generator_order = [*c, *parameters()]
    for step in range(4):
        draw(generator_order, step)
        first.step()
    assert same(a, c)
    assert [group["lr"] for group in both.param_groups] == [0.1, 0.3]


@pytest.mark.parametrize("name", [name for name, rule in OPTIMIZERS.items() if rule.full_batch])
def test_line_searches_have_one_group(name: str) -> None:
    a, b = parameters(count=2)
    optimizer = thalweg_torch.make(name, [a])
    for add in (
        lambda: optimizer.add_param_group({"params": [b]}),
        lambda: thalweg_torch.make(name, [{"params": [a]}, {"params": [b]}]),
    ):
        with pytest.raises(InvalidValueError, match="a second group of parameters is not allowed"):
            add()
    assert len(optimizer.param_groups) == 1


def test_what_is_written_in_a_group_under_pytorch_s_name_counts() -> None:
    a, b = parameters(), parameters()
    optimizer = thalweg_torch.Adam(a, lr=0.1)
    (group,) = optimizer.param_groups
    walk(optimizer, a, 1)
    walk(thalweg_torch.Adam(b, lr=0.1), b, 1)
    assert same(a, b)
    group["betas"], group["eps"] = [0.5, 0.75], 1e-3
    walk(optimizer, a, 1, 1)
    assert (group["beta1"], group["beta2"], group["epsilon"]) == (0.5, 0.75, 1e-3)
    group["beta2"], group["learning_rate"] = 0.25, 0.2
    walk(optimizer, a, 1, 2)
    assert (group["betas"], group["beta1"], group["beta2"]) == ((0.5, 0.25), 0.5, 0.25)
    again = thalweg_torch.Adam([{**group, "params": b}]).param_groups[0]
    assert (again["betas"], again["lr"], again["epsilon"]) == ((0.5, 0.25), 0.2, 1e-3)
    group["betas"] = (0.5, 0.75, 0.875)
    with pytest.raises(InvalidValueError, match=r"betas = .* give a tuple of 2 numbers"):
        walk(optimizer, a, 1, 3)


def test_betas_stand_in_groups_of_rules_that_have_a_first() -> None:
    for name, rule in OPTIMIZERS.items():
        group = thalweg_torch.make(name, [torch.ones(2)]).param_groups[0]
        wanted = tuple(group[key] for key in ("beta1", "beta2", "beta3") if key in group)
        assert group.get("betas") == (wanted if "beta1" in rule.hyperparameters() else None), name


@pytest.mark.parametrize("word", ["maximize", "differentiable"])
def test_words_of_pytorch_that_no_rule_heeds_are_refused_in_groups(word: str) -> None:
    x = [torch.ones(2)]
    with pytest.raises(InvalidValueError, match=f"{word} = True is not allowed"):
        thalweg_torch.Adam([{"params": x, word: True}])
    assert thalweg_torch.Adam(torch.optim.Adam(x).param_groups).param_groups[0]["epsilon"] == 1e-8


def test_groups_by_names() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2), torch.nn.Linear(2, 1))
    groups = thalweg_torch.named_groups(model, {"*.bias": {"weight_decay": 0.0}, "1.*": {"lr": 0.5}, "2.*": None})
    optimizer = thalweg_torch.AdamW(groups, lr=0.1)
    seen = {name: (group["lr"], group["weight_decay"]) for group in optimizer.param_groups for name in group["names"]}
    assert seen == {
        "0.bias": (0.1, 0.0), "1.bias": (0.1, 0.0), "2.bias": (0.1, 0.0), "1.weight": (0.5, 0.01),
        "0.weight": (0.1, 0.01)
    }  # fmt: skip
    with pytest.raises(UnknownNameError, match="pattern of parameter names 'head"):
        thalweg_torch.named_groups(model, {"head.*": {}})


SCHEDULERS = {
    "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 5),
    "step": lambda o: torch.optim.lr_scheduler.StepLR(o, 2),
    "lambda": lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda t: 0.9**t),
    "one cycle": lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=8, cycle_momentum=False),
    "one cycle of β₁": lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=8),
    "cycles of β₁": lambda o: torch.optim.lr_scheduler.CyclicLR(o, 0.01, 0.1, step_size_up=2),
    "sequence": lambda o: torch.optim.lr_scheduler.SequentialLR(
        o, [torch.optim.lr_scheduler.LinearLR(o), torch.optim.lr_scheduler.ExponentialLR(o, 0.5)], [3]
    ),
}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_schedulers(scheduler: str) -> None:
    a, b = parameters(), parameters()
    pairs = [(thalweg_torch.Adam(a, lr=0.1), a), (torch.optim.Adam(b, lr=0.1), b)]
    rates = []
    for optimizer, given in pairs:
        schedule = SCHEDULERS[scheduler](optimizer)
        rates.append([])
        for step in range(7):
            walk(optimizer, given, 1, step)
            schedule.step()
            rates[-1].append(optimizer.param_groups[0]["lr"])
    assert rates[0] == rates[1]
    for x, y in zip(a, b, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-12, atol=1e-12)


def test_plateau_and_momentum_cycles() -> None:
    given = parameters()
    optimizer = thalweg_torch.Momentum(given, lr=0.1)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    for _ in range(3):
        plateau.step(1.0)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(1e-3)
    torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=8)
    assert optimizer.param_groups[0]["momentum"] == 0.95
