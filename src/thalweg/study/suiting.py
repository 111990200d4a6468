"""What ``all`` stands for among the optimizers of a comparison."""

from collections.abc import Mapping, Sequence
from typing import Any

from thalweg.errors import UsageError
from thalweg.interop.torch_models import has_second_derivatives
from thalweg.optimizers.base import Rule
from thalweg.optimizers.catalogue import OPTIMIZERS
from thalweg.study.recipes import check_rule
from thalweg.study.workbench import ReadyTask
from thalweg.study.workbench import Schedule as Lengths

__all__ = ["suiting"]

SECOND = frozenset({"hessian_diagonal", "hessian_product"})


def suiting(references: Any, recipes: Sequence[Mapping[str, str]], ready: ReadyTask, lengths: Lengths) -> Any:
    """Return optimizers with ``all`` replaced by every one of the catalogue that task, batches and techniques suit.

    Args:
        references: What a user gave; where ``all`` is not among them it is returned as it is.
        recipes: The techniques of each kind of entry, by what a run's record calls them.
        ready: The task.
        lengths: Batch size and number of steps. Methods with a line search presume the whole training set.

    Raises:
        UsageError: The techniques suit no optimizer; the sentence says why not the first.
    """
    found = [references] if references == "all" else references
    if not isinstance(found, list | tuple) or "all" not in found:
        return references
    every, reasons = [], []
    for name, kind in OPTIMIZERS.items():
        rule = kind()
        if not _can_train(rule, ready, lengths):
            continue
        try:
            for techniques in recipes:
                check_rule(techniques, rule, ready, lengths)
        except UsageError as reason:
            reasons.append(reason)
        else:
            every.append(name)
    if not every:
        raise reasons[0]
    return list(dict.fromkeys(name for one in found for name in (every if one == "all" else [one])))


def _can_train(rule: Rule, ready: ReadyTask, lengths: Lengths) -> bool:
    whole = lengths.batch_size >= ready.examples
    return (whole or not rule.full_batch) and not (rule.needs & SECOND and not has_second_derivatives(ready.task))
