"""Along which axes of the parameter each array of an update runs.

A mean over the columns of a matrix runs along its rows, and so does all that is computed from such means. An axis of
length one that runs along none, as ``keepdims`` leaves it, is −1.
"""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["CONSTANTS", "REDUCTIONS", "UntraceableError", "result_axes"]

REDUCTIONS = ("sum", "mean")
CONSTANTS = (
    "zeros_like", "zeros", "new_zeros", "ones_like", "ones", "new_ones", "full_like", "full", "scalar_tensor", "expand",
)  # fmt: skip

Axes = tuple[int, ...]


class UntraceableError(Exception):
    """The update holds something that no loop over elements can do."""


def result_axes(
    name: str,
    arguments: Sequence[Any],
    keywords: Mapping[str, Any],
    known: Sequence[Axes],
    result: Any,
    shape: tuple[int, ...],
) -> Axes:
    """Return the axes of what an operation of PyTorch computes.

    Args:
        name: Its name in ATen.
        arguments: What it was given.
        keywords: Likewise, by name.
        known: The axes of the arrays among these.
        result: What it computed.
        shape: Of the parameter.

    Raises:
        UntraceableError: The axes cannot be told.
    """
    if name in REDUCTIONS:
        found = _reduced(known[0], [*arguments[1:], None, None], keywords)
    elif name == "unsqueeze":
        place = arguments[1] % (len(known[0]) + 1)
        found = (*known[0][:place], -1, *known[0][place:])
    elif name in ("view", "_unsafe_view", "squeeze") and result.shape != arguments[0].shape:
        raise UntraceableError(name)
    elif name in CONSTANTS and result.shape == shape:
        full = tuple(range(len(shape)))
        found = _joined([*known, full]) if name == "expand" else full
    else:
        found = _joined(known)
    if len(found) != result.ndim:
        raise UntraceableError(f"{name} to a shape of {result.ndim} dimensions")
    return found


def _reduced(axes: Axes, given: Sequence[Any], keywords: Mapping[str, Any]) -> Axes:
    over, keep = keywords.get("dim", given[0]), keywords.get("keepdim", given[1])
    if keywords.get("dtype") is not None:
        raise UntraceableError("a sum in another dtype")
    over = range(len(axes)) if over is None or over == [] else [over] if isinstance(over, int) else over
    gone = {place % len(axes) for place in over}
    if keep:
        return tuple(-1 if place in gone else axis for place, axis in enumerate(axes))
    return tuple(axis for place, axis in enumerate(axes) if place not in gone)


def _joined(known: Sequence[Axes]) -> Axes:
    """Return the axes of arrays that are broadcast against each other."""
    found = []
    for place in range(1, max(map(len, known), default=0) + 1):
        here = {axes[-place] for axes in known if len(axes) >= place} - {-1}
        if len(here) > 1:
            raise UntraceableError("arrays along different axes")
        found.append(here.pop() if here else -1)
    return tuple(reversed(found))
