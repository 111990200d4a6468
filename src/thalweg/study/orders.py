"""The order in which runs with a curriculum meet the examples."""

from collections.abc import Iterable
from functools import partial

import numpy as np

from thalweg.study.workbench import ReadyTask
from thalweg.techniques import Curriculum, curriculum_rows
from thalweg.training.difficulty import reference_losses
from thalweg.training.feeding import Rows
from thalweg.training.lanes import Member
from thalweg.training.recipe import Recipe

__all__ = ["DIFFICULTY", "orders_of"]

DIFFICULTY = "difficulty"  # name of the user's own scores among the training arrays


def orders_of(ready: ReadyTask, recipes: Iterable[Recipe], batch_size: int, steps: int) -> dict[str, Rows]:
    """Return how minibatches are drawn for every curriculum among the recipes, by its notation.

    Args:
        ready: The task.
        recipes: Techniques of the runs.
        batch_size: Examples per step.
        steps: Steps per run.

    """
    asked = {recipe.order[1]: recipe.named["curriculum"] for recipe in recipes if recipe.order[1]}
    if not asked:
        return {}
    scores = _scores(ready)
    kinds = [(notation, made) for notation, made in asked.items() if isinstance(made, Curriculum)]
    return {notation: partial(_rows, curriculum, scores, batch_size, steps) for notation, curriculum in kinds}


def _rows(
    curriculum: Curriculum, scores: np.ndarray, batch_size: int, steps: int, member: Member, first: int, count: int
) -> np.ndarray:
    return curriculum_rows(curriculum, scores, member.spec.seed, batch_size, first, count, steps)


def _scores(ready: ReadyTask) -> np.ndarray:
    """Return the difficulty of each training example, higher for harder, shape (n,).

    It is the user's own score, if the training data have an array of that name, else the loss under a reference model.
    """
    if DIFFICULTY in ready.data.train:
        return np.asarray(ready.data.train[DIFFICULTY], np.float64)
    return reference_losses(ready.task, ready.data, ready.version)
