"""``thalweg export``: a study's runs and curves for other programs."""

from pathlib import Path

import click

from thalweg.cli import options
from thalweg.cli.layout import Argument, Command, Option
from thalweg.cli.values import Choice

__all__ = ["export"]

EXAMPLES = (
    ("export last --to csv --out out/digits", "The newest study as CSV files in a folder."),
    (
        "export 3fa1b2 --to parquet --out out/digits",
        "A study by the beginning of its id, as Parquet for pandas or Polars.",
    ),
)


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("study", metavar="STUDY", cls=Argument, help="Its id or the beginning of it, 'last', or a task's name.")
@click.option(
    "--to",
    "form",
    required=True,
    cls=Option,
    section=options.OUTPUT,
    type=Choice(["csv", "json", "parquet"]),
    help="The form of the files.",
)
@click.option(
    "--out", required=True, cls=Option, section=options.OUTPUT, metavar="PATH", help="Where they are written."
)
@click.option("--force", is_flag=True, cls=Option, section=options.OUTPUT, help="Overwrite files that exist.")
@options.store
@options.as_json
def export(study: str, form: str, out: str, force: bool, store: str | None, as_json: bool) -> None:
    """Write a stored study's runs and curves for other programs."""
    from thalweg.report.export import export_study
    from thalweg.study.study import open_study

    found = open_study(study, store)
    written = export_study(found.record, found.runs(), form, Path(out).expanduser(), force=force)
    if as_json:
        from thalweg.cli.output import print_json

        print_json({"study": found.id, "to": form, "files": [str(path) for path in written]})
    else:
        for path in written:
            click.echo(str(path))
