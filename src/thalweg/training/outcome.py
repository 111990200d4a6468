"""From what a call gives back to the records of its runs."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from thalweg.records import Curve, RunResult
from thalweg.tasks.start import Start
from thalweg.training.inputs import gradients_taken
from thalweg.training.lanes import Call, Member
from thalweg.training.recipe import recipe_of
from thalweg.training.structure import Carry, Curves

__all__ = ["final_leaves", "real_values", "results_of"]


def final_leaves(carry: Carry) -> tuple[Any, ...]:
    """Return the parameters that count as the result of every member, each (members, …).

    These are the best ones where runs stop early, the averages where weights are averaged, the rule's
    answer where it is another point, and the parameters else.
    """
    for name in ("best", "average", "answer"):
        if name in carry.extras:
            return tuple(carry.extras[name])
    return carry.params


def real_values(call: Call, values: Iterable[Any]) -> list[Any]:
    """Return the values of slots that count."""
    mask = [keep for slots in call for keep in slots.real]
    return [value for value, keep in zip(values, mask, strict=True) if keep]


def results_of(
    call: Call, carry: Carry, curves: Curves, test: tuple[np.ndarray, np.ndarray], starts: list[Start], window: int
) -> list[RunResult]:
    """Return the records of a call's members.

    Args:
        call: The members.
        carry: As the program gave it back.
        curves: Of all windows, each (windows, members).
        test: Loss and metric on the test set, (members,) each, NaN where not read.
        starts: Where the members began.
        window: Steps between two evaluations.
    """
    count = len(starts)
    stopping = np.asarray(carry.extras["stopping"]) if "stopping" in carry.extras else np.zeros((count, 4))
    columns = [np.asarray(carry.diverged_at), stopping, *(np.moveaxis(curve, 0, -1) for curve in curves), *test, starts]
    members = real_values(call, [member for slots in call for member in slots.members])
    values = zip(*(real_values(call, column) for column in columns), strict=True)
    return [_result(member, window, *value) for member, value in zip(members, values, strict=True)]


def _result(
    member: Member,
    window: int,
    diverged_at: np.int32,
    stopping: np.ndarray,
    train_loss: np.ndarray,
    validation_loss: np.ndarray,
    validation_metric: np.ndarray,
    test_loss: np.float32,
    test_metric: np.float32,
    start: Start,
) -> RunResult:
    spec, well, taken = member.spec, diverged_at == 0, member.spec.steps
    step = np.arange(0, spec.steps + 1, window, dtype=np.int32)
    train = _prepended(np.nan, train_loss)
    loss, metric = _prepended(start.loss, validation_loss), _prepended(start.metric, validation_metric)
    last = -1
    if well and "early-stopping" in recipe_of(spec.techniques).named:
        _, _, stopped_at, best_at = (int(value) if np.isfinite(value) else 0 for value in stopping)
        last, taken = best_at // window, stopped_at or spec.steps
        after = step > taken  # a stopped run stands at its best point
        train[after], loss[after], metric[after] = np.nan, loss[last], metric[last]
    return RunResult(
        spec=spec,
        status="finished" if well else "diverged",
        diverged_at=None if well else int(diverged_at),
        curve=Curve(step, train, loss, metric),
        validation_loss=float(loss[last]),
        validation_metric=float(metric[last]),
        test_loss=(float(test_loss) if well else float("nan")) if spec.read_test else None,
        test_metric=(float(test_metric) if well else float("nan")) if spec.read_test else None,
        gradient_evaluations=gradients_taken(
            member.rule, taken if well else int(diverged_at), recipe_of(spec.techniques).gradients_per_step
        ),
    )


def _prepended(first: float, rest: np.ndarray) -> np.ndarray:
    return np.concatenate([np.full(1, first, np.float32), rest])
