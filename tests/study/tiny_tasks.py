"""Tasks and stores small enough to compare on in a moment."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Self

import jax.numpy as jnp
import numpy as np

from thalweg.errors import StoreError
from thalweg.records import PlannedRun, RunResult, RunSpec, StudyRecord, plain
from thalweg.store import Store
from thalweg.study import Study
from thalweg.tasks import Data, Metric, Target, Task

TIMINGS = ("seconds", "environment", "created", "command")


def split(examples: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(examples, 3)).astype(np.float32)
    y = (x @ np.array([1.0, -2.0, 3.0]) + 0.1 * rng.normal(size=examples)).astype(np.float32)
    return {"x": x, "y": y}


def init(key: Any) -> Any:
    import jax

    return {"w": jax.random.normal(key, (3,)) * 0.1, "b": jnp.zeros(())}


def squares(params: Any, batch: Any) -> Any:
    return jnp.mean((batch["x"] @ params["w"] + params["b"] - batch["y"]) ** 2)


def rmse(params: Any, batch: Any) -> Any:
    return jnp.sqrt(squares(params, batch))


DATA = Data(split(48, 1), split(24, 2), split(24, 3))
PLANE = Task(
    "plane",
    init,
    squares,
    DATA,
    Metric("RMSE", rmse, larger_is_better=False, unit="m"),
    batch_size=16,
    epochs=4,
    target=Target("validation_loss", 1.0),
)

TASK_FILE = """
import jax.numpy as jnp
import numpy as np
import thalweg as tw

rng = np.random.default_rng(7)


def split(n):
    x = rng.normal(size=(n, 2)).astype(np.float32)
    return {"x": x, "y": (x @ np.array([2.0, -1.0])).astype(np.float32)}


line = tw.Task(
    "line",
    lambda key: {"w": jnp.zeros(2)},
    lambda p, b: jnp.mean((b["x"] @ p["w"] - b["y"]) ** 2),
    tw.Data(split(32), split(16), split(16)),
    batch_size=8,
    epochs=2,
)
"""

RULE_FILE = """
from dataclasses import dataclass
from typing import ClassVar

from thalweg.optimizers.base import Number, Rule, hyperparameter


@dataclass(frozen=True)
class Halved(Rule):
    name: ClassVar[str] = "halved"
    formula: ClassVar[tuple[str, ...]] = ("θ ← θ − η·g / 2",)

    learning_rate: Number = hyperparameter(0.1, meaning="step size η", search=(1e-3, 1.0))

    def init(self, x):
        return {}

    def update(self, x, g, state, t):
        return x - self.learning_rate * g / FACTOR, state


FACTOR = 2
"""


def values(study: Study) -> dict[str, Any]:
    """Return everything a study shows but what no two runs of the same comparison share."""
    shown = {key: value for key, value in plain(study.summary).items() if key not in TIMINGS}
    for row in shown["leaderboard"]:
        row.pop("seconds_per_step")
    return shown


class NotedStore:
    """A store that notes what is given to it, and fails when asked to."""

    def __init__(self, inner: Store, fail: Callable[["NotedStore"], bool] = lambda store: False) -> None:
        self.inner, self.fail = inner, fail
        self.trained: list[RunResult] = []
        self.saves = 0

    @property
    def url(self) -> str:
        return self.inner.url

    def save_runs(self, results: Sequence[RunResult]) -> None:
        self._saving()
        self.trained += results
        self.inner.save_runs(results)

    def save_study(self, record: StudyRecord, runs: Sequence[PlannedRun] = ()) -> None:
        self._saving()
        self.inner.save_study(record, runs)

    def _saving(self) -> None:
        self.saves += 1
        if self.fail(self):
            raise StoreError("store 'noted' is full: the disk has no more room; free some.")

    def load_runs(self, fingerprints: Iterable[str]) -> dict[str, RunResult]:
        return self.inner.load_runs(fingerprints)

    def known_runs(self, fingerprints: Iterable[str]) -> set[str]:
        return self.inner.known_runs(fingerprints)

    def find_runs(self, beginning: str) -> list[RunSpec]:
        return self.inner.find_runs(beginning)

    def load_study(self, name: str) -> StudyRecord:
        return self.inner.load_study(name)

    def study_runs(self, name: str) -> list[PlannedRun]:
        return self.inner.study_runs(name)

    def list_studies(self) -> list[Any]:
        return self.inner.list_studies()

    def close(self) -> None:
        self.inner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def task_with(**changes: Any) -> Task:
    return replace(PLANE, **changes)
