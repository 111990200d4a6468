"""Checks of what the modern rules keep in their states, which a trajectory need not show."""

from collections.abc import Callable, Mapping

import numpy as np

from thalweg.errors import InvalidValueError
from thalweg.optimizers import Rule, lift

__all__ = ["MODERN_DETAILS"]

Rules = Mapping[str, type[Rule]]


def _nothing_yet(name: str, **settings: object) -> Callable[[Rules], None]:
    """Before the first step the state is zero, also where the first step does not look at it."""

    def run(rules: Rules) -> None:
        (state,) = lift.init_state(rules[name].configured(**settings), [np.ones(3)])
        for key, array in state.items():
            np.testing.assert_array_equal(array, 0.0, err_msg=key)

    return run


def _madgrad_start(rules: Rules) -> None:
    """The start is a copy: whoever writes the new parameters over the old ones must not move it."""
    x = np.array([2.0, -4.0])
    (state,) = lift.init_state(rules["madgrad"].configured(), [x])
    np.testing.assert_array_equal(state["start"], x)
    assert not np.shares_memory(state["start"], x)


def _signum_average(rules: Rules) -> None:
    """The average is one, though its scale does not show in its sign."""
    rule = rules["signsgd"].configured(momentum=0.75, average=True)
    g = np.array([2.0, -4.0])
    state = lift.init_state(rule, [g])
    for step, expected in ((1, 0.25 * g), (2, 0.4375 * g)):
        _, state = lift.update(rule, [g], [g], state, step)
        np.testing.assert_array_equal(state[0]["m"], expected)  # sums of powers of two


def _signum_momentum(rules: Rules) -> None:
    """Momentum without an average would be lost without a word, so it is refused."""
    answer = "accepted"
    try:
        rules["signsgd"].configured(momentum=0.5)
    except InvalidValueError as error:
        answer = str(error)
    assert "momentum = 0.5 needs an average; set average = True as well." in answer
    assert rules["signsgd"].configured(momentum=0.5, average=True).values()["momentum"] == 0.5


def _rprop_tiny_gradients(rules: Rules) -> None:
    """Signs are compared, not products of gradients, which underflow in float32."""
    rule = rules["rprop"].configured(learning_rate=0.25)
    x = (np.ones(2, dtype=np.float32),)
    state = lift.init_state(rule, x)
    for step, g in ((1, [1e-30, 1e-30]), (2, [1e-30, -1e-30])):
        x, state = lift.update(rule, x, [np.asarray(g, dtype=np.float32)], state, step)
    np.testing.assert_allclose(x[0], [1 - 0.25 - 0.3, 0.75], rtol=1e-6)
    np.testing.assert_allclose(state[0]["step"], [0.3, 0.125], rtol=1e-6)


MODERN_DETAILS: dict[str, dict[str, Callable[[Rules], None]]] = {
    "adan": {"nothing yet": _nothing_yet("adan")},
    "adopt": {"nothing yet": _nothing_yet("adopt")},
    "madgrad": {"start": _madgrad_start},
    "novograd": {"nothing yet": _nothing_yet("novograd")},
    "rprop": {
        "nothing yet": _nothing_yet("rprop", sign_change="back"),
        "tiny gradients": _rprop_tiny_gradients,
    },
    "signsgd": {"average": _signum_average, "momentum needs an average": _signum_momentum},
}
