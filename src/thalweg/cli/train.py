"""``thalweg train``: one run, watched."""

from typing import TYPE_CHECKING, Any

import click

from thalweg.cli import options
from thalweg.cli.layout import Argument, Command, Option
from thalweg.cli.values import Setting

if TYPE_CHECKING:
    from pathlib import Path

    from thalweg.report.tables import Table
    from thalweg.study.train import TrainedRun

__all__ = ["train"]

CURVE_ROWS = 11

EXAMPLES = (
    ("train digits --optimizer adam --set learning_rate=0.01", "One run of Adam with a larger learning rate."),
    (
        "train digits --optimizer momentum --set learning_rate=0.3 --set momentum=0.95 --epochs 60",
        "Two settings, and twice as long.",
    ),
    (
        "train digits --optimizer sgd --schedule cosine --with clip-norm:1 --model activation=tanh",
        "A schedule, clipping and another activation.",
    ),
    ("train my_task.py --optimizer my_rule.py:MyRule --json", "Your own task and rule; the whole curve as JSON."),
)


@click.command(cls=Command, examples=EXAMPLES)
@click.argument(
    "task", metavar="TASK", cls=Argument, help="A name from 'thalweg list tasks', or path/to/file.py[:name]."
)
@click.option(
    "--optimizer",
    required=True,
    cls=Option,
    section="What is trained",
    metavar="NAME",
    help="From 'thalweg list optimizers', with a preset as in adam@torch, or file.py:Rule.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    cls=Option,
    section="What is trained",
    type=Setting(),
    help="A hyperparameter, as in learning_rate=0.01; may be given again for another one.",
)
@options.techniques
@options.epochs
@options.batch_size
@options.seed
@options.out_file("--out", help="Draw the curves: a file that ends in .png, .svg or .pdf.")
@options.store
@options.as_json
@options.quiet
def train(task: str, optimizer: str, settings: tuple[tuple[str, Any], ...], as_json: bool, **request: Any) -> None:
    """Train one network with one optimizer and show how it went."""
    from thalweg.cli.output import FIGURES, output_path, print_json
    from thalweg.cli.progress import Watch
    from thalweg.cli.values import settings_by_name

    chosen = settings_by_name(settings)
    figure = output_path(request["out"], "--out", FIGURES) if request["out"] else None
    with Watch(quiet=request["quiet"], kept="nothing of this run is kept; the same command starts it again.") as watch:
        from thalweg.study.train import train as train_one

        names = ("epochs", "batch_size", "schedule", "seed", "store")
        settings_of_run = {name: request[name] for name in names}
        used = options.chosen_techniques(request)
        run = train_one(task, optimizer, chosen, techniques=used, watcher=watch, **settings_of_run)
    if figure:
        from thalweg.report.training import write_training

        write_training(figure, run.result, run.task_card)
    if as_json:
        print_json(_document(run))
    else:
        _show(run, figure)


def _document(run: "TrainedRun") -> dict[str, Any]:
    """Return a run in the form of ``thalweg train --json``."""
    result, spec = run.result, run.result.spec
    return {
        "task": spec.task,
        "optimizer": spec.optimizer.name,
        "hyperparameters": spec.optimizer.hyperparameters,
        "structure": spec.optimizer.structure,
        "techniques": spec.techniques,
        "batch_size": spec.batch_size,
        "steps": spec.steps,
        "seed": spec.seed,
        "status": result.status,
        "diverged_at": result.diverged_at,
        "validation_loss": result.validation_loss,
        "test_loss": result.test_loss,
        "test_metric": {"name": run.task_card.metric, "value": result.test_metric},
        "curve": result.curve,
        "gradient_evaluations": result.gradient_evaluations,
        "from_store": run.from_store,
        "seconds": run.seconds,
        "run": spec.fingerprint,
    }


def _show(run: "TrainedRun", figure: "Path | None") -> None:
    """Print the curve at a few points, and how it ended."""
    from rich.text import Text

    from thalweg.cli.output import console
    from thalweg.cli.tables import drawn_to_fit
    from thalweg.report.formatting import duration, number

    screen, result, card = console(), run.result, run.task_card
    settings = ", ".join(f"{name} {number(value)}" for name, value in result.spec.optimizer.hyperparameters.items())
    screen.print(Text(card.title or card.name, style="bold"))
    screen.print(Text(f"{result.spec.optimizer.name}: {settings}", style="dim"))
    if result.spec.techniques:
        from thalweg.records.techniques import technique_label

        screen.print(Text(f"with {technique_label(result.spec.techniques)}", style="dim"))
    if result.status == "diverged":
        screen.print(
            Text(f"! It diverged at step {result.diverged_at:,}; try a smaller learning rate.", style="yellow")
        )
    screen.print(drawn_to_fit(_curve_table(run), screen))
    if result.status == "finished":
        unit = f" {card.unit}" if card.unit else ""
        screen.print(Text(f"Test {card.metric}: {number(result.test_metric, 4)}{unit}"))
    spent = "found in the store" if run.from_store else duration(sum(run.seconds.values()))
    screen.print(Text(f"{result.spec.steps:,} steps of batch size {result.spec.batch_size} · {spent}"))
    if figure:
        click.echo(f"Figure: {figure}")


def _curve_table(run: "TrainedRun") -> "Table":
    from thalweg.report.formatting import number, steps
    from thalweg.report.tables import Column, Table

    curve, metric = run.result.curve, run.task_card.metric
    points = len(curve.step)
    shown = sorted({round(i * (points - 1) / (CURVE_ROWS - 1)) for i in range(CURVE_ROWS)})
    columns = [Column("step"), Column("training loss"), Column("validation loss"), Column(f"validation {metric}")]
    series = (curve.train_loss, curve.validation_loss, curve.validation_metric)
    rows = [(steps(float(curve.step[i])), *(number(float(values[i]), 4) for values in series)) for i in shown]
    return Table(tuple(columns), tuple(rows))
