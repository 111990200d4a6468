"""A race: several optimizers from one start on a function of two variables."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from thalweg.records.runs import RunStatus

__all__ = ["RaceEntry", "RaceResult"]


@dataclass(frozen=True)
class RaceEntry:
    """One optimizer's way down.

    Attributes:
        label: Unique within the race.
        hyperparameters: Every hyperparameter with its value.
        path: Iterates, shape (steps + 1, 2), the start first; NaN after a divergence.
        value: The function there, shape (steps + 1,); NaN after a divergence.
        status: ``finished`` or ``diverged``.
        diverged_at: The step at which it diverged, or None.
        distance: From the last finite iterate to the nearest minimum, or None if none is known.
        best_value: Smallest value along the path.
    """

    label: str
    hyperparameters: Mapping[str, float]
    path: np.ndarray
    value: np.ndarray
    status: RunStatus
    diverged_at: int | None
    distance: float | None
    best_value: float


@dataclass(frozen=True)
class RaceResult:
    """A race with the map it was run on.

    Attributes:
        landscape: Catalogue name.
        title: Its name for people.
        domain: ``(x_min, x_max, y_min, y_max)``: what is drawn.
        minima: Known global minima, each ``(x, y)``; empty if there is none.
        start: Where all entries start.
        steps: Number of updates.
        entries: The optimizers, in the order given.
        grid_x: Abscissae of the map, shape (n,), increasing.
        grid_y: Ordinates of the map, shape (m,), increasing.
        grid_z: The function there, shape (m, n).
        lowest: The smallest value the function takes, or None if unknown.
    """

    landscape: str
    title: str
    domain: tuple[float, float, float, float]
    minima: tuple[tuple[float, float], ...]
    start: tuple[float, float]
    steps: int
    entries: tuple[RaceEntry, ...]
    grid_x: np.ndarray
    grid_y: np.ndarray
    grid_z: np.ndarray
    lowest: float | None = None
