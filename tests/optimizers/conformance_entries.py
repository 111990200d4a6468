"""What an entry of the conformance tables is, and the names that libraries give the commonest hyperparameters."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from conformance_libraries import Library

__all__ = [
    "ADAM_UNUSUAL",
    "KERAS_ADAM",
    "KERAS_DECAY",
    "OPTAX_ADAM",
    "RATE",
    "TORCH_ADAM",
    "TORCH_SGD",
    "Reference",
    "RuleTable",
    "own",
]


@dataclass(frozen=True)
class Reference:
    """One independent implementation of a rule under a preset.

    Attributes:
        preset: The preset it answers to; empty for the rule's own defaults.
        library: The library's constructor, or None for the oracle.
        ours: Settings always given to our rule.
        theirs: Settings always given to the oracle (a library has its own ``fixed``).
        oracle: An oracle other than the rule's own.
        unused: Hyperparameters that have no effect here, and so are not set.
        tolerance: Largest difference allowed, for a library that rounds on the way.
        unlike: Scenarios left out, by name, because the library is known to fail or differ there; the entry says how.
    """

    preset: str
    library: Library | None = None
    ours: Mapping[str, Any] = field(default_factory=dict)
    theirs: Mapping[str, Any] = field(default_factory=dict)
    oracle: Callable[..., Any] | None = None
    unused: tuple[str, ...] = ()
    tolerance: float = 1e-12
    unlike: tuple[str, ...] = ()

    def label(self) -> str:
        """Return a short name for test ids."""
        what = f"{self.library.package}.{self.library.constructor}" if self.library else "oracle"
        extra = "+".join(f"{k}={v}" for k, v in {**self.ours, **(self.library.fixed if self.library else {})}.items())
        return f"{self.preset or 'defaults'}-{what}" + (f"[{extra}]" if extra else "")


@dataclass(frozen=True)
class RuleTable:
    """How one rule is tested.

    Attributes:
        oracle: Its literal form in :mod:`oracles`.
        unusual: A value for every hyperparameter, away from every default and exact in float32.
        references: Independent implementations by preset.
        arrays_kept: State arrays of the parameter's size, by preset; ``""`` for all presets not named.
        elementwise: Whether each number is updated by itself.
        also: Further settings held against the oracle on every scenario.
        without: Hyperparameters to leave out under a given choice of a variant: (variant, choice) → names.
        together: How many variants depart from their defaults at once, at most, when combinations are tried.
    """

    oracle: Callable[..., Any]
    unusual: Mapping[str, float]
    references: tuple[Reference, ...]
    arrays_kept: Mapping[str, int]
    elementwise: bool = True
    also: tuple[Mapping[str, Any], ...] = ()
    without: Mapping[tuple[str, Any], tuple[str, ...]] = field(default_factory=dict)
    together: int = 99


def own(preset: str = "", unused: tuple[str, ...] = (), **theirs: Any) -> Reference:
    """Return the rule's own oracle as the reference of a preset, with what differs there."""
    return Reference(preset, theirs=theirs, unused=unused)


RATE = {"learning_rate": "learning_rate"}
KERAS_DECAY = {"weight_decay": "weight_decay"}
TORCH_SGD = {"learning_rate": "lr", "weight_decay": "weight_decay"}
TORCH_ADAM = {
    "learning_rate": "lr",
    "beta1": ("betas", 0),
    "beta2": ("betas", 1),
    "epsilon": "eps",
    "weight_decay": "weight_decay",
}
OPTAX_ADAM = {**RATE, "beta1": "b1", "beta2": "b2", "epsilon": "eps"}
KERAS_ADAM = {**RATE, "beta1": "beta_1", "beta2": "beta_2", "epsilon": "epsilon"}
ADAM_UNUSUAL = {"learning_rate": 0.25, "beta1": 0.625, "beta2": 0.75, "epsilon": 2.0**-6, "weight_decay": 0.125}
