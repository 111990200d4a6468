"""Errors of functions that compiled code calls back, as for a model that runs in another library."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import jax

from thalweg.errors import TaskError

__all__ = ["callback_errors"]

SAID = re.compile(rf"^(?:\w+\.)*{TaskError.__name__}: (.+)$", re.MULTILINE)


@contextmanager
def callback_errors() -> Iterator[None]:
    """Raise the sentence of a callback in place of the traceback as text that JAX makes of it.

    Raises:
        TaskError: A function that compiled code called back raised it.
    """
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        said = SAID.search(str(error))
        if said is None:
            raise
        raise TaskError(said[1]) from error
