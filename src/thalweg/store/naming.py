"""Which study a word stands for."""

import difflib
from collections.abc import Sequence

from thalweg.errors import UnknownNameError, UsageError

__all__ = ["resolve"]

SHOWN = 10  # a message names so many studies at most


def resolve(name: str, studies: Sequence[tuple[str, str, str]]) -> str:
    """Return the id of the study that is meant.

    Args:
        name: An id, the beginning of one, ``last``, or the name of a task with one study.
        studies: Id, task and time of each study, the newest first.

    Raises:
        UnknownNameError: No study fits.
        UsageError: More than one study fits.

    Example:
        >>> resolve("3f", [("3fa85f645717", "digits", "2025-01-01T00:00:00Z")])
        '3fa85f645717'
    """
    wanted = name.strip()
    ids = [study for study, _, _ in studies]
    if wanted == "last" and ids:
        return ids[0]
    if wanted in ids:
        return wanted
    for fits, what in (
        ([study for study in studies if study[1] == wanted], "studies on the task"),
        ([study for study in studies if wanted and study[0].startswith(wanted.lower())], "studies beginning with"),
    ):
        if len(fits) == 1:
            return fits[0][0]
        if fits:
            raise UsageError(
                f"study {name!r} is not unique: the store has {len(fits)} {what} {wanted!r}; {listed(fits)}."
            )
    near = difflib.get_close_matches(wanted.lower(), ids, n=1, cutoff=0.5)
    raise UnknownNameError("study", name, list(dict.fromkeys([*near, *ids[:SHOWN], *(["last"] if ids else [])])))


def listed(studies: Sequence[tuple[str, str, str]]) -> str:
    """Return the newest of some studies as text that ends a sentence."""
    lines = [f"{study} ({task}, {created})" for study, task, created in studies[:SHOWN]]
    rest = len(studies) - len(lines)
    return "give one of " + ", ".join(lines) + (f" and {rest} more" if rest else "")
