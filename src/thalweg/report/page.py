"""The report of a comparison: one HTML file that needs nothing else."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from thalweg.errors import InvalidValueError
from thalweg.records.summary import PerformanceProfile, StudySummary
from thalweg.report.across import heat_figure, profile_figure, score_table
from thalweg.report.board import leaderboard_section, matrix_section, spaces_table
from thalweg.report.budget import budget_figure
from thalweg.report.cards import environment_section, how_to_read, protocol_card, sources_section, warnings_section
from thalweg.report.curves import loss_figure, metric_figure
from thalweg.report.files import write_atomically
from thalweg.report.formatting import day, escape, join_words
from thalweg.report.palette import Style, style_contenders
from thalweg.report.sensitivity import sensitivity_figure
from thalweg.report.shell import document
from thalweg.report.tables import html_table
from thalweg.report.verdict import verdict, verdict_over_tasks
from thalweg.report.whiskers import leaderboard_figure

__all__ = ["render_report", "write_report"]


def render_report(summaries: Sequence[StudySummary], profile: PerformanceProfile | None = None) -> str:
    """Return the report of one study, or of several on different tasks, as one HTML document.

    Args:
        summaries: One summary per task, at least one.
        profile: The performance profile over the tasks, where there are several.

    Equal summaries give equal text: nothing of the time or place of rendering enters it.

    Raises:
        InvalidValueError: There is no summary.
    """
    if not summaries:
        raise InvalidValueError("summaries is empty: a report needs at least one finished study.")
    styles = _styles(summaries, profile)
    several = len(summaries) > 1
    parts = [_header(summaries, profile), warnings_section(summaries), protocol_card(summaries)]
    if several:
        parts.append(_across(profile, styles))
    for i, summary in enumerate(summaries):
        parts.append(_task_section(f"s{i}", summary, styles, several))
    parts += [
        _spaces(summaries),
        environment_section(summaries),
        _commands(summaries),
        how_to_read(several, all(summary.recorded for summary in summaries)),
        sources_section(summaries),
    ]
    title = f"{join_words([summary.task.name for summary in summaries])}: optimizers compared"
    return document(title, [*parts, _footer(summaries)])


def write_report(
    path: str | os.PathLike[str], summaries: Sequence[StudySummary], profile: PerformanceProfile | None = None
) -> Path:
    """Write the report to a file, whole or not at all, and return its path.

    Raises:
        InvalidValueError: The path names a directory, or lies in none, or may not be written.
        WorkError: The file could not be written, e.g. because the disk is full.
    """
    return write_atomically(path, render_report(summaries, profile).encode(), "report")


def _styles(summaries: Sequence[StudySummary], profile: PerformanceProfile | None) -> dict[str, Style]:
    labels = [row.contender for summary in summaries for row in summary.leaderboard]
    for summary in summaries:
        labels += [one.contender for one in (*summary.sensitivity, *summary.curves, *summary.expected_best)]
    return style_contenders([*labels, *(profile.contenders if profile else ())])


def _header(summaries: Sequence[StudySummary], profile: PerformanceProfile | None) -> str:
    first = summaries[0]
    if len(summaries) == 1:
        title = first.task.title or first.task.name
        said = f'<p class="verdict">{escape(verdict(first))}</p>'
    else:
        title = f"Optimizers compared on {len(summaries)} tasks"
        each = "".join(f"<li>{escape(verdict(summary))}</li>" for summary in summaries)
        over = f'<p class="verdict">{escape(verdict_over_tasks(profile))}</p>' if profile else ""
        said = f'{over}<ul class="verdicts">{each}</ul>'
    contenders = len({row.contender for summary in summaries for row in summary.leaderboard})
    runs = sum(summary.runs for summary in summaries)
    studies = join_words([summary.study for summary in summaries])
    meta = f"{contenders} contenders · {runs:,} training runs · {day(first.created)} · study {studies}"
    links = [f'<a href="#s{i}">{escape(summary.task.name)}</a>' for i, summary in enumerate(summaries)]
    jump = f"<nav>{' '.join(links)}</nav>" if len(links) > 1 else ""
    return (
        f'<header><p class="over">Thalweg · comparison of optimizers</p><h1>{escape(title)}</h1>{said}'
        f'<p class="meta">{escape(meta)}</p>{jump}</header>'
    )


def _across(profile: PerformanceProfile | None, styles: Mapping[str, Style]) -> str:
    if profile is None:
        return ""
    table = f'<div class="scroll" tabindex="0">{html_table(score_table(profile))}</div>'
    figures = profile_figure("across-profile", profile, styles) + heat_figure("across-heat", profile, styles)
    return f'<section id="across"><h2>Over all tasks</h2>{table}{figures}</section>'


def _task_section(key: str, summary: StudySummary, styles: Mapping[str, Style], several: bool) -> str:
    heading = f"Leaderboard on {summary.task.name}" if several else "Leaderboard"
    figures = (
        leaderboard_figure(f"{key}-board", summary, styles)
        + sensitivity_figure(f"{key}-rate", summary, styles)
        + loss_figure(f"{key}-loss", summary, styles)
        + metric_figure(f"{key}-metric", summary, styles)
        + budget_figure(f"{key}-budget", summary, styles)
    )
    tables = leaderboard_section(summary, styles) + matrix_section(summary)
    return f'<section id="{key}"><h2>{escape(heading)}</h2>{tables}{figures}</section>'


def _spaces(summaries: Sequence[StudySummary]) -> str:
    parts = []
    for summary in summaries:
        if summary.spaces:
            name = f"<h3>{escape(summary.task.name)}</h3>" if len(summaries) > 1 else ""
            parts.append(f'{name}<div class="scroll" tabindex="0">{spaces_table(summary)}</div>')
    if not parts or all(summary.recorded for summary in summaries):
        return ""
    note = "Every contender was sampled in a space declared before the first run; its defaults were one more trial."
    return f'<section id="spaces"><h2>The spaces searched</h2><p class="note">{note}</p>{"".join(parts)}</section>'


def _commands(summaries: Sequence[StudySummary]) -> str:
    commands = list(dict.fromkeys(summary.command for summary in summaries if summary.command))
    if not commands:
        return ""
    shown = "".join(f"<pre><code>{escape(command)}</code></pre>" for command in commands)
    return f'<section id="repeat"><h2>Repeat it</h2>{shown}</section>'


def _footer(summaries: Sequence[StudySummary]) -> str:
    version: Any = summaries[0].environment.get("thalweg", "")
    return f"<footer>{escape(f'Thalweg {version}'.strip())} · this file needs no network and holds no script.</footer>"
