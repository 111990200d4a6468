"""Rules that become other rules: in a degenerate setting, or after a change of variables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import oracles
import oracles_distance
from conformance_scenarios import CURVED, FADING, FLIPS, PLAIN, ZEROS, Scenario, Trajectory, run_rule, run_with_state
from conformance_table import TABLE

from thalweg.optimizers import Rule

__all__ = ["IDENTITIES", "Identity", "special_case_identities"]

Rules = Mapping[str, type[Rule]]


@dataclass(frozen=True)
class Identity:
    """Two ways to one trajectory.

    Attributes:
        rule: The rule whose check this is.
        label: What equals what.
        left: One trajectory, from the catalogue of rules.
        right: The other.
    """

    rule: str
    label: str
    left: Callable[[Rules], Trajectory]
    right: Callable[[Rules], Trajectory]


def _run(name: str, scenario: Scenario = CURVED, **settings: Any) -> Callable[[Rules], Trajectory]:
    return lambda rules: run_rule(rules[name].configured(**settings), scenario)


def _equal(
    rule: str, settings: Mapping[str, Any], other: str, others: Mapping[str, Any], *scenarios: Scenario
) -> list[Identity]:
    return [
        Identity(rule, f"{rule} is {other} on {s.name}", _run(rule, s, **settings), _run(other, s, **others))
        for s in scenarios or (CURVED, ZEROS)
    ]


def special_case_identities(rule_class: type[Rule], rules: Rules) -> list[Identity]:
    """Return the claims of ``special_cases`` as identities.

    What the claim leaves open is shared by both rules where both have it; the other rule keeps its default variants
    where the claim names them.
    """
    found = []
    for other, settings in rule_class.special_cases:
        own = {name: value for name, value in TABLE[rule_class.name].unusual.items() if name not in settings}
        own = {name: value for name, value in own.items() if name in TABLE[other].unusual}
        shared = own | {name: v for name, v in settings.items() if name in rules[other].hyperparameters()}
        same = {
            name: default
            for name, default in rule_class.configured().structure().items()
            if name not in settings and name in rules[other].variants()
        }
        found += _equal(rule_class.name, {**own, **settings}, other, {**shared, **same}, CURVED, ZEROS, FLIPS)
    return found


def _nesterov_change_of_variables(rules: Rules) -> Trajectory:
    """The lecture's lookahead points θ + μ·v, which the rewritten form keeps as its parameters."""
    rule = rules["nesterov"].configured(learning_rate=0.25, momentum=0.75)
    points = run_with_state(rule, _STEADY)
    return [
        [np.asarray(x + 0.75 * s["velocity"]) for x, s in zip(leaves, states, strict=True)] for leaves, states in points
    ]


_STEADY = Scenario("curved, steady rate", CURVED.starts, CURVED.gradients, (1.0,) * len(CURVED.rates), CURVED.curvature)
_GROWING = Scenario(  # every gradient larger than the one before, so that v never falls
    "growing gradients",
    PLAIN.starts,
    tuple(tuple(np.asarray(2.0**step * (np.abs(g) + 0.1)) for g in PLAIN.gradients[0]) for step in range(12)),
    (1.0,) * 12,
)
_SLOPE = Scenario(  # gradients that agree from step to step, so that estimates of the distance grow
    "a slope",
    PLAIN.starts,
    tuple(tuple(np.asarray(0.25 * np.abs(g)) for g in step) for step in PLAIN.gradients),
    PLAIN.rates,
)
_GENTLE = Scenario(
    "a slope a million times as gentle",
    PLAIN.starts,
    tuple(tuple(np.asarray(2.0**-20 * g) for g in step) for step in _SLOPE.gradients),
    PLAIN.rates,
)


def _distances(rule: str, oracle: Callable[..., Any], **settings: Any) -> list[Identity]:
    """Return that a rule is its oracle where the distance grows, and that the scale of the loss does not matter."""
    without_epsilon = {**settings, "epsilon": 1e-30} if "epsilon" in settings else settings
    return [
        Identity(
            rule,
            f"the oracle on {scenario.name}",
            _run(rule, scenario, **settings),
            lambda rules, scenario=scenario: oracles.run(oracle, settings, scenario),
        )
        for scenario in (_SLOPE, _GROWING)
    ] + [
        Identity(
            rule,
            "the scale of the loss does not matter",
            _run(rule, _SLOPE, **without_epsilon),
            _run(rule, _GENTLE, **without_epsilon),
        )
    ]


_SHARED = {"learning_rate": 0.25, "epsilon": 2.0**-6, "weight_decay": 0.125}
_ADAM = {**_SHARED, "beta1": 0.625, "beta2": 0.75}
_HEAVY = {"learning_rate": 0.25, "momentum": 0.75, "weight_decay": 0.125}

IDENTITIES: tuple[Identity, ...] = (
    *_equal("momentum", {**_HEAVY, "momentum": 0.0}, "sgd", {"learning_rate": 0.25, "weight_decay": 0.125}),
    *_equal(
        "momentum",
        {**_HEAVY, "rate_place": "outside"},
        "momentum",
        {**_HEAVY, "rate_place": "inside"},
        _STEADY,
    ),
    *_equal("nesterov", {**_HEAVY, "momentum": 0.0}, "sgd", {"learning_rate": 0.25, "weight_decay": 0.125}),
    Identity(
        "nesterov",
        "the rewritten form keeps the lecture's lookahead points",
        _run("nesterov", _STEADY, learning_rate=0.25, momentum=0.75, form="rewritten"),
        _nesterov_change_of_variables,
    ),
    *_equal(
        "rmsprop",
        {**_SHARED, "decay": 0.75, "bias_correction": True, "epsilon_place": "outside"},
        "adam",
        {**_SHARED, "beta1": 0.0, "beta2": 0.75},
    ),
    *_equal(
        "rmsprop",
        {**_SHARED, "decay": 0.75, "momentum_buffer": True, "momentum": 0.0},
        "rmsprop",
        {**_SHARED, "decay": 0.75},
    ),
    *_equal("adamw", {**_ADAM, "weight_decay": 0.0}, "adam", {**_ADAM, "weight_decay": 0.0}),
    *_equal(
        "amsgrad",
        {**_ADAM, "weight_decay": 0.0, "correction": "after_maximum"},
        "adam",
        {**_ADAM, "weight_decay": 0.0},
        _GROWING,
    ),
    *_equal(
        "nadam",
        {**_ADAM, "beta1": 0.0, "momentum_schedule": "constant"},
        "adam",
        {**_ADAM, "beta1": 0.0},
        CURVED,
        FADING,
    ),
    *_equal(
        "adagrad",
        {"learning_rate": 0.25, "epsilon": 2.0**-6, "learning_rate_decay": 0.0},
        "rmsprop",  # one step: the sum is (1 − ρ)⁻¹ times the average, undone by the start's weight
        {"learning_rate": 0.25, "epsilon": 2.0**-6, "decay": 0.0, "epsilon_place": "outside"},
        Scenario("one step", PLAIN.starts, PLAIN.gradients[:1], (1.0,)),
    ),
    *_distances("prodigy", oracles_distance.prodigy, epsilon=1e-8, initial_distance=2.0**-6),
    *_distances("dadapt-sgd", oracles_distance.dadapt_sgd, initial_distance=2.0**-6),
    *_distances("dadapt-adam", oracles_distance.dadapt_adam, epsilon=1e-8, initial_distance=2.0**-6),
    *_distances("dog", oracles_distance.dog, epsilon=1e-8, initial_distance=2.0**-6),
)
