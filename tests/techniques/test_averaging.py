"""Averages of weights against torch's AveragedModel, optax, timm's decay and literal means."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from thalweg.errors import InvalidValueError
from thalweg.techniques import EMA, SWA, ClipNorm, Polyak, Technique, averaged, averaging_weights

TOTAL = 24
POINTS = np.random.default_rng(0).normal(size=(TOTAL, 3))  # the weights after each update


def averages(technique: Technique, total: int = TOTAL) -> np.ndarray:
    average, kept = np.full(3, 99.0), []
    for w, x in zip(averaging_weights(technique, total), POINTS[:total], strict=True):
        (average,) = averaged([average], [x], w)
        kept.append(average)
    return np.stack(kept)


def in_torch(updates: list[int], average: Any = None) -> np.ndarray:
    model = torch.nn.Linear(3, 1, bias=False, dtype=torch.float64)
    averaged = AveragedModel(model, multi_avg_fn=average)
    for t in updates:
        with torch.no_grad():
            model.weight.copy_(torch.from_numpy(POINTS[t - 1 : t]))
        averaged.update_parameters(model)
    return averaged.module.weight.detach().numpy()[0]


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99])
def test_ema_is_torch_averaged_model(decay: float) -> None:
    got = averages(EMA(decay=decay))
    np.testing.assert_allclose(got[0], POINTS[0], rtol=1e-14)
    theirs = in_torch(list(range(1, TOTAL + 1)), get_ema_multi_avg_fn(decay))
    np.testing.assert_allclose(got[-1], theirs, rtol=1e-12)


def test_ema_that_starts_late_is_torch_started_late() -> None:
    theirs = in_torch(list(range(9, TOTAL + 1)), get_ema_multi_avg_fn(0.9))
    got = averages(EMA(decay=0.9, start=1 / 3))
    np.testing.assert_allclose(got[-1], theirs, rtol=1e-12)
    np.testing.assert_allclose(got[:8], POINTS[:8], rtol=1e-12)


@pytest.mark.parametrize("decay", [0.0, 0.9, 0.9999])
def test_debiased_ema_is_optax(decay: float) -> None:
    with jax.enable_x64(True):
        transform = optax.ema(decay, debias=True)
        state = transform.init(jnp.zeros(3))
        for x, got in zip(POINTS, averages(EMA(decay=decay, warmup="debiased")), strict=True):
            theirs, state = transform.update(jnp.asarray(x), state)
            np.testing.assert_allclose(got, theirs, rtol=1e-9)  # they subtract from 1 where we use expm1


def test_growing_ema_has_timm_decay() -> None:
    def timm_decay(step: int, decay: float, power: float) -> float:  # ModelEmaV3.get_decay, gamma 1, from step 0 on
        step = max(0, step - 1)
        return 0.0 if step <= 0 else min(1 - (1 + step) ** -power, decay)

    for power in (2 / 3, 1.0):
        wanted = [1 - timm_decay(t, 0.8, power) for t in range(1, TOTAL + 1)]
        shares = averaging_weights(EMA(decay=0.8, power=power, warmup="growing"), TOTAL)
        np.testing.assert_allclose(shares, wanted, rtol=1e-12)


@pytest.mark.parametrize(("start", "every"), [(0.75, 1), (0.5, 3), (0.0, 5), (0.25, 18)])
def test_swa_is_torch_averaged_model_and_a_mean(start: float, every: int) -> None:
    begun = int(start * TOTAL)
    updates = list(range(begun + every, TOTAL + 1, every))
    got = averages(SWA(start=start, every=every))
    np.testing.assert_allclose(got[-1], in_torch(updates), rtol=1e-12)
    np.testing.assert_allclose(got[-1], POINTS[np.array(updates) - 1].mean(0), rtol=1e-12)
    np.testing.assert_allclose(got[: updates[0]], POINTS[: updates[0]], rtol=1e-12)  # follows the weights before


@pytest.mark.parametrize("start", [0.0, 0.5, 0.99])
def test_polyak_is_the_mean_of_the_tail(start: float) -> None:
    begun, got = int(start * TOTAL), averages(Polyak(start=start))
    for t in range(begun + 1, TOTAL + 1):
        np.testing.assert_allclose(got[t - 1], POINTS[begun:t].mean(0), rtol=1e-12)


def test_swa_at_every_update_is_polyak() -> None:
    np.testing.assert_array_equal(averaging_weights(SWA(start=0.3), 50), averaging_weights(Polyak(start=0.3), 50))


def test_a_share_of_a_decimal_number_of_updates_is_counted_as_written() -> None:
    assert averaging_weights(Polyak(start=0.29), 100)[[28, 29, 30]].tolist() == [1.0, 1.0, 0.5]


@given(
    decay=st.floats(0, 0.9999),
    start=st.floats(0, 0.999),
    warmup=st.sampled_from(["none", "debiased", "growing"]),
    total=st.integers(1, 60),
)
def test_shares_are_shares(decay: float, start: float, warmup: str, total: int) -> None:
    for technique in (EMA(decay=decay, start=start, warmup=warmup), Polyak(start=start), SWA(start=start)):
        shares = averaging_weights(technique, total)
        assert shares.shape == (total,)
        assert shares.dtype == np.float64
        assert shares[0] == 1.0  # the average never depends on what it began with
        assert np.all((shares >= 0) & (shares <= 1))


def test_a_share_of_one_copies_and_of_zero_keeps() -> None:
    x, old = np.array([0.1, -0.0, np.nan], np.float32), np.array([1e8, np.inf, np.nan], np.float32)
    with np.errstate(invalid="ignore"):
        assert averaged([old], [x], 1.0)[0].tobytes() == x.tobytes()
        assert averaged([old], [x], 0.0)[0].tobytes() == old.tobytes()
    step = jax.jit(jax.vmap(lambda a, b, w: averaged([a], [b], w)[0]))
    got = step(jnp.full((3, 2), 4.0), jnp.full((3, 2), 2.0), jnp.array([1.0, 0.25, 0.0]))
    np.testing.assert_array_equal(got[:, 0], [2.0, 3.5, 4.0])


def test_nothing_to_average_is_said() -> None:
    with pytest.raises(InvalidValueError) as caught:
        averaging_weights(SWA(start=0.5, every=6), 10)
    assert str(caught.value) == (
        "swa: every = 6 leaves nothing to average, for the run ends 5 updates after the start; give a whole number in "
        "[1, 5], or an earlier start."
    )
    with pytest.raises(
        InvalidValueError, match=r"averaging 'clip-norm' is not allowed; give one of ema, swa, polyak\."
    ):
        averaging_weights(ClipNorm(), 10)
