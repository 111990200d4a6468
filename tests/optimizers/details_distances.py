"""Checks of rules that measure lengths and of Schedule-Free's averages: limits, and what only their states show."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from thalweg.optimizers import Rule, lift

__all__ = ["DISTANCE_DETAILS"]

Rules = Mapping[str, type[Rule]]


def _trust_ratio(name: str) -> Callable[[Rules], None]:
    """The ratio is c·‖θ‖/(s + ε), or 1 where either length is zero, 0-d in any case, with no division by zero."""

    def run(rules: Rules) -> None:
        trust_ratio = rules[name].update.__globals__["trust_ratio"]
        for dtype in (np.float32, np.float64):
            for x in (np.array([3.0, -4.0]), np.array([[0.0], [-5.0]]), np.zeros((2, 3))):
                for length, coefficient, epsilon in (
                    (2.0, 0.75, 0.5),
                    (0.0, 0.75, 0.5),
                    (4.0, 0.5, 0.0),
                    (0.0, 0.0, 0.0),
                ):
                    expected = coefficient * 5.0 / (length + epsilon) if x.any() and length else 1.0
                    numbers = (np.asarray(number, dtype=dtype) for number in (length, coefficient, epsilon))
                    with np.errstate(all="raise"):
                        found = trust_ratio(x.astype(dtype), *numbers)
                    assert found == expected, (x, length, coefficient, epsilon)  # all are short binary fractions
                    assert found.shape == ()
                    assert found.dtype == dtype

    return run


def _own_memory(name: str, *entries: str, **settings: Any) -> Callable[[Rules], None]:
    """The first state shares no memory with the parameters or a hyperparameter, which may be written over.

    Args:
        name: Of the rule.
        entries: Of its state, each of them the parameters or the first distance.
        settings: Of the rule.
    """

    def run(rules: Rules) -> None:
        x, first = np.array([2.0, -4.0]), np.asarray(0.5)
        made = rules[name].configured(**settings)
        made = made.with_values({h: np.asarray(value) for h, value in made.values().items()})
        if "distance" in entries:
            made = made.with_values({"initial_distance": first})
        state = made.init((x,) if made.whole_tree else x)
        for entry in entries:
            for array in state[entry] if isinstance(state[entry], tuple) else (state[entry],):
                np.testing.assert_array_equal(array, x if np.shape(array) else first, err_msg=entry)
                assert not np.shares_memory(array, x), entry
                assert not np.shares_memory(array, first), entry

    return run


def _warm_up(rules: Rules) -> None:
    """The rate rises linearly to η, and without a warm-up it is η, also where η exceeds the number of the step."""
    warmed = rules["schedule-free-sgd"].update.__globals__["_warmed"]
    for steps, t, expected in ((0.0, 1.0, 8.0), (0.5, 1.0, 8.0), (4.0, 1.0, 2.0), (4.0, 4.0, 8.0), (4.0, 5.0, 8.0)):
        found = warmed(np.asarray(8.0), np.asarray(steps), np.asarray(t))
        assert found == expected, (steps, t, found)


def _average(rules: Rules) -> None:
    """The average's share of the next point is its part of all weights: 0 if they are, or if this step's is."""
    averaged = rules["schedule-free-sgd"].update.__globals__["_averaged"]
    x, z = np.array([2.0, -1.0]), np.array([6.0, 7.0])
    cases = (  # the rate; largest rate and sum of weights so far; share, and both after t = 4, r = 1/2, p = 2
        (0.5, (0.0, 0.0), 1.0, (0.5, 0.5)),
        (0.5, (0.25, 1.5), 0.25, (0.5, 2.0)),
        (0.0, (0.5, 1.5), 0.25, (0.5, 2.0)),
        (0.0, (0.0, 0.0), 0.0, (0.0, 0.0)),
        (1e-200, (0.0, 0.0), 0.0, (1e-200, 0.0)),  # its square is too small to be a number
    )
    for rate, before, share, after in cases:
        state = {"z": x, "largest_rate": np.asarray(before[0]), "weights": np.asarray(before[1])}
        with np.errstate(divide="raise", invalid="raise"):
            moved, new = averaged(x, z, np.asarray(rate), state, *map(np.asarray, (4.0, 0.5, 2.0)))
        np.testing.assert_array_equal(moved, x + share * np.array([4.0, 8.0]), err_msg=str((rate, before)))
        np.testing.assert_array_equal(new["z"], z)
        assert (new["largest_rate"], new["weights"]) == after, (rate, before)


def _dog_half_precision(rules: Rules) -> None:
    """The length of the start is taken in float32, since in float16 the squares of 300 are infinite already."""
    (distance,) = lift.init_state(rules["dog"].configured(initial_distance=0.5), [np.full(4, 300.0, np.float16)])[
        "distance"
    ]
    assert distance == 0.5 * (1.0 + 600.0)


def _prodigy_sum(rules: Rules) -> None:
    """The weighted sum of gradients has their sign, though only its length is used; it is kept in units of d²."""
    g = np.array([2.0, -4.0])
    rule = rules["prodigy"].configured(learning_rate=0.5)
    _, state = lift.update(rule, [g], [g], lift.init_state(rule, [g]), 1)
    np.testing.assert_array_equal(state["s"][0], 0.5 * g)


def _prodigy_scale(rules: Rules) -> None:
    """β₃ is a decay as β₂ is, so who searches it does so on the same scale."""
    known = rules["prodigy"].hyperparameters()
    assert known["beta3"].scale == known["beta2"].scale


def _dadapt_average(rules: Rules) -> None:
    """The average of the weighted gradients is the paper's, though a factor of it would cancel in the next d."""
    g = np.array([2.0, -4.0])
    rule = rules["dadapt-adam"].configured(learning_rate=0.5, initial_distance=0.25, beta2=0.0625)
    _, state = lift.update(rule, [g], [g], lift.init_state(rule, [g]), 1)
    np.testing.assert_array_equal(state["s"][0], (1.0 - 0.25) * (0.5 * 0.25) * g)


DISTANCE_DETAILS: dict[str, dict[str, Callable[[Rules], None]]] = {
    "dadapt-adam": {"own memory": _own_memory("dadapt-adam", "distance"), "average": _dadapt_average},
    "dadapt-sgd": {"own memory": _own_memory("dadapt-sgd", "start", "distance")},
    "dog": {
        "own memory": _own_memory("dog", "start", "distance", start="absolute"),
        "half precision": _dog_half_precision,
    },
    "lamb": {"trust ratio": _trust_ratio("lamb")},
    "lars": {"trust ratio": _trust_ratio("lars")},
    "prodigy": {
        "own memory": _own_memory("prodigy", "start", "distance"),
        "sum": _prodigy_sum,
        "scale of the decay": _prodigy_scale,
    },
    "schedule-free-sgd": {
        "own memory": _own_memory("schedule-free-sgd", "z"),
        "warm-up": _warm_up,
        "average": _average,
    },
}
