"""The one place where errors become a sentence on standard error and an exit status."""

import os
import sys
from collections.abc import Callable
from typing import Any

import click

from thalweg.errors import ThalwegError, UnknownNameError, UsageError

__all__ = ["DONE", "FAILED", "INTERRUPTED", "WRONG_USE", "Interrupted", "guarded"]

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


class Interrupted(Exception):  # noqa: N818 (it is no error)
    """The user stopped the work; the message says what is kept and how to go on."""


def guarded(work: Callable[[], Any]) -> int:
    """Run the work and return an exit status; whatever goes wrong is told in one sentence.

    Args:
        work: Returns None or an exit status.

    With ``THALWEG_DEBUG=1`` in the environment errors are raised with their traceback.
    """
    try:
        status = work()
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of a pipe went away, as `head` does. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (click.Abort, KeyboardInterrupt, Interrupted) as interruption:
        _tell(str(interruption) or "interrupted.")
        return INTERRUPTED
    except Exception as error:
        if os.environ.get("THALWEG_DEBUG", "") not in {"", "0"}:
            raise
        sentence, status = _judged(error)
        _tell(sentence)
        return status
    return status if isinstance(status, int) else DONE


def _judged(error: Exception) -> tuple[str, int]:
    """Return the sentence and the exit status that an error deserves."""
    match error:
        case UsageError():
            return str(error), WRONG_USE
        case ThalwegError():
            return str(error), FAILED
        case click.ClickException():
            return _reworded(error), error.exit_code
        case MemoryError():
            return "the memory of this machine is used up; give a smaller task, batch size or number of trials.", FAILED
        case OSError() if error.filename is not None:
            return f"{error.filename!s} cannot be used: {error.strerror}.", FAILED
    described = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"this is a fault of Thalweg ({described}); THALWEG_DEBUG=1 shows where it happened.", FAILED


def _reworded(error: click.ClickException) -> str:
    """Return click's complaint about the command line as one sentence with a way out."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command if context else None
    examples = getattr(command, "examples", ())
    hint = f"for example: thalweg {examples[0][0]}" if examples else "see thalweg --help"
    match error:
        case click.NoSuchOption() if context and command:
            known = [name for p in command.get_params(context) if isinstance(p, click.Option) for name in p.opts]
            return str(UnknownNameError("option", error.option_name, known))
        case click.MissingParameter() if error.param is not None and context:
            name = error.param.opts[-1] if isinstance(error.param, click.Option) else error.param.make_metavar(context)
            return f"{name} is missing; {hint}"
        case click.BadOptionUsage():
            return f"option {error.option_name!r} needs a value; {hint}"
    message = error.format_message().rstrip(".")
    path = context.command_path if context else "thalweg"
    return f"{message[:1].lower()}{message[1:]}; see {path} --help."


def _tell(sentence: str) -> None:
    click.echo(f"thalweg: {sentence}", err=True)
