"""The report of a comparison: one HTML file that needs nothing else."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from thalweg.errors import InvalidValueError, WorkError
from thalweg.records.summary import PerformanceProfile, StudySummary
from thalweg.report.across import heat_figure, profile_figure, score_table
from thalweg.report.board import leaderboard_section, matrix_section
from thalweg.report.budget import budget_figure
from thalweg.report.cards import protocol_card, environment_section, how_to_read, sources_section, warnings_section
from thalweg.report.curves import loss_figure, metric_figure
from thalweg.report.formatting import escape, join_words
from thalweg.report.palette import Style, style_contenders
from thalweg.report.sensitivity import sensitivity_figure
from thalweg.report.style import style_sheet
from thalweg.report.tables import html_table, space_table
from thalweg.report.verdict import verdict
from thalweg.report.whiskers import leaderboard_figure

__all__ = ["render_report", "write_report"]

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


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
    parts = [_header(summaries), warnings_section(summaries), protocol_card(summaries)]
    if several:
        parts.append(_across(profile, styles))
    for i, summary in enumerate(summaries):
        parts.append(_task_section(f"s{i}", summary, styles, several))
    parts += [_spaces(summaries), environment_section(summaries), _commands(summaries), how_to_read(several), sources_section(summaries)]
    title = f"{join_words([summary.task.name for summary in summaries])}: optimizers compared"
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><meta name="generator" content="Thalweg">'
        f"<title>{escape(title)}</title><style>{style_sheet()}</style></head>\n<body><main>"
        + "\n".join(part for part in parts if part)
        + f"{_footer(summaries)}</main></body></html>\n"
    )


def write_report(
    path: str | os.PathLike[str], summaries: Sequence[StudySummary], profile: PerformanceProfile | None = None
) -> Path:
    """Write the report to a file, whole or not at all, and return its path.

    Raises:
        InvalidValueError: The path names a directory, or lies in none, or may not be written.
        WorkError: The file could not be written, e.g. because the disk is full.
    """
    target = Path(path)
    text = render_report(summaries, profile)
    if target.is_dir():
        raise InvalidValueError(f"report path {str(target)!r} is a directory; give the name of a file in it, e.g. report.html.")
    if not target.parent.is_dir():
        raise InvalidValueError(
            f"report path {str(target)!r} lies in a directory that does not exist; create {str(target.parent)!r} or choose another."
        )
    try:
        _replace(target, text)
    except PermissionError as error:
        raise InvalidValueError(
            f"report path {str(target)!r} may not be written ({error.strerror}); choose a file in a directory of yours."
        ) from None
    except OSError as error:
        raise WorkError(f"report path {str(target)!r} could not be written ({error.strerror}); free some space or choose another disk.") from None
    return target


def _replace(target: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:40]}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _styles(summaries: Sequence[StudySummary], profile: PerformanceProfile | None) -> dict[str, Style]:
    labels = [row.contender for summary in summaries for row in summary.leaderboard]
    for summary in summaries:
        labels += [one.contender for one in (*summary.sensitivity, *summary.curves, *summary.expected_best)]
    return style_contenders([*labels, *(profile.contenders if profile else ())])


def _header(summaries: Sequence[StudySummary]) -> str:
    first = summaries[0]
    if len(summaries) == 1:
        title = first.task.title or first.task.name
        said = f'<p class="verdict">{escape(_capital(verdict(first)))}</p>'
    else:
        title = f"Optimizers compared on {len(summaries)} tasks"
        said = "".join(f'<p class="verdict">{escape(_capital(verdict(summary)))}</p>' for summary in summaries)
    contenders = len({row.contender for summary in summaries for row in summary.leaderboard})
    runs = sum(summary.runs for summary in summaries)
    studies = join_words([summary.study for summary in summaries])
    meta = f"{contenders} contenders · {runs:,} training runs · {first.created} · study {studies}"
    return (
        f'<header><p class="over">Thalweg · comparison of optimizers</p><h1>{escape(title)}</h1>{said}'
        f'<p class="meta">{escape(meta)}</p></header>'
    )


def _capital(sentence: str) -> str:
    """Return the sentence as it is: names of optimizers are written small, other openings are not."""
    return sentence


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
    return (
        f'<section id="{key}"><h2>{escape(heading)}</h2>{leaderboard_section(summary, styles)}{matrix_section(summary)}{figures}</section>'
    )


def _spaces(summaries: Sequence[StudySummary]) -> str:
    parts = []
    for summary in summaries:
        if summary.spaces:
            name = f"<h3>{escape(summary.task.name)}</h3>" if len(summaries) > 1 else ""
            parts.append(f'{name}<div class="scroll" tabindex="0">{html_table(space_table(summary))}</div>')
    if not parts:
        return ""
    note = "Every contender was sampled in the space below, which was declared before the first run; its defaults were one more trial."
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
