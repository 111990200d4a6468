"""Structural choices of a task: what may be chosen, and the task with something else chosen."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any, NamedTuple

from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.tasks.base import Task

__all__ = ["Whole", "checked_choices", "choices_text", "default_choice", "task_family", "with_options"]


class Whole(NamedTuple):
    """Whole numbers that may be chosen, such as widths: ``low``, ``low + step``, … up to ``high``."""

    default: int
    low: int
    high: int
    step: int = 1


def default_choice(choices: tuple[Any, ...]) -> Any:
    """Return what is chosen unless something else is: the first of the choices."""
    return choices[0]


def choices_text(choices: tuple[Any, ...]) -> str:
    """Return what may be chosen, e.g. ``a whole number from 1 to 4096`` or ``one of relu, tanh``.

    Example:
        >>> choices_text(Whole(8, 4, 202, 2))
        'a whole number from 4 to 202 in steps of 2'
    """
    if isinstance(choices, Whole):
        steps = f" in steps of {choices.step}" if choices.step > 1 else ""
        return f"a whole number from {choices.low} to {choices.high}{steps}"
    return f"one of {', '.join(map(str, choices))}"


def with_options(task: Task, **options: Any) -> Task:
    """Return the task with other structural choices; those not named stay as they are.

    Args:
        task: Any task.
        options: Values by the names in ``task.options``, as numbers and words or as text of the command line
            (``"64"``); ``True`` and ``False`` stand for ``on`` and ``off``.

    Returns:
        The same object for the same choices, so nothing compiles twice.

    Raises:
        UnknownNameError: The task has no such option.
        InvalidValueError: A value is none of the choices.

    Example:
        >>> from thalweg.tasks import find_task
        >>> wide = with_options(find_task("digits"), width="64", activation="tanh")
        >>> dict(wide.chosen)
        {'activation': 'tanh', 'width': 64}
        >>> with_options(wide, width=32, activation="relu") is find_task("digits")
        True
    """
    chosen = _read_all(task.name, task.options, options)
    if not chosen or task.rebuild is None:
        return task
    return _rebuilt(task.rebuild, tuple(sorted({**task.chosen, **chosen}.items())))


@functools.lru_cache(maxsize=256)
def _rebuilt(rebuild: Callable[..., Task], chosen: tuple[tuple[str, Any], ...]) -> Task:
    return rebuild(**dict(chosen))


def task_family(make: Callable[..., Task], options: Mapping[str, tuple[Any, ...]]) -> Task:
    """Return a task with every option at its default, which can be rebuilt with others.

    Args:
        make: Function of all options by name that returns a task; called once per combination that is asked for.
        options: What may be chosen, by name; the first choice, or a :class:`Whole`'s ``default``, is the default.

    A rebuilt task keeps name, data and target, so that structures can be compared; its title says what was chosen.
    """
    defaults = {name: default_choice(choices) for name, choices in options.items()}

    @functools.cache
    def member(chosen: tuple[tuple[str, Any], ...]) -> Task:
        task = make(**{**defaults, **dict(chosen)})

        def rebuild(**given: Any) -> Task:
            wanted = {**dict(chosen), **_read_all(task.name, options, given)}
            return member(tuple(sorted((name, value) for name, value in wanted.items() if value != defaults[name])))

        said = ", ".join(f"{name} {value}" for name, value in chosen)
        title = f"{task.title}; {said}" if said else task.title
        return dataclasses.replace(task, title=title, options=options, rebuild=rebuild, chosen=dict(chosen))

    return member(())


def checked_choices(task: str, offered: Mapping[str, tuple[Any, ...]], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return one value per option: the given one, or the default.

    Args:
        task: Name of the task, for messages.
        offered: What may be chosen by option, the default first.
        given: What was chosen; text of the command line is read.

    Raises:
        UnknownNameError: No such option.
        InvalidValueError: A value that is not offered.
    """
    read = _read_all(task, offered, given)
    return {name: read.get(name, default_choice(choices)) for name, choices in offered.items()}


def _read_all(task: str, offered: Mapping[str, tuple[Any, ...]], given: Mapping[str, Any]) -> dict[str, Any]:
    for name in given:
        if name not in offered:
            raise UnknownNameError(f"option of task {task!r}", name, offered)
    return {name: _read(task, name, value, offered[name]) for name, value in given.items()}


def _read(task: str, name: str, value: Any, choices: tuple[Any, ...]) -> Any:
    read = _whole(value, choices) if isinstance(choices, Whole) else _word(value, choices)
    if read is None:
        raise InvalidValueError(f"task {task!r}: {name} = {value!r} is not allowed; give {choices_text(choices)}.")
    return read


def _whole(value: Any, choices: Whole) -> int | None:
    if isinstance(value, str):
        value = int(value) if value.strip().isdecimal() and len(value) < 20 else None
    if isinstance(value, bool) or not isinstance(value, Integral):
        return None
    whole = int(value)
    return whole if choices.low <= whole <= choices.high and (whole - choices.low) % choices.step == 0 else None


def _word(value: Any, choices: tuple[Any, ...]) -> Any:
    if isinstance(value, bool):  # so that True is not the number 1
        value = "on" if value else "off"
    same = (choice for choice in choices if str(choice).lower() == str(value).strip().lower())
    return next(same, None)
