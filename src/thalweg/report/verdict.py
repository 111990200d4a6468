"""What a comparison came to, in one sentence that claims no more than the pairwise verdicts do."""

from collections.abc import Sequence

from thalweg.records.summary import Comparison, Interval, LeaderboardRow, PerformanceProfile, StudySummary, TaskCard
from thalweg.report.formatting import finite, join_words, mean_only, percent

__all__ = ["metric_words", "outcome_words", "verdict", "verdict_over_tasks", "winner_of"]

NAMED = 4  # names in one list before "and n others"
PARTED = 2  # most groups told apart by who of the leaders beats them; of more only their names are given
COUNTS = {2: "both", 3: "all three", 4: "all four"}


def outcome_words(summary: StudySummary, row: LeaderboardRow) -> str:
    """Return one contender's test metric in words."""
    return metric_words(summary.task, row.test_metric)


def metric_words(task: TaskCard, value: Interval) -> str:
    """Return a value of the task's metric in words: accuracies in per cent, others with their unit."""
    mean = finite(value.mean)
    if mean is None:
        return "diverged"
    if not task.unit and 0 <= mean <= 1 and ("accuracy" in task.metric.lower() or task.metric.lower() in {"map", "f1"}):
        return percent(value)
    return f"{mean_only(value)} {task.unit}".rstrip()


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
        return f"No contender finished on {summary.task.name}: every run{_on_fresh_seeds(summary)} diverged."
    leaders = [row for row in alive if row.group == alive[0].group]
    others = [row for row in summary.leaderboard if row not in leaders]
    opening = _opening(summary, leaders, bool(others))
    rest = _rest(summary, leaders, others)
    return f"{opening}; {rest}." if rest else f"{opening}."


def verdict_over_tasks(profile: PerformanceProfile) -> str:
    """Return what the performance profile says, in one sentence: who scores highest, and how close the next is."""
    order = sorted(range(len(profile.contenders)), key=lambda i: (-profile.score[i], i))
    solved = [sum(1 for taken in row if finite(taken) is not None) for row in profile.steps_to_target]
    count = len(profile.tasks)
    if not order or not any(solved):
        return f"No contender reached the target of any of the {count} tasks."
    best = [i for i in order if profile.score[i] >= profile.score[order[0]] - 1e-9]
    names = join_words([profile.contenders[i] for i in best[:NAMED]])
    verb = "has" if len(best) == 1 else "share"
    reached = f"reaching {solved[best[0]]} of the targets" if len(best) == 1 else "by steps to the target"
    opening = f"Over {count} tasks {names} {verb} the highest score ({profile.score[order[0]]:.2f} of 1, {reached})"
    if len(best) == len(order):
        return f"{opening}."
    runner = order[len(best)]
    return f"{opening}, before {profile.contenders[runner]} ({profile.score[runner]:.2f}); task by task:"


def _evidence(summary: StudySummary, leaders: Sequence[LeaderboardRow]) -> str:
    task = summary.task
    values = [outcome_words(summary, row) for row in leaders]
    shown = join_words(values) if len(values) <= NAMED else f"{values[0]} to {values[-1]}"
    seeds, kind = summary.protocol.get("confirmation_seeds"), "" if summary.recorded else "fresh "
    count = "" if not seeds else f", one {kind}seed" if seeds == 1 else f", {seeds} {kind}seeds"
    return f"({shown} {summary.judged_on} {task.metric}{count})"


def _opening(summary: StudySummary, leaders: Sequence[LeaderboardRow], others: bool) -> str:
    task, names = summary.task.name, _names(leaders)
    evidence = _evidence(summary, leaders)
    if len(leaders) == 1:
        if not others:
            return f"{names} was measured alone on {task} {evidence}"
        return f"{names} comes first on {task} {evidence}"
    pairs = [
        winner_of(summary.comparisons, a.contender, b.contender)
        for i, a in enumerate(leaders)
        for b in leaders[i + 1 :]
    ]
    if all(found == "" for found in pairs):
        return f"{names} cannot be told apart on {task} {evidence}"
    return f"{names} lead on {task} {evidence}"


def _rest(summary: StudySummary, leaders: Sequence[LeaderboardRow], others: Sequence[LeaderboardRow]) -> str:
    """Return how the leaders stand to the rest: beaten by all of them, by some, by none, or diverged."""
    lost = [row for row in others if finite(row.test_metric.mean) is None]
    by_winners: dict[tuple[str, ...], list[LeaderboardRow]] = {}
    for row in others:
        if row not in lost:
            names = [lead.contender for lead in leaders]
            winners = tuple(name for name in names if winner_of(summary.comparisons, name, row.contender) == name)
            by_winners.setdefault(winners, []).append(row)
    everyone = len(by_winners) == 1 and not lost and len(others) > 1
    ordered = sorted(by_winners.items(), key=lambda item: -len(item[0]))
    by_some = [row for winners, rows in ordered for row in rows if 0 < len(winners) < len(leaders)]
    told = sum(0 < len(winners) < len(leaders) for winners, _ in ordered) <= PARTED
    parts = [
        _against(summary, winners, len(leaders), rows, everyone)
        for winners, rows in ordered
        if told or len(winners) in (0, len(leaders))
    ]
    if not told:
        parts.insert(min(1, len(parts)), f"some of these, but not all, beat {_names(by_some)}")
    if lost:
        parts.append(f"{_names(lost)} diverged{_on_fresh_seeds(summary)}")
    return "; ".join(parts)


def _on_fresh_seeds(summary: StudySummary) -> str:
    return "" if summary.recorded else " on the fresh seeds"


def _against(
    summary: StudySummary, winners: Sequence[str], leaders: int, rows: Sequence[LeaderboardRow], everyone: bool
) -> str:
    if not winners:
        return (
            f"{_names(rows)} cannot be separated from {'it' if leaders == 1 else 'either' if leaders == 2 else 'any'}"
        )
    if len(winners) < leaders:
        verb = "beats" if len(winners) == 1 else "beat"
        return f"of these, only {join_words(list(winners))} {verb} {_names(rows)}"
    subject = "it beats" if leaders == 1 else f"{COUNTS.get(leaders, f'all {leaders}')} beat"
    return f"{subject} {'every other contender: ' if everyone else ''}{_with_values(summary, rows)}"


def _names(rows: Sequence[LeaderboardRow]) -> str:
    names = [row.contender for row in rows]
    return (
        join_words(names) if len(names) <= NAMED + 1 else join_words([*names[:NAMED], f"{len(names) - NAMED} others"])
    )


def _with_values(summary: StudySummary, rows: Sequence[LeaderboardRow]) -> str:
    words = [f"{row.contender} ({outcome_words(summary, row)})" for row in rows]
    return (
        join_words(words)
        if len(words) <= NAMED
        else join_words([*words[: NAMED - 1], f"{len(words) - NAMED + 1} others"])
    )
