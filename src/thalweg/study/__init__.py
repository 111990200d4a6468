"""Studies: compare optimizers fairly, train one run, race on a landscape, open what is stored.

Reading a stored study loads neither JAX nor the engine; they come with the functions that train.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thalweg.study.compare import DEFAULT_OPTIMIZERS, compare, compare_many
    from thalweg.study.race import race
    from thalweg.study.study import Best, Study, open_study
    from thalweg.study.train import TrainedRun, train

__all__ = [
    "DEFAULT_OPTIMIZERS",
    "Best",
    "Study",
    "TrainedRun",
    "compare",
    "compare_many",
    "open_study",
    "race",
    "train",
]

_HOMES = {
    "DEFAULT_OPTIMIZERS": "compare",
    "Best": "study",
    "Study": "study",
    "TrainedRun": "train",
    "compare": "compare",
    "compare_many": "compare",
    "open_study": "study",
    "race": "race",
    "train": "train",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
