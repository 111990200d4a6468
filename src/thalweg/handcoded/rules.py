"""Which rules can train the hand-coded network, and how its parameters are laid out for them."""

from collections.abc import Sequence

import numpy as np

from thalweg.errors import InvalidValueError
from thalweg.optimizers import Rule, make_optimizer

__all__ = ["Layout", "find_rule"]


def find_rule(optimizer: Rule | str) -> Rule:
    """Return a rule by itself or by its name, such as ``adagrad`` or ``adam@keras``.

    Raises:
        UnknownNameError: No such optimizer or preset.
        InvalidValueError: The rule needs more than gradients.
    """
    rule = make_optimizer(optimizer) if isinstance(optimizer, str) else optimizer
    if not isinstance(rule, Rule):
        raise InvalidValueError(f"optimizer = {optimizer!r} is not allowed; give a name such as 'sgd', or a rule.")
    if rule.needs:
        raise InvalidValueError(
            f"optimizer {rule.name} needs {', '.join(sorted(rule.needs))} beside gradients, which the hand-coded "
            "network does not compute; give another, e.g. adam."
        )
    return rule


class Layout:
    """How parameter arrays are handed to a rule.

    A rule that treats every number by itself is given one vector of all of them: the same result, with a quarter of
    the calls. Any other rule is given the arrays as they are.

    Args:
        rule: The optimizer.
        arrays: The parameters.
    """

    def __init__(self, rule: Rule, arrays: Sequence[np.ndarray]) -> None:
        self._joined = rule.elementwise
        self._shapes = [array.shape for array in arrays]
        ends = np.cumsum([array.size for array in arrays])
        self._places = [slice(end - array.size, end) for end, array in zip(ends, arrays, strict=True)]

    def join(self, arrays: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """Return the arrays in the form that the rule is given."""
        return (np.concatenate([array.ravel() for array in arrays]),) if self._joined else tuple(arrays)

    def split(self, points: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
        """Return the arrays that :meth:`join` was given."""
        if not self._joined:
            return tuple(points)
        return tuple(points[0][place].reshape(shape) for place, shape in zip(self._places, self._shapes, strict=True))
