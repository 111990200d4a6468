"""From what a user calls an optimizer to its rule."""

import dataclasses
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from thalweg.errors import InvalidValueError, UnknownNameError, UserFileError
from thalweg.optimizers import lift
from thalweg.optimizers.base import Rule
from thalweg.optimizers.catalogue import OPTIMIZERS
from thalweg.optimizers.user_rules import ResolvedRule, check_rule, resolve_optimizer
from thalweg.records import Contender, OptimizerSpec
from thalweg.study.requests import listed, shown
from thalweg.user_files import is_file_reference

__all__ = [
    "check_compiles",
    "configured",
    "find_rule",
    "is_found_by_name",
    "make_rule",
    "prototype",
    "resolve",
]

OPTAX = "optax:"  # what the names of Optax' optimizers begin with


def resolve(references: Any, words: Iterable[str] = ()) -> list[tuple[str, type[Rule], str, str]]:
    """Return ``(reference, class, preset, source)`` for names, files, rule classes and functions of Optax' kind.

    Args:
        references: What a user gave.
        words: What could have been said in place of a name, for the sentence about a name that is not known.

    Raises:
        UnknownNameError: No such optimizer or preset.
        UserFileError: The user's file is missing, raises, or holds no rule.
        InvalidValueError: No optimizer was given.
    """
    try:
        return [_resolve_one(reference) for reference in listed("optimizers", references, "['sgd', 'adam']")]
    except UnknownNameError as error:
        if error.argument != "optimizer":
            raise
        raise UnknownNameError("optimizer", error.name, [*error.allowed, *words]) from error


def _resolve_one(reference: Any) -> tuple[str, type[Rule], str, str]:
    if isinstance(reference, type) and issubclass(reference, Rule):
        return _resolve_class(reference)
    if isinstance(reference, str):
        found = find_rule(reference)
        return reference.strip(), found.rule_class, found.preset, found.source
    if isinstance(reference, type | Rule) or not (callable(reference) or hasattr(reference, "update")):
        raise InvalidValueError(
            f"optimizer {shown(reference)} is not allowed; give a name such as 'adam', 'adam@torch', 'optax:lion', "
            "'./my_rule.py:MyRule', a Rule class, or a function that makes an Optax transformation."
        )
    from thalweg.interop.optax_rules import rule_from, source_of

    made = rule_from(reference)
    return made.name, made, "", source_of(made)


def find_rule(reference: str) -> ResolvedRule:
    """Return the rule that a reference means: one of the catalogue, of a file, or of Optax (``optax:lion``).

    Raises:
        UnknownNameError: No such optimizer or preset; the nearest is offered.
        UserFileError: The user's file cannot be used, with the reason.
        InvalidValueError: Optax is not installed, or its optimizer cannot take part.
    """
    name = reference.strip()
    if not name.startswith(OPTAX):
        return resolve_optimizer(name)
    from thalweg.interop.optax_rules import rule_named, source_of

    name, at, preset = name.partition("@")
    made = rule_named(name)
    if at:
        raise UnknownNameError(f"preset of {name}", preset, [])
    return ResolvedRule(made, name, "", source_of(made))


def is_found_by_name(reference: str) -> bool:
    """Return whether an optimizer that is not of the catalogue can be found again by what it was called."""
    return is_file_reference(reference) or reference.startswith(OPTAX)


def _resolve_class(rule_class: type[Rule]) -> tuple[str, type[Rule], str, str]:
    """Return a class's place; one made in a running program is told apart by its code, as a file is by its text."""
    if OPTIMIZERS.get(getattr(rule_class, "name", "")) is rule_class:
        return rule_class.name, rule_class, "", ""
    from thalweg.tasks.definition import class_digest

    check_rule(rule_class)
    return rule_class.name, rule_class, "", class_digest(rule_class)


def check_compiles(rules: Iterable[tuple[str, Rule]], leaves: tuple[Any, ...]) -> None:
    """Refuse a rule of the user's that JAX cannot compile, before anything is planned.

    Args:
        rules: Rules by what they are called.
        leaves: Shapes and dtypes of the task's parameters.

    Raises:
        UserFileError: Its methods raise when traced, or change shapes or dtypes of parameters or state.
    """
    import jax

    def step(rule: Rule, values: dict[str, Any], x: Any, t: Any) -> tuple[Any, Any, Any]:
        bound = rule.with_values(values)
        state = lift.init_state(bound, x)
        look = lift.lookahead(bound, x, state)
        lift.second_points(bound, x, look, state)
        lift.directions(bound, x, look, state)
        bound.asks(t)
        new, after = lift.update(bound, x, look, state, t, **{name: t if name == "loss" else x for name in rule.needs})
        return (state, after), lift.answer(bound, new, after), new

    number = jax.ShapeDtypeStruct((), "float32")
    for name, rule in rules:
        values = dict.fromkeys(rule.hyperparameters(), number)
        try:
            (before, after), answer, new = jax.eval_shape(partial(step, rule), values, leaves, number)
        except Exception as error:
            reason = next(iter(str(error).strip().splitlines()), "").rstrip(".:")
            raise UserFileError(
                f"optimizer {name!r} raises {type(error).__name__} when JAX compiles it ({reason}); use the methods "
                "of its arrays' own namespace (thalweg.arrays.namespace), and no if on an array's value."
            ) from error
        for what, old, changed in (("state", before, after), ("parameters", leaves, new), ("answer", leaves, answer)):
            if jax.tree.map(_form, old) != jax.tree.map(_form, changed):
                raise UserFileError(
                    f"optimizer {name!r} changes shape or dtype of its {what} from step to step; keep those of init."
                )


def _form(array: Any) -> tuple[Any, Any]:
    return array.shape, array.dtype


def configured(rule_class: type[Rule], preset: str, settings: Mapping[str, Any]) -> Rule:
    """Return a rule with a preset, if it is not empty, and settings.

    Raises:
        UnknownNameError: No such hyperparameter or variant.
        InvalidValueError: A value is not allowed.
    """
    known = {f.name for f in dataclasses.fields(rule_class)}
    for name in settings:
        if name not in known:
            raise UnknownNameError(f"hyperparameter of {rule_class.name}", name, known)
    return rule_class.preset(preset, **settings) if preset else rule_class.configured(**settings)


def make_rule(rule_class: type[Rule], spec: OptimizerSpec) -> Rule:
    """Return the rule that a run's record describes."""
    return rule_class(**{**spec.structure, **{k: float(v) for k, v in spec.hyperparameters.items()}})


def prototype(rule_class: type[Rule], contender: Contender) -> Rule:
    """Return a contender's rule with its default values."""
    return rule_class(**{**contender.structure, **contender.defaults})
