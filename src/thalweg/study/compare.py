"""The main job: a fair comparison of optimizers on a task, from question to stored verdict.

One way through: spec → plan → population → curves → store → statistics. Whatever the store already
holds is not trained again, so the same command goes on where it was stopped.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeAlias

from thalweg.optimizers.base import Rule
from thalweg.records import StudySpec
from thalweg.records.techniques import technique_label
from thalweg.store import Store
from thalweg.study.contenders import contenders_for
from thalweg.study.plan import protocol_for
from thalweg.study.recipes import Items, alternatives, check_recipe, model_options, techniques_from
from thalweg.study.requests import LARGEST_SEED, check_watcher, listed, opened_store, whole
from thalweg.study.rules import check_compiles, prototype, resolve
from thalweg.study.study import Study
from thalweg.study.suiting import suiting
from thalweg.study.weights import named_in_full
from thalweg.study.work import Work
from thalweg.study.workbench import ready_task
from thalweg.tasks.base import Task
from thalweg.training.devices import prepare_jax
from thalweg.training.progress import Watcher

__all__ = ["DEFAULT_OPTIMIZERS", "compare", "compare_many"]

DEFAULT_OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw", "nadam")

StoreLike: TypeAlias = str | Path | Store | None
OptimizerLike: TypeAlias = str | type[Rule]


def compare(
    task: str | Task,
    optimizers: Sequence[OptimizerLike] | None = None,
    effort: str = "quick",
    *,
    tune: Literal["all", "learning-rate", "both"] = "all",
    epochs: int | None = None,
    batch_size: int | None = None,
    trials: int | None = None,
    tuning_seeds: int | None = None,
    schedule: object = None,
    techniques: Items | None = None,
    vary: Sequence[object] | None = None,
    seed: int = 0,
    store: StoreLike = None,
    watcher: Watcher | None = None,
    command: str = "",
) -> Study:
    """Compare optimizers on a task under the protocol and return the study.

    Args:
        task: Name, ``path/to/file.py[:name]``, or a :class:`thalweg.Task`.
        optimizers: Names (``adam``), presets (``adam@torch``), files (``./my_rule.py:MyRule``) or Rule
            classes; eight well-known ones by default. ``"all"`` is every one of the catalogue that suits the task and
            its batches: those with a line search take part where a batch is the whole training set and no technique
            misleads them.
        effort: ``quick`` (16 trials × 1 seed), ``standard`` (32 × 3) or ``thorough`` (100 × 5).
        tune: Search ``all`` hyperparameters, the ``learning-rate`` only, or ``both`` as separate entries.
        epochs: Passes over the training data; the task's own by default.
        batch_size: Examples per step; the task's own by default.
        trials: Sampled configurations per optimizer, instead of the effort's.
        tuning_seeds: Seeds per configuration while tuning, instead of the effort's.
        schedule: Schedule of the learning rate for all, e.g. ``"cosine"``; constant by default.
        techniques: What all runs are trained with, e.g. ``["clip-norm:1", "initializer=he"]``.
        vary: Alternatives, each an entry of its own for every optimizer: ``["none", "clip-norm:1"]``, or several such
            lists, of which every combination takes part.
        seed: Seed of the study, 0 … 2³¹ − 1.
        store: Path, URL or open store; the user's own store by default.
        watcher: Told of progress several times a second.
        command: The shell command that repeats the study, for the report.

    Raises:
        UsageError: A name, number or file is not usable; one sentence says which and what is.
        StoreError: The store failed while working.
    """
    began = time.perf_counter()
    prepare_jax()
    common = techniques_from(techniques)
    if schedule is not None:
        common = {**common, **techniques_from({"schedule": schedule})}
    recipes = [(technique_label(one), {**common, **one}) for one in alternatives(vary)]
    ready = ready_task(task, model_options(common))
    lengths = ready.schedule(epochs, batch_size)
    asked = DEFAULT_OPTIMIZERS if optimizers is None else optimizers
    rules = resolve(suiting(asked, [recipe for _, recipe in recipes], ready, lengths), words=["all"])
    seed = whole("seed", seed, 0, LARGEST_SEED)
    check_watcher(watcher)
    contenders = contenders_for(rules, tune, recipes)
    wishes = {"trials": trials, "tuning_seeds": tuning_seeds}
    protocol = protocol_for(
        effort,
        lengths.batch_size,
        lengths.steps,
        lengths.evaluate_every,
        schedule=common.get("schedule.learning_rate", "constant"),
        **{name: whole(name, value, 1) for name, value in wishes.items() if value is not None},
    )
    classes = {c.label: _class_of(rules, c.optimizer, c.preset) for c in contenders}
    check_compiles(((c.label, prototype(classes[c.label], c)) for c in contenders if c.source), ready.leaves)
    for c in contenders:
        check_recipe(c.techniques, [prototype(classes[c.label], c)], ready, lengths)
    with ExitStack() as stack:
        opened = opened_store(store, stack)
        entries = tuple(replace(c, techniques=named_in_full(c.techniques, opened)) for c in contenders)
        spec = StudySpec(ready.reference, ready.version, entries, protocol, seed)
        work = Work(ready, spec, classes, opened, watcher)
        return work.run(began, command)


def compare_many(
    tasks: Sequence[str | Task], optimizers: Sequence[OptimizerLike] | None = None, **settings
) -> list[Study]:
    """Compare the same optimizers on several tasks, one study each; see :func:`compare`."""
    chosen = listed("tasks", tasks, "['digits', 'breast-cancer']")
    return [replace(compare(task, optimizers, **settings), tasks=len(chosen)) for task in chosen]


def _class_of(rules: Sequence[tuple[str, type[Rule], str, str]], optimizer: str, preset: str) -> type[Rule]:
    suffix = f"@{preset}" if preset else ""
    return next(rule for reference, rule, _, _ in rules if reference == optimizer + suffix)
