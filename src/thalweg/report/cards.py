"""The parts of a report in words: warnings, protocol card, environment, how to read it, sources."""

from collections.abc import Mapping, Sequence
from typing import Any

from thalweg.records.summary import StudySummary
from thalweg.report.formatting import duration, escape, number, steps
from thalweg.report.tables import Column, Table, html_table, metric_title

__all__ = ["environment_section", "fact_card", "how_to_read", "protocol_card", "sources_section", "warnings_section"]

SOURCES = (
    "Dahl et al. 2023, Benchmarking Neural Network Training Algorithms (AlgoPerf): targets, performance profile. "
    "arXiv:2306.07179",
    "Bouthillier et al. 2021, Accounting for Variance in Machine Learning Benchmarks: P(A better than B) ≥ 0.75. "
    "arXiv:2103.03098",
    "Choi et al. 2019, On Empirical Comparisons of Optimizers for Deep Learning: inclusion, search spaces. "
    "arXiv:1910.05446",
    "Dodge et al. 2019, Show Your Work: expected best against budget. arXiv:1909.03004",
    "Sivaprasad et al. 2020, Optimizer Benchmarking Needs to Account for Hyperparameter Tuning. arXiv:1910.11758",
    "Schmidt, Schneider and Hennig 2021, Descending through a Crowded Valley: defaults against tuning. "
    "arXiv:2007.01547",
)

HELD_EQUAL = (
    "The same for every contender: data, model, initial weights and batch order by seed, number of steps, batch size, "
    "schedule and number of trials. Everything was selected on the validation set; the test set was read once, at the "
    "end, on fresh seeds."
)
TIME = (
    "<b>Time</b> is measured on one run alone on the machine named above; it says little about another device or a "
    "larger model."
)
ELSEWHERE = (
    "These runs were trained elsewhere and handed over as curves. That they had data, model and batches in common is "
    "the word of whoever recorded them: none of it was checked here, and nothing was tuned."
)


def warnings_section(summaries: Sequence[StudySummary]) -> str:
    """Return the warnings, which stand before any result."""
    several = len(summaries) > 1
    items = []
    for summary in summaries:
        for warning in summary.warnings:
            where = f"<b>{escape(summary.task.name)}</b> · " if several else ""
            who = (
                f"<b>{escape(warning.contender)}</b>: "
                if warning.contender and warning.contender not in warning.sentence
                else ""
            )
            items.append(f"<li>{where}{who}{escape(warning.sentence)}</li>")
    if not items:
        return (
            '<section class="fine" id="warnings"><p>No warnings: no optimum lies at the edge of its space, few trials '
            "diverged, no special case beat its general rule, there were enough seeds.</p></section>"
        )
    count = "One thing" if len(items) == 1 else f"{len(items)} things"
    title = f"<h2>{count} to know before reading on</h2>"
    return f'<section class="warnings" id="warnings">{title}<ul>{"".join(items)}</ul></section>'


def _entries(summary: StudySummary) -> list[tuple[str, str]]:
    p, task = summary.protocol, summary.task
    examples = ", ".join(f"{count:,} {split}" for split, count in task.examples.items())
    return [
        ("Task", f"{task.name}, {task.parameters:,} parameters"),
        ("Examples", examples),
        (
            "Judged by",
            f"{metric_title(summary)}, {'higher' if task.larger_is_better else 'lower'} is better",
        ),
        ("Trained on", task.loss),
        ("Target", _target(summary)),
        ("Effort", _word(p, "effort")),
        ("Trials per contender", _trials(p)),
        ("Seeds per trial", _word(p, "tuning_seeds")),
        ("Fresh seeds for the result", _word(p, "confirmation_seeds")),
        ("Steps per run", steps(p.get("steps"))),
        ("Batch size", _word(p, "batch_size")),
        ("Schedule", _word(p, "schedule")),
        *([("Techniques of all", str(p["techniques"]))] if p.get("techniques") else []),
        ("Sampler", _word(p, "sampler")),
        ("Selected by", "mean validation loss at the end; diverged counts as worst"),
        ("Intervals", _intervals(p)),
        ("Protocol version", _word(p, "version")),
    ]


def _recorded_entries(summary: StudySummary) -> list[tuple[str, str]]:
    """Return what is known of runs that were trained elsewhere."""
    p, task = summary.protocol, summary.task
    level, resamples = p.get("confidence"), p.get("resamples")
    intervals = "" if level is None else f"{100 * level:g} %, {resamples:,} bootstrap resamples of seeds"
    return [
        ("Task", task.name),
        ("Judged by", f"{metric_title(summary)}, {'higher' if task.larger_is_better else 'lower'} is better"),
        ("Seeds", _word(p, "confirmation_seeds")),
        ("Steps per run", steps(p.get("steps"))),
        ("Batch size", _word(p, "batch_size")),
        ("Intervals", intervals),
        ("Protocol version", _word(p, "version")),
    ]


def _word(protocol: Mapping[str, Any], key: str) -> str:
    value = protocol.get(key)
    return "not recorded" if value is None else str(value)


def _trials(protocol: Mapping[str, Any]) -> str:
    trials = protocol.get("trials")
    return "not recorded" if trials is None else f"{trials} sampled + the defaults"


def _target(summary: StudySummary) -> str:
    task = summary.task
    if task.target_value is None:
        return "none"
    if task.target_quantity == "validation_metric":
        return f"validation {task.metric} {'≥' if task.larger_is_better else '≤'} {number(task.target_value)}"
    return f"validation loss ≤ {number(task.target_value)}"


def _intervals(protocol: Mapping[str, Any]) -> str:
    level, resamples = protocol.get("confidence"), protocol.get("resamples")
    if level is None or resamples is None:
        return "not recorded"
    return f"{100 * level:g} %, {resamples:,} bootstrap resamples of configurations and seeds"


def fact_card(entries: Sequence[tuple[str, str]]) -> str:
    """Return names with their values as a card; entries without a value are left out."""
    shown = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in entries if value)
    return f'<dl class="card">{shown}</dl>'


def protocol_card(summaries: Sequence[StudySummary]) -> str:
    """Return the protocol card: what was held equal. Over several tasks, what they share comes first."""
    recorded = all(summary.recorded for summary in summaries)
    title, lead = ("What was recorded", ELSEWHERE) if recorded else ("What was held equal", HELD_EQUAL)
    cards = [_recorded_entries(summary) if summary.recorded else _entries(summary) for summary in summaries]
    if len(cards) == 1:
        body = fact_card(cards[0])
    else:
        common = [entry for entry in cards[0] if all(entry in card for card in cards)]
        own = _own_facts([[entry for entry in card if entry not in common] for card in cards])
        body = fact_card(common) + own
    return f'<section id="protocol"><h2>{title}</h2><p class="note">{lead}</p>{body}</section>'


def _own_facts(cards: Sequence[Sequence[tuple[str, str]]]) -> str:
    names = list(dict.fromkeys(name for card in cards for name, _ in card))
    columns = tuple(Column(name, "left") for name in names)
    rows = tuple(tuple(dict(card).get(name, "") for name in names) for card in cards)
    return f'<div class="scroll" tabindex="0">{html_table(Table(columns, rows))}</div>' if names else ""


def _flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    entries: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            entries += _flat(value, f"{prefix}{name} · ")
        elif value is not None and value != "":
            shown = ", ".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)
            entries.append((f"{prefix}{name}", shown))
    return entries


def environment_section(summaries: Sequence[StudySummary]) -> str:
    """Return versions, device and where the time went."""
    parts = []
    seen: list[Mapping[str, Any]] = []
    for summary in summaries:
        name = f"<h3>{escape(summary.task.name)}</h3>" if len(summaries) > 1 else ""
        fresh = summary.environment not in seen
        seen.append(summary.environment)
        entries = _flat(summary.environment) if fresh else []
        spent = [(f"time, {part}", duration(seconds)) for part, seconds in summary.seconds.items()]
        entries += [
            *spent,
            ("runs", f"{summary.runs:,}"),
            ("seed of the study", str(summary.seed)),
            ("study", summary.study),
            ("created", summary.created),
        ]
        parts.append(name + fact_card(entries))
    return f'<section id="environment"><h2>Environment</h2>{"".join(parts)}</section>'


def how_to_read(several: bool, recorded: bool = False) -> str:
    """Return the short guide to the report; ``recorded`` if all runs were trained elsewhere."""
    luck = (
        "<b>Intervals</b> hold the luck of the seeds alone, and more seeds narrow them. The luck of which settings "
        "were chosen, and how long they were looked for, is not in them."
        if recorded
        else "<b>Intervals</b> hold two sources of luck together: which configurations were sampled and which seeds "
        "were drawn. More trials narrow the first, more seeds the second."
    )
    points = [
        "<b>Rank 1–3</b> means that the data cannot say more than that the contender is somewhere from first to "
        "third. Do not read an order into rows "
        "with a tick on one bracket.",
        luck,
        "<b>Diverged</b> runs count as the worst outcome and are never dropped.",
        *([] if recorded else [TIME]),
        "<b>Scope</b>: one data set, one model, one budget. What wins here need not win on yours: run it there.",
    ]
    if several:
        points.append(
            "<b>Scores over tasks</b> compare with the best contender present, so they belong to this field only."
        )
    body = "".join(f"<p>{point}</p>" for point in points)
    return f'<section id="reading"><h2>How to read this</h2><div class="cols">{body}</div></section>'


def sources_section(summaries: Sequence[StudySummary]) -> str:
    """Return where the data and the method come from."""
    data = []
    for summary in summaries:
        task = summary.task
        licence = f" Licence: {task.licence}." if task.licence else ""
        if task.source or licence:
            data.append(f"Data of {task.name}: {task.source or 'not stated'}.{licence}".replace("..", "."))
    items = "".join(f"<li>{escape(entry)}</li>" for entry in (*dict.fromkeys(data), *SOURCES))
    return f'<section id="sources"><h2>Sources</h2><ul class="refs">{items}</ul></section>'
