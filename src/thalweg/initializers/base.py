"""What an initializer is: a frozen dataclass of settings and one function that draws an array of weights."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from thalweg.settings import Configurable

__all__ = ["Initializer"]


@dataclass(frozen=True)
class Initializer(Configurable):
    """A law by which the weights of one array are drawn.

    A subclass is a frozen dataclass that declares its fields with :func:`thalweg.settings.hyperparameter` and
    :func:`thalweg.settings.variant`, gives ``name`` and ``formula``, and implements :meth:`draw`. It is final.

    Class attributes:
        name: Its name on the command line.
        title: Its name for people.
        formula: The law, one line each; m is the number of inputs of a unit (fan-in), n the number of units that
            an input reaches (fan-out), σ a standard deviation.
        sources: Papers, each with the equation number.
        differences: Where the world's versions differ, one sentence each.

    Raises:
        InvalidValueError: A setting is outside its range.
    """

    formula: ClassVar[tuple[str, ...]]
    title: ClassVar[str] = ""
    sources: ClassVar[tuple[str, ...]] = ()
    differences: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int) -> np.ndarray:
        """Return the weights of one array, float32.

        Args:
            rng: Source of randomness, this array's own.
            shape: Shape of the array, two or more axes, outputs last; no axis is empty.
            fan_in: Number of inputs of a unit, m ≥ 1.
            fan_out: Number of units that an input reaches, n ≥ 1.

        Raises:
            InvalidValueError: An array of this shape cannot be drawn.
        """
