"""What a technique is: the settings of something done to gradients, weights, the objective or the order of examples."""

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from thalweg.settings import Configurable

__all__ = ["ActsOn", "Technique"]

ActsOn: TypeAlias = Literal["gradient", "weights", "state", "model", "objective", "order", "length"]


@dataclass(frozen=True)
class Technique(Configurable):
    """Settings of a technique; what it does is a pure function beside it.

    A subclass is a frozen dataclass that declares its fields with :func:`thalweg.settings.hyperparameter` and
    :func:`thalweg.settings.variant`. Its first field is what a value without a name sets.

    Class attributes:
        name: Its name on the command line.
        title: Its name for people.
        acts_on: What is changed: the gradient, the weights, the optimizer's state, the model, the objective, the order
            of the examples, or the length of the run.
        formula: What is done, line by line, in the symbols of the settings' meanings; x weights, g gradient, L loss,
            η learning rate, t the number of the update, T that of the last one.
        sources: Papers and books, each with equation, algorithm or section.
        differences: Where the world's versions differ, one sentence each.
        example: How it is written in a list of techniques, if not ``name:value``.
        misleads_searches: Whether it misleads a line search, by another gradient than the loss's, another point than
            the search chose, or another function from step to step.

    Raises:
        InvalidValueError: A setting is outside its range or a variant is no choice.
    """

    title: ClassVar[str]
    acts_on: ClassVar[ActsOn]
    formula: ClassVar[tuple[str, ...]]
    sources: ClassVar[tuple[str, ...]]
    differences: ClassVar[tuple[str, ...]] = ()
    example: ClassVar[str] = ""
    misleads_searches: ClassVar[bool] = False
