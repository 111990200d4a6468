"""``thalweg race``: optimizers on a function of two variables."""

from typing import Any

import click

from thalweg.cli import options
from thalweg.cli.layout import Argument, Command, Option
from thalweg.cli.values import Names, Point, Whole

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
    help="From 'thalweg list optimizers', with a preset as in adam@torch, or file.py:Rule.",
)
@click.option("--steps", cls=Option, section="How much work", type=Whole(1), help="Updates of each optimizer.")
@options.out_file("--out", help="Draw the ways on a map of the landscape.")
@options.as_json
@options.quiet
def race(landscape: str, as_json: bool, **request: Any) -> None:
    """Let optimizers race down a function of two variables."""
