"""How help pages look: what it does, how it is called, options by section, examples."""

import inspect
from collections.abc import Sequence
from typing import Any

import click

__all__ = ["Argument", "Command", "Example", "Group", "Option"]

Example = tuple[str, str]  # a command line without the program's name, and what it does
WIDEST = 100  # longer lines of prose are hard to read


class Formatter(click.HelpFormatter):
    """A formatter with bold headings; click drops the style where nobody sees it."""

    def write_heading(self, heading: str) -> None:
        """Write a heading in bold."""
        self.write(f"{'':>{self.current_indent}}{click.style(heading, bold=True)}\n")

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write the line that shows how the command is called."""
        super().write_usage(click.style(prog, fg="cyan"), args, prefix)


class Context(click.Context):
    """A context that lays help out with :class:`Formatter`."""

    formatter_class = Formatter


class Argument(click.Argument):
    """A positional argument with a line of help."""

    def __init__(self, declarations: Sequence[str], help: str = "", **settings: Any) -> None:  # noqa: A002 (click's name)
        super().__init__(declarations, **settings)
        self.explanation = help

    def get_help_record(self, ctx: click.Context) -> tuple[str, str]:
        """Return the two columns shown in the list of arguments."""
        return self.make_metavar(ctx), self.explanation


class Option(click.Option):
    """An option that stands in a section of the help page."""

    def __init__(self, *arguments: Any, section: str = "Options", **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.section = section


class Command(click.Command):
    """A command with examples, whose options stand in sections."""

    context_class = Context

    def __init__(self, *arguments: Any, examples: Sequence[Example] = (), **settings: Any) -> None:
        settings.setdefault("context_settings", {}).setdefault("max_content_width", WIDEST)
        super().__init__(*arguments, **settings)
        self.examples = tuple(examples)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; a complaint about them always knows its command, so that it can show an example."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            error.ctx = error.ctx or ctx
            raise

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the whole page."""
        _write_page(self, ctx, formatter)


class Group(click.Group):
    """A group of commands that stand in sections and are imported when they are called.

    Args:
        arguments: As for ``click.Group``.
        commands_by_section: Section, then command, then ``module:attribute`` of the command.
        examples: As for :class:`Command`.
        settings: As for ``click.Group``.
    """

    context_class = Context

    def __init__(
        self,
        *arguments: Any,
        commands_by_section: dict[str, dict[str, str]],
        examples: Sequence[Example] = (),
        **settings: Any,
    ) -> None:
        settings.setdefault("context_settings", {}).setdefault("max_content_width", WIDEST)
        super().__init__(*arguments, **settings)
        self.sections = commands_by_section
        self.examples = tuple(examples)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of the sections."""
        del ctx
        return [name for section in self.sections.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, importing it, or None if there is none of that name."""
        from importlib import import_module

        del ctx
        places = {name: place for section in self.sections.values() for name, place in section.items()}
        if cmd_name not in places:
            return None
        module, attribute = places[cmd_name].split(":")
        return getattr(import_module(module), attribute)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments call.

        Raises:
            UnknownNameError: There is no such command.
        """
        from thalweg.errors import UnknownNameError

        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise UnknownNameError("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the whole page."""
        _write_page(self, ctx, formatter)


def _write_page(command: Command | Group, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        formatter.write_text(paragraph)
        formatter.write("\n")
    command.format_usage(ctx, formatter)
    _write_arguments(command, ctx, formatter)
    if isinstance(command, Group):
        _write_commands(command, ctx, formatter)
    _write_options(command, ctx, formatter)
    _write_examples(command, formatter)
    command.format_epilog(ctx, formatter)


def _write_arguments(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    records = [p.get_help_record(ctx) for p in command.params if isinstance(p, Argument)]
    if records:
        with formatter.section("Arguments"):
            formatter.write_dl([(click.style(name, fg="cyan"), text) for name, text in records])


def _write_commands(group: Group, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    widest = max(len(name) for name in group.list_commands(ctx))
    for section, commands in group.sections.items():
        found = [(name, group.get_command(ctx, name)) for name in commands]
        rows = [(name.ljust(widest), command.get_short_help_str(limit=WIDEST)) for name, command in found if command]
        with formatter.section(section):
            formatter.write_dl([(click.style(name, fg="cyan"), text) for name, text in rows])


def _write_options(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    sections: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
        if record:
            section = parameter.section if isinstance(parameter, Option) else "Options"
            sections.setdefault(section, []).append((click.style(record[0], fg="cyan"), record[1]))
    for section, records in sections.items():
        with formatter.section(section):
            formatter.write_dl(records)


def _write_examples(command: Command | Group, formatter: click.HelpFormatter) -> None:
    with formatter.section("Examples"):
        for line, meaning in command.examples:
            formatter.write(f"{'':>{formatter.current_indent}}{click.style(f'thalweg {line}', fg='cyan')}\n")
            with formatter.indentation():
                formatter.write_text(meaning)
