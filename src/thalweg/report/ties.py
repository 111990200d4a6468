"""Where the brackets stand that join contenders which cannot be separated.

The leaderboard is sorted by the metric, and a group need not be an unbroken run of it: pairs are judged on
paired seeds, so the second may be separated from the first while the third is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from thalweg.records.summary import LeaderboardRow

__all__ = ["Bracket", "brackets"]


@dataclass(frozen=True)
class Bracket:
    """One group of two or more contenders.

    Attributes:
        members: Positions in the leaderboard, increasing.
        track: 0 for the bracket next to the rows; brackets that overlap stand on different tracks.
    """

    members: tuple[int, ...]
    track: int


def brackets(rows: Sequence[LeaderboardRow]) -> tuple[Bracket, ...]:
    """Return the brackets of a leaderboard, one per group with at least two members."""
    groups: dict[int, list[int]] = {}
    for i, row in enumerate(rows):
        groups.setdefault(row.group, []).append(i)
    ends: list[int] = []  # last row taken on each track
    found = []
    for members in sorted((m for m in groups.values() if len(m) > 1), key=lambda m: (m[0], -m[-1])):
        track = next((t for t, end in enumerate(ends) if end < members[0]), len(ends))
        ends[track : track + 1] = [members[-1]]
        found.append(Bracket(tuple(members), track))
    return tuple(found)
