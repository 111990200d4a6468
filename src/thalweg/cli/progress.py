"""Show how far the work is: a bar where somebody watches, a line now and then where nobody does."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from thalweg.cli.boundary import Interrupted
from thalweg.cli.output import console, say

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from thalweg.training.progress import Progress

__all__ = ["Watch", "described", "scaled"]

SECONDS_BETWEEN_LINES = 10.0
NARROW = 36  # columns for a phase's name, a short bar and the count
DETAILS = 42  # columns kept for them, so that the bars do not change their length


class Display(Protocol):
    """A way to show progress."""

    def show(self, state: "Progress") -> None:
        """Show a new state of the work."""
        ...

    def close(self) -> None:
        """Leave the screen tidy."""
        ...


class Watch:
    """The watcher that a command hands to the engine, and the words for an interruption.

    Args:
        quiet: Show nothing.
        kept: What becomes of work that is interrupted, a sentence; the same for every state.

    Use it as a context: Ctrl-C inside becomes :class:`~thalweg.cli.boundary.Interrupted`.
    """

    def __init__(self, *, quiet: bool, kept: str) -> None:
        self.kept = kept
        self.last: Progress | None = None
        self.display: Display | None = None if quiet else Bar() if sys.stderr.isatty() else Lines()

    def __call__(self, state: "Progress") -> None:
        """Show a new state of the work."""
        self.last = state
        if self.display:
            self.display.show(state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.display:
            self.display.close()
        if isinstance(error, KeyboardInterrupt):
            where = ""
            if self.last:
                where = f" while {self.last.phase} ({self.last.runs_done} of {self.last.runs_total} runs done)"
            raise Interrupted(f"interrupted{where}; {self.kept}") from None


class Lines:
    """A plain line at the start of each phase and then every ten seconds."""

    def __init__(self) -> None:
        self.phase = ""
        self.next = 0.0

    def show(self, state: "Progress") -> None:
        """Print a line if it is time for one."""
        now = time.monotonic()
        if state.phase != self.phase or now >= self.next:
            self.phase, self.next = state.phase, now + SECONDS_BETWEEN_LINES
            say(described(state))

    def close(self) -> None:
        """Leave nothing behind; lines need no tidying."""


class Bar:
    """A bar for each phase, the finished ones, with what they took, above the present one."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        screen = console(stderr=True)
        self.room = max(min(DETAILS, screen.width - NARROW), 0)
        self.bars: Bars = Progress(
            TextColumn("{task.description:<10}", style="cyan"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[count]:>9}"),
            TextColumn("{task.fields[detail]:<{task.fields[room]}}"),
            console=screen,
            expand=True,
            transient=True,
        )
        self.phases: dict[str, TaskID] = {}
        self.phase = ""
        self.bars.start()

    def show(self, state: "Progress") -> None:
        """Move the bar of the state's phase."""
        if state.phase != self.phase:
            self._finish()
            self._begin(state)
        if _counts(state):
            share = state.steps_done / state.steps_total if state.steps_total else 0.0
            done = max(state.runs_done, round(share * state.runs_total))
            count, detail = f"{done:,}/{state.runs_total:,}", " · ".join(_details(state))
            self.bars.update(
                self.phases[state.phase], total=state.runs_total, completed=done, count=count, detail=detail
            )

    def close(self) -> None:
        """Take the bars away."""
        self.bars.stop()

    def _begin(self, state: "Progress") -> None:
        self.phase = state.phase
        if state.phase in self.phases:  # compiling happens more than once
            self.bars.reset(self.phases[state.phase], total=None, count="", detail="")
        else:
            self.phases[state.phase] = self.bars.add_task(state.phase, total=None, count="", detail="", room=self.room)

    def _finish(self) -> None:
        from thalweg.report.formatting import duration

        if self.phase:
            task = self.phases[self.phase]
            took = duration(self.bars.tasks[task].elapsed)
            total = self.bars.tasks[task].total or 1
            self.bars.update(task, total=total, completed=total, detail=took)


def described(state: "Progress") -> str:
    """Return a state of the work as one line.

    Example:
        >>> from thalweg.training.progress import Progress
        >>> described(Progress("tuning", 48, 136, 2, 43_200, 122_400, 1_234_567.0, 12.4))
        'tuning: 48 of 136 runs · 2 diverged · 1.23 M steps/s · 12 s left'
    """
    runs = f"{state.phase}: {state.runs_done} of {state.runs_total} runs" if _counts(state) else state.phase
    return " · ".join([runs, *_details(state)])


def _counts(state: "Progress") -> bool:
    """Return whether the phase is measured in runs; compiling is not."""
    return state.phase != "compiling" and state.runs_total > 0


def _details(state: "Progress") -> list[str]:
    from thalweg.report.formatting import duration

    details = []
    if state.train_loss is not None:
        details.append(f"loss {state.train_loss:.4g}")
    if state.diverged:
        details.append(f"{state.diverged} diverged")
    if state.steps_per_second > 0:
        details.append(f"{scaled(state.steps_per_second)} steps/s")
    if state.seconds_left is not None:
        details.append(f"{duration(max(round(state.seconds_left), 1))} left")
    return details


def scaled(number: float) -> str:
    """Return a large number with three digits and a unit of thousands.

    Example:
        >>> [scaled(x) for x in (7.25, 999.4, 12_345, 1_234_567)]
        ['7.25', '999', '12.3 k', '1.23 M']
    """
    for factor, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= factor:
            return f"{number / factor:.3g}{unit}"
    return f"{number:.3g}"
