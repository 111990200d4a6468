"""Schedules against torch.optim.lr_scheduler, Optax and Keras in float64, and where their definitions differ (C27)."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import jax
import numpy as np
import optax
import pytest
import torch
from torch.optim import lr_scheduler as torch_schedules

from thalweg.schedules import parse_schedule

TOTAL = 60
STEPS = np.arange(1, TOTAL + 1)
EXACT = {"rtol": 1e-12, "atol": 1e-14}  # rounding in float64; torch multiplies its way along
FLOAT32 = {"rtol": 1e-6, "atol": 1e-7}  # Keras rounds its settings to float32


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def of_torch(make: Callable[[torch.optim.Optimizer], torch_schedules.LRScheduler], count: int = TOTAL) -> np.ndarray:
    """Return the rates of the first updates of a base rate of 1."""
    optimizer = torch.optim.SGD([torch.zeros(1, dtype=torch.float64, requires_grad=True)], lr=1.0, momentum=0.9)
    schedule = make(optimizer)
    rates = []
    for _ in range(count):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        schedule.step()
    return np.asarray(rates)


def of_optax(schedule: Callable[[int], object], count: int = TOTAL) -> np.ndarray:
    return np.asarray([float(np.asarray(schedule(k))) for k in range(count)])


def ours(text: str, steps: np.ndarray = STEPS, total: int = TOTAL) -> np.ndarray:
    return parse_schedule(text).factor(steps, total)


TORCH: dict[str, Callable[[torch.optim.Optimizer], torch_schedules.LRScheduler]] = {
    "step:every=7:unit=update": lambda o: torch_schedules.StepLR(o, 7, 0.1),
    "step:20/40/41:decay=0.3:unit=update": lambda o: torch_schedules.MultiStepLR(o, [20, 40, 41], 0.3),
    "step:0.5/0.75": lambda o: torch_schedules.MultiStepLR(o, [30, 45], 0.1),
    "exponential:0.93:every=1:unit=update": lambda o: torch_schedules.ExponentialLR(o, 0.93),
    "polynomial:0.9": lambda o: torch_schedules.PolynomialLR(o, TOTAL, 0.9),
    "polynomial:2:length=25:unit=update": lambda o: torch_schedules.PolynomialLR(o, 25, 2.0),
    "polynomial:final=0.2:length=25:unit=update": lambda o: torch_schedules.LinearLR(o, 1.0, 0.2, 25),
    "warmup:12:unit=update": lambda o: torch_schedules.LinearLR(o, 1 / 12, 1.0, 11),
    "warmup:12:start=0.3:unit=update": lambda o: torch_schedules.LinearLR(o, 0.3 + 0.7 / 12, 1.0, 11),
    "cosine": lambda o: torch_schedules.CosineAnnealingLR(o, TOTAL),
    "cosine:final=0.1": lambda o: torch_schedules.CosineAnnealingLR(o, TOTAL, 0.1),
    "cosine:cycles=4": lambda o: torch_schedules.CosineAnnealingWarmRestarts(o, 15),
    "cosine:cycles=4:multiplier=2:final=0.05": lambda o: torch_schedules.CosineAnnealingWarmRestarts(o, 4, 2, 0.05),
    "constant~0.5~exponential:0.9:every=1:unit=update": lambda o: torch_schedules.SequentialLR(
        o, [torch_schedules.ConstantLR(o, 1.0, 1), torch_schedules.ExponentialLR(o, 0.9)], [30]
    ),
    "inverse-time:0.3": lambda o: torch_schedules.LambdaLR(o, lambda k: 1 / (1 + 0.3 * k)),
}


@pytest.mark.parametrize("text", TORCH)
def test_equal_to_torch(text: str) -> None:
    np.testing.assert_allclose(ours(text), of_torch(TORCH[text]), **EXACT)


def cosine_onecycle(k: int) -> object:
    return optax.cosine_onecycle_schedule(TOTAL, 1.0, 0.3, 25.0, 1e4)(k)


OPTAX: dict[str, Callable[[int], object]] = {
    "constant:0.3": optax.constant_schedule(0.3),
    "step:20/40:decay=0.3:unit=update": optax.piecewise_constant_schedule(1.0, {20: 0.3, 40: 0.3}),
    "exponential:0.5:every=9:unit=update": optax.exponential_decay(1.0, 9, 0.5),
    "exponential:0.5:every=9:unit=update:form=stairs": optax.exponential_decay(1.0, 9, 0.5, staircase=True),
    "polynomial:1.7:final=0.2": optax.polynomial_schedule(1.0, 0.2, 1.7, TOTAL),
    "polynomial": optax.linear_schedule(1.0, 0.0, TOTAL),
    "warmup:12:unit=update": optax.linear_schedule(1 / 12, 1.0, 11),
    "cosine:final=0.1": optax.cosine_decay_schedule(1.0, TOTAL, 0.1),
    "cosine:cycles=2": optax.join_schedules([optax.cosine_decay_schedule(1.0, 30)] * 2, [30]),
    "one-cycle:0.3:start=0.04:final=4e-06:phases=two:shape=cosine": cosine_onecycle,
    "one-cycle:0.3:down=0.5:start=0.04:final=4e-06": optax.linear_onecycle_schedule(TOTAL, 1.0, 0.3, 0.8, 25.0, 1e4),
    "wsd:warmup=0:decay=20:unit=update": optax.join_schedules(
        [optax.constant_schedule(1.0), optax.linear_schedule(1.0, 0.0, 20)], [40]
    ),
    "constant~0.5~polynomial": optax.join_schedules(
        [optax.constant_schedule(1.0), optax.linear_schedule(1.0, 0.0, 30)], [30]
    ),
}


@pytest.mark.parametrize("text", OPTAX)
def test_equal_to_optax(text: str) -> None:
    np.testing.assert_allclose(ours(text), of_optax(OPTAX[text]), **EXACT)


@pytest.mark.parametrize(
    "text",
    ["cosine:final=0.1", "polynomial:1.7:final=0.2", "one-cycle:0.3:start=0.04:final=4e-06:phases=two:shape=cosine"],
)
def test_after_the_end_as_optax(text: str) -> None:
    beyond = np.arange(TOTAL + 1, 2 * TOTAL)
    np.testing.assert_allclose(ours(text, beyond), of_optax(OPTAX[text], 2 * TOTAL - 1)[TOTAL:], **EXACT)


def test_momentum_of_one_cycle_equals_torch_one_update_later() -> None:
    # torch's way up has one update less and its end lies on the last update: a cycle of its own, compared by shape.
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.95)
    schedule = torch_schedules.OneCycleLR(optimizer, 1.0, TOTAL, pct_start=0.5)
    momenta = []
    for _ in range(TOTAL):
        momenta.append(float(optimizer.param_groups[0]["momentum"]))
        optimizer.step()
        schedule.step()
    text = f"one-cycle-momentum:{TOTAL // 2 - 1}:low={0.85 / 0.95!r}:phases=two:shape=cosine:unit=update"
    np.testing.assert_allclose(0.95 * ours(text, total=TOTAL - 1), momenta, rtol=1e-12)


def test_one_cycle_equals_torch_one_update_later() -> None:
    # torch peaks at update 0.3·N and takes the last one at the final value: a run of N − 1 updates with U − 1 up here.
    rates = of_torch(lambda o: torch_schedules.OneCycleLR(o, 1.0, TOTAL, pct_start=0.3), TOTAL - 1)
    up = round(0.3 * TOTAL)
    text = f"one-cycle:{up - 1}:start=0.04:final=4e-06:phases=two:shape=cosine:unit=update"
    np.testing.assert_allclose(ours(text, STEPS[:-1], TOTAL - 1), rates, **EXACT)
    assert int(np.argmax(rates)) == up - 1
    own = ours("one-cycle:0.3:start=0.04:final=4e-06:phases=two:shape=cosine")
    assert int(np.argmax(own)) == up  # update 0.3·N + 1
    assert own[-1] > 4e-6


def test_three_phases_of_torch_one_update_later() -> None:
    # torch ends its phases at counts U − 1, 2·U − 2 and N − 1.
    rates = of_torch(lambda o: torch_schedules.OneCycleLR(
        o, 1.0, TOTAL, pct_start=0.4, three_phase=True, anneal_strategy="linear"), TOTAL - 1)  # fmt: skip
    up = round(0.4 * TOTAL) - 1
    text = f"one-cycle:{up}:down={up}:start=0.04:final=4e-06:unit=update"
    np.testing.assert_allclose(ours(text, STEPS[:-1], TOTAL - 1), rates, **EXACT)


def test_torch_cosine_climbs_again_after_the_end_and_this_one_stays() -> None:
    rates = of_torch(lambda o: torch_schedules.CosineAnnealingLR(o, TOTAL), 2 * TOTAL)
    factors = ours("cosine", np.arange(1, 2 * TOTAL + 1))
    assert rates[-1] > 0.99
    assert np.all(factors[TOTAL:] == 0)


def test_optax_wastes_the_first_update_of_a_warm_up_and_this_one_does_not() -> None:
    warmup = 10
    rates = of_optax(optax.warmup_cosine_decay_schedule(0.0, 1.0, warmup, TOTAL, 0.1))
    factors = ours(f"cosine:warmup={warmup}:final=0.1:unit=update")
    assert rates[0] == 0
    assert factors[0] == 1 / warmup
    np.testing.assert_allclose(factors[:warmup], rates[1 : warmup + 1], **EXACT)  # one update earlier
    np.testing.assert_allclose(
        factors[warmup:], rates[warmup:], **EXACT
    )  # and equal from there: decay_steps include it


KERAS = {
    "inverse": ("InverseTimeDecay", [1.0, 7, 0.4], {}),
    "inverse in stairs": ("InverseTimeDecay", [1.0, 7, 0.4], {"staircase": True}),
    "cosine": ("CosineDecay", [0.0, 50, 0.1], {"warmup_target": 1.0, "warmup_steps": 10}),
    "piecewise": ("PiecewiseConstantDecay", [[20], [1.0, 0.1]], {}),
    "polynomial": ("PolynomialDecay", [1.0, 25, 0.2, 1.7], {}),
}
KERAS_PROGRAM = """
import json, sys
import keras
asked, total = json.loads(sys.stdin.read())
made = {key: getattr(keras.optimizers.schedules, name)(*a, **k) for key, (name, a, k) in asked.items()}
print(json.dumps({key: [float(schedule(k)) for k in range(total)] for key, schedule in made.items()}))
"""


@pytest.fixture(scope="module")
def of_keras() -> dict[str, np.ndarray]:
    """Rates of Keras' schedules, from a process of its own: Keras chooses its backend at import."""
    done = subprocess.run(
        [sys.executable, "-c", KERAS_PROGRAM],
        input=json.dumps([KERAS, TOTAL]),
        env={**os.environ, "KERAS_BACKEND": "numpy"},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return {key: np.asarray(rates) for key, rates in json.loads(done.stdout).items()}


def test_equal_to_keras(of_keras: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(ours("inverse-time:0.4:every=7"), of_keras["inverse"], **FLOAT32)
    np.testing.assert_allclose(ours("inverse-time:0.4:every=7:form=stairs"), of_keras["inverse in stairs"], **FLOAT32)
    text = "polynomial:1.7:final=0.2:length=25:unit=update"
    np.testing.assert_allclose(ours(text), of_keras["polynomial"], **FLOAT32)


def test_steps_of_keras_leave_the_warm_up_out(of_keras: dict[str, np.ndarray]) -> None:
    factors = ours("cosine:warmup=10:final=0.1:unit=update")
    np.testing.assert_allclose(factors[10:], of_keras["cosine"][10:], **FLOAT32)
    np.testing.assert_allclose(factors[:10], of_keras["cosine"][1:11], **FLOAT32)


def test_keras_drops_one_update_later(of_keras: dict[str, np.ndarray]) -> None:
    factors = ours("step:20:unit=update")
    np.testing.assert_allclose(factors[:-1], of_keras["piecewise"][1:], **FLOAT32)
    assert of_keras["piecewise"][20] == 1
    assert factors[20] == pytest.approx(0.1)


def test_literal_restarts() -> None:
    """SGDR, equation 5, as loops."""
    expected, length, final = [], 8, 0.1
    while len(expected) < 8 + 16 + 32:
        expected += [final + (1 - final) * 0.5 * (1 + math.cos(math.pi * done / length)) for done in range(length)]
        length *= 2
    np.testing.assert_allclose(ours("cosine:cycles=3:multiplier=2:final=0.1", np.arange(1, 57), 56), expected, **EXACT)


def test_literal_warm_up_stable_decay() -> None:
    expected = [n / 6 for n in range(1, 7)] + [1.0] * 42 + [1 - math.sqrt(j / 12) for j in range(12)]
    np.testing.assert_allclose(ours("wsd:warmup=0.1:decay=0.2:shape=sqrt"), expected, **EXACT)
