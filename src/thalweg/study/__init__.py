"""Studies: compare optimizers fairly, train one run, race on a landscape, open what is stored.

Reading a stored study loads neither JAX nor the engine; they come with the functions that train. The functions
``compare``, ``train`` and ``race`` are had from :mod:`thalweg` itself; here these are the names of their modules.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thalweg.study.compare import DEFAULT_OPTIMIZERS, compare_many
    from thalweg.study.study import Best, Study, open_study
    from thalweg.study.train import TrainedRun

__all__ = [
    "DEFAULT_OPTIMIZERS",
    "Best",
    "Study",
    "TrainedRun",
    "compare_many",
    "open_study",
]

_HOMES = {
    "DEFAULT_OPTIMIZERS": "compare",
    "Best": "study",
    "Study": "study",
    "TrainedRun": "train",
    "compare_many": "compare",
    "open_study": "study",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
