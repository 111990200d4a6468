"""One run with techniques, written out step by step: slow, plain, and apart from the engine's tables and programs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thalweg.optimizers import lift
from thalweg.optimizers.base import Rule
from thalweg.tasks.base import Data, Task
from thalweg.training.batches import batch_rows


@dataclass
class Literal:
    """What differs from plain training, as plain functions of the number of the step."""

    factor: Mapping[str, Callable[[int], float]] = field(default_factory=dict)
    treat: Callable[[list[np.ndarray], list[np.ndarray]], list[np.ndarray]] = lambda gradient, leaves: gradient
    decay: float = 0.0
    average: Callable[[int], float] | None = None
    group: Callable[[int], int] = lambda step: 1
    rows: Callable[[int], np.ndarray] | None = None
    uphill: Callable[[list[np.ndarray], list[np.ndarray]], list[np.ndarray]] | None = None
    step: Callable[[list[np.ndarray], list[np.ndarray], list[np.ndarray]], list[np.ndarray]] | None = None
    slow: tuple[int, float] | None = None
    store: Callable[[int, Any], Any] = lambda step, state: state


@dataclass
class Course:
    """What a run went through: validation losses at every step, parameters at the end, averaged ones beside them."""

    losses: list[float]
    leaves: list[np.ndarray]
    averages: list[np.ndarray]


def small_task(hidden: int) -> Task:
    """Return a regression on 64 examples of five numbers by a network of one hidden layer."""
    rng = np.random.default_rng(0)

    def split(n: int) -> dict[str, np.ndarray]:
        x = rng.normal(size=(n, 5)).astype(np.float32)
        return {"x": x, "y": (x[:, 0] * 2 - x[:, 1] + 0.3 * rng.normal(size=n)).astype(np.float32)}

    def init(key: Any) -> Any:
        a, b = jax.random.split(key)
        weights = jax.random.normal(a, (5, hidden), jnp.float32), jax.random.normal(b, (hidden, 1), jnp.float32)
        return {
            "layer1": {"weight": weights[0] * 0.5, "bias": jnp.zeros(hidden, jnp.float32)},
            "layer2": {"weight": weights[1] * 0.5, "bias": jnp.zeros(1, jnp.float32)},
        }

    def loss(params: Any, batch: Any) -> Any:
        middle = jnp.tanh(batch["x"] @ params["layer1"]["weight"] + params["layer1"]["bias"])
        return jnp.mean(((middle @ params["layer2"]["weight"] + params["layer2"]["bias"])[:, 0] - batch["y"]) ** 2)

    data = Data(split(64), split(32), split(32))
    return Task("small", init, loss, data, output="values", roles={"layer2.bias": "output-bias"})


def run(task: Task, data: Data, rule: Rule, seed: int, batch: int, steps: int, how: Literal) -> Course:
    """Return the course of one run in float64 NumPy, gradients by JAX in float64."""
    with jax.enable_x64(True):
        return _run(task, data, rule, seed, batch, steps, how)


def _run(task: Task, data: Data, rule: Rule, seed: int, batch: int, steps: int, how: Literal) -> Course:
    start = jax.tree.leaves(task.init(jax.random.key(np.int32(seed))))
    leaves = [np.asarray(leaf, np.float32).astype(np.float64) for leaf in start]
    examples = len(next(iter(data.train.values())))
    gradient_of, judged = _functions(task)
    state = lift.init_state(rule, leaves)
    averages, losses, updates, step = [x.copy() for x in leaves], [float(judged(leaves))], 0, 0
    slow = leaves
    while step < steps:
        count = min(how.group(step + 1), steps - step)
        found = []
        for _ in range(count):
            step += 1
            rows = how.rows(step) if how.rows else batch_rows(seed, examples, batch, step - 1, 1)[0]
            at = lift.lookahead(_at(rule, how, step), leaves, state)
            found.append([np.asarray(g) for g in gradient_of(list(at), rows)])
            if how.uphill:
                above = how.uphill([np.asarray(x) for x in at], found[-1])
                found[-1] = [np.asarray(g) for g in gradient_of(above, rows)]
            if len(found) < count:
                losses.append(losses[-1])
        gradient = [np.mean([one[i] for one in found], axis=0) for i in range(len(leaves))]
        updates += 1
        now = _at(rule, how, step)
        before = leaves
        gradient = how.treat(gradient, [np.asarray(x) for x in at])
        moved, state = lift.update(now, leaves, gradient, state, updates)
        state = how.store(step, state)
        leaves = [np.asarray(x) for x in moved]
        leaves = how.step(leaves, [np.asarray(x) for x in before], gradient) if how.step else leaves
        rate = float(getattr(now, "learning_rate", 1.0))
        leaves = [x - rate * how.decay * old if x.ndim > 1 else x for x, old in zip(leaves, before, strict=True)]
        if how.slow and updates % how.slow[0] == 0:
            slow = [a + how.slow[1] * (x - a) for a, x in zip(slow, leaves, strict=True)]
            leaves = slow
        weight = how.average(step) if how.average else 1.0
        averages = [a + weight * (x - a) for a, x in zip(averages, slow if how.slow else leaves, strict=True)]
        losses.append(float(judged(averages)))
    return Course(losses, leaves, averages)


@lru_cache(maxsize=8)
def _functions(task: Task) -> tuple[Callable[..., Any], Callable[..., Any]]:
    treedef = jax.tree.structure(task.init(jax.random.key(0)))
    wide = {name: {k: _wide(v) for k, v in getattr(task.data, name).items()} for name in ("train", "validation")}

    @jax.jit
    def gradient_of(leaves: Any, rows: Any) -> Any:
        some = {name: jnp.asarray(array)[rows] for name, array in wide["train"].items()}
        return jax.grad(lambda x: task.loss(jax.tree.unflatten(treedef, x), some))(leaves)

    @jax.jit
    def judged(leaves: Any) -> Any:
        return task.loss(jax.tree.unflatten(treedef, leaves), wide["validation"])

    return gradient_of, judged


def _at(rule: Rule, how: Literal, step: int) -> Rule:
    return rule.with_values({name: float(getattr(rule, name)) * factor(step) for name, factor in how.factor.items()})


def _wide(array: np.ndarray) -> np.ndarray:
    return np.asarray(array, np.float64) if array.dtype.kind == "f" else np.asarray(array)
