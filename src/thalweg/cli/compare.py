"""``thalweg compare``: the main job."""

from typing import TYPE_CHECKING, Any

import click

from thalweg.cli import options
from thalweg.cli.layout import Argument, Command, Option
from thalweg.cli.values import Choice, Names, Whole

if TYPE_CHECKING:
    from pathlib import Path

    from thalweg.records import PerformanceProfile, StudySummary
    from thalweg.study.study import Study

__all__ = ["compare"]

EXAMPLES = (
    (
        "compare digits --report out/digits.html",
        "Eight optimizers, 16 settings of each and its defaults: a minute's answer.",
    ),
    (
        "compare digits --optimizers sgd,momentum,adam@torch --effort standard",
        "Three of them, with 32 settings on 3 seeds each.",
    ),
    (
        "compare digits,breast-cancer,diabetes --optimizers sgd,adam",
        "Several tasks, and a performance profile over them.",
    ),
    (
        "compare digits --optimizers sgd,adam --vary schedule=constant,schedule=cosine",
        "Each optimizer with and without a schedule, on the same seeds.",
    ),
    ("compare my_task.py --optimizers adam,my_rule.py:MyRule", "Your own task and your own rule, from your own files."),
)


@click.command(cls=Command, examples=EXAMPLES)
@click.argument(
    "tasks",
    metavar="TASK",
    cls=Argument,
    type=Names(),
    help="A name from 'thalweg list tasks', several separated by commas, or a file: path/to/file.py[:name].",
)
@click.option(
    "--optimizers",
    cls=Option,
    section="What is compared",
    type=Names(),
    help="From 'thalweg list optimizers', with a preset as in adam@torch, or optax:lion, or "
    "file.py:Rule; 'all' is every one that suits the task. "
    "Default: sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw, nadam.",
)
@click.option(
    "--tune",
    cls=Option,
    section="What is compared",
    type=Choice(["all", "learning-rate", "both"]),
    default="all",
    help="Tune all hyperparameters, the learning rate only, or enter each optimizer both ways. Default: all.",
)
@click.option(
    "--effort",
    cls=Option,
    section="How much work",
    type=Choice(["quick", "standard", "thorough"]),
    default="quick",
    help="16 settings × 1 seed, 32 × 3 or 100 × 5 for each optimizer. Default: quick.",
)
@click.option(
    "--trials", cls=Option, section="How much work", type=Whole(1), help="Settings tried, instead of the effort's."
)
@click.option(
    "--tuning-seeds",
    cls=Option,
    section="How much work",
    type=Whole(1),
    help="Seeds per setting, instead of the effort's.",
)
@options.techniques
@click.option(
    "--vary",
    multiple=True,
    cls=Option,
    section="What is compared",
    type=Names(),
    help="Alternatives that take part side by side, as in none,clip-norm:1 or schedule=constant,schedule=cosine; "
    "may be given again for every combination.",
)
@options.epochs
@options.batch_size
@options.seed
@options.out_file("--report", help="Write a report: one HTML file with figures, tables and the protocol.")
@options.store
@options.as_json
@options.quiet
def compare(tasks: tuple[str, ...], optimizers: tuple[str, ...] | None, as_json: bool, **request: Any) -> None:
    """Compare optimizers on a task under one fair protocol.

    Every optimizer is tuned with the same budget on the validation set; the winners and the defaults are then
    trained on ten fresh seeds, and only those are reported, on the test set. Finished runs are kept: a comparison
    that was stopped goes on, and one that grows trains only what is new.
    """
    from thalweg.cli.output import output_path, print_json, repeated_command

    report = output_path(request["report"], "--report", (".html", ".htm")) if request["report"] else None
    studies = _studies(tasks, optimizers, request, repeated_command())
    summaries = [study.summary for study in studies]
    profile = _profile(summaries)
    if report:
        from thalweg.report import write_report

        write_report(report, summaries, profile)
    if as_json:
        documents = [study.to_dict() for study in studies]
        print_json({"studies": documents, "profile": profile} if profile else documents[0])
    else:
        _show(summaries, profile, report)


def _studies(
    tasks: tuple[str, ...], optimizers: tuple[str, ...] | None, request: dict[str, Any], command: str
) -> "list[Study]":
    """Return the finished studies, one for each task."""
    from thalweg.cli.progress import Watch

    kept = "finished runs are stored, and the same command continues from there."
    names = ("effort", "tune", "schedule", "epochs", "batch_size", "trials", "tuning_seeds", "seed", "store")
    with Watch(quiet=request["quiet"], kept=kept) as watch:
        from thalweg.study.compare import compare_many

        chosen = {name: request[name] for name in names}
        chosen |= {"techniques": options.chosen_techniques(request), "vary": request["vary"] or None}
        return compare_many(tasks, optimizers, watcher=watch, command=command, **chosen)


def _profile(summaries: "list[StudySummary]") -> "PerformanceProfile | None":
    """Return the performance profile over several tasks, or None for one task."""
    if len(summaries) == 1:
        return None
    from thalweg.study.profile import profile

    return profile(summaries)


def _show(summaries: "list[StudySummary]", profile: "PerformanceProfile | None", report: "Path | None") -> None:
    """Print the leaderboards and what to do next."""
    from thalweg.cli.leaderboard import show_profile, show_study
    from thalweg.cli.output import say

    for summary in summaries:
        show_study(summary)
    if profile:
        show_profile(profile)
    if report:
        click.echo(f"Report: {report}")
    else:
        say(f"For the figures: thalweg report {summaries[0].study}")
