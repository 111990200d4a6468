"""Options that several commands share, defined once."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from thalweg.cli.layout import Option
from thalweg.cli.values import SEED_LIMIT, Whole

__all__ = [
    "as_json",
    "batch_size",
    "chosen_techniques",
    "epochs",
    "out_file",
    "quiet",
    "seed",
    "store",
    "techniques",
]

Function = TypeVar("Function", bound=Callable[..., Any])

OUTPUT = "Where results go"
WORK = "How much work"


def store(function: Function) -> Function:
    """Add ``--store``."""
    return click.option(
        "--store",
        cls=Option,
        section=OUTPUT,
        metavar="PATH|URL",
        help="Where runs are kept: a file or a database URL. Default: $THALWEG_STORE, or a file in your data folder.",
    )(function)


def as_json(function: Function) -> Function:
    """Add ``--json``."""
    return click.option(
        "--json",
        "as_json",
        cls=Option,
        section=OUTPUT,
        is_flag=True,
        help="Print one JSON document on standard output and nothing else there.",
    )(function)


def quiet(function: Function) -> Function:
    """Add ``--quiet``."""
    return click.option("--quiet", "-q", cls=Option, section=OUTPUT, is_flag=True, help="Show no progress.")(function)


def epochs(function: Function) -> Function:
    """Add ``--epochs``."""
    told = "Passes over the training data. Default: the task's."
    return click.option("--epochs", cls=Option, section=WORK, type=Whole(1), help=told)(function)


def batch_size(function: Function) -> Function:
    """Add ``--batch-size``."""
    told = "Examples per step, at most the training set. Default: the task's."
    return click.option("--batch-size", cls=Option, section=WORK, type=Whole(1), help=told)(function)


def seed(function: Function) -> Function:
    """Add ``--seed``."""
    return click.option(
        "--seed",
        cls=Option,
        section=WORK,
        type=Whole(0, SEED_LIMIT),
        default=0,
        help="Fixes all randomness: equal seeds give equal results. Default: 0.",
    )(function)


def out_file(*names: str, help: str) -> Callable[[Function], Function]:  # noqa: A002 (click's name)
    """Return a decorator that adds an option for a file to be written."""
    return click.option(*names, cls=Option, section=OUTPUT, metavar="FILE", help=help)


def techniques(function: Function) -> Function:
    """Add ``--schedule``, ``--initializer``, ``--model`` and ``--with``."""
    section = "How it is trained"
    for option in (
        click.option(
            "--with",
            "techniques",
            multiple=True,
            cls=Option,
            section=section,
            metavar="TECHNIQUE",
            help="From 'thalweg list techniques', as in clip-norm:1 or bias=marginal; may be given again.",
        ),
        click.option(
            "--model",
            "model",
            multiple=True,
            cls=Option,
            section=section,
            metavar="OPTION=VALUE",
            help="A choice of the task's model, as in activation=tanh; see 'thalweg explain TASK'.",
        ),
        click.option(
            "--initializer",
            cls=Option,
            section=section,
            metavar="NAME",
            help="From 'thalweg list initializers', as in he or sparse:k=15. Default: the task's own.",
        ),
        click.option(
            "--schedule",
            cls=Option,
            section=section,
            metavar="NAME",
            help="Learning-rate schedule from 'thalweg list schedules', as in cosine:warmup=0.1. Default: constant.",
        ),
    ):
        function = option(function)
    return function


def chosen_techniques(request: dict[str, Any]) -> list[str]:
    """Return what ``--with``, ``--model`` and ``--initializer`` ask for, as techniques."""
    models = [f"model.{one}" for one in request["model"]]
    initializer = [f"initializer={request['initializer']}"] if request["initializer"] else []
    return [*request["techniques"], *models, *initializer]
