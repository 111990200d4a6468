"""Races and single runs, made by hand with NumPy."""

import numpy as np

from thalweg.records.race import RaceEntry, RaceResult
from thalweg.records.runs import Curve, OptimizerSpec, RunResult, RunSpec


def himmelblau(x, y):
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def _descend(rate, momentum, steps, start):
    point, velocity, path = np.array(start, float), np.zeros(2), [np.array(start, float)]
    for _ in range(steps):
        x, y = point
        gradient = np.array(
            [4 * x * (x**2 + y - 11) + 2 * (x + y**2 - 7), 2 * (x**2 + y - 11) + 4 * y * (x + y**2 - 7)]
        )
        velocity = momentum * velocity + gradient
        point = point - rate * velocity
        path.append(point)
    return np.array(path)


def make_race(steps=80):
    start = (-0.5, -4.2)
    entries = []
    for label, rate, momentum in (
        ("sgd", 0.004, 0.0),
        ("momentum", 0.002, 0.9),
        ("sgd, fast", 0.02, 0.0),
        ("<wild>", 0.1, 0.9),
    ):
        with np.errstate(all="ignore"):
            path = _descend(rate, momentum, steps, start)
            value = himmelblau(*path.T)
        bad = ~(np.isfinite(value) & (value < 1e6))
        diverged = int(np.argmax(bad)) if bad.any() else None
        if diverged is not None:
            path[diverged:], value[diverged:] = np.nan, np.nan
        last = path[np.isfinite(path).all(axis=1)][-1]
        distance = float(min(np.hypot(*(last - m)) for m in MINIMA))
        entries.append(
            RaceEntry(
                label,
                {"learning_rate": rate, "momentum": momentum},
                path,
                value,
                "diverged" if diverged is not None else "finished",
                diverged,
                distance,
                float(np.nanmin(value)),
            )
        )
    grid = np.linspace(-5, 5, 81)
    z = himmelblau(*np.meshgrid(grid, grid))
    return RaceResult(
        "himmelblau", "Himmelblau", (-5, 5, -5, 5), MINIMA, start, steps, tuple(entries), grid, grid, z, 0.0
    )


MINIMA = ((3.0, 2.0), (-2.805118, 3.131312), (-3.77931, -3.283186), (3.584428, -1.848126))


def make_run(diverged=None):
    step = np.arange(0, 961, 32)
    t = step / 960
    validation = (0.12 + 2.2 * np.exp(-9 * t)).astype(np.float32)
    train = (0.03 + 2.2 * np.exp(-10 * t)).astype(np.float32)
    train[0] = np.nan
    metric = (0.97 - 0.87 * np.exp(-14 * t)).astype(np.float32)
    if diverged is not None:
        for one in (validation, train, metric):
            one[step >= diverged] = np.nan
    spec = RunSpec("digits", "v", OptimizerSpec("adam", {"learning_rate": 0.003, "beta1": 0.9}), 32, 960, 32, 0, True)
    end = float("nan") if diverged is not None else 0.97
    return RunResult(
        spec,
        "finished" if diverged is None else "diverged",
        diverged,
        Curve(step, train, validation, metric),
        end,
        end,
        end,
        end,
        960,
    )
