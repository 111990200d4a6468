"""Which independent implementation each rule and preset is held against, and with which settings.

A new rule is one entry in :data:`TABLE`: its oracle, unusual settings for every hyperparameter, and per preset the
other libraries' constructors with the names that they give our hyperparameters.
"""

import functools
import inspect
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import oracles
import oracles_adam
from conformance_libraries import Library, keras, optax, torch
from conformance_scenarios import CURVED, FADING, FLIPS, PLAIN, RATE_CHANGE, ZEROS, Scenario, Trajectory

from thalweg.optimizers import Rule

__all__ = ["TABLE", "Case", "Reference", "RuleTable", "cases", "oracle_cases"]

TOLERANCE = 1e-12  # float64, 14 steps of some ten operations each: rounding alone stays below 1e-14


@dataclass(frozen=True)
class Reference:
    """One independent implementation of a rule under a preset.

    Attributes:
        preset: The preset it answers to; empty for the rule's own defaults.
        library: The library's constructor, or None for the oracle.
        ours: Settings always given to our rule.
        theirs: Settings always given to the oracle (a library has its own ``fixed``).
        oracle: An oracle other than the rule's own.
        unused: Hyperparameters that have no effect here, and so are not set.
    """

    preset: str
    library: Library | None = None
    ours: Mapping[str, Any] = field(default_factory=dict)
    theirs: Mapping[str, Any] = field(default_factory=dict)
    oracle: Callable[..., Any] | None = None
    unused: tuple[str, ...] = ()

    def label(self) -> str:
        """Return a short name for test ids."""
        what = f"{self.library.package}.{self.library.constructor}" if self.library else "oracle"
        extra = "+".join(f"{k}={v}" for k, v in {**self.ours, **(self.library.fixed if self.library else {})}.items())
        return f"{self.preset or 'defaults'}-{what}" + (f"[{extra}]" if extra else "")


@dataclass(frozen=True)
class RuleTable:
    """How one rule is tested.

    Attributes:
        oracle: Its literal form in :mod:`oracles`.
        unusual: A value for every hyperparameter, away from every default and exact in float32.
        references: Independent implementations by preset.
        arrays_kept: State arrays of the parameter's size, by preset; ``""`` for all presets not named.
        elementwise: Whether each number is updated by itself.
        also: Further settings held against the oracle on every scenario.
        without: Hyperparameters to leave out under a given choice of a variant: (variant, choice) → names.
    """

    oracle: Callable[..., Any]
    unusual: Mapping[str, float]
    references: tuple[Reference, ...]
    arrays_kept: Mapping[str, int]
    elementwise: bool = True
    also: tuple[Mapping[str, Any], ...] = ()
    without: Mapping[tuple[str, Any], tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """A rule under a preset and settings, on a scenario, against a reference."""

    rule: str
    label: str
    preset: str
    settings: Mapping[str, Any]
    scenario: Scenario
    reference: Callable[[], Trajectory]
    rate_in_float32: bool = False

    def ours(self, rules: Mapping[str, type[Rule]]) -> Rule:
        """Return our rule with the preset and the settings."""
        cls = rules[self.rule]
        rule = cls.preset(self.preset, **self.settings) if self.preset else cls.configured(**self.settings)
        if self.rate_in_float32:
            return rule.with_values({"learning_rate": float(np.float32(rule.values()["learning_rate"]))})
        return rule

    def expected(self) -> Trajectory:
        """Return the reference's trajectory, computed once."""
        if self.label not in KNOWN:
            KNOWN[self.label] = self.reference()
        return KNOWN[self.label]


KNOWN: dict[str, Trajectory] = {}  # by label; a mutation campaign hands it to its processes


def _settings_groups(table: RuleTable, names: set[str]) -> list[tuple[dict[str, float], tuple[Scenario, ...]]]:
    """Return settings with their scenarios; every number is exact in float32, since Keras rounds the rate."""
    unusual = {name: value for name, value in table.unusual.items() if name in names}
    groups: list[tuple[dict[str, float], tuple[Scenario, ...]]] = [
        ({}, (PLAIN, ZEROS)),
        ({"learning_rate": 0.5}, (RATE_CHANGE, ZEROS, FLIPS)),
        (unusual, (CURVED, FADING)),
    ]
    if "epsilon" in names:
        groups.append(({"learning_rate": 1.0, "epsilon": 2.0**-10}, (PLAIN, FADING)))
    return groups


def cases(rule: str) -> list[Case]:
    """Return every case of a rule's presets against libraries, and of its defaults against its oracle."""
    table = TABLE[rule]
    found: list[Case] = []
    for reference in table.references:
        library = reference.library
        oracle = reference.oracle or table.oracle
        known = set(library.arguments if library else inspect.signature(oracle).parameters) - set(reference.unused)
        for given, scenarios in _settings_groups(table, known):
            ours = {**reference.ours, **given}
            rounded = library is not None and library.package == "keras" and "learning_rate" not in given
            theirs = {**reference.theirs, **given}
            for scenario in scenarios:
                label = f"{rule}-{reference.label()}-{scenario.name}-{'+'.join(given) or 'default settings'}"
                run = library.run if library else functools.partial(oracles.run, oracle)
                found.append(
                    Case(
                        rule,
                        label.replace(" ", "_"),
                        reference.preset,
                        ours,
                        scenario,
                        functools.partial(run, theirs, scenario),
                        rate_in_float32=rounded,  # Keras keeps the learning rate in float32
                    )
                )
    return found


def oracle_cases(rule: str, variants: Mapping[str, tuple[Any, ...]]) -> list[Case]:
    """Return the rule under every combination of its variants' choices, with unusual settings, against its oracle.

    Args:
        rule: Name of the rule.
        variants: Every choice of every variant, the default first.
    """
    table = TABLE[rule]
    found: list[Case] = []
    for choice in itertools.product(*variants.values()):
        chosen = dict(zip(variants, choice, strict=True))
        departures = sum(value != variants[name][0] for name, value in chosen.items())
        left_out = {n for pair in chosen.items() for n in table.without.get(pair, ())}
        settings = {**chosen, **{n: v for n, v in table.unusual.items() if n not in left_out}}
        for scenario in (CURVED, ZEROS) if departures <= 1 else (CURVED,):
            words = "+".join(f"{key}={value}" for key, value in chosen.items()) or "no_variants"
            expected = functools.partial(oracles.run, table.oracle, settings, scenario)
            label = f"{rule}-oracle-{words}-{scenario.name}".replace(" ", "_")
            found.append(Case(rule, label, "", settings, scenario, expected))
    for settings in table.also:
        for scenario in (PLAIN, RATE_CHANGE, ZEROS, FLIPS, FADING, CURVED):
            expected = functools.partial(oracles.run, table.oracle, settings, scenario)
            words = "+".join(f"{key}={value}" for key, value in settings.items())
            found.append(
                Case(rule, f"{rule}-oracle-{words}-{scenario.name}".replace(" ", "_"), "", settings, scenario, expected)
            )
    return found


def _own(preset: str = "", unused: tuple[str, ...] = (), **theirs: Any) -> Reference:
    return Reference(preset, theirs=theirs, unused=unused)


_RATE = {"learning_rate": "learning_rate"}
_KERAS_DECAY = {"weight_decay": "weight_decay"}
_TORCH_SGD = {"learning_rate": "lr", "weight_decay": "weight_decay"}
_TORCH_ADAM = {
    "learning_rate": "lr",
    "beta1": ("betas", 0),
    "beta2": ("betas", 1),
    "epsilon": "eps",
    "weight_decay": "weight_decay",
}
_OPTAX_ADAM = {**_RATE, "beta1": "b1", "beta2": "b2", "epsilon": "eps"}
_KERAS_ADAM = {**_RATE, "beta1": "beta_1", "beta2": "beta_2", "epsilon": "epsilon"}
_ADAM_UNUSUAL = {"learning_rate": 0.25, "beta1": 0.625, "beta2": 0.75, "epsilon": 2.0**-6, "weight_decay": 0.125}

TABLE: Mapping[str, RuleTable] = {
    "sgd": RuleTable(
        oracles.sgd,
        {"learning_rate": 0.25, "weight_decay": 0.125},
        (
            _own(),
            _own("paper"),
            Reference("torch", torch("SGD", _TORCH_SGD)),
            Reference("optax", optax("sgd", _RATE, {"learning_rate": 0.01})),
            Reference("keras", keras("SGD", {**_RATE, **_KERAS_DECAY})),
        ),
        {"": 0},
    ),
    "momentum": RuleTable(
        oracles.momentum,
        {"learning_rate": 0.25, "momentum": 0.75, "dampening": 0.375, "weight_decay": 0.125},
        (
            _own(),
            _own("paper"),
            Reference("torch", torch("SGD", {**_TORCH_SGD, "dampening": "dampening"}, momentum=0.9)),
            Reference(
                "torch",
                torch("SGD", {**_TORCH_SGD, "dampening": "dampening", "momentum": "momentum"}, momentum=0.625),
                ours={"momentum": 0.625},
            ),
            Reference("optax", optax("sgd", _RATE, {"learning_rate": 0.01}, momentum=0.9)),
            Reference("optax", optax("sgd", _RATE, {"learning_rate": 0.01}, momentum=0.5), ours={"momentum": 0.5}),
            Reference("keras", keras("SGD", {**_RATE, **_KERAS_DECAY}, momentum=0.9)),
            Reference("keras", keras("SGD", {**_RATE, **_KERAS_DECAY}, momentum=0.5), ours={"momentum": 0.5}),
        ),
        {"": 1},
    ),
    "nesterov": RuleTable(
        oracles.nesterov,
        {"learning_rate": 0.25, "momentum": 0.75, "weight_decay": 0.125},
        (
            _own(),
            _own("paper"),
            Reference("torch", torch("SGD", _TORCH_SGD, momentum=0.9, nesterov=True)),
            Reference("optax", optax("sgd", _RATE, {"learning_rate": 0.01}, momentum=0.9, nesterov=True)),
            Reference("keras", keras("SGD", {**_RATE, **_KERAS_DECAY}, momentum=0.9, nesterov=True)),
        ),
        {"": 1},
    ),
    "adagrad": RuleTable(
        oracles.adagrad,
        {
            "learning_rate": 0.25,
            "epsilon": 2.0**-6,
            "initial_accumulator": 0.375,
            "learning_rate_decay": 0.25,
            "weight_decay": 0.125,
        },
        (
            _own(),
            _own("paper"),
            Reference(
                "torch",
                torch(
                    "Adagrad",
                    {
                        **_TORCH_SGD,
                        "epsilon": "eps",
                        "initial_accumulator": "initial_accumulator_value",
                        "learning_rate_decay": "lr_decay",
                    },
                ),
            ),
            Reference(
                "optax",
                optax(
                    "adagrad",
                    {**_RATE, "epsilon": "eps", "initial_accumulator": "initial_accumulator_value"},
                    {"learning_rate": 0.01},
                ),
            ),
            Reference(
                "keras",
                keras(
                    "Adagrad",
                    {**_RATE, **_KERAS_DECAY, "epsilon": "epsilon", "initial_accumulator": "initial_accumulator_value"},
                ),
            ),
        ),
        {"": 1},
    ),
    "rmsprop": RuleTable(
        oracles.rmsprop,
        {
            "learning_rate": 0.25,
            "decay": 0.625,
            "epsilon": 2.0**-6,
            "momentum": 0.375,
            "initial_accumulator": 0.375,
            "weight_decay": 0.125,
        },
        (
            _own(unused=("momentum",)),
            _own("paper", unused=("momentum",)),
            Reference("graves", oracle=oracles.rmsprop_graves),
            *(
                Reference(
                    "torch",
                    torch(
                        "RMSprop", {**_TORCH_SGD, "decay": "alpha", "epsilon": "eps"}, momentum=mu, centered=centered
                    ),
                    ours={"momentum": mu, "momentum_buffer": mu > 0, "centered": centered},
                )
                for mu, centered in ((0, False), (0.5, False), (0.5, True))
            ),
            *(
                Reference(
                    "optax",
                    optax(
                        "rmsprop",
                        {**_RATE, "decay": "decay", "epsilon": "eps", "initial_accumulator": "initial_scale"},
                        {"learning_rate": 1e-3},
                        momentum=mu,
                        centered=centered,
                        bias_correction=unbiased,
                    ),
                    ours={
                        "momentum": mu or 0.0,
                        "momentum_buffer": mu is not None,
                        "centered": centered,
                        "bias_correction": unbiased,
                    },
                )
                for mu, centered, unbiased in ((None, False, False), (0.5, False, True), (0.5, True, False))
            ),
            *(
                Reference(
                    "keras",
                    keras(
                        "RMSprop",
                        {**_RATE, **_KERAS_DECAY, "decay": "rho", "epsilon": "epsilon"},
                        momentum=mu,
                        centered=centered,
                    ),
                    ours={"momentum": mu, "momentum_buffer": mu > 0, "centered": centered},
                )
                for mu, centered in ((0.0, False), (0.5, False), (0.5, True))
            ),
        ),
        {"": 1, "graves": 3},
        without={("momentum_buffer", False): ("momentum",)},
    ),
    "adam": RuleTable(
        oracles_adam.adam,
        _ADAM_UNUSUAL,
        (
            _own(),
            _own("paper"),
            Reference("torch", torch("Adam", _TORCH_ADAM)),
            Reference("optax", optax("adam", _OPTAX_ADAM, {"learning_rate": 1e-3})),
            Reference("keras", keras("Adam", _KERAS_ADAM)),
        ),
        {"": 2},
    ),
    "adamw": RuleTable(
        oracles_adam.adamw,
        _ADAM_UNUSUAL,
        (
            _own(),
            _own("paper", weight_decay=1e-5, decay_scale="independent"),
            Reference("torch", torch("AdamW", _TORCH_ADAM)),
            Reference(
                "optax", optax("adamw", {**_OPTAX_ADAM, "weight_decay": "weight_decay"}, {"learning_rate": 1e-3})
            ),
            Reference("keras", keras("AdamW", {**_KERAS_ADAM, **_KERAS_DECAY})),
        ),
        {"": 2},
    ),
    "adadelta": RuleTable(
        oracles.adadelta,
        {"learning_rate": 0.25, "decay": 0.625, "epsilon": 2.0**-6, "weight_decay": 0.125},
        (
            _own(),
            _own("paper"),
            Reference("torch", torch("Adadelta", {**_TORCH_SGD, "decay": "rho", "epsilon": "eps"})),
            Reference(
                "optax",
                optax(
                    "adadelta",
                    {**_RATE, "decay": "rho", "epsilon": "eps", "weight_decay": "weight_decay"},
                    {"learning_rate": 1.0},
                ),
            ),
            Reference("keras", keras("Adadelta", {**_RATE, **_KERAS_DECAY, "decay": "rho", "epsilon": "epsilon"})),
        ),
        {"": 2},
    ),
    "amsgrad": RuleTable(
        oracles_adam.amsgrad,
        _ADAM_UNUSUAL,
        (
            _own(),
            _own("paper"),
            Reference("torch", torch("Adam", _TORCH_ADAM, amsgrad=True)),
            Reference("optax", optax("amsgrad", _OPTAX_ADAM, {"learning_rate": 1e-3})),
            Reference("keras", keras("Adam", {**_KERAS_ADAM, **_KERAS_DECAY}, amsgrad=True)),
        ),
        {"": 3},
    ),
    "adamax": RuleTable(
        oracles_adam.adamax,
        _ADAM_UNUSUAL,
        (
            _own(),
            _own("paper", epsilon=0.0),
            Reference("torch", torch("Adamax", _TORCH_ADAM)),
            Reference("optax", optax("adamax", _OPTAX_ADAM, {"learning_rate": 2e-3})),
            Reference("keras", keras("Adamax", {**_KERAS_ADAM, **_KERAS_DECAY})),
        ),
        {"": 2},
    ),
    "nadam": RuleTable(
        oracles_adam.nadam,
        {**_ADAM_UNUSUAL, "momentum_decay": 0.5},
        (
            _own(),
            _own("paper", average_decay="scheduled", square_factor="beta2"),
            Reference("torch", torch("NAdam", {**_TORCH_ADAM, "momentum_decay": "momentum_decay"})),
            Reference(
                "torch",
                torch("NAdam", {**_TORCH_ADAM, "momentum_decay": "momentum_decay"}, decoupled_weight_decay=True),
                ours={"decay_form": "decoupled"},
            ),
            Reference("optax", optax("nadam", _OPTAX_ADAM, {"learning_rate": 2e-3})),
            Reference(
                "optax",
                optax("nadamw", _OPTAX_ADAM, {"learning_rate": 2e-3}, weight_decay=0.0625),
                ours={"weight_decay": 0.0625},
            ),
            Reference("keras", keras("Nadam", {**_KERAS_ADAM, **_KERAS_DECAY})),
            _own(
                "timm",
                unused=("momentum_decay",),
                learning_rate=1e-3,
                momentum_schedule="constant",
                momentum_correction="same_step",
                decay_form="decoupled",
            ),
        ),
        {"": 2},
        without={("momentum_schedule", "constant"): ("momentum_decay",)},
    ),
    "radam": RuleTable(
        oracles_adam.radam,
        {**_ADAM_UNUSUAL, "threshold": 4.5},
        (
            _own(),
            _own("paper", decay_form="decoupled"),
            Reference("torch", torch("RAdam", _TORCH_ADAM)),
            Reference(
                "torch", torch("RAdam", _TORCH_ADAM, decoupled_weight_decay=True), ours={"decay_form": "decoupled"}
            ),
            Reference("optax", optax("radam", {**_OPTAX_ADAM, "threshold": "threshold"}, {"learning_rate": 1e-3})),
        ),
        {"": 2},
        also=({"learning_rate": 0.25, "beta2": 0.6}, {"learning_rate": 0.25, "beta2": 1.0 / 3.0}),  # ρ∞ = 4 and 2
    ),
    "sadam": RuleTable(
        oracles_adam.sadam,
        {"learning_rate": 0.25, "beta1": 0.625, "beta2": 0.75, "sharpness": 4.0},
        (_own(), _own("paper"), _own("authors", learning_rate=0.1, correction="outside")),
        {"": 2},
    ),
    "samsgrad": RuleTable(
        oracles_adam.samsgrad,
        {"learning_rate": 0.25, "beta1": 0.625, "beta2": 0.75, "sharpness": 4.0},
        (_own(), _own("paper"), _own("authors", learning_rate=0.1, correction="outside")),
        {"": 3},
    ),
    "swats": RuleTable(
        oracles_adam.swats,
        {"learning_rate": 0.25, "beta1": 0.625, "beta2": 0.75, "epsilon": 2.0**-6, "switch_tolerance": 2.0**-3},
        (_own(), _own("paper")),
        {"": 2},
        elementwise=False,
        also=tuple(
            {"learning_rate": 0.25, "beta1": 0.625, "beta2": beta2, "switch_tolerance": tolerance, "scope": scope}
            # Late switches, and (0.5, 8.0) one that only the demand for a positive rate Λ prevents.
            for beta2, tolerance in ((0.75, 2.0**-6), (0.96875, 2.0**-8), (0.5, 2.0**-12), (0.5, 8.0))
            for scope in ("all", "array")
        ),
    ),
}
