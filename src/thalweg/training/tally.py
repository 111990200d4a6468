"""Counting what a phase of work has done, and telling whoever watches."""

from collections.abc import Sequence
from dataclasses import dataclass

from thalweg.records import RunResult
from thalweg.training.progress import Phase, Progress, Watcher

__all__ = ["Tally"]

SECONDS_PER_CALL = 0.5  # how often progress is shown and Ctrl-C is heard


@dataclass
class Tally:
    """Counts of one phase.

    Attributes:
        phase: What is being done.
        watcher: Who is told, or None.
        already: Runs found in the store.
        already_diverged: Those of them that diverged.
        members: Runs to train.
        steps: Updates per run.
    """

    phase: Phase
    watcher: Watcher | None
    already: int
    already_diverged: int
    members: int
    steps: int
    runs: int = 0
    diverged: int = 0
    member_steps: int = 0
    seconds: float = 0.0
    seconds_per_step: float = 0.0

    def windows_per_call(self, window: int) -> int:
        """Return how many windows keep a call near half a second; one before anything was measured."""
        if self.seconds_per_step == 0.0:
            return 1
        return max(1, int(SECONDS_PER_CALL / (self.seconds_per_step * window)))

    def step(self, members: int, steps: int, seconds: float, diverged: int, train_loss: float | None) -> None:
        """Count a call that took ``members`` runs ``steps`` updates further."""
        self.member_steps += members * steps
        self.seconds += seconds
        self.seconds_per_step = seconds / steps
        self.tell(self.phase, diverged, train_loss)

    def finish(self, results: Sequence[RunResult]) -> None:
        """Count runs that are done."""
        self.runs += len(results)
        self.diverged += sum(result.status == "diverged" for result in results)
        self.tell(self.phase)

    def tell(self, phase: Phase, diverged_now: int = 0, train_loss: float | None = None) -> None:
        """Tell the watcher where the work stands."""
        if self.watcher is None:
            return
        rate = self.member_steps / self.seconds if self.seconds else 0.0
        total = self.members * self.steps
        self.watcher(
            Progress(
                phase=phase,
                runs_done=self.already + self.runs,
                runs_total=self.already + self.members,
                diverged=self.already_diverged + self.diverged + diverged_now,
                steps_done=self.member_steps,
                steps_total=total,
                steps_per_second=rate,
                seconds_left=(total - self.member_steps) / rate if rate else None,
                train_loss=train_loss,
            )
        )
