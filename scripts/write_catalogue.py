"""Write the catalogue pages of the documentation from what the program itself knows.

python scripts/write_catalogue.py          # write docs/optimizers.md, docs/tasks.md and docs/commands.md
python scripts/write_catalogue.py --check  # exit with 1 if one of them is out of date
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from thalweg.cli.app import COMMANDS, app
from thalweg.cli.layout import Argument, Option
from thalweg.landscapes import LANDSCAPES, Landscape
from thalweg.optimizers import optimizer_names
from thalweg.optimizers.explain import Explanation, HyperparameterEntry, explain
from thalweg.tasks import Task, find_task, task_listing

DOCS = Path(__file__).parents[1] / "docs"
NOTE = "<!-- Written by scripts/write_catalogue.py; change the code and run it again. -->"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the pages and return the exit status."""
    parser = argparse.ArgumentParser(description="Write the catalogue pages of the documentation.")
    parser.add_argument("--check", action="store_true", help="only say whether the pages are up to date")
    check = parser.parse_args(arguments).check
    stale = [name for name, text in pages().items() if not _is(DOCS / name, text)]
    for name in stale:
        if not check:
            (DOCS / name).write_text(pages()[name], encoding="utf-8")
        print(f"docs/{name} {'is out of date; run python scripts/write_catalogue.py' if check else 'written'}")
    return int(check and bool(stale))


def pages() -> dict[str, str]:
    """Return the text of every generated page by its file name."""
    writers: dict[str, Callable[[], str]] = {
        "optimizers.md": optimizers_page,
        "tasks.md": tasks_page,
        "commands.md": commands_page,
    }
    return {name: write() for name, write in writers.items()}


def optimizers_page() -> str:
    """Return the catalogue of optimizers."""
    known = [explain(name) for name in optimizer_names()]
    overview = _table(
        ("name", "optimizer", "state, bytes per parameter", "update, × sgd", "needs also", "source", "presets"),
        (
            (
                f"[`{e.name}`](#{e.name})",
                e.title,
                f"{e.state_bytes_per_parameter:.3g}",
                "" if e.update_cost is None else f"{e.update_cost:.3g}",
                _codes(e.needs),
                _authors(e.sources),
                _codes(e.presets),
            )
            for e in known
        ),
        right={2, 3},
    )
    head = [
        "# Optimizers",
        NOTE,
        "Every built-in optimizer with its formula, defaults, presets and sources. `thalweg explain NAME` prints the "
        "same. A preset is named with an @, as in `adam@keras`. The state is measured on a 64 × 32 matrix of float32; "
        "a fraction means a few numbers that are kept once per array. The update's cost is measured on a CPU, "
        "compiled, with gradients given, on a perceptron's matrices and vectors; see "
        "[benchmarks](benchmarks.md). *Needs also* names what a rule asks for beside the gradient: `thalweg explain NAME` "
        "says what that is.",
        "*Allowed* is what may be set by hand, *searched* is what a comparison tunes, on a scale that is `log`, "
        "`linear`, or `complement` (logarithmic in 1 − value). What is not searched keeps its default.",
        "Some entries name *seed texts* by number: teaching texts on optimizers whose statements were checked. Where one "
        "states a rule wrongly, the entry says how.",
        overview,
    ]
    return _page([*head, *(part for e in known for part in _optimizer(e))])


def _authors(sources: Sequence[str]) -> str:
    """Return the authors, of many only the first, and the year of the first source."""
    names, _, year = sources[0].partition(")")[0].partition(" (") if sources else ("", "", "")
    first, *others = names.replace(" and ", ", ").split(", ")
    return f"{first if len(others) > 1 else names}{' et al.' if len(others) > 1 else ''} ({year})" if year else ""


def _optimizer(e: Explanation) -> list[str]:
    rows = [(f"`{h.name}`", f"{h.default:.6g}", f"`{h.allowed}`", _searched(h), h.meaning) for h in e.hyperparameters]
    variants = [(f"`{v.name}`", f"`{v.default}`", _codes(map(str, v.choices)), v.meaning) for v in e.variants]
    presets = [(f"`{e.name}@{name}`", _settings(values)) for name, values in e.presets.items()]
    kept = ", ".join(f"`{s.name}` ({_kept(s.numbers_per_parameter)})" for s in e.state) or "nothing"
    contains = [f"`{case.name}`, with {_settings(case.settings)}" for case in e.special_cases]
    tables = [
        _table(("hyperparameter", "default", "allowed", "searched", "meaning"), rows, right={1}),
        _table(("variant", "default", "choices", "meaning"), variants) if variants else "",
        _table(("preset", "sets"), presets) if presets else "",
    ]
    return [
        f"## {e.name}",
        f"**{e.title}**",
        e.summary,
        "```text\n" + "\n".join(e.formula) + "\n```",
        *filter(None, tables),
        f"State: {kept}; {e.state_bytes_per_parameter:g} bytes per parameter in float32.",
        *_section("Contains as special cases", contains),
        *_section("Good and bad at", e.attributes),
        *_section("Where versions differ", e.differences),
        *_section("Where the seed texts slip", e.slips),
        *_section("Sources", e.sources),
    ]


def _kept(numbers: float) -> str:
    return f"{numbers:g} per parameter" if numbers >= 1 else f"{round(numbers * 64 * 32)} per array"


def _searched(entry: HyperparameterEntry) -> str:
    return f"{entry.search[0]:g} … {entry.search[1]:g}, {entry.scale}" if entry.search else "no"


def _settings(settings: Any) -> str:
    shown = (
        f"`{key} = {value:.6g}`" if isinstance(value, float) else f"`{key} = {value}`"
        for key, value in settings.items()
    )
    return ", ".join(shown) or "the defaults"


def tasks_page() -> str:
    """Return the catalogue of tasks and landscapes."""
    entries = [(entry, find_task(entry["name"])) for entry in task_listing() if entry["kind"] != "landscape"]
    overview = _table(
        ("name", "task", "kind", "examples", "parameters", "metric", "target"),
        (
            (
                f"[`{task.name}`](#{task.name})",
                task.title,
                entry["kind"],
                f"{entry['examples']:,}",
                f"{entry['parameters']:,}",
                _metric(task),
                _target(task),
            )
            for entry, task in entries
        ),
        right={3, 4},
    )
    ways = _table(
        ("name", "kind", "function", "domain", "start", "global minima"),
        (_landscape(landscape) for landscape in LANDSCAPES.values()),
    )
    sources = [
        f"`{landscape.name}`: {landscape.notes} Source: {landscape.source}." for landscape in LANDSCAPES.values()
    ]
    return _page(
        [
            "# Tasks and landscapes",
            NOTE,
            "Every built-in task, with its data, licence, sizes, metric and target. `thalweg list tasks` lists them; "
            "[write a task](write-a-task.md) says how to add one of your own. All data is installed with Thalweg or "
            "its dependencies, or generated: nothing is downloaded.",
            "## Tasks on data",
            overview,
            *(part for entry, task in entries for part in _task(entry, task)),
            "## Landscapes",
            "Functions of two variables, for `thalweg race`. Each is a task as well: as a task its loss is the height "
            "above the global minimum, its metric the distance to the nearest global minimum, and every seed starts at "
            "another random place of the domain.",
            ways,
            "\n".join(f"- {line}" for line in sources),
        ]
    )


def _task(entry: dict[str, Any], task: Task) -> list[str]:
    data = task.data() if callable(task.data) else task.data
    sizes = {part: len(next(iter(getattr(data, part).values()))) for part in ("train", "validation", "test")}
    facts = [
        (
            "data",
            f"{sizes['train']:,} training, {sizes['validation']:,} validation and {sizes['test']:,} test examples",
        ),
        ("parameters", f"{entry['parameters']:,}"),
        ("loss", task.loss_name),
        ("metric", _metric(task)),
        ("target", _target(task)),
        ("batch size, epochs", f"{task.batch_size}, {task.epochs}"),
        ("source", task.source),
        ("licence", entry["licence"]),
    ]
    return [f"### {task.name}", f"**{task.title}.** {task.description}".strip(), _table(("", ""), facts)]


def _metric(task: Task) -> str:
    if task.metric is None:
        return "the loss"
    unit = f" in {task.metric.unit}" if task.metric.unit else ""
    return f"{task.metric.name}{unit}, {'larger' if task.metric.larger_is_better else 'smaller'} is better"


def _target(task: Task) -> str:
    if task.target is None:
        return "none"
    rises = task.target.quantity == "validation_metric" and task.metric and task.metric.larger_is_better
    return f"{task.target.quantity.replace('_', ' ')} {'≥' if rises else '≤'} {task.target.value:g}"


def _landscape(landscape: Landscape) -> tuple[str, ...]:
    x_low, x_high, y_low, y_high = landscape.domain
    minima = [f"({x:.5g}, {y:.5g})" for x, y in landscape.global_minima] if landscape.minima else []
    lowest = f"{landscape.lowest:.5g} at " if minima else ""
    return (
        f"`{landscape.name}`",
        landscape.kind,
        f"`{landscape.formula}`",
        f"[{x_low:g}, {x_high:g}] × [{y_low:g}, {y_high:g}]",
        f"({landscape.start[0]:g}, {landscape.start[1]:g})",
        lowest + (", ".join(minima) or "none"),
    )


def commands_page() -> str:
    """Return the reference of the command line."""
    context = click.Context(app, info_name="thalweg")
    parts = [
        "# Commands",
        NOTE,
        "What `thalweg COMMAND --help` prints, with the JSON forms. Exit status: 0 done, 1 the work failed, 2 wrong "
        "use, 130 interrupted. Results go to standard output, progress and complaints to standard error. A complaint is "
        "one sentence; `THALWEG_DEBUG=1` in the environment shows the traceback behind it. `THALWEG_STORE` names the "
        "store to use when `--store` is not given. `thalweg --version` shows the version.",
    ]
    for section, commands in COMMANDS.items():
        parts.append(f"## {section}")
        for name in commands:
            parts += _command(name, app.get_command(context, name), context)
    return _page([*parts, JSON])


def _command(name: str, command: Any, parent: click.Context) -> list[str]:
    context = click.Context(command, info_name=name, parent=parent)
    arguments = [(f"`{p.make_metavar(context)}`", p.explanation) for p in command.params if isinstance(p, Argument)]
    options = [_option(p, context) for p in command.params if isinstance(p, Option)]
    examples = "\n".join(f"# {meaning}\n$ thalweg {line}" for line, meaning in command.examples)
    return [
        f"### thalweg {name}",
        "\n\n".join(" ".join(paragraph.split()) for paragraph in (command.help or "").split("\n\n")),
        _table(("argument", "meaning"), arguments),
        _table(("option", "meaning"), options) if options else "",
        f"```console shown\n{examples}\n```",
    ]


def _option(option: Option, context: click.Context) -> tuple[str, str]:
    record = option.get_help_record(context)
    assert record is not None
    names = ", ".join(f"`{name}`" for name in option.opts)
    value = "" if option.is_flag else f" `{option.make_metavar(context)}`"
    return names + value, f"{option.help}{' Required.' if option.required else ''}"


JSON = """## JSON

Every listing and result comes as one JSON document with `--json`. Numbers that are not finite are `null`.

`compare` and `report` print one object. For several tasks `compare` prints `{"studies": [...], "profile": {...}}`
with one such object per task and the performance profile.

| key | value |
|---|---|
| `task` | name of the task |
| `protocol` | the rules: `effort`, `trials`, `tuning_seeds`, `confirmation_seeds`, `batch_size`, `steps`, `evaluate_every`, `sampler`, `schedule`, `techniques` (those that all entries share), `resamples`, `confidence`, `win_probability`, `version` |
| `warnings` | sentences; read them first |
| `leaderboard` | rows, the best first: `optimizer`, `hyperparameters`, `validation_loss`, `test_metric` (`name`, `mean`, `low`, `high`), `rank` (`low`, `high`), `steps_to_target`, `diverged_share`, `state_bytes_per_parameter`, `seconds_per_step` |
| `runs` | number of runs |
| `seconds` | `total`, `compile`, `train` and other parts of the time spent by the last call |
| `study` | id of the study |

`train` prints `task`, `optimizer`, `hyperparameters`, `structure`, `batch_size`, `steps`, `seed`, `status`
(`finished` or `diverged`), `diverged_at`, `validation_loss`, `test_loss`, `test_metric` (`name`, `value`), `curve`
(`step`, `train_loss`, `validation_loss`, `validation_metric`), `gradient_evaluations`, `from_store`, `seconds`, `run`.

`race` prints `landscape`, `title`, `domain`, `minima`, `lowest`, `start`, `steps` and `entries`, each with `label`,
`hyperparameters`, `path`, `value`, `status`, `diverged_at`, `distance`, `best_value`.

`list` prints an array of objects with at least `name`; `explain` one object; `export` prints `study`, `to` and
`files`."""


def _section(heading: str, lines: Sequence[str]) -> list[str]:
    return [f"{heading}:", "\n".join(f"- {line}" for line in lines)] if lines else []


def _codes(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()) -> str:
    rule = ["---:" if i in set(right) else "---" for i in range(len(heads))]
    lines = [heads, rule, *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _is(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
