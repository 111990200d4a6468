"""Which kinds of things with settings there are, and how each is found by what a user writes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from thalweg.settings import Configurable

__all__ = ["KINDS", "Kind", "first_file", "first_word", "kinds_of", "kinds_of_file"]


@dataclass(frozen=True)
class Kind:
    """A kind of things with settings.

    Attributes:
        word: The kind for people and for ``--kind``.
        classes: Returns every class by its name.
        parse: Returns what a notation describes.
    """

    word: str
    classes: "Callable[[], Mapping[str, type[Configurable]]]"
    parse: "Callable[[str], Configurable]"


def first_word(text: str) -> str:
    """Return the name that a notation begins with.

    Example:
        >>> [first_word(text) for text in ("cosine", "warmup:0.1+cosine", "constant~0.5~cosine")]
        ['cosine', 'warmup', 'constant']
    """
    return re.split(r"[:+~]", text.strip(), maxsplit=1)[0]


def first_file(text: str) -> str:
    """Return the reference to a user's file in a notation without its settings, or the notation's first word.

    Example:
        >>> [first_file(text) for text in ("step:0.5/0.75", "./mine.py:Mine:rate=0.1", "lib/rule.py:Rule@plain")]
        ['step', './mine.py:Mine', 'lib/rule.py:Rule@plain']
    """
    from thalweg.schedules.user_schedules import split_file

    if re.search(r"\.py(:\w+)?@", text):
        return text  # a preset; only optimizers have them
    return split_file(text)[0] or first_word(text)


def kinds_of(text: str) -> list[Kind]:
    """Return the kinds that know the name a notation begins with."""
    name = first_word(text)
    return [kind for kind in KINDS.values() if name in kind.classes()]


def kinds_of_file(reference: str) -> list[Kind]:
    """Return the kinds whose base class is that of a class in a user's file; none if the file holds something else."""
    from thalweg.errors import UserFileError
    from thalweg.initializers import Initializer
    from thalweg.schedules import Schedule
    from thalweg.user_files import load_object

    bases: dict[str, type] = {"schedule": Schedule, "initializer": Initializer}
    found = []
    for word, base in bases.items():

        def is_one(value: object, base: type = base) -> bool:
            return isinstance(value, type) and issubclass(value, base) and value is not base

        try:
            load_object(first_file(reference), argument=word, accept=is_one, what=f"a {word}")
        except UserFileError:
            continue
        found.append(KINDS[word])
    return found


def _schedules() -> "Mapping[str, type[Configurable]]":
    from thalweg.schedules import SCHEDULES

    return SCHEDULES


def _schedule(text: str) -> "Configurable":
    from thalweg.schedules import parse_schedule

    return parse_schedule(text)


def _initializers() -> "Mapping[str, type[Configurable]]":
    from thalweg.initializers import INITIALIZERS

    return INITIALIZERS


def _initializer(text: str) -> "Configurable":
    from thalweg.initializers import parse_initializer

    return parse_initializer(text)


def _biases() -> "Mapping[str, type[Configurable]]":
    from thalweg.initializers import BIASES

    return BIASES


def _bias(text: str) -> "Configurable":
    from thalweg.initializers import parse_bias

    return parse_bias(text)


def _techniques() -> "Mapping[str, type[Configurable]]":
    from thalweg.techniques import TECHNIQUES
    from thalweg.techniques.catalogue import KEYED

    return {**TECHNIQUES, **{kind.name: kind for kind in KEYED}}


def _technique(text: str) -> "Configurable":
    from thalweg.settings import from_notation

    return from_notation("technique", text, dict[str, Any](_techniques()))


KINDS: dict[str, Kind] = {
    kind.word: kind
    for kind in (
        Kind("schedule", _schedules, _schedule),
        Kind("initializer", _initializers, _initializer),
        Kind("biases", _biases, _bias),
        Kind("technique", _techniques, _technique),
    )
}
