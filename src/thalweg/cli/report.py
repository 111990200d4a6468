"""``thalweg report``: the report of a stored study again."""

import click

from thalweg.cli import options
from thalweg.cli.layout import Argument, Command

__all__ = ["report"]

EXAMPLES = (
    ("report last", "The newest study's leaderboard, and its report as thalweg-<study>.html."),
    (
        "report 3fa1b2 --out out/digits.html",
        "A study by the beginning of its id, the report into a file of your choice.",
    ),
    ("report digits --json", "The only study of a task, as JSON; no file is written."),
)


@click.command(cls=Command, examples=EXAMPLES)
@click.argument(
    "study",
    metavar="STUDY",
    cls=Argument,
    help="Its id or the beginning of it (see 'thalweg list studies'), 'last', or a task's name.",
)
@options.out_file("--out", help="The HTML file. Default: thalweg-<study>.html here.")
@options.store
@options.as_json
def report(study: str, out: str | None, store: str | None, as_json: bool) -> None:
    """Show a stored study again and write its report."""
    from thalweg.cli.output import output_path, print_json
    from thalweg.study.study import open_study

    path = output_path(out, "--out", (".html", ".htm")) if out else None
    found = open_study(study, store)
    summary = found.summary
    if path is None and not as_json:
        path = output_path(f"thalweg-{summary.study}.html", "--out")
    if path:
        from thalweg.report import write_report

        write_report(path, [summary])
    if as_json:
        print_json(found.to_dict())
    else:
        from thalweg.cli.leaderboard import show_study

        show_study(summary)
        click.echo(f"Report: {path}")
