"""A trace: every quantity of a computation, in order and by name."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from thalweg.errors import UnknownNameError

__all__ = ["Quantity", "Trace"]


@dataclass(frozen=True, eq=False)
class Quantity:
    """One named array of a computation.

    Attributes:
        name: E.g. ``layer 2 error signal``.
        symbol: Its symbol in the formulas, e.g. ``δ2``.
        formula: How it comes about; empty for what is given.
        value: The array, 0-d for a single number.
    """

    name: str
    symbol: str
    formula: str
    value: np.ndarray

    @property
    def size(self) -> float:
        """The number itself if it is one, else the root of the sum of its squares."""
        return float(self.value) if self.value.ndim == 0 else float(np.sqrt(np.sum(self.value**2)))


class Trace:
    """Every quantity of a forward and backward pass, in the order of computation.

    ``trace["layer 2 error signal"]`` is the array, ``trace.quantity("layer 2 error signal")`` has its formula too,
    ``dict(trace)`` are all arrays by name, and ``print(trace)`` shows formulas, shapes and sizes step by step.

    Args:
        sections: Title of each part of the computation and its quantities.
    """

    def __init__(self, sections: Iterable[tuple[str, Iterable[Quantity]]]) -> None:
        self._sections = tuple((title, tuple(quantities)) for title, quantities in sections)
        self._quantities = {one.name: one for _, quantities in self._sections for one in quantities}

    def __getitem__(self, name: str) -> np.ndarray:
        return self.quantity(name).value

    def __iter__(self) -> Iterator[str]:
        return iter(self._quantities)

    def __len__(self) -> int:
        return len(self._quantities)

    def keys(self) -> tuple[str, ...]:
        """Return every name, in the order of computation."""
        return tuple(self._quantities)

    def quantity(self, name: str) -> Quantity:
        """Return a quantity with its symbol and formula.

        Raises:
            UnknownNameError: The trace has none of that name.
        """
        if name not in self._quantities:
            raise UnknownNameError("quantity", name, self._quantities)
        return self._quantities[name]

    def __str__(self) -> str:
        header = ("quantity", "formula", "shape", "value or norm")
        cells = [_cells(one) for one in self._quantities.values()]
        widths = [max(len(row[i]) for row in [header, *cells]) for i in range(3)]

        def line(row: tuple[str, ...]) -> str:
            first = [cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)]
            return "  ".join([*first, row[3]]).rstrip()

        lines = [line(header)]
        for title, quantities in self._sections:
            lines += [title, *(line(_cells(one)) for one in quantities)]
        return "\n".join(lines)


def _cells(one: Quantity) -> tuple[str, str, str, str]:
    formula = f"{one.symbol} = {one.formula}" if one.formula else one.symbol
    shape = " × ".join(str(extent) for extent in one.value.shape)
    value = f"{one.size:.6g}" if one.value.ndim == 0 else f"‖·‖ {one.size:.4g}"
    return f"  {one.name}", formula, shape, value
