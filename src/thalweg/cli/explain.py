"""``thalweg explain``: what is known of an optimizer, task, landscape, schedule, initializer or technique."""

from typing import TYPE_CHECKING, Any

import click

from thalweg.cli import options
from thalweg.cli.kinds import KINDS, Kind, first_file, kinds_of, kinds_of_file
from thalweg.cli.layout import Argument, Command, Option
from thalweg.cli.values import Choice, Whole

if TYPE_CHECKING:
    from thalweg.schedules import Schedule
    from thalweg.settings import Configurable

__all__ = ["explain"]

EXAMPLES = (
    ("explain adam", "Formula, defaults, state per parameter, sources, and where the world's versions differ."),
    ("explain adam@keras", "The same with the settings of a preset."),
    ("explain optax:lion", "An optimizer of Optax, as it takes part in a comparison."),
    ("explain digits", "A task: what is trained, on which data, under which licence."),
    ("explain rosenbrock", "A landscape: its formula and its minima."),
    ("explain cosine:warmup=0.1", "A schedule with its settings, and its picture over a run."),
    ("explain warmup:0.1+cosine --steps 500 --out schedule.png", "A product of schedules, drawn as a figure too."),
    ("explain constant --kind initializer", "The one that is meant, where several kinds have the name."),
)
POINTS = 201  # of a schedule in JSON


@click.command(cls=Command, examples=EXAMPLES)
@click.argument(
    "name",
    cls=Argument,
    metavar="NAME",
    help="From 'thalweg list', settings as in cosine:warmup=0.1. Of your own: path/to/file.py[:name].",
)
@click.option(
    "--kind",
    cls=Option,
    section="What is meant",
    type=Choice(list(KINDS)),
    help="schedule, initializer, biases or technique, where a name has several meanings.",
)
@click.option(
    "--steps",
    cls=Option,
    section="What is meant",
    type=Whole(1),
    default=1000,
    help="Updates of the run in a schedule's picture. Default: 1000.",
)
@options.out_file("--out", help="Draw a schedule: a file that ends in .png, .svg or .pdf.")
@options.as_json
def explain(name: str, kind: str | None, steps: int, out: str | None, as_json: bool) -> None:
    """Explain an optimizer, a task, a schedule or a technique."""
    from thalweg.cli.output import FIGURES, output_path, print_json

    figure = output_path(out, "--out", FIGURES) if out else None
    found = _configurable(name, kind)
    document, text = _explained(name) if found is None else _settings_page(found, name, steps)
    if figure:
        from thalweg.report.schedule import write_schedule

        write_schedule(figure, _drawable(name, found), steps)
    if as_json:
        print_json(document)
        return
    click.echo(_with_bold_headings(text.rstrip("\n")))
    if figure:
        click.echo(f"\nFigure: {figure}")


def _with_bold_headings(text: str) -> str:
    """Return the text with the first line of each paragraph in bold, unless it is indented."""
    lines, before = [], ""
    for line in text.split("\n"):
        heading = not before and not line.startswith(" ")
        lines.append(click.style(line, bold=True) if heading and line else line)
        before = line
    return "\n".join(lines)


def _configurable(name: str, word: str | None) -> "Configurable | None":
    """Return the schedule, initializer or technique that is meant, or None for an optimizer, task or landscape.

    Raises:
        InvalidValueError: The name has several meanings.
        UnknownNameError: Nothing of the kind asked for has that name.
    """
    from thalweg.errors import InvalidValueError

    if word:
        return KINDS[word].parse(name)
    kinds = _meanings(name)
    if len(kinds) > 1:
        words = [kind.word for kind in kinds]
        raise InvalidValueError(
            f"name {name!r} is known as {', '.join(words[:-1])} and {words[-1]}; add --kind {words[0]} or "
            "another of them."
        )
    return kinds[0].parse(name) if kinds else None


def _meanings(name: str) -> list[Kind]:
    from thalweg.landscapes import LANDSCAPES
    from thalweg.optimizers import optimizer_names
    from thalweg.schedules import is_composed
    from thalweg.tasks.catalogue import task_names
    from thalweg.user_files import is_file_reference

    if is_composed(name):
        return [KINDS["schedule"]]
    if is_file_reference(first_file(name)):
        return kinds_of_file(name)
    if name.startswith("optax:"):
        return []
    if name.partition("@")[0] in {*LANDSCAPES, *task_names(), *optimizer_names()}:
        return []
    return kinds_of(name)


def _settings_page(made: "Configurable", name: str, steps: int) -> tuple[Any, str]:
    """Return what is known of a schedule, an initializer or a technique as data and as text."""
    from thalweg.cli.configurables import as_text, described
    from thalweg.cli.output import page_width
    from thalweg.schedules import Schedule
    from thalweg.user_files import is_file_reference

    own = name.strip() if is_file_reference(first_file(name)) else ""  # with the path as it was given
    if isinstance(made, Schedule):
        return _schedule_page(made, own, steps)
    document = described(made, own)
    return document, as_text(document, page_width())


def _schedule_page(schedule: "Schedule", notation: str, steps: int) -> tuple[Any, str]:
    """Return a schedule's page: what is known of it, then its picture, then its parts if it has some."""
    import numpy as np

    from thalweg.cli.configurables import as_text, described
    from thalweg.cli.output import page_width
    from thalweg.schedules import checked_factors, schedule_notation, schedule_picture

    factors = checked_factors(schedule, steps)
    shown = np.unique(np.linspace(1, steps, POINTS).round().astype(int))
    parts = [described(part, schedule_notation(part)) for part in getattr(schedule, "parts", ())]
    document = {
        **described(schedule, notation or schedule_notation(schedule)),
        **({"parts": parts} if parts else {}),
        "picture": {"steps": steps, "step": shown, "factor": factors[shown - 1]},
    }
    width = page_width()
    head, *rest = as_text(document, width).split("\n\n")
    drawn = schedule_picture(schedule, steps, min(width, 80) - 2).split("\n")
    unknown = ["Reductions come on top; they depend on the losses."] if schedule.adaptive else []
    picture = "\n".join(["Picture", *(f"  {line}" for line in [*drawn, *unknown])])
    pages = [as_text(part, width, brief=True) for part in parts]
    return document, "\n\n".join([head, picture, *rest, *pages])


def _drawable(name: str, found: "Configurable | None") -> "Schedule":
    from thalweg.errors import InvalidValueError
    from thalweg.schedules import Schedule

    if isinstance(found, Schedule):
        return found
    raise InvalidValueError(f"--out draws schedules, and {name!r} is none; leave it out.")


def _explained(name: str) -> tuple[Any, str]:
    """Return what is known of an optimizer, task or landscape as data and as text.

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
        return _built_in_task(tasks[name])
    if is_file_reference(name):
        return _from_file(name)
    if name.partition("@")[0] in optimizer_names() or name.startswith("optax:"):
        return _optimizer(name)
    known = {word for kind in KINDS.values() for word in kind.classes()}
    raise UnknownNameError("name", name, {*optimizer_names(), *tasks, *landscapes, *known})


def _optimizer(name: str) -> tuple[Any, str]:
    from thalweg.cli.output import page_width
    from thalweg.optimizers.explain import as_text
    from thalweg.optimizers.explain import explain as explain_optimizer

    if name.startswith("optax:"):
        from thalweg.optimizers.explain import explain_rule
        from thalweg.study.rules import find_rule

        found = find_rule(name)
        explanation = explain_rule(found.rule_class, name=found.name)
    else:
        explanation = explain_optimizer(name)
    return explanation, as_text(explanation, page_width())


def _built_in_task(entry: dict[str, Any]) -> tuple[Any, str]:
    """Return what is known of a built-in task, which is loaded for it, and JAX with it."""
    from thalweg.tasks.catalogue import find_task
    from thalweg.tasks.choices import choices_text, default_choice

    task = find_task(entry["name"])
    metric = task.metric.name if task.metric else task.loss_name
    unit = f" ({task.metric.unit})" if task.metric and task.metric.unit else ""
    target = f"{task.target.quantity.replace('_', ' ')} {task.target.value:g}" if task.target else None
    document = {
        **entry,
        "description": task.description,
        "loss": task.loss_name,
        "metric": metric + unit,
        "target": target,
        "batch_size": task.batch_size,
        "epochs": task.epochs,
        "source": task.source,
        "model": {
            name: f"{choices_text(choices)}; {default_choice(choices)} by default"
            for name, choices in task.options.items()
        },
        "heeds": sorted(name.replace("_", "-") for name in task.techniques if name != "key"),
    }
    return document, _task_text({key: value for key, value in document.items() if value not in (None, {}, [], "")})


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
    apart = {"name", "title", "description", "model", "heeds"}
    facts = {key: value for key, value in task.items() if key not in apart}
    uses = [f"  thalweg compare {task['name']}"]
    parts = [
        [f"{task['title']} ({task['name']})", *_wrapped(task.get("description") or "")],
        ["Facts", *_columns({key.replace("_", " "): _value_text(value) for key, value in facts.items()})],
    ]
    if task.get("model"):
        parts.append(["Choices of the model", *_columns(task["model"])])
        uses.append(f"  thalweg compare {task['name']} --model {next(iter(task['model']))}=…")
    if task.get("heeds"):
        parts.append(["Heeds while training", f"  {', '.join(task['heeds'])}"])
    return "\n\n".join("\n".join(part) for part in [*parts, ["Use", *uses]])


def _columns(facts: dict[str, str]) -> list[str]:
    """Return names and values in two columns, long values wrapped under themselves."""
    import textwrap

    from thalweg.cli.output import page_width

    widest = max(len(name) for name in facts)
    lines = []
    for name, value in facts.items():
        first = f"  {name.ljust(widest)}  "
        lines += textwrap.wrap(value, page_width(), initial_indent=first, subsequent_indent=" " * len(first))
    return lines


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
