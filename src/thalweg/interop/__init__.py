"""Other libraries in and out: their models as tasks.

Nothing is imported before it is asked for, so no library is needed but the one that is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thalweg.interop.equinox_models import task_from_equinox
    from thalweg.interop.flax_models import task_from_flax
    from thalweg.interop.torch_models import conversion_of, task_from_torch
    from thalweg.interop.torch_module import torch_state_dict

__all__ = ["conversion_of", "task_from_equinox", "task_from_flax", "task_from_torch", "torch_state_dict"]

_HOMES = {
    "task_from_equinox": "equinox_models",
    "task_from_flax": "flax_models",
    "task_from_torch": "torch_models",
    "conversion_of": "torch_models",
    "torch_state_dict": "torch_module",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for at its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'thalweg.interop' has no attribute {name!r}")
    value = getattr(import_module(f"thalweg.interop.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
