"""What a comparison came to, in one sentence that claims no more than the pairwise verdicts do."""

from collections.abc import Sequence

from thalweg.records.summary import Comparison, LeaderboardRow, StudySummary
from thalweg.report.formatting import finite, join_words, mean_only, percent

__all__ = ["outcome_words", "verdict", "winner_of"]

NAMED = 4  # names in one list before "and n others"
COUNTS = {2: "both", 3: "all three", 4: "all four"}


def outcome_words(summary: StudySummary, row: LeaderboardRow) -> str:
    """Return one contender's test metric in words: shares in per cent, other metrics with their unit."""
    task = summary.task
    mean = finite(row.test_metric.mean)
    if mean is None:
        return "diverged"
    if not task.unit and 0 <= mean <= 1 and ("accuracy" in task.metric.lower() or task.metric.lower() in {"map", "f1"}):
        return percent(row.test_metric)
    return f"{mean_only(row.test_metric)} {task.unit}".rstrip()


def winner_of(pairs: Sequence[Comparison], first: str, second: str) -> str | None:
    """Return the label that wins the pair, ``""`` if it is not separable, None if it was not compared."""
    for pair in pairs:
        if (pair.first, pair.second) == (first, second):
            return {"first": first, "second": second}.get(pair.verdict, "")
        if (pair.first, pair.second) == (second, first):
            return {"first": second, "second": first}.get(pair.verdict, "")
    return None


def verdict(summary: StudySummary) -> str:
    """Return the outcome in one sentence, generated from the groups and pairwise verdicts alone."""
    alive = [row for row in summary.leaderboard if finite(row.test_metric.mean) is not None]
    if not alive:
        return f"No contender finished on {summary.task.name}: every run on the fresh seeds diverged."
    leaders = [row for row in alive if row.group == alive[0].group]
    others = [row for row in summary.leaderboard if row not in leaders]
    opening = _opening(summary, leaders, bool(others))
    rest = _rest(summary, leaders, others)
    return f"{opening}; {rest}." if rest else f"{opening}."


def _evidence(summary: StudySummary, leaders: Sequence[LeaderboardRow]) -> str:
    task = summary.task
    values = [outcome_words(summary, row) for row in leaders]
    shown = join_words(values) if len(values) <= NAMED else f"{values[0]} to {values[-1]}"
    seeds = summary.protocol.get("confirmation_seeds")
    count = "" if not seeds else ", one fresh seed" if seeds == 1 else f", {seeds} fresh seeds"
    return f"({shown} test {task.metric}{count})"


def _opening(summary: StudySummary, leaders: Sequence[LeaderboardRow], others: bool) -> str:
    task, names = summary.task.name, _names(leaders)
    evidence = _evidence(summary, leaders)
    if len(leaders) == 1:
        if not others:
            return f"{names} was measured alone on {task} {evidence}"
        return f"{names} comes first on {task} {evidence}"
    pairs = [
        winner_of(summary.comparisons, a.contender, b.contender) for i, a in enumerate(leaders) for b in leaders[i + 1 :]
    ]
    if all(found == "" for found in pairs):
        return f"{names} cannot be told apart on {task} {evidence}"
    return f"{names} lead on {task} {evidence}"


def _rest(summary: StudySummary, leaders: Sequence[LeaderboardRow], others: Sequence[LeaderboardRow]) -> str:
    beaten: list[LeaderboardRow] = []
    open_: list[LeaderboardRow] = []
    for row in others:
        found = [winner_of(summary.comparisons, lead.contender, row.contender) for lead in leaders]
        won = all(who == lead.contender for who, lead in zip(found, leaders, strict=True))
        (beaten if won else open_).append(row)
    parts = []
    subject = "it" if len(leaders) == 1 else COUNTS.get(len(leaders), f"all {len(leaders)}")
    if beaten:
        verb = "beats" if len(leaders) == 1 else "beat"
        everyone = "every other contender: " if not open_ and len(beaten) > 1 else ""
        parts.append(f"{subject} {verb} {everyone}{_with_values(summary, beaten)}")
    if open_:
        parts.append(f"against {_names(open_)} the evidence does not separate {'it' if len(leaders) == 1 else 'every one of them'}")
    return "; ".join(parts)


def _names(rows: Sequence[LeaderboardRow]) -> str:
    names = [row.contender for row in rows]
    return join_words(names) if len(names) <= NAMED + 1 else join_words([*names[:NAMED], f"{len(names) - NAMED} others"])


def _with_values(summary: StudySummary, rows: Sequence[LeaderboardRow]) -> str:
    words = [f"{row.contender} ({outcome_words(summary, row)})" for row in rows]
    return join_words(words) if len(words) <= NAMED else join_words([*words[: NAMED - 1], f"{len(words) - NAMED + 1} others"])
