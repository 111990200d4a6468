"""How much depends on the learning rate."""

import numpy as np

from thalweg.records import Sensitivity
from thalweg.study.contenders import LEARNING_RATE
from thalweg.study.selection import DEFAULT_TRIAL, TrialTable

__all__ = ["learning_rate_sensitivity"]


def learning_rate_sensitivity(table: TrialTable, best: float) -> Sensitivity | None:
    """Return the validation loss at the end against the learning rate, over a contender's trials.

    Median and range are over the tuning seeds that did not diverge, and None where all did. With
    further hyperparameters searched the other settings vary from trial to trial as well:
    what is shown is what a user meets who knows only the learning rate.

    Args:
        table: The contender's tuning runs.
        best: The chosen learning rate.

    Returns:
        The trials sorted by learning rate, or None if the rule has no learning rate or no trial is complete.
    """
    if not table.trials or LEARNING_RATE not in table.hyperparameters[0]:
        return None
    rates = [float(h[LEARNING_RATE]) for h in table.hyperparameters]
    order = sorted(range(len(rates)), key=lambda i: (rates[i], table.trials[i]))
    finite = [table.loss[i][~table.diverged[i]] for i in order]
    return Sensitivity(
        contender=table.contender,
        learning_rate=tuple(rates[i] for i in order),
        median=tuple(float(np.median(v)) if v.size else None for v in finite),
        low=tuple(float(v.min()) if v.size else None for v in finite),
        high=tuple(float(v.max()) if v.size else None for v in finite),
        diverged_share=tuple(float(table.diverged[i].mean()) for i in order),
        is_default=tuple(table.trials[i] == DEFAULT_TRIAL for i in order),
        best=best,
    )
