"""Which settings a contender is represented by: the best on the validation set, over the tuning seeds."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from thalweg.records import PlannedRun, RunResult, StudySpec

__all__ = ["DEFAULT_TRIAL", "Selection", "TrialTable", "select_from", "select_winners", "trial_tables", "worst_finite"]

DEFAULT_TRIAL = -1


@dataclass(frozen=True)
class Selection:
    """The settings chosen for one contender.

    Attributes:
        trial: Index of the chosen configuration, −1 for the defaults.
        hyperparameters: All of its hyperparameters.
        mean_validation_loss: Over the tuning seeds at the end of training, a diverged run
            counted as the worst; None if every tuning run of the study diverged.
        reason: ``best`` or, when every tuning run of the contender diverged, ``all diverged``;
            the defaults stand in for it then.
    """

    trial: int
    hyperparameters: Mapping[str, float]
    mean_validation_loss: float | None
    reason: Literal["best", "all diverged"]


@dataclass(frozen=True)
class TrialTable:
    """The tuning runs of one contender that are complete, as arrays.

    T configurations whose runs are all there, S tuning seeds.

    Attributes:
        contender: Label.
        trials: Index of each configuration, ascending, −1 first for the defaults.
        hyperparameters: Of each configuration.
        loss: Validation loss at the end, shape (T, S), NaN where diverged.
        metric: Validation metric at the end, shape (T, S), NaN where diverged.
        planned: Number of configurations planned.
    """

    contender: str
    trials: tuple[int, ...]
    hyperparameters: tuple[Mapping[str, float], ...]
    loss: np.ndarray
    metric: np.ndarray
    planned: int

    @property
    def diverged(self) -> np.ndarray:
        """Whether each run diverged, shape (T, S)."""
        return ~np.isfinite(self.loss)


def trial_tables(
    spec: StudySpec, planned: Sequence[PlannedRun], results: Mapping[str, RunResult]
) -> dict[str, TrialTable]:
    """Return the tuning runs of every contender, by label.

    Args:
        spec: The study.
        planned: Its runs; those that are not tuning runs are passed over.
        results: Outcomes by fingerprint; a configuration with a missing run is left out.
    """
    runs: dict[str, dict[int, list[PlannedRun]]] = defaultdict(lambda: defaultdict(list))
    for run in planned:
        if run.role in ("trial", "default-trial"):
            runs[run.contender][run.trial].append(run)
    tables = {}
    for contender in spec.contenders:
        own = runs[contender.label]
        complete = [t for t in sorted(own) if all(run.spec.fingerprint in results for run in own[t])]
        found = [[results[run.spec.fingerprint] for run in own[t]] for t in complete]
        shape = (len(complete), spec.protocol.tuning_seeds)
        tables[contender.label] = TrialTable(
            contender.label,
            tuple(complete),
            tuple(own[t][0].spec.optimizer.hyperparameters for t in complete),
            np.array([[_end(r, r.validation_loss) for r in row] for row in found], dtype=float).reshape(shape),
            np.array([[_end(r, r.validation_metric) for r in row] for row in found], dtype=float).reshape(shape),
            len(own),
        )
    return tables


def select_winners(
    spec: StudySpec, planned: Sequence[PlannedRun], results: Mapping[str, RunResult]
) -> dict[str, Selection]:
    """Return the settings chosen for each contender by mean validation loss over the tuning seeds.

    A diverged run counts as the worst finite validation loss of any tuning run of the study, so
    it is never dropped and never forgiven. Among equal means the fewer divergences win, then
    the lower index; the defaults, of index −1, take part as one more configuration.

    Args:
        spec: The study.
        planned: Its tuning runs; others are passed over.
        results: Outcomes by fingerprint. Configurations whose runs are not all there do not
            take part, and a contender without any is missing in what is returned.
    """
    return select_from(spec, trial_tables(spec, planned, results))


def select_from(spec: StudySpec, tables: Mapping[str, TrialTable]) -> dict[str, Selection]:
    """Return the settings chosen for each contender from its tuning runs; see :func:`select_winners`."""
    worst = worst_finite(table.loss for table in tables.values())
    chosen = {}
    for contender in spec.contenders:
        table = tables[contender.label]
        if not table.trials:
            continue
        if table.diverged.all():
            loss = worst if math.isfinite(worst) else None
            chosen[contender.label] = Selection(DEFAULT_TRIAL, dict(contender.defaults), loss, "all diverged")
            continue
        means = np.where(table.diverged, worst, table.loss).mean(axis=1)
        order = np.lexsort((table.trials, table.diverged.sum(axis=1), means))
        best = int(order[0])
        chosen[contender.label] = Selection(
            table.trials[best], dict(table.hyperparameters[best]), float(means[best]), "best"
        )
    return chosen


def worst_finite(losses: Iterable[np.ndarray]) -> float:
    """Return the largest finite value in the arrays, or infinity if there is none."""
    finite = [float(a[np.isfinite(a)].max()) for a in losses if np.isfinite(a).any()]
    return max(finite, default=math.inf)


def _end(result: RunResult, value: float) -> float:
    """Return a value at the end of training, NaN if the run diverged."""
    return value if result.status == "finished" and math.isfinite(value) else math.nan
