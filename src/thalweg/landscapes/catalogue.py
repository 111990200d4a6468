"""The built-in landscapes by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from thalweg.errors import UnknownNameError
from thalweg.landscapes import basins, bowls, ripples, saddles, valleys
from thalweg.landscapes.base import Landscape

__all__ = ["LANDSCAPES", "find_landscape", "landscape_listing"]

LANDSCAPES: Mapping[str, Landscape] = MappingProxyType(
    {
        landscape.name: landscape
        for landscape in (
            bowls.BOWL,
            bowls.RAVINE,
            bowls.BOOTH,
            bowls.MATYAS,
            valleys.ROSENBROCK,
            valleys.BEALE,
            valleys.PLATEAU,
            valleys.CLIFF,
            basins.HIMMELBLAU,
            basins.STYBLINSKI_TANG,
            basins.GOLDSTEIN_PRICE,
            basins.THREE_HUMP_CAMEL,
            basins.SIX_HUMP_CAMEL,
            ripples.RASTRIGIN,
            ripples.ACKLEY,
            ripples.GRIEWANK,
            saddles.SADDLE,
            saddles.MONKEY_SADDLE,
        )
    }
)


def find_landscape(name: str) -> Landscape:
    """Return a built-in landscape.

    Raises:
        UnknownNameError: No such landscape.

    Example:
        >>> find_landscape("himmelblau").global_minima[0]
        (3, 2)
    """
    if name not in LANDSCAPES:
        raise UnknownNameError("landscape", name, LANDSCAPES)
    return LANDSCAPES[name]


def landscape_listing() -> list[dict[str, Any]]:
    """Return what is known of every landscape, one dictionary each, ready for JSON."""
    return [
        {
            "name": landscape.name,
            "title": landscape.title,
            "kind": landscape.kind,
            "formula": landscape.formula,
            "domain": list(landscape.domain),
            "start": list(landscape.start),
            "minima": [list(minimum) for minimum in landscape.minima],
            "source": landscape.source,
            "notes": landscape.notes,
        }
        for landscape in LANDSCAPES.values()
    ]
