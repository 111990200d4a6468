"""``thalweg list``: what there is."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from thalweg.cli import options
from thalweg.cli.layout import Argument, Command
from thalweg.cli.values import Choice

if TYPE_CHECKING:
    from thalweg.report.tables import Column

__all__ = ["list_what"]

EXAMPLES = (
    ("list optimizers", "Every optimizer, with what it keeps per parameter."),
    ("list tasks --json", "Every task as JSON."),
    ("list schedules", "Every schedule, with its settings; 'thalweg explain cosine' draws one."),
    ("list studies --store team.db", "What was compared before, the newest first."),
)

Items = list[dict[str, Any]]


@click.command("list", cls=Command, examples=EXAMPLES)
@click.argument(
    "what",
    cls=Argument,
    metavar="WHAT",
    type=Choice(["optimizers", "tasks", "landscapes", "schedules", "initializers", "techniques", "studies"]),
    help="optimizers, tasks, landscapes, schedules, initializers, techniques or studies.",
)
@options.store
@options.as_json
def list_what(what: str, store: str | None, as_json: bool) -> None:
    """List optimizers, tasks, schedules, techniques or stored studies."""
    items = _studies(store) if what == "studies" else KINDS[what]()
    if as_json:
        from thalweg.cli.output import print_json

        print_json(items)
    elif items:
        _show(what, items)
    else:
        from thalweg.cli.output import say

        say(f"No {what} yet; 'thalweg compare digits' makes the first.")


def _optimizers() -> Items:
    from thalweg.optimizers import optimizer_names
    from thalweg.optimizers.explain import explain

    known = [explain(name) for name in optimizer_names()]
    return [
        {
            "name": rule.name,
            "title": rule.title,
            "summary": rule.summary,
            "formula": rule.formula,
            "hyperparameters": {entry.name: entry.default for entry in rule.hyperparameters},
            "presets": sorted(rule.presets),
            "state_bytes_per_parameter": rule.state_bytes_per_parameter,
            "update_cost": rule.update_cost,
            "needs": list(rule.needs),
            "sources": list(rule.sources),
        }
        for rule in known
    ]


def _tasks() -> Items:
    from thalweg.tasks.catalogue import task_listing

    return task_listing()


def _landscapes() -> Items:
    from thalweg.landscapes import landscape_listing

    return landscape_listing()


def _studies(store: str | None) -> Items:
    from thalweg.records import plain
    from thalweg.store import open_store
    from thalweg.store.location import locate

    path = locate(store, create=False).path
    if store is None and path and not path.exists():
        return []  # nobody has compared anything yet; a store that was named must be there
    with open_store(store, read_only=True) as opened:
        return [{"name": study.id, **plain(study)} for study in opened.list_studies()]


def _schedules() -> Items:
    from thalweg.schedules import schedule_listing

    return schedule_listing()


def _initializers() -> Items:
    from thalweg.initializers import initializer_listing

    return initializer_listing()


def _techniques() -> Items:
    from thalweg.techniques import technique_listing

    return technique_listing()


KINDS: dict[str, Callable[[], Items]] = {
    "optimizers": _optimizers,
    "tasks": _tasks,
    "landscapes": _landscapes,
    "schedules": _schedules,
    "initializers": _initializers,
    "techniques": _techniques,
}


def _show(what: str, items: Items) -> None:
    """Print the items as a table."""
    from thalweg.cli.output import console
    from thalweg.cli.tables import drawn_to_fit
    from thalweg.report.tables import Table

    columns = _columns(what)
    rows = tuple(tuple(cell(item) for _, cell in columns) for item in items)
    screen = console()
    screen.print(drawn_to_fit(Table(tuple(column for column, _ in columns), rows), screen))


def _columns(what: str) -> "list[tuple[Column, Callable[[dict[str, Any]], str]]]":
    """Return the columns of a listing, and how each finds its text in an item."""
    from thalweg.report.tables import Column

    name = (Column("name", "left"), lambda item: item["name"])
    title = (Column("title", "left"), lambda item: item["title"])
    match what:
        case "optimizers":
            return [name, title, *_columns_of_optimizers()]
        case "tasks":
            return [
                name,
                title,
                (Column("kind", "left", 2), lambda item: item["kind"]),
                (Column("examples"), lambda item: f"{item['examples']:,}"),
                (Column("parameters"), lambda item: f"{item['parameters']:,}"),
                (Column("licence", "left", 3), lambda item: item["licence"]),
            ]
        case "landscapes":
            return [
                name,
                title,
                (Column("kind", "left"), lambda item: item["kind"]),
                (Column("formula", "left", 3), lambda item: item["formula"]),
            ]
        case "schedules" | "initializers" | "techniques":
            return _columns_of_settings(what)
    return [
        name,
        (Column("task", "left"), lambda item: item["task"]),
        (Column("effort", "left"), lambda item: item["effort"]),
        (Column("status", "left"), lambda item: item["status"]),
        (Column("runs"), lambda item: f"{item['runs_finished']:,} of {item['runs_planned']:,}"),
        (Column("created", "left", 2), lambda item: item["created"][:16].replace("T", " ")),
        (Column("optimizers", "left", 3), lambda item: ", ".join(item["contenders"])),
    ]


def _columns_of_optimizers() -> "list[tuple[Column, Callable[[dict[str, Any]], str]]]":
    """Return the columns of optimizers beside name and title."""
    from thalweg.report.tables import Column

    return [
        (Column("bytes/parameter"), lambda item: f"{item['state_bytes_per_parameter']:.3g}"),
        (Column("update, × sgd"), lambda item: _times(item["update_cost"])),
        (Column("needs also", "left", 2), lambda item: ", ".join(item["needs"])),
        (Column("presets", "left", 2), lambda item: ", ".join(item["presets"])),
        (Column("defaults", "left", 3), lambda item: _settings(item["hyperparameters"])),
    ]


def _columns_of_settings(what: str) -> "list[tuple[Column, Callable[[dict[str, Any]], str]]]":
    """Return the columns of a listing of things with settings."""
    from thalweg.report.tables import Column

    columns: list[tuple[Column, Callable[[dict[str, Any]], str]]] = [
        (Column("name", "left"), lambda item: item["name"]),
        (Column("title", "left"), lambda item: item["title"]),
        (Column("settings", "left", 3), lambda item: ", ".join(entry["name"] for entry in item["settings"])),
    ]
    if what == "initializers":
        columns.insert(1, (Column("of", "left"), lambda item: item["kind"]))
    elif what == "techniques":
        columns.insert(1, (Column("acts on", "left"), lambda item: item["acts_on"]))
    return columns


def _times(cost: float | None) -> str:
    return "" if cost is None else f"{cost:.3g}"


def _settings(settings: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in settings.items())
