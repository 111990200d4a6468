"""Every schedule by its name, and the notation they are written in."""

import inspect
import math
import re
from types import MappingProxyType
from typing import Any

from thalweg.errors import InvalidValueError
from thalweg.schedules.base import Schedule
from thalweg.schedules.composition import Joined, Product
from thalweg.schedules.constant import Constant
from thalweg.schedules.cosine import Cosine
from thalweg.schedules.exponential import Exponential
from thalweg.schedules.inverse_time import InverseTime
from thalweg.schedules.one_cycle import OneCycle, OneCycleMomentum
from thalweg.schedules.plateau import Plateau
from thalweg.schedules.polynomial import Polynomial
from thalweg.schedules.stable_decay import WarmUpStableDecay
from thalweg.schedules.step import Step
from thalweg.schedules.user_schedules import file_of, load_schedule, split_file
from thalweg.schedules.warmup import WarmUp
from thalweg.settings import as_notation, from_notation

__all__ = [
    "SCHEDULES",
    "find_schedule",
    "is_composed",
    "parse_schedule",
    "schedule_listing",
    "schedule_notation",
    "schedule_source",
]

SCHEDULES: MappingProxyType[str, type[Schedule]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            Constant,
            InverseTime,
            Step,
            Exponential,
            Polynomial,
            Cosine,
            OneCycle,
            OneCycleMomentum,
            WarmUp,
            WarmUpStableDecay,
            Plateau,
        )
    }
)

PRODUCT = re.compile(r"(?<![\d.][eE])\+")  # not the sign in 1e+3
JOINED = re.compile(r"~([^~/\\]*)~")  # not the home folder in ~/my_schedule.py


def parse_schedule(text: str) -> Schedule:
    """Return the schedule that a notation describes.

    Args:
        text: ``cosine``, ``cosine:warmup=0.1``, a product ``warmup:0.1+cosine``, one after the other
            ``constant~0.5~cosine``, or ``path/to/file.py:MySchedule:setting=value``.

    Raises:
        UnknownNameError: No such schedule or setting.
        InvalidValueError: A value is not allowed, or the notation is broken.
        UserFileError: The user's file cannot be used.

    Example:
        >>> parse_schedule("cosine:warmup=0.25").factor([1, 2, 3, 4, 5, 9], 8).round(2).tolist()
        [0.5, 1.0, 1.0, 0.93, 0.75, 0.0]
        >>> schedule_notation(parse_schedule("warmup:0.1+cosine"))
        'warmup+cosine'
    """
    pieces = JOINED.split(text)
    try:
        places = tuple(float(place) for place in pieces[1::2])
    except ValueError:
        places = (math.nan,)
    if any(map(math.isnan, places)) or any("~" in piece.lstrip().removeprefix("~/") for piece in pieces[::2]):
        raise InvalidValueError(
            f"schedule {text!r} is not understood; write two schedules with the share of the run where the second "
            "begins between them, as in constant~0.5~cosine."
        )
    parts = tuple(_product(piece, text) for piece in pieces[::2])
    return Joined(parts, places) if places else parts[0]


def is_composed(text: str) -> bool:
    """Return whether a notation means several schedules, multiplied or one after the other.

    Example:
        >>> [is_composed(text) for text in ("cosine", "warmup+cosine", "~/a+b/my_task.py", "a.py:A+b.py:B", "1e+3")]
        [False, True, False, True, False]
    """
    parts = _parts(text)
    named = [part.strip().partition(":")[0] in SCHEDULES for part in parts]
    return len(parts) > 1 and (any(named) or all(".py" in part for part in parts))


def schedule_notation(schedule: Schedule) -> str:
    """Return the shortest notation of a schedule; :func:`parse_schedule` reads it.

    A schedule of a user's file is written with the file's absolute path.
    """
    if isinstance(schedule, Product):
        return "+".join(schedule_notation(part) for part in schedule.parts)
    if isinstance(schedule, Joined):
        rest = (
            f"~{at:.12g}~{schedule_notation(part)}" for at, part in zip(schedule.at, schedule.parts[1:], strict=True)
        )
        return "".join([schedule_notation(schedule.parts[0]), *rest])
    path = file_of(type(schedule))
    if path is None:
        return as_notation(schedule)
    return f"{path}:{type(schedule).__name__}{as_notation(schedule)[len(schedule.name) :]}"


def schedule_source(text: str) -> str:
    """Return the fingerprints of the users' files that a notation names, joined by ``+``; empty if it names none.

    Raises:
        UserFileError: A file cannot be used.
    """
    found = [split_file(part) for part in _parts(text)]
    return "+".join(load_schedule(reference)[1] for reference, _ in found if reference)


def find_schedule(name: str) -> type[Schedule]:
    """Return the class of a schedule by its name, or out of a user's file.

    Raises:
        UnknownNameError: No such schedule.
        UserFileError: The user's file cannot be used.
    """
    return type(_one(name))


def schedule_listing() -> list[dict[str, Any]]:
    """Return what is known of every schedule, one dictionary each, ready for JSON."""
    return [
        {
            "name": kind.name,
            "title": kind.title,
            "summary": " ".join(inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0].split()),
            "formula": list(kind.formula),
            "settings": [
                {"name": key, "default": getattr(kind(), key), "allowed": what.range_text(), "meaning": what.meaning}
                for key, what in kind.hyperparameters().items()
            ]
            + [
                {"name": key, "default": getattr(kind(), key), "allowed": list(what.choices), "meaning": what.meaning}
                for key, what in kind.variants().items()
            ],
            "borders": list(kind.borders),
            "sources": list(kind.sources),
            "differences": list(kind.differences),
        }
        for kind in SCHEDULES.values()
    ]


def _parts(text: str) -> list[str]:
    return [part for piece in JOINED.split(text)[::2] for part in PRODUCT.split(piece)]


def _product(piece: str, text: str) -> Schedule:
    texts = PRODUCT.split(piece)
    if not all(part.strip() for part in texts):
        raise InvalidValueError(
            f"schedule {text!r} is not understood; give a name from 'thalweg list schedules', and a product as in "
            "warmup:0.1+cosine."
        )
    parts = tuple(_one(part) for part in texts)
    return parts[0] if len(parts) == 1 else Product(parts)


def _one(text: str) -> Schedule:
    reference, settings = split_file(text)
    if not reference:
        return from_notation("schedule", text, SCHEDULES)
    kind, _ = load_schedule(reference)
    return from_notation("schedule", f"{kind.name}{settings}", {kind.name: kind})
