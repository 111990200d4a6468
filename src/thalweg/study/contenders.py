"""Who takes part in a study: entries of a comparison made from rules."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from thalweg.errors import InvalidValueError
from thalweg.optimizers import Rule
from thalweg.records import Contender, Dimension
from thalweg.study.space import check_space

__all__ = ["LEARNING_RATE", "Tune", "contenders_for"]

LEARNING_RATE = "learning_rate"

Tune: TypeAlias = Literal["all", "learning-rate", "both"]


def contenders_for(
    rules: Sequence[tuple[str, type[Rule], str, str]],
    tune: Tune = "all",
    recipes: Sequence[tuple[str, Mapping[str, str]]] = (("", {}),),
) -> tuple[Contender, ...]:
    """Return the entries of a comparison.

    Args:
        rules: Per rule what the user wrote (``adam``, ``adam@torch``, ``./my_rule.py:MyRule``), the
            rule's class, the preset's name or an empty string, and the fingerprint of the
            source of a user's own rule, empty for a built-in one.
        tune: ``all`` searches every hyperparameter that has a range, ``learning-rate`` only the
            learning rate; ``both`` makes two entries of each rule that has more to tune.
        recipes: Techniques with which every entry takes part, each with what is added to its label.

    Returns:
        The entries in the order given. A built-in rule is labelled as it was written, a user's
        rule by its own name.

    Raises:
        InvalidValueError: ``tune`` is no choice, two entries have the same label, or a range
            cannot be sampled.
        UnknownNameError: A rule has no such preset.

    Example:
        >>> from thalweg.optimizers import Adam
        >>> [c.label for c in contenders_for([("adam@keras", Adam, "keras", "")], tune="both")]
        ['adam@keras', 'adam@keras (learning rate only)']
    """
    if tune not in ("all", "learning-rate", "both"):
        raise InvalidValueError(f"tune = {tune!r} is not allowed; give one of all, learning-rate, both.")
    made: dict[str, Contender] = {}
    for reference, rule_class, preset, source in rules:
        entries = _entries(reference, rule_class, preset, source, tune)
        for contender in (_with(entry, *recipe) for recipe in recipes for entry in entries):
            if contender.label in made:
                raise InvalidValueError(
                    f"optimizers: {contender.label!r} is given twice; name each entry once, "
                    "or give a rule of your own another name."
                )
            made[contender.label] = contender
    return tuple(made.values())


def _with(entry: Contender, label: str, techniques: Mapping[str, str]) -> Contender:
    """Return an entry with techniques."""
    return replace(entry, label=f"{entry.label} + {label}" if label else entry.label, techniques=dict(techniques))


def _entries(
    reference: str, rule_class: type[Rule], preset: str, source: str, tune: Tune
) -> tuple[Contender] | tuple[Contender, Contender]:
    """Return the one or two entries of a rule."""
    everything = _contender(reference, rule_class, preset, source, learning_rate_only=False)
    rate_only = _contender(reference, rule_class, preset, source, learning_rate_only=True)
    if tune == "all":
        return (everything,)
    if tune == "learning-rate":
        return (rate_only,)
    if everything.space == rate_only.space:
        return (everything,)
    return everything, replace(rate_only, label=f"{rate_only.label} (learning rate only)")


def _contender(
    reference: str, rule_class: type[Rule], preset: str, source: str, *, learning_rate_only: bool
) -> Contender:
    """Return one entry."""
    rule = rule_class.preset(preset) if preset else rule_class()
    suffix = f"@{preset}" if preset else ""
    optimizer = reference.removesuffix(suffix) if suffix else reference
    label = rule_class.name + suffix if source else reference
    space = _space(rule_class, learning_rate_only)
    check_space(space, label)
    return Contender(
        label=label,
        optimizer=optimizer,
        preset=preset,
        tuned="learning-rate" if learning_rate_only else "all",
        space=space,
        defaults={name: float(value) for name, value in rule.values().items()},
        structure=rule.structure(),
        source=source,
        special_cases=_special_cases(rule, space),
    )


def _space(rule_class: type[Rule], learning_rate_only: bool) -> tuple[Dimension, ...]:
    """Return the searched dimensions, the learning rate first, then as declared."""
    dimensions = [
        Dimension(name, float(what.search[0]), float(what.search[1]), what.scale)
        for name, what in rule_class.hyperparameters().items()
        if what.search is not None and (name == LEARNING_RATE or not learning_rate_only)
    ]
    return tuple(sorted(dimensions, key=lambda d: d.name != LEARNING_RATE))


def _special_cases(rule: Rule, space: Sequence[Dimension]) -> tuple[str, ...]:
    """Return the rules that this entry can become within what it leaves open.

    A special case counts if its variants are this entry's, and each number it asks for is
    searched or is already the default: Adam with nothing but the learning rate tuned need
    not be as good as RMSProp.
    """
    searched = {d.name for d in space}
    own = {**rule.values(), **rule.structure()}

    def contained(settings: dict[str, object]) -> bool:
        return all(name in searched or own.get(name) == value for name, value in settings.items())

    return tuple(dict.fromkeys(name for name, settings in type(rule).special_cases if contained(dict(settings))))
