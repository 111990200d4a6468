"""Which entries of a rule's state may be stored with fewer bits."""

from functools import lru_cache
from typing import Any

import numpy as np

from thalweg.errors import InvalidValueError
from thalweg.optimizers import lift
from thalweg.optimizers.base import Rule

__all__ = ["check_compressible", "compressible"]


def compressible(rule: Rule) -> tuple[str, ...]:
    """Return the names of the entries of a rule's state that may be stored with fewer bits.

    Those that the rule, in its form, keeps of no array are left out.

    Example:
        >>> from thalweg.optimizers import SGD, NAdam
        >>> compressible(NAdam()), compressible(SGD())
        (('m', 'v'), ())
    """
    return _kept(type(rule), tuple(rule.structure().items())) if rule.compressible else ()


@lru_cache(maxsize=256)
def _kept(rule_class: type[Rule], structure: tuple[tuple[str, Any], ...]) -> tuple[str, ...]:
    form = dict(structure)
    if form.get("centered"):
        return ()  # v − m² is the root's argument, and of rounded averages it may be negative
    if rule_class.whole_tree:
        return ()  # its state is not one of each array
    matrix_and_vector = [np.zeros((2, 2), np.float32), np.zeros(2, np.float32)]
    state = lift.init_state(rule_class().with_values(form), matrix_and_vector)
    entries = {name for one in state for name in one}
    return tuple(name for name in rule_class.compressible if name in entries)


def check_compressible(rule: Rule, argument: str) -> None:
    """Refuse a rule whose state is not to be stored with fewer bits.

    Args:
        rule: The optimizer.
        argument: What asks for it, e.g. ``state_format = 'int8'``.

    Raises:
        InvalidValueError: The state has no average shaped like the parameters, or is too delicate.
    """
    if not compressible(rule):
        raise InvalidValueError(
            f"{rule.name}: {argument} is not allowed, since the rule keeps no averages that bear fewer bits; leave it "
            "out, or take a rule such as adamw, lion or momentum."
        )
