"""Every rule as an optimizer of PyTorch, without JAX: ``thalweg.interop.torch.Adam(model.parameters(), lr=1e-3)``.

The classes bear the names of the rules in :mod:`thalweg.optimizers` and are made at their first use. Each is a
:class:`torch.optim.Optimizer`, so parameter groups, learning-rate schedulers, ``state_dict``, closures and
gradient scalers work as with PyTorch's own::

    from thalweg.interop import torch as thalweg_torch

    optimizer = thalweg_torch.AdamW(model.parameters(), lr=3e-4, weight_decay=0.05)
    optimizer = thalweg_torch.make("adam@keras", model.parameters())
    optimizer = thalweg_torch.make(MyRule(learning_rate=0.1), model.parameters())
"""

from thalweg.interop.torch.classes import class_names, class_of, find_class, make
from thalweg.interop.torch.optimizer import RuleOptimizer
from thalweg.interop.torch.settings import named_groups

__all__ = ["RuleOptimizer", "class_of", "make", "named_groups"]


def __getattr__(name: str) -> type[RuleOptimizer]:
    """Return the optimizer of the rule of that name."""
    return find_class(name)


def __dir__() -> list[str]:
    """Return the names of all rules beside those defined here."""
    return sorted([*globals(), *class_names()])
