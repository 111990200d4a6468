"""What validation losses decide: whether the rate is reduced, whether training stops."""

from typing import Any

import jax.numpy as jnp

from thalweg.schedules import Plateau, PlateauState
from thalweg.schedules import plateau_step as reduced
from thalweg.techniques import StopState
from thalweg.techniques import stop_step as stopped

__all__ = ["plateau_step", "stop_step"]


def plateau_step(state: Any, loss: Any, numbers: Any) -> Any:
    """Return the state of "reduce on plateau" after one evaluation.

    Args:
        state: Factor, best loss, evaluations waited, evaluations of the cool-down left; (4,) float32.
        loss: Validation loss, 0-d.
        numbers: Settings of :class:`~thalweg.schedules.Plateau` in their order, (5,) float32.
    """
    settings = dict(zip(Plateau.hyperparameters(), numbers, strict=True))
    return jnp.stack(reduced(PlateauState(*state), loss.astype(jnp.float32), settings))


def stop_step(end: Any, state: Any, loss: Any, numbers: Any) -> tuple[Any, Any]:
    """Return the state of early stopping after one evaluation, and whether the loss improved.

    Args:
        end: Step of the evaluation, 0-d int32.
        state: Best loss, evaluations since, step at which it stopped (0 if it goes on), step of the best; (4,).
        loss: Validation loss, 0-d.
        numbers: Patience in evaluations and least improvement, (2,).
    """
    best, waited, stopped_at, best_at = state
    patience, least = numbers
    seen = StopState(best, waited, stopped_at > 0)
    after, improved = stopped(seen, loss.astype(jnp.float32), patience, least)
    now = end.astype(jnp.float32)
    ended = jnp.where(after.stopped & ~seen.stopped, now, stopped_at)
    return jnp.stack([after.best, after.waited, ended, jnp.where(improved, now, best_at)]), improved
