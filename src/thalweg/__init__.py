"""Thalweg: a workbench for the optimization of neural networks.

Compare optimizers on a task under one fair protocol, and get the leaderboard with its doubt::

    import thalweg as tw

    study = tw.compare("digits", optimizers=["sgd", "momentum", "adam"], effort="quick")
    study.leaderboard()  # a pandas DataFrame, intervals included
    study.best().rule  # the winner with its tuned settings
    study.best().torch(model.parameters())  # the same as a torch.optim.Optimizer

A rule alone needs nothing but an array library:

    >>> import numpy as np
    >>> import thalweg as tw
    >>> tw.optimizers.Adam(learning_rate=0.1).learning_rate
    0.1

Importing this package loads none of its parts: each is imported when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thalweg import (
        handcoded,
        initializers,
        interop,
        landscapes,
        optimizers,
        report,
        schedules,
        store,
        study,
        tasks,
        techniques,
    )
    from thalweg.optimizers import Rule
    from thalweg.study.compare import compare
    from thalweg.study.race import race
    from thalweg.study.recorded import record_run
    from thalweg.study.study import open_study
    from thalweg.study.train import train
    from thalweg.tasks import Data, Metric, Target, Task

    __version__: str

__all__ = [
    "Data",
    "Metric",
    "Rule",
    "Target",
    "Task",
    "__version__",
    "compare",
    "handcoded",
    "initializers",
    "interop",
    "landscapes",
    "open_study",
    "optimizers",
    "race",
    "record_run",
    "report",
    "schedules",
    "store",
    "study",
    "tasks",
    "techniques",
    "train",
]

_PACKAGES = frozenset(
    {
        "handcoded",
        "initializers",
        "interop",
        "landscapes",
        "optimizers",
        "report",
        "schedules",
        "store",
        "study",
        "tasks",
        "techniques",
    }
)
_HOMES = {
    "Data": "thalweg.tasks",
    "Metric": "thalweg.tasks",
    "Rule": "thalweg.optimizers",
    "Target": "thalweg.tasks",
    "Task": "thalweg.tasks",
    "compare": "thalweg.study.compare",
    "open_study": "thalweg.study.study",
    "race": "thalweg.study.race",
    "record_run": "thalweg.study.recorded",
    "train": "thalweg.study.train",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for at its first use."""
    if name in _PACKAGES:
        return import_module(f"thalweg.{name}")
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    elif name == "__version__":
        from importlib.metadata import version

        value = version("thalweg")
    else:
        raise AttributeError(f"module 'thalweg' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return what this package offers, loaded or not."""
    return sorted({*globals(), *__all__})
