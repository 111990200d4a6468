"""Measure how many members a lane should hold, where the work is long enough to repay it.

The size chosen from the cache is a good guess for perceptrons and wrong for some models. A comparison that
will take minutes first times a few sizes on its own task for seconds, keeps the verdict with the
machine's compiled programs, and uses it from then on, so equal commands stay equal. Convolutions
need no measurement: under ``vmap`` each member's kernel makes a grouped convolution, which XLA's CPU
backend runs several times slower than one member at a time.
"""

import contextlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import jax

from thalweg.optimizers.base import Rule
from thalweg.records import OptimizerSpec, RunSpec
from thalweg.tasks.base import Data, Task
from thalweg.tasks.start import first_batch
from thalweg.training.devices import cache_folder
from thalweg.training.plan import Plan
from thalweg.training.population import Engine, Member

__all__ = ["calibrated", "has_convolution"]

WORTH_BYTES = 3e11  # bytes touched by all members and steps from which measuring pays: about a minute
GAIN = 0.9  # another size must take at most this share of the time of the guess


def has_convolution(task: Task, data: Data) -> bool:
    """Return whether the task's loss contains a convolution that JAX knows as one."""
    key = jax.eval_shape(lambda: jax.random.key(0))
    traced = jax.make_jaxpr(task.loss)(jax.eval_shape(task.init, key), first_batch(task, data))
    return "conv_general_dilated" in str(traced)


def calibrated(
    plan: Plan,
    task: Task,
    data: Data,
    rules: Sequence[Rule],
    *,
    batch_size: int,
    window: int,
    touched_bytes: float,
    version: str,
) -> Plan:
    """Return the plan with the lane size that was, or now is, measured to be the fastest.

    Args:
        plan: The guess.
        task: The task.
        data: Its splits.
        rules: The optimizers; the first is measured.
        batch_size: Examples per step.
        window: Steps between evaluations.
        touched_bytes: Bytes that all members touch in all steps; little work is not measured.
        version: Fingerprint of the task.
    """
    path = cache_folder() / "lanes" / f"{version[:16]}-{batch_size}-{plan.members}-{plan.devices}.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return replace(plan, members=int(json.loads(path.read_text())["members"]))
    if touched_bytes < WORTH_BYTES or plan.members < 1:
        return plan
    sizes = sorted({1, max(1, plan.members // 4), plan.members, min(64, 4 * plan.members)})
    plans = [replace(plan, members=size) for size in sizes]
    times = {one.members: _microseconds(one, task, data, rules[0], batch_size, window) for one in plans}
    fastest = min(times, key=lambda size: times[size])
    chosen = fastest if times[fastest] <= GAIN * times[plan.members] else plan.members
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"members": chosen, "microseconds per member-step": times}))
    return replace(plan, members=chosen)


def _microseconds(plan: Plan, task: Task, data: Data, rule: Rule, batch_size: int, window: int) -> float:
    engine = Engine(task, data, [rule], batch_size, window, replace(plan, windows=1))
    best = float("inf")
    for _ in range(3):
        members = [_member(rule, i, batch_size, window) for i in range(plan.members * plan.devices)]
        before = engine.seconds.train
        for _ in engine.train(members):
            pass
        best = min(best, (engine.seconds.train - before) / (len(members) * window))
    return 1e6 * best


def _member(rule: Rule, number: int, batch_size: int, window: int) -> Member:
    marker: dict[str, Any] = {"number": float(number)}
    return Member(RunSpec("", "", OptimizerSpec(rule.name, marker), batch_size, window, window, 0), rule)
