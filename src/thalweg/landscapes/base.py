"""What a landscape is: a function of two variables whose minima are known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from thalweg.arrays import Array

__all__ = ["Kind", "Landscape"]

Kind: TypeAlias = Literal["convex", "valley", "basins", "ripples", "saddle", "flat"]


@dataclass(frozen=True)
class Landscape:
    """A function to descend on.

    Attributes:
        name: Name on the command line.
        title: Name for people.
        formula: The function in one line.
        value: ``(x, y) -> f``, elementwise on arrays of any array-API library, dtype kept.
        domain: ``(x_min, x_max, y_min, y_max)``: what is drawn, and where random starts lie.
        start: A telling place to start from.
        minima: ``(x, y, f)`` of every global minimum, then of local minima where they are few.
        kind: ``convex``, ``valley`` (one curved or narrow way down), ``basins`` (a few minima),
            ``ripples`` (very many), ``saddle``, ``flat`` (slopes that vanish or jump).
        source: Where the function comes from.
        notes: What it is good for, one sentence.
        kink: Whether the global minimum is a kink, where the gradient does not vanish.
        degree: Of a polynomial, the highest power of either coordinate; None for other functions.
        smoothed: ``(x, y, σ) -> f`` averaged with a Gaussian of width σ, where that is known in closed form; a
            polynomial needs none.
    """

    name: str
    title: str
    formula: str
    value: Callable[[Array, Array], Array]
    domain: tuple[float, float, float, float]
    start: tuple[float, float]
    minima: tuple[tuple[float, float, float], ...]
    kind: Kind
    source: str
    notes: str = ""
    kink: bool = False
    degree: int | None = None
    smoothed: Callable[[Array, Array, Array], Array] | None = None

    @property
    def lowest(self) -> float:
        """Value at the global minimum."""
        return self.minima[0][2]

    @property
    def global_minima(self) -> tuple[tuple[float, float], ...]:
        """Every point where the lowest value is taken."""
        return tuple((x, y) for x, y, value in self.minima if value <= self.lowest + 1e-9)
