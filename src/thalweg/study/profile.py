"""One picture over several tasks: AlgoPerf's performance profile."""

from collections.abc import Sequence

import numpy as np

from thalweg.records import LeaderboardRow, PerformanceProfile, StudySummary

__all__ = ["RATIO_LIMIT", "profile", "profile_scores"]

RATIO_LIMIT = 4.0
TAU_POINTS = 61  # steps of 0.05


def profile(summaries: Sequence[StudySummary]) -> PerformanceProfile:
    """Return the performance profile of contenders over the tasks of several studies.

    A contender's time on a task is its mean number of updates to the target over the fresh seeds
    that reached it, if at least half of them did; otherwise the task is missed, as the median
    run missed it. Its ratio is that time over the best contender's on that task.

    Every number here but the steps is relative to the best of those who take part: adding or
    removing a contender changes all others' scores. Tasks without a target cannot be judged so
    and are left out.

    Args:
        summaries: One per task.

    References:
        Dahl et al. (2023), Benchmarking neural network training algorithms.
        Dolan and Moré (2002), Benchmarking optimization software with performance profiles.
    """
    judged = [s for s in summaries if s.task.target_quantity is not None and s.leaderboard]
    contenders = tuple(dict.fromkeys(row.contender for s in judged for row in s.leaderboard))
    rows = [{row.contender: row for row in s.leaderboard} for s in judged]
    steps = np.array([[_time(of.get(c)) for of in rows] for c in contenders]).reshape(len(contenders), len(judged))
    with np.errstate(invalid="ignore"):  # a task that all miss: ∞/∞
        ratio = steps / steps.min(axis=0, initial=np.inf)
    ratio = np.where(np.isfinite(steps), ratio, np.inf)
    tau = np.linspace(1.0, RATIO_LIMIT, TAU_POINTS)
    share = (ratio[:, :, None] <= tau).mean(axis=1) if judged else np.zeros((0, TAU_POINTS))
    return PerformanceProfile(
        contenders=contenders,
        tasks=tuple(s.task.name for s in judged),
        steps_to_target=_table(steps),
        ratio=_table(ratio),
        score=tuple(profile_scores(ratio).tolist()),
        tau=tuple(tau.tolist()),
        share=tuple(tuple(row) for row in share.tolist()),
    )


def profile_scores(ratio: np.ndarray) -> np.ndarray:
    """Return the area under each profile from 1 to 4, as a share of the whole.

    In closed form, ``(1/n)·Σ max(0, 4 − r)/3`` over the n tasks: a task contributes to the area
    from its ratio on.

    Args:
        ratio: Ratios to the best per contender and task, shape (m, n), infinite where missed.

    Returns:
        Scores in [0, 1], shape (m,).

    Example:
        >>> profile_scores(np.array([[1.0, 2.5], [4.0, np.inf]])).tolist()
        [0.75, 0.0]
    """
    if not ratio.size:
        return np.zeros(ratio.shape[0])
    return (np.maximum(0.0, RATIO_LIMIT - ratio) / (RATIO_LIMIT - 1)).mean(axis=1)


def _time(row: LeaderboardRow | None) -> float:
    """Return a contender's steps to the target, infinite if it is missed by more than half of the seeds."""
    if row is None or row.steps_to_target is None or row.target_share is None or row.target_share < 0.5:
        return float("inf")
    return row.steps_to_target


def _table(values: np.ndarray) -> tuple[tuple[float | None, ...], ...]:
    """Return an array as rows of floats, None where it is not finite."""
    return tuple(tuple(v if np.isfinite(v) else None for v in row) for row in values.tolist())
