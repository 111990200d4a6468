"""Every initializer by its name on the command line, and all that is known of each as plain data."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from thalweg.initializers.base import Initializer
from thalweg.initializers.biases import BIASES, BiasStrategy
from thalweg.initializers.constant import Constant, Zero
from thalweg.initializers.gaussian import Gaussian
from thalweg.initializers.glorot import Glorot
from thalweg.initializers.he import He
from thalweg.initializers.lecun import LeCun
from thalweg.initializers.orthogonal import Orthogonal
from thalweg.initializers.sparse import Sparse
from thalweg.initializers.truncated import Truncated
from thalweg.initializers.uniform import Uniform

__all__ = ["INITIALIZERS", "initializer_listing"]

INITIALIZERS: Mapping[str, type[Initializer]] = MappingProxyType(
    {kind.name: kind for kind in (Gaussian, Uniform, Truncated, Glorot, He, LeCun, Orthogonal, Sparse, Zero, Constant)}
)


def initializer_listing() -> list[dict[str, Any]]:
    """Return what is known of every initializer and bias strategy, one dictionary each, ready for JSON.

    Example:
        >>> [entry["name"] for entry in initializer_listing() if entry["kind"] == "biases"]
        ['zero', 'constant', 'marginal', 'open-gates']
    """
    weights = [_entry("weights", kind) for kind in INITIALIZERS.values()]
    return weights + [_entry("biases", kind) for kind in BIASES.values()]


def _entry(which: str, kind: type[Initializer] | type[BiasStrategy]) -> dict[str, Any]:
    made = kind()
    ranges = {name: what.range_text() for name, what in kind.hyperparameters().items()}
    choices = {name: list(what.choices) for name, what in kind.variants().items()}
    meanings = {
        name: what.meaning for table in (kind.hyperparameters(), kind.variants()) for name, what in table.items()
    }
    return {
        "name": kind.name,
        "title": kind.title,
        "kind": which,
        "summary": (kind.__doc__ or "").split("\n")[0],
        "formula": list(kind.formula),
        "settings": [
            {
                "name": name,
                "default": value,
                "allowed": ranges[name] if name in ranges else choices[name],
                "meaning": meanings[name],
            }
            for name, value in {**made.values(), **made.structure()}.items()
        ],
        "sources": list(kind.sources),
        "differences": list(kind.differences),
    }
