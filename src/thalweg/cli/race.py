"""``thalweg race``: optimizers on a function of two variables."""

from typing import TYPE_CHECKING, Any

import click

from thalweg.cli import options
from thalweg.cli.layout import Argument, Command, Option
from thalweg.cli.values import Names, Point, Setting, Whole

if TYPE_CHECKING:
    from pathlib import Path

    from thalweg.records.race import RaceResult
    from thalweg.report.tables import Table

__all__ = ["race"]

EXAMPLES = (
    ("race rosenbrock --start -1.2,1", "The default optimizers down the curved valley."),
    (
        "race ravine --start 4,1 --optimizers sgd,momentum,adam --steps 300 --out out/ravine.svg",
        "Their ways as a figure.",
    ),
)


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("landscape", metavar="LANDSCAPE", cls=Argument, help="A name from 'thalweg list landscapes'.")
@click.option(
    "--start",
    cls=Option,
    section="What races",
    type=Point(),
    help="Where all start. Default: a telling place of the landscape.",
)
@click.option(
    "--optimizers",
    cls=Option,
    section="What races",
    type=Names(),
    help="From 'thalweg list optimizers', with a preset as in adam@torch, or file.py:Rule. "
    "Default: sgd, momentum, nesterov, rmsprop, adam.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    cls=Option,
    section="What races",
    type=Setting(),
    help="A hyperparameter of all, as in learning_rate=0.01, or of one, as in adam.beta1=0.8; may be given again.",
)
@click.option(
    "--steps",
    cls=Option,
    section="How much work",
    type=Whole(1),
    default=300,
    help="Updates of each optimizer. Default: 300.",
)
@options.out_file("--out", help="Draw the ways on a map: a file that ends in .png, .svg or .pdf.")
@options.as_json
def race(
    landscape: str,
    optimizers: tuple[str, ...] | None,
    settings: tuple[tuple[str, Any], ...],
    as_json: bool,
    **request: Any,
) -> None:
    """Let optimizers race down a function of two variables.

    An optimizer whose learning rate is not set gets the one that ends lowest from this start in this many steps.
    """
    from thalweg.cli.output import FIGURES, output_path, print_json
    from thalweg.cli.values import settings_by_name

    figure = output_path(request["out"], "--out", FIGURES) if request["out"] else None
    own = settings_by_name(settings)
    from thalweg.study.race import RACERS
    from thalweg.study.race import race as run_race

    racers = optimizers or RACERS
    result = run_race(landscape, request["start"], racers, request["steps"], settings=_by_racer(own, racers))
    if figure:
        from thalweg.report.race import write_race

        write_race(figure, result)
    if as_json:
        print_json(_document(result))
    else:
        _show(result, figure)


def _by_racer(settings: dict[str, Any], racers: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return settings for each optimizer from ``adam.beta1`` (for one) and ``learning_rate`` (for all).

    Example:
        >>> _by_racer({"learning_rate": 0.1, "adam.beta1": 0.5}, ("sgd", "adam"))
        {'sgd': {'learning_rate': 0.1}, 'adam': {'learning_rate': 0.1, 'beta1': 0.5}}
    """
    found: dict[str, dict[str, Any]] = {}
    for path, value in settings.items():
        racer, dot, name = path.rpartition(".")
        for label in (racer,) if dot else racers:
            found.setdefault(label, {})[name] = value
    return found


def _document(result: "RaceResult") -> dict[str, Any]:
    """Return a race in the form of ``thalweg race --json``, the map left out."""
    shown = ("landscape", "title", "domain", "minima", "lowest", "start", "steps")
    return {**{name: getattr(result, name) for name in shown}, "entries": result.entries}


def _show(result: "RaceResult", figure: "Path | None") -> None:
    """Print who came how far."""
    from rich.text import Text

    from thalweg.cli.output import console
    from thalweg.cli.tables import drawn_to_fit

    screen = console()
    x, y = result.start
    screen.print(Text(f"{result.title}: {result.steps:,} steps from ({x:g}, {y:g})", style="bold"))
    screen.print()
    screen.print(drawn_to_fit(_table(result), screen))
    if figure:
        click.echo(f"Figure: {figure}")


def _table(result: "RaceResult") -> "Table":
    """Return the entries, the lowest end first and those that diverged last."""
    from thalweg.report.formatting import MISSING, number
    from thalweg.report.tables import Column, Table

    columns = (
        Column("optimizer", "left"),
        Column("end"),
        Column("f at the end"),
        Column("lowest f on the way", priority=2),
        Column("to the nearest minimum"),
        Column("settings", "left", 3),
    )
    rows = []
    for entry in sorted(result.entries, key=lambda entry: (entry.status != "finished", float(entry.value[-1]))):
        if entry.status == "finished":
            end, value = f"({entry.path[-1][0]:.4g}, {entry.path[-1][1]:.4g})", number(float(entry.value[-1]), 4)
        else:
            end, value = f"diverged at {entry.diverged_at}", MISSING
        settings = ", ".join(f"{name} {number(value)}" for name, value in entry.hyperparameters.items())
        lowest, distance = number(entry.best_value, 4), number(entry.distance)
        rows.append((entry.label, end, value, lowest, distance, settings))
    return Table(columns, tuple(rows))
