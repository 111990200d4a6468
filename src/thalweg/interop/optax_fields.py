"""Which ranges the arguments of Optax' constructors have, and where they are searched."""

import math
from typing import Any

from thalweg.optimizers import hyperparameter, variant

__all__ = ["number_field", "whole_field"]

# Range searched and its scale, as for the same quantities in our own rules; all lie within [0, 1).
SEARCHED_DECAYS = {
    "b1": (0.5, 0.99),
    "betas1": (0.5, 0.99),
    "b2": (0.9, 0.9999),
    "betas2": (0.9, 0.9999),
    "momentum": (0.5, 0.995),
    "decay": (0.8, 0.999),
    "rho": (0.8, 0.995),
    "beta": (0.5, 0.995),
}
KEPT_DECAYS = ("b3", "decay_rate", "adam_b1", "adam_b2")
WHOLE = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 32, 50, 64, 100, 128, 200, 256, 500, 512, 1000, 1024)


def number_field(name: str, default: float, origin: str) -> Any:
    """Return the field of a traced number; it is searched if it is well known and its default lies within the range.

    Args:
        name: The argument's name; a number of a tuple has its place added, from 1.
        default: Its default.
        origin: What it is an argument of, for people.
    """
    meaning = f"{name} of {origin}"
    if name == "learning_rate":
        least, most = 1e-5, 1e0
        search = (least if default > least else default / 10, most if default < most else default * 10)
        return hyperparameter(float(default), meaning=meaning, search=search if default > 0 else None)
    if name in SEARCHED_DECAYS or name in KEPT_DECAYS:
        low, high = SEARCHED_DECAYS.get(name, (1.0, 0.0))
        search = (low, high) if low < default < high else None
        if not 0 <= default < 1:
            return hyperparameter(
                float(default), meaning=meaning, low=0.0 if name.endswith("weight_decay") else -math.inf
            )
        return hyperparameter(
            float(default), meaning=meaning, high=1.0, high_open=True, search=search, scale="complement"
        )
    if name == "eps":
        search = (1e-10, 1e-2) if 1e-10 < default < 1e-2 else None
        return hyperparameter(float(default), meaning=meaning, search=search)
    if name == "weight_decay" and default > 0:
        return hyperparameter(float(default), meaning=meaning, search=(5e-6, 5e-1) if 5e-6 < default < 5e-1 else None)
    return hyperparameter(float(default), meaning=meaning, low=0.0 if name.endswith("weight_decay") else -math.inf)


def whole_field(default: float, meaning: str) -> Any:
    """Return the field of a number that must be known when a step is compiled: usual whole numbers and its default."""
    choices = sorted({*WHOLE, default}) if isinstance(default, int) else (default,)
    return variant(default, choices=tuple(choices), meaning=meaning)
