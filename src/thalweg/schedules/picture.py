"""A schedule as a picture of characters, for terminals and plain text."""

import numpy as np

from thalweg.schedules.base import Schedule

__all__ = ["schedule_picture"]

DOTS = np.asarray([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])  # Unicode's Braille patterns
BLANK = 0x2800


def schedule_picture(schedule: Schedule, total: int = 1000, width: int = 72, height: int = 9) -> str:
    """Return a picture of a schedule's factor over a run.

    Args:
        schedule: The schedule.
        total: Updates of the run.
        width: Columns in all, 30 or more.
        height: Lines of the curve, 3 or more; four more hold the words and the steps.

    Example:
        >>> from thalweg.schedules import Polynomial
        >>> print(schedule_picture(Polynomial(), total=100, width=30, height=3))
        factor
          1 ┤⠉⠓⠒⠲⠤⢤⣀⣀⡀
        0.5 ┤        ⠉⠉⠓⠒⠲⠤⠤⣄⣀⡀
          0 ┤                 ⠉⠉⠙⠒⠲⠤⠤⣄
            └─────────────────────────
             1                     100
                       step
    """
    steps = np.unique(np.linspace(1, total, 2 * 2000).round())
    factors = np.asarray(schedule.factor(steps, total), dtype=np.float64)
    top = float(factors.max(initial=0.0)) or 1.0
    labels = _labels(top, height)
    margin = max(len(label) for label in labels)
    columns = max(width, 30) - margin - 2
    canvas = _curve(steps, factors / top, total, columns, height)
    lines = [f"{label:>{margin}} ┤{row}".rstrip() for label, row in zip(labels, canvas, strict=True)]
    first, last = "1", f"{total:,}"
    axis = "└" + "─" * columns
    below = f"{first}{last:>{columns - len(first)}}" if total > 1 else first
    pad = " " * (margin + 1)
    return "\n".join(["factor", *lines, f"{pad}{axis}", f"{pad} {below}", f"{pad} {'step':^{columns}}".rstrip()])


def _labels(top: float, height: int) -> list[str]:
    """Return the label of each line: the highest at the top, zero at the bottom, half of it in the middle."""
    labels = [""] * height
    labels[0], labels[-1] = f"{top:.3g}", "0"
    if height % 2:
        labels[height // 2] = f"{top / 2:.3g}"
    return labels


def _curve(steps: np.ndarray, shares: np.ndarray, total: int, columns: int, height: int) -> list[str]:
    """Return lines of Braille patterns, two dots wide and four high per character, the curve drawn without gaps."""
    across, down = 2 * columns, 4 * height
    place = np.floor((steps - 1) / max(total - 1, 1) * (across - 1) + 0.5).astype(int)
    row = np.floor((1 - shares) * (down - 1) + 0.5).astype(int)
    grid = np.zeros((down, across), dtype=bool)
    before = None
    for column in range(across):
        here = row[place == column]
        if here.size == 0:  # fewer updates than columns: the factor holds until the next one
            if before is not None and total > 1:
                grid[before, column] = True
            continue
        ends = [*here.tolist(), before if before is not None else int(here[0])]
        grid[min(ends) : max(ends) + 1, column] = True
        before = int(here[-1])
    cells = grid.reshape(height, 4, columns, 2).transpose(0, 2, 1, 3)
    codes = BLANK + (cells * DOTS).sum(axis=(2, 3))
    return ["".join(" " if code == BLANK else chr(code) for code in line).rstrip() for line in codes]
