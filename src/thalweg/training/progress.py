"""How the engine tells whoever watches how far it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Phase", "Progress", "Watcher"]

Phase: TypeAlias = Literal["compiling", "tuning", "confirming", "timing", "training", "racing"]


@dataclass(frozen=True)
class Progress:
    """A state of the work.

    Attributes:
        phase: What is being done.
        runs_done: Runs finished or found in the store.
        runs_total: Runs of this phase.
        diverged: Runs of this phase that diverged so far.
        steps_done: Member-steps taken in this phase by runs that had to be trained.
        steps_total: Member-steps that this phase takes.
        steps_per_second: Member-steps per second over the phase so far; 0 before the first.
        seconds_left: Estimate for this phase, or None before the first measurement.
        train_loss: Mean training loss of the newest point (single runs only), or None.
    """

    phase: Phase
    runs_done: int
    runs_total: int
    diverged: int
    steps_done: int
    steps_total: int
    steps_per_second: float
    seconds_left: float | None
    train_loss: float | None = None


Watcher: TypeAlias = Callable[[Progress], None]
