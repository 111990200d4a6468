"""The numbers of a rule within an Optax transformation: plain ones, functions of the step, and arrays from outside."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np

from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.optimizers import Rule, lift
from thalweg.schedules import Schedule

__all__ = ["Settings"]

DECAY = "weight_decay"


@dataclass(frozen=True, eq=False)
class Settings:
    """A rule, and where each of its numbers comes from.

    Attributes:
        rule: The rule with its plain numbers.
        schedules: Functions of the number of updates taken, by hyperparameter.
        arrays: 0-d arrays that were given from outside, by hyperparameter; they may be traced.
        off: Hyperparameters that are left out of the step and of the state.
    """

    rule: Rule
    schedules: Mapping[str, Callable[[Any], Any]]
    arrays: Mapping[str, Any]
    off: frozenset[str]

    @classmethod
    def of(cls, rule: Rule, values: Mapping[str, Any]) -> Self:
        """Return the settings of a rule, with some of its numbers replaced.

        Raises:
            UnknownNameError: No such hyperparameter.
            InvalidValueError: A value is not allowed.
        """
        plain, other = _parted(rule, values)
        rule = type(rule).configured(**{**rule.values(), **rule.structure(), **plain})
        schedules = {name: value for name, value in other.items() if callable(value)}
        arrays = {name: value for name, value in other.items() if name not in schedules}
        off = {DECAY} if rule.values().get(DECAY) == 0 and DECAY not in other and _can_be_off(rule) else ()
        return cls(rule, schedules, arrays, frozenset(off))

    def first(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the numbers of a first state, and the arrays from outside that it was made with."""
        # A Python number makes a weakly typed array, like any that is set later, so that setting one compiles nothing.
        own = {name: jnp.asarray(float(value)) for name, value in self._numbers().items()}
        own |= {name: jnp.asarray(value) for name, value in self.arrays.items()} | self._scheduled(0)
        return own, {_as_given(name): jnp.asarray(value) for name, value in self.arrays.items()}

    def following(self, state: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the numbers of the next step, and the arrays from outside that are known then.

        An array from outside counts where it is another than the state was last updated with, as in a transformation
        that is made anew in each step; where it is the same, what may have been set in the state counts.
        """
        own, given = dict(state.hyperparameters), dict(state.given)
        for name in own.keys() & self.arrays.keys():
            value, key = self.arrays[name], _as_given(name)
            if key in given:
                changed = value != given[key]
                own[name] = jnp.where(changed, value, own[name])
                given[key] = jnp.where(changed, value, given[key])
            else:
                own[name] = jnp.array(value)
        return {**own, **self._scheduled(state.count)}, given

    def bound(self, own: Mapping[str, Any]) -> Rule:
        """Return the rule with the numbers of a state.

        Raises:
            UnknownNameError: The state has a number that is none of the rule's.
            InvalidValueError: The state lacks a number, or has one that was left out.
        """
        numbers = self._numbers()
        if own.keys() != numbers.keys():
            _refuse(self.rule, own, numbers)
        return self.rule.with_values({**own, **dict.fromkeys(self.off, lift.OFF)})

    def _numbers(self) -> dict[str, Any]:
        return {name: value for name, value in self.rule.values().items() if name not in self.off}

    def _scheduled(self, count: Any) -> dict[str, Any]:
        return {name: _number(schedule(jnp.asarray(count, jnp.int32))) for name, schedule in self.schedules.items()}


def _as_given(name: str) -> str:
    """Return another name than the hyperparameter's, which Optax' tools find in the state but once."""
    return f"{name} as given"


def _parted(rule: Rule, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return settings that are plain values, and those that are arrays or schedules."""
    known = {*rule.hyperparameters(), *rule.structure()}
    plain, other = {}, {}
    for name, value in values.items():
        if name not in known:
            raise UnknownNameError(f"hyperparameter of {rule.name}", name, known)
        if isinstance(value, Schedule):
            raise InvalidValueError(
                f"{rule.name}: {name} = {value!r} is a factor, and neither the value that it multiplies nor the "
                f"length of the run is known; give scheduled(value, {value.name!r}, steps=…)."
            )
        is_number = name in rule.hyperparameters()
        if is_number and (isinstance(value, jax.Array) or callable(value)):
            other[name] = value
        else:
            plain[name] = float(value) if is_number and isinstance(value, np.number) else value
    return plain, other


def _can_be_off(rule: Rule) -> bool:
    """Return whether the rule only multiplies by its weight decay, and adds and subtracts what comes of it."""
    x = [np.ones((2, 2)), np.ones(2)]
    given = {name: np.ones(()) if name == "loss" else x for name in rule.needs}
    switched = rule.with_values({DECAY: lift.OFF})
    try:
        state = lift.init_state(switched, x)
        lift.update(switched, x, lift.lookahead(switched, x, state), state, 1, **given)
    except (TypeError, AttributeError, ValueError):
        return False
    return True


def _refuse(rule: Rule, own: Mapping[str, Any], numbers: Mapping[str, Any]) -> None:
    """Raise for a state whose hyperparameters are not those of the rule."""
    for name in sorted(own.keys() - numbers.keys()):
        if name == DECAY:
            raise InvalidValueError(
                f"{rule.name}: {DECAY} was 0 when the transformation was made, so its step has none; make it with "
                f"{DECAY}=jnp.zeros(()) to set it later."
            )
        raise UnknownNameError(f"hyperparameter of {rule.name}", name, numbers)
    lacking = ", ".join(sorted(numbers.keys() - own.keys()))
    raise InvalidValueError(f"{rule.name}: the state lacks {lacking}; give one that this transformation made.")


def _number(value: Any) -> Any:
    """Return a schedule's value as a strongly typed 0-d array, so that the first state has the type of all others."""
    dtype = jnp.result_type(float)
    return jnp.asarray(value, dtype).astype(dtype).reshape(())
