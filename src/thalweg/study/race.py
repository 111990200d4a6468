"""A race: several optimizers from one start on a function of two variables."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from thalweg.errors import InvalidValueError
from thalweg.landscapes import Landscape, find_landscape
from thalweg.optimizers.base import Rule
from thalweg.records.race import RaceEntry, RaceResult
from thalweg.study.requests import check_watcher, point, settings_of, shown, whole
from thalweg.study.rules import check_compiles, configured, resolve
from thalweg.training.devices import prepare_jax
from thalweg.training.paths import check_racer, final_values, follow
from thalweg.training.progress import Progress, Watcher

__all__ = ["RACERS", "race"]

RACERS = ("sgd", "momentum", "nesterov", "rmsprop", "adam")
GRID = 161  # points per side of the map
RATES_PER_DECADE = 6
MOST_STEPS = 100_000


def race(
    landscape: str | Landscape,
    start: tuple[float, float] | None = None,
    optimizers: Sequence[str | type[Rule]] | None = None,
    steps: int = 300,
    *,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    watcher: Watcher | None = None,
) -> RaceResult:
    """Let optimizers descend from one start and return every step of their ways.

    An optimizer whose learning rate is not set gets the one of its search range, six per decade, that
    ends lowest from this start in this number of steps, so each shows what it can do.

    Args:
        landscape: Name or landscape.
        start: Where all begin; the landscape's telling place by default.
        optimizers: Names, presets, file references or Rule classes; five well-known ones by default.
        steps: Number of updates, 1 … 100,000.
        settings: Hyperparameters by optimizer reference, e.g. ``{"adam": {"learning_rate": 0.1}}``.
        watcher: Told as each optimizer has found its rate.

    Raises:
        UnknownNameError: No such landscape, optimizer or hyperparameter.
        InvalidValueError: A number is not allowed.

    Example:
        >>> result = race("bowl", (2.0, 1.0), ["sgd"], steps=50)
        >>> float(result.entries[0].value[-1]) < 1e-6
        True
    """
    prepare_jax()
    ground = _ground(landscape)
    begin = _start(ground, start)
    steps = whole("steps", steps, 1, MOST_STEPS)
    check_watcher(watcher)
    racers = resolve(RACERS if optimizers is None else optimizers)
    rules = _configured(racers, {} if settings is None else settings)
    tuned = _tuned(ground, begin, rules, steps, settings or {}, watcher)
    paths, values = follow(ground.value, tuned, begin, steps)
    ways = zip(racers, tuned, paths, values, strict=True)
    entries = [_entry(ground, racer[0], rule, path, value) for racer, rule, path, value in ways]
    x_low, x_high, y_low, y_high = ground.domain
    grid_x, grid_y = np.linspace(x_low, x_high, GRID), np.linspace(y_low, y_high, GRID)
    return RaceResult(
        landscape=ground.name,
        title=ground.title,
        domain=ground.domain,
        minima=ground.global_minima,
        start=begin,
        steps=steps,
        entries=tuple(entries),
        grid_x=grid_x,
        grid_y=grid_y,
        grid_z=np.asarray(ground.value(*np.meshgrid(grid_x, grid_y))),
        lowest=ground.lowest,
    )


def _ground(landscape: Any) -> Landscape:
    if isinstance(landscape, Landscape):
        return landscape
    if not isinstance(landscape, str):
        raise InvalidValueError(
            f"landscape = {shown(landscape)} is not allowed; give a name such as 'rosenbrock', or a Landscape."
        )
    return find_landscape(landscape)


def _start(ground: Landscape, start: Any) -> tuple[float, float]:
    begin = point("start", ground.start if start is None else start)
    with np.errstate(all="ignore"):
        height = float(ground.value(np.float64(begin[0]), np.float64(begin[1])))
    if not np.isfinite(height):
        raise InvalidValueError(
            f"start = {shown(start)} is not allowed, as {ground.name} is {height} there; give a point nearer its map."
        )
    return begin


def _configured(racers: Sequence[tuple[str, type[Rule], str, str]], settings: Any) -> dict[str, Rule]:
    """Return the optimizers by label, with the settings given for them."""
    if not isinstance(settings, Mapping):
        raise InvalidValueError(
            f"settings = {shown(settings)} is not allowed; give a dictionary by optimizer, e.g. "
            "{'adam': {'learning_rate': 0.1}}."
        )
    labels = [reference for reference, _, _, _ in racers]
    for label in settings:
        if label not in labels:
            racing = ", ".join(labels)
            raise InvalidValueError(f"settings are given for {label!r}, which does not race; racing: {racing}.")
    rules: dict[str, Rule] = {}
    for label, rule_class, preset, source in racers:
        if label in rules:
            raise InvalidValueError(f"optimizers: {label!r} is given twice; name each entry once.")
        rules[label] = configured(rule_class, preset, settings_of(f"settings of {label}", settings.get(label)))
        check_racer(rules[label])
        if source:
            check_compiles([(label, rules[label])], (np.zeros(2, np.float32),))
    return rules


def _tuned(
    ground: Landscape,
    begin: tuple[float, float],
    rules: Mapping[str, Rule],
    steps: int,
    settings: Mapping[str, Mapping[str, Any]],
    watcher: Watcher | None,
) -> list[Rule]:
    tuned: list[Rule] = []
    for label, rule in rules.items():
        fixed = "learning_rate" in (settings.get(label) or {})
        tuned.append(rule if fixed else _with_best_rate(ground, rule, begin, steps))
        if watcher is not None:
            done, total = len(tuned), len(rules)
            watcher(Progress("racing", done, total, 0, done * steps, total * steps, 0.0, None))
    return tuned


def _with_best_rate(ground: Landscape, rule: Rule, begin: tuple[float, float], steps: int) -> Rule:
    what = rule.hyperparameters().get("learning_rate")
    if what is None or what.search is None:
        return rule
    low, high = np.log10(what.search)
    rates = 10 ** np.linspace(low, high, 1 + round((high - low) * RATES_PER_DECADE))
    ends = final_values(ground.value, rule, rates, begin, steps)
    if not np.isfinite(ends).any():
        return rule
    return replace(rule, learning_rate=float(f"{rates[int(np.nanargmin(ends))]:.3g}"))


def _entry(ground: Landscape, label: str, rule: Rule, path: np.ndarray, value: np.ndarray) -> RaceEntry:
    bad = ~(np.isfinite(value) & np.isfinite(path).all(axis=1))
    first = int(np.argmax(bad)) if bad.any() else None
    if first is not None:
        path, value = path.copy(), value.copy()
        path[first:], value[first:] = np.nan, np.nan
    last = path[len(path) - 1 if first is None else first - 1]
    distances = [float(np.hypot(last[0] - x, last[1] - y)) for x, y in ground.global_minima]
    return RaceEntry(
        label=label,
        hyperparameters={name: float(number) for name, number in rule.values().items()},
        path=path,
        value=value,
        status="finished" if first is None else "diverged",
        diverged_at=first,
        distance=min(distances) if distances else None,
        best_value=float(np.nanmin(value)),
    )
