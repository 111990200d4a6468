"""What counts for the fingerprint of things made in a running program."""

import functools
import logging
import types
from typing import Any

import numpy as np
import pytest

from thalweg.tasks.definition import value_digest


class Scaled:
    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, x: float) -> float:
        return self.factor * x

    def make(self, x: float) -> float:
        return self(x)


class Doubled(Scaled):
    def __call__(self, x: float) -> float:
        return 2 * self.factor * x


def reading(config: Any) -> Any:
    return lambda x: config.factor * x


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Scaled(1.0), Scaled(2.0)),
        (Scaled(1.0), Doubled(1.0)),
        (Scaled(1.0).make, Scaled(2.0).make),
        (functools.partial(Scaled.make, Scaled(1.0)), functools.partial(Scaled.make, Scaled(2.0))),
        (reading(types.SimpleNamespace(factor=1.0)), reading(types.SimpleNamespace(factor=2.0))),
        (reading(Scaled(1.0)), reading(Scaled(2.0))),
        (np.ones(3), np.ones(3, np.float32)),
    ],
)
def test_what_differs_is_told_apart(one: Any, other: Any) -> None:
    assert value_digest(one) != value_digest(other)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Scaled(1.0),
        lambda: Scaled(1.0).make,
        lambda: reading(types.SimpleNamespace(factor=1.0)),
        lambda: functools.partial(np.clip, a_min=0),
        lambda: [logging.getLogger("any"), np, types],
    ],
)
def test_what_is_made_alike_is_the_same(make: Any) -> None:
    assert value_digest(make()) == value_digest(make())
