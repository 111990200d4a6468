"""From what a user calls an optimizer to its rule."""

from thalweg.errors import InvalidValueError
from thalweg.optimizers.base import Rule
from thalweg.optimizers.user_rules import resolve_optimizer
from thalweg.records import Contender, OptimizerSpec

__all__ = ["make_rule", "prototype", "resolve"]


def resolve(references: list[str | type[Rule] | Rule]) -> list[tuple[str, type[Rule], str, str]]:
    """Return ``(reference, class, preset, source)`` for names, files and rule classes.

    Raises:
        UnknownNameError: No such optimizer or preset.
        UserFileError: The user's file is missing, raises, or holds no rule.
        InvalidValueError: No optimizer was given.
    """
    if not references:
        raise InvalidValueError("optimizers is empty; name at least one, e.g. sgd,adam.")
    return [_resolve_one(reference) for reference in references]


def _resolve_one(reference: str | type[Rule] | Rule) -> tuple[str, type[Rule], str, str]:
    if isinstance(reference, type) and issubclass(reference, Rule):
        return reference.name, reference, "", ""
    if not isinstance(reference, str):
        raise InvalidValueError(
            f"optimizer {reference!r} is not allowed; give a name such as 'adam', 'adam@torch', "
            "'./my_rule.py:MyRule', or a Rule class."
        )
    found = resolve_optimizer(reference)
    return reference, found.rule_class, found.preset, found.source


def make_rule(rule_class: type[Rule], spec: OptimizerSpec) -> Rule:
    """Return the rule that a run's record describes."""
    return rule_class(**{**spec.structure, **{k: float(v) for k, v in spec.hyperparameters.items()}})


def prototype(rule_class: type[Rule], contender: Contender) -> Rule:
    """Return a contender's rule with its default values."""
    return rule_class(**{**contender.structure, **contender.defaults})
