"""From what a user calls a technique to what a run's record keeps of it."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.initializers import parse_bias, resolve_initializer
from thalweg.optimizers.base import Rule
from thalweg.optimizers.compressible import check_compressible
from thalweg.schedules import Schedule, checked_factors, parse_schedule, schedule_notation, schedule_source
from thalweg.settings import Configurable, as_notation
from thalweg.study.requests import shown
from thalweg.study.workbench import ReadyTask
from thalweg.study.workbench import Schedule as Lengths
from thalweg.techniques import SAMPLINGS, TECHNIQUES, misleads_searches, parse_technique
from thalweg.training.inputs import check_inputs
from thalweg.training.recipe import AVERAGES, Recipe, recipe_of

__all__ = ["Items", "alternatives", "check_recipe", "model_options", "techniques_from"]

KEYS = ("schedule", "initializer", "bias", "start", "sampling", "growth", "model.<option>")
Items = Mapping[str, Any] | Iterable[Any]


def techniques_from(items: Items | None) -> dict[str, str]:
    """Return techniques as a run's record keeps them.

    Args:
        items: Notations (``"clip-norm:1"``, ``"schedule=cosine"``, ``"schedule.momentum=linear"``,
            ``"initializer=he"``, ``"model.activation=tanh"``), techniques as objects, or a mapping such as
            ``{"schedule": "cosine", "clip-norm": 1.0}``; ``none`` goes without.

    Raises:
        UnknownNameError: No such technique, schedule, initializer or setting.
        InvalidValueError: A value is not allowed, or something is given twice.
    """
    if items is None:
        return {}
    pairs = items.items() if isinstance(items, Mapping) else (_parted(item) for item in _each(items))
    found: dict[str, str] = {}
    for key, value in pairs:
        if _is_none(value) and not str(key).startswith("model."):
            continue
        for name, text in _read(str(key), value).items():
            if name in found:
                raise InvalidValueError(f"techniques: {name} is given twice; give it once.")
            found[name] = text
    averages = sorted(set(AVERAGES) & set(found))
    if len(averages) > 1:
        raise InvalidValueError(f"techniques: {' and '.join(averages)} both average the weights; give one of them.")
    return found


def alternatives(vary: Sequence[Any] | None) -> list[dict[str, str]]:
    """Return every combination of what is varied; one empty combination if nothing is.

    Args:
        vary: Lists of alternatives, each a notation, or ``none`` for going without.

    Example:
        >>> alternatives([["none", "clip-norm:1"]])
        [{}, {'clip-norm': 'clip-norm'}]
    """
    if vary is None:
        return [{}]
    if isinstance(vary, str) or not isinstance(vary, Sequence):
        raise InvalidValueError(f"vary = {shown(vary)} is not allowed; give a list, e.g. ['none', 'clip-norm:1'].")
    lists = [vary] if vary and all(not isinstance(one, list | tuple) for one in vary) else list(vary)
    choices = [[{} if _is_none(item) else techniques_from([item]) for item in _each(one)] for one in lists]
    combined = []
    for combination in itertools.product(*choices):
        merged: dict[str, str] = {}
        for part in combination:
            merged.update(part)
        if merged not in combined:
            combined.append(merged)
    return combined


def model_options(techniques: Mapping[str, str]) -> dict[str, str]:
    """Return the choices of the model's structure among techniques, by option."""
    return {key.removeprefix("model."): text for key, text in techniques.items() if key.startswith("model.")}


def check_recipe(techniques: Mapping[str, str], rules: Iterable[Rule], ready: ReadyTask, lengths: Lengths) -> Recipe:
    """Refuse techniques that do not suit the optimizers, the task or the length of the runs.

    Raises:
        UnknownNameError: A schedule is for a hyperparameter that an optimizer has not.
        InvalidValueError: A schedule leaves its hyperparameter's range, a technique misleads an optimizer's line
            search, or the task cannot do what is asked.
    """
    recipe = recipe_of(techniques)
    task = ready.variant(model_options(techniques)).task
    heeded = {"dropout": "dropout", "label-smoothing": "label_smoothing", "diffusion": "diffusion"}
    for technique, field in heeded.items():
        if technique in recipe.named and field not in task.techniques:
            raise InvalidValueError(
                f"{technique}: task {task.name!r} has no training loss that heeds it; leave it out, or "
                "choose another task."
            )
    for rule in rules:
        check_rule(techniques, rule, ready, lengths)
    if lengths.batch_size >= ready.examples and (recipe.grouped or any(recipe.order[1:])):
        raise InvalidValueError(
            f"techniques: every step already uses all {ready.examples} training examples, so there is no batch to grow "
            "or to order; give a smaller batch size."
        )
    return recipe


def check_rule(techniques: Mapping[str, str], rule: Rule, ready: ReadyTask, lengths: Lengths) -> None:
    """Refuse techniques that do not suit an optimizer.

    Raises:
        UnknownNameError: A schedule is for a hyperparameter that it has not.
        InvalidValueError: A schedule leaves its hyperparameter's range, a technique misleads its line search or does
            not go with what it asks for, or it keeps nothing that could be stored with fewer bits.
    """
    recipe, task = recipe_of(techniques), ready.task
    check_inputs(rule, where=f"task {task.name!r}", sampled=task.sampled_loss is not None, grouped=recipe.grouped)
    _check_schedules(recipe, rule, lengths.steps)
    _check_searches(recipe, rule)
    if "state" in recipe.named:
        check_compressible(rule, f"technique {techniques['state']}")


def _check_schedules(recipe: Recipe, rule: Rule, steps: int) -> None:
    known = rule.hyperparameters()
    asked = [*recipe.schedules, *(["learning_rate"] if recipe.plateau else [])]
    for name in asked:
        if name not in known:
            raise UnknownNameError(f"schedule of {rule.name}: hyperparameter", name, known)
    for name, schedule in recipe.schedules.items():
        checked_factors(
            schedule, steps, base=float(getattr(rule, name)), name=f"{rule.name}: {name}", known=known[name]
        )


def _check_searches(recipe: Recipe, rule: Rule) -> None:
    misleading = misleads_searches(recipe.named) if rule.full_batch else []
    if misleading:
        raise InvalidValueError(
            f"optimizer {rule.name} searches along lines, which {' and '.join(misleading)} would mislead by another "
            "gradient, point or function than its own; leave that out (l2 is allowed, being part of the loss), or "
            "choose another optimizer."
        )


def _each(items: Any) -> list[Any]:
    if isinstance(items, str | Configurable) or not isinstance(items, Iterable):
        return [items]
    return list(items)


def _is_none(item: Any) -> bool:
    return item is None or (isinstance(item, str) and item.strip().lower() == "none")


def _parted(item: Any) -> tuple[str, Any]:
    """Return key and value of one item: what stands before the first ``=``, unless a ``:`` comes before it."""
    if isinstance(item, Configurable):
        return ("schedule" if isinstance(item, Schedule) else item.name), item
    if not isinstance(item, str):
        raise InvalidValueError(f"technique {shown(item)} is not allowed; give a notation such as 'clip-norm:1'.")
    key, equals, value = item.partition("=")
    if equals and ":" not in key:
        return key.strip(), value.strip()
    return item.strip().partition(":")[0], item.strip()


def _read(key: str, value: Any) -> dict[str, str]:
    """Return what a record keeps of one item: its notation, and the fingerprint of a user's file it came from."""
    head, _, rest = key.partition(".")
    if head == "schedule":
        return _schedule(f"schedule.{rest or 'learning_rate'}", value)
    if head == "growth":
        return _schedule("growth", value)
    if head == "initializer":
        if isinstance(value, Configurable):
            return {"initializer": as_notation(value)}
        found = resolve_initializer(str(value))
        return {"initializer": found.notation, **_source("initializer", found.source)}
    if head == "bias":
        parts = value if isinstance(value, list | tuple) else str(value).split("+")
        made = [one if isinstance(one, Configurable) else parse_bias(str(one)) for one in parts]
        return {"bias": "+".join(as_notation(one) for one in made)}
    if head == "sampling":
        if str(value) not in SAMPLINGS:
            raise UnknownNameError("sampling", str(value), SAMPLINGS)
        return {"sampling": str(value)}
    if head == "start" or (head == "model" and rest):
        return {key: str(value)}
    if key not in TECHNIQUES:
        raise UnknownNameError("technique", key, {*TECHNIQUES, *KEYS})
    return {key: as_notation(_technique(key, value))}


def _schedule(key: str, value: Any) -> dict[str, str]:
    if isinstance(value, Schedule):
        return {key: schedule_notation(value)}
    made = parse_schedule(str(value))
    source = schedule_source(str(value))
    return {key: str(value) if source else schedule_notation(made), **_source(key, source)}


def _source(key: str, fingerprint: str) -> dict[str, str]:
    return {f"source.{key}": fingerprint[:16]} if fingerprint else {}


def _technique(key: str, value: Any) -> Configurable:
    if isinstance(value, Configurable):
        return value
    text = str(value)
    if value is True or text == key or text.startswith(f"{key}:"):
        return parse_technique(key if value is True else text)
    return parse_technique(f"{key}:{text}")
