"""The program: its commands by section, each imported only when it is called."""

import sys
from collections.abc import Sequence

import click

from thalweg.cli.boundary import guarded
from thalweg.cli.layout import Group

__all__ = ["app", "main"]

COMMANDS = {
    "Train and compare": {
        "compare": "thalweg.cli.compare:compare",
        "train": "thalweg.cli.train:train",
        "race": "thalweg.cli.race:race",
    },
    "Look up": {
        "list": "thalweg.cli.listing:list_what",
        "explain": "thalweg.cli.explain:explain",
    },
    "Results again": {
        "report": "thalweg.cli.report:report",
        "export": "thalweg.cli.export:export",
    },
}

EXAMPLES = (
    (
        "compare digits --report out/digits.html",
        "Eight optimizers on handwritten digits: leaderboard here, figures in the report.",
    ),
    ("compare digits --optimizers sgd,momentum,adam", "Only these three, under the same rules."),
    ("explain adam", "Adam's formula, defaults, memory, sources, and where the world's versions differ."),
)


def _show_version(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    del parameter
    if wanted:
        from importlib.metadata import version

        click.echo(f"thalweg {version('thalweg')}")
        ctx.exit()


@click.command(
    cls=Group,
    commands_by_section=COMMANDS,
    examples=EXAMPLES,
    invoke_without_command=True,
    subcommand_metavar="COMMAND …",
    options_metavar="",
    epilog="Every command has its own --help. Listings and results also come as JSON with --json.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
@click.pass_context
def app(ctx: click.Context) -> None:
    """Find the best optimizer for a neural network, and how sure that is."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Args:
        arguments: What follows the program's name; None for ``sys.argv``.

    Returns:
        0 done, 1 the work failed, 2 wrong use, 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    return guarded(lambda: app.main(args=words, prog_name="thalweg", standalone_mode=False, obj=words))
