"""``thalweg explain``: what is known of an optimizer, a task or a landscape."""

from typing import Any

import click

from thalweg.cli import options
from thalweg.cli.layout import Argument, Command

__all__ = ["explain"]

EXAMPLES = (
    ("explain adam", "Formula, defaults, state per parameter, sources, and where the world's versions differ."),
    ("explain adam@keras", "The same with the settings of a preset."),
    ("explain digits", "A task: what is trained, on which data, under which licence."),
    ("explain rosenbrock", "A landscape: its formula and its minima."),
)


@click.command(cls=Command, examples=EXAMPLES)
@click.argument(
    "name",
    cls=Argument,
    metavar="NAME",
    help="An optimizer, a task or a landscape; see 'thalweg list'. A rule or task of your own: path/to/file.py[:name].",
)
@options.as_json
def explain(name: str, as_json: bool) -> None:
    """Explain an optimizer, a task or a landscape."""
    document, text = _explained(name)
    if as_json:
        from thalweg.cli.output import print_json

        print_json(document)
    else:
        click.echo(_with_bold_headings(text.rstrip("\n")))


def _with_bold_headings(text: str) -> str:
    """Return the text with the first line of each paragraph in bold, unless it is indented."""
    lines, before = [], ""
    for line in text.split("\n"):
        heading = not before and not line.startswith(" ")
        lines.append(click.style(line, bold=True) if heading and line else line)
        before = line
    return "\n".join(lines)


def _explained(name: str) -> tuple[Any, str]:
    """Return what is known of ``name`` as data and as text.

    Raises:
        UnknownNameError: Nothing has that name.
    """
    from thalweg.errors import UnknownNameError
    from thalweg.landscapes import landscape_listing
    from thalweg.optimizers import optimizer_names
    from thalweg.tasks.catalogue import task_listing
    from thalweg.user_files import is_file_reference

    tasks = {task["name"]: task for task in task_listing()}
    landscapes = {landscape["name"]: landscape for landscape in landscape_listing()}
    if name in landscapes:
        return landscapes[name], _landscape_text(landscapes[name], is_task=name in tasks)
    if name in tasks:
        return tasks[name], _task_text(tasks[name])
    if is_file_reference(name):
        return _from_file(name)
    if name.partition("@")[0] in optimizer_names():
        return _optimizer(name)
    raise UnknownNameError("name", name, {*optimizer_names(), *tasks, *landscapes})


def _optimizer(name: str) -> tuple[Any, str]:
    from thalweg.cli.output import page_width
    from thalweg.optimizers.explain import as_text
    from thalweg.optimizers.explain import explain as explain_optimizer

    explanation = explain_optimizer(name)
    return explanation, as_text(explanation, page_width())


def _from_file(reference: str) -> tuple[Any, str]:
    """Return what is known of a rule or a task in a file of the user's."""
    from thalweg.errors import UserFileError

    try:
        return _optimizer(reference)
    except UserFileError as no_rule:
        from thalweg.records import plain
        from thalweg.study.workbench import ready_task

        try:
            card = ready_task(reference).card
        except UserFileError:
            raise no_rule from None
    document = {key: value for key, value in plain(card).items() if value not in (None, "")}
    return document, _task_text(document)


def _task_text(task: dict[str, Any]) -> str:
    """Return a task's facts as text, one line each."""
    facts = {key: value for key, value in task.items() if key not in {"name", "title", "description"}}
    widest = max(len(key) for key in facts)
    lines = [f"  {key.replace('_', ' ').ljust(widest)}  {_value_text(value)}" for key, value in facts.items()]
    described = [task["description"]] if task.get("description") else []
    use = f"  thalweg compare {task['name']}"
    return "\n".join([f"{task['title']} ({task['name']})", *described, "", "Facts", *lines, "", "Use", use])


def _landscape_text(landscape: dict[str, Any], is_task: bool) -> str:
    """Return a landscape's formula, minima and source as text."""
    x_min, x_max, y_min, y_max = landscape["domain"]
    x, y = landscape["start"]
    minima = [f"  f({a:.6g}, {b:.6g}) = {value:.6g}" for a, b, value in landscape["minima"]]
    compared = [f"  thalweg compare {landscape['name']}"] if is_task else []
    where = f"on [{x_min:g}, {x_max:g}] × [{y_min:g}, {y_max:g}]: {landscape['kind']}"
    parts = [
        "\n".join(filter(None, [f"{landscape['title']} ({landscape['name']})", *_wrapped(landscape["notes"])])),
        f"Function\n  {landscape['formula']}\n  {where}",
        "\n".join(["Minima, the global ones first", *(minima or ["  none"])]),
        "\n".join(["Source", *_wrapped(landscape["source"], "  ")]),
        "\n".join(["Use", f"  thalweg race {landscape['name']} --start {x:g},{y:g}", *compared]),
    ]
    return "\n\n".join(parts)


def _wrapped(text: str, indent: str = "") -> list[str]:
    import textwrap

    from thalweg.cli.output import page_width

    return textwrap.wrap(text, page_width(), initial_indent=indent, subsequent_indent=indent)


def _value_text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value_text(part)}" for key, part in value.items())
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
