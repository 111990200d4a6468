"""The winner of a study handed over: to Optax, to PyTorch."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from thalweg.errors import InvalidValueError
from thalweg.optimizers.base import Rule
from thalweg.schedules import Schedule, checked_factors
from thalweg.study.requests import whole
from thalweg.training.recipe import recipe_of

if TYPE_CHECKING:
    import optax
    import torch

__all__ = ["Best"]

RATE = "learning_rate"


@dataclass(frozen=True)
class Best:
    """The leading contender with its tuned settings.

    Attributes:
        contender: Label.
        rule: The optimizer, tuned.
        techniques: What else its runs were trained with, by name.
        steps: Updates of a run of the study, along which its schedules go.
    """

    contender: str
    rule: Rule
    techniques: Mapping[str, str] = field(default_factory=dict)
    steps: int = 0

    def optax(self, steps: int | None = None) -> "optax.GradientTransformationExtraArgs":
        """Return the optimizer as an Optax transformation, with its settings and its schedules.

        Args:
            steps: Updates of the run to come, along which the schedules go; as in the study by default.

        Returns:
            What :func:`thalweg.interop.optax.from_rule` makes of the rule; for an optimizer of Optax the transformation
            of Optax itself, made anew in each step where its constructor takes no schedule. Techniques are no part of
            it, and a warning names those that are left behind.

        Raises:
            InvalidValueError: The rule has no such form, or ``steps`` is not allowed.
        """
        from thalweg.interop.optax import from_rule, scheduled
        from thalweg.interop.optax_rules import OptaxRule
        from thalweg.interop.optax_schedules import with_schedules

        native = self.rule if isinstance(self.rule, OptaxRule) else None
        # Optax' own constructors take a schedule for the rate only.
        taken = {name: schedule for name, schedule in self._schedules().items() if name == RATE or native is None}
        self._warn_of(set(taken), "an Optax transformation", "")
        length = self._length(steps)
        values = {name: scheduled(float(getattr(self.rule, name)), one, length) for name, one in taken.items()}
        return from_rule(self.rule, **values) if native is None else with_schedules(native, values)

    def torch(self, params: Any) -> "torch.optim.Optimizer":
        """Return the optimizer as one of PyTorch, with its settings.

        Args:
            params: Parameters, named parameters, or groups of them, as for :class:`torch.optim.Optimizer`.

        Returns:
            What :func:`thalweg.interop.torch.make` makes of the rule. A schedule of the rate is not part of it:
            :meth:`torch_schedule` returns that. A warning names all that is left behind.

        Raises:
            InvalidValueError: The winner is an optimizer of Optax.
        """
        from thalweg.interop.torch import make

        if hasattr(self.rule, "transformation"):
            raise InvalidValueError(
                f"optimizer {self.contender!r} is one of Optax, which PyTorch cannot run; call best().optax(), or "
                "compare the optimizer of that name in the catalogue."
            )
        hint = "; torch_schedule(optimizer) returns its schedule" if RATE in self._schedules() else ""
        self._warn_of({RATE}, "a PyTorch optimizer", hint)
        return make(self.rule, params)

    def torch_schedule(self, optimizer: Any, steps: int | None = None) -> "torch.optim.lr_scheduler.LambdaLR":
        """Return the schedule of the learning rate for an optimizer of :meth:`torch`; constant if there is none.

        Args:
            optimizer: The optimizer; call ``step`` of the schedule after each of its steps.
            steps: Updates of the run to come, along which the schedule goes; as in the study by default.

        Raises:
            InvalidValueError: ``steps`` is not allowed.
        """
        from torch.optim.lr_scheduler import LambdaLR

        schedule = self._schedules().get(RATE)
        if schedule is None:
            return LambdaLR(optimizer, lambda _: 1.0)
        length = self._length(steps)
        factors = checked_factors(schedule, length, base=float(getattr(self.rule, RATE)), name=RATE)
        table = [*factors.tolist(), float(np.ravel(schedule.factor(np.array([length + 1]), length))[0])]
        return LambdaLR(optimizer, lambda count: table[min(count, length)])

    def _schedules(self) -> dict[str, Schedule]:
        """Return schedules by hyperparameter; one that follows the validation loss cannot be handed over."""
        found = recipe_of(self.techniques).schedules
        return {name: schedule for name, schedule in found.items() if not schedule.adaptive}

    def _length(self, steps: int | None) -> int:
        return whole("steps", self.steps if steps is None else steps, 1)

    def _warn_of(self, taken: set[str], what: str, hint: str) -> None:
        """Warn of the techniques that are left behind."""
        carried = {f"schedule.{name}" for name in taken & set(self._schedules())}
        left = [name for name in self.techniques if name not in carried and not name.startswith("source.")]
        if left or hint:
            names = f"{', '.join(left)} of {self.contender!r} {'is' if len(left) == 1 else 'are'} not part of {what}"
            alone = f"the schedule of {self.contender!r} is not part of {what}"
            warnings.warn(f"{names if left else alone}{hint}.", stacklevel=3)
