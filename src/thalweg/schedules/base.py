"""What a schedule is: the factor that multiplies a hyperparameter's own value at each update of a run.

Counting is the same everywhere: ``step`` is the number of the update about to be taken, 1 for the first and ``total``
for the last one of the run. ``step - 1`` updates lie behind it, which is what PyTorch and Optax count.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import ArrayLike

from thalweg.errors import InvalidValueError
from thalweg.settings import Configurable, variant

__all__ = ["Schedule", "unit"]


def unit(default: str = "run") -> Any:
    """Declare what the schedule's lengths are measured in."""
    return variant(
        default,
        choices=("run", "update"),
        meaning="lengths are shares of the run, rounded to whole updates, or numbers of updates",
    )


@dataclass(frozen=True)
class Schedule(Configurable):
    """The factor that multiplies a hyperparameter's own value, as a function of the update.

    Class attributes:
        name: Name on the command line.
        title: Name for people.
        formula: f(n) line by line; n is ``step``, N is ``total``, t = n − 1 the updates behind.
        borders: What holds at the first update, at the last one and after the end.
        sources: Papers with equation or section.
        differences: Where PyTorch, Optax, Keras or the seed texts define it differently.
        lengths: Names of the settings that are lengths; they are read in the schedule's ``unit``.

    Raises:
        InvalidValueError: A setting is not allowed, or a length is no share of the run (``unit`` = ``run``) or no whole
            number of updates (``unit`` = ``update``).
    """

    title: ClassVar[str] = ""
    formula: ClassVar[tuple[str, ...]] = ()
    borders: ClassVar[tuple[str, ...]] = ()
    sources: ClassVar[tuple[str, ...]] = ()
    differences: ClassVar[tuple[str, ...]] = ()
    lengths: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.used_lengths():
            given = getattr(self, name)
            for value in given if isinstance(given, tuple) else (given,):
                self._check_length(name, value)

    @property
    def adaptive(self) -> bool:
        """Whether the factor depends on the losses met, so that no table of it can be made ahead."""
        return False

    def used_lengths(self) -> tuple[str, ...]:
        """Return the names of those lengths that matter beside the other settings."""
        return self.lengths

    @abstractmethod
    def factor(self, step: ArrayLike, total: int) -> Any:
        """Return the factor at each update asked for.

        Args:
            step: Numbers of updates, whole, 1 for the first; any shape; may lie beyond ``total``.
            total: Updates of the whole run, 1 or more.

        Returns:
            float64 of the shape of ``step``; finite and not negative.

        Raises:
            InvalidValueError: The lengths, given as numbers of updates, do not fit into the run.
        """

    def updates(self, name: str, total: int) -> int:
        """Return a length in updates; a share of the run is rounded to the nearest, halves up."""
        return self.as_updates(getattr(self, name), total)

    def as_updates(self, length: float, total: int) -> int:
        """Return a length given in the schedule's unit as a number of updates."""
        return int(length) if self.structure().get("unit") == "update" else math.floor(length * total + 0.5)

    def check_fit(self, names: tuple[str, str], total: int | None = None) -> None:
        """Refuse two lengths that together are longer than the run.

        Args:
            names: The two settings.
            total: Updates of the run; None if it is not known yet: then only shares can be judged.

        Raises:
            InvalidValueError: They are longer than the run.
        """
        in_updates = self.structure().get("unit") == "update"
        whole = total if in_updates else 1
        both = sum(getattr(self, name) for name in names)
        if whole is None or both <= whole * (1 + 1e-12):
            return
        run = f"the run's {whole:,} updates" if in_updates else "the whole run"
        first, second = names
        raise InvalidValueError(
            f"{self.name}: {first} = {getattr(self, first):g} and {second} = {getattr(self, second):g} together are "
            f"more than {run}; give less of one."
        )

    def _check_length(self, name: str, value: float) -> None:
        in_updates = self.structure().get("unit") == "update"
        if in_updates and value != int(value):
            raise InvalidValueError(
                f"{self.name}: {name} = {value:g} is no whole number of updates; give one, or a share of the run with "
                "unit=run."
            )
        if not in_updates and value > 1:
            raise InvalidValueError(
                f"{self.name}: {name} = {value:g} is no share of the run; give a number in [0, 1], or a number of "
                "updates with unit=update."
            )
