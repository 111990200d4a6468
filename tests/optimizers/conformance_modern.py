"""The references of the elementwise rules of recent years, of Rprop, and of two rules that act per array."""

from collections.abc import Mapping

import oracles_modern
from conformance_entries import (
    ADAM_UNUSUAL,
    KERAS_ADAM,
    KERAS_DECAY,
    OPTAX_ADAM,
    RATE,
    Reference,
    RuleTable,
    own,
)
from conformance_libraries import keras, optax, torch

__all__ = ["MODERN"]

_OPTAX_DECAY = {"weight_decay": "weight_decay"}
_OPTAX_LION = {**RATE, "beta1": "b1", "beta2": "b2", **_OPTAX_DECAY}
_KERAS_LION = {name: KERAS_ADAM[name] for name in ("learning_rate", "beta1", "beta2")}
_TORCH_RPROP = {
    "learning_rate": "lr",
    "shrink": ("etas", 0),
    "grow": ("etas", 1),
    "smallest_step": ("step_sizes", 0),
    "largest_step": ("step_sizes", 1),
}

MODERN: Mapping[str, RuleTable] = {
    "lion": RuleTable(
        oracles_modern.lion,
        {"learning_rate": 0.25, "beta1": 0.625, "beta2": 0.75, "weight_decay": 0.125},
        (
            own(),
            own("paper"),
            Reference("optax", optax("lion", _OPTAX_LION, {"learning_rate": 1e-4})),
            Reference("keras", keras("Lion", {**_KERAS_LION, **KERAS_DECAY})),
        ),
        {"": 1},
    ),
    "signsgd": RuleTable(
        oracles_modern.signsgd,
        {"learning_rate": 0.25, "momentum": 0.75, "weight_decay": 0.125},
        (
            own(unused=("momentum",)),
            own("paper", unused=("momentum",)),
            own("signum", momentum=0.9, average=True),
            Reference("optax", optax("sign_sgd", RATE, {"learning_rate": 1e-3})),
            Reference(
                "optax",
                optax("signum", {**RATE, "momentum": "beta"}, {"learning_rate": 1e-3}),
                ours={"momentum": 0.9, "average": True},
            ),
        ),
        {"": 0, "signum": 1},
        without={("average", False): ("momentum",)},
    ),
    "adabelief": RuleTable(
        oracles_modern.adabelief,
        {**ADAM_UNUSUAL, "spread_epsilon": 2.0**-8},
        (
            own(),
            own("paper", epsilon=1e-8, spread_epsilon=1e-8),
            Reference(
                "optax", optax("adabelief", {**OPTAX_ADAM, "spread_epsilon": "eps_root"}, {"learning_rate": 1e-3})
            ),
        ),
        {"": 2},
    ),
    "yogi": RuleTable(
        oracles_modern.yogi,
        {**ADAM_UNUSUAL, "initial_accumulator": 0.375, "initial_mean": 0.25},
        (
            own(),
            own("paper"),
            own("tensorflow", initial_accumulator=1e-6, bias_correction=True, epsilon_place="uncorrected"),
            Reference("optax", optax("yogi", OPTAX_ADAM, {"learning_rate": 1e-2})),
        ),
        {"": 2},
    ),
    "adan": RuleTable(
        oracles_modern.adan,
        {**ADAM_UNUSUAL, "beta3": 0.875},
        (own(), own("paper", start="first_gradient"), own("authors")),
        {"": 4},
    ),
    "ademamix": RuleTable(
        oracles_modern.ademamix,
        {**ADAM_UNUSUAL, "beta3": 0.96875, "mixing": 3.0, "warmup": 6.5},
        (
            own(),
            own("paper"),
            own("authors", mixing=2.0),
            Reference(
                "optax",
                optax(
                    "contrib.ademamix",
                    {**OPTAX_ADAM, "beta3": "b3", "mixing": "alpha", **_OPTAX_DECAY},
                    {"learning_rate": 1e-3},
                ),
            ),
        ),
        {"": 3},
        also=({"learning_rate": 0.25, "beta1": 0.625, "beta3": 0.75, "warmup": 14.0},),
    ),
    "adopt": RuleTable(
        oracles_modern.adopt,
        ADAM_UNUSUAL,
        (
            own(),
            own("paper", clipping=False, start="quotient"),
            own("authors"),
            Reference("optax", optax("contrib.adopt", OPTAX_ADAM, {"learning_rate": 1e-3})),
            Reference(
                "optax",
                optax("contrib.adopt", OPTAX_ADAM, {"learning_rate": 1e-3}, use_clipping=False),
                ours={"clipping": False},
            ),
        ),
        {"": 2},
    ),
    "madgrad": RuleTable(
        oracles_modern.madgrad,
        {"learning_rate": 0.25, "momentum": 0.75, "epsilon": 2.0**-6, "weight_decay": 0.125},
        (
            own(),
            own("paper"),
            own("authors", rate_offset="epsilon"),
            Reference(
                "optax",
                optax(
                    "contrib.madgrad",
                    {**RATE, "momentum": "momentum", "epsilon": "eps", **_OPTAX_DECAY},
                    {"learning_rate": 1e-2},
                ),
                tolerance=1e-6,  # it takes √t in float32
            ),
        ),
        {"": 3},
    ),
    "rprop": RuleTable(
        oracles_modern.rprop,
        {"learning_rate": 0.25, "shrink": 0.625, "grow": 1.5, "smallest_step": 0.125, "largest_step": 0.75},
        (
            own(),
            own("paper", learning_rate=0.1, sign_change="back"),
            Reference("torch", torch("Rprop", _TORCH_RPROP)),
        ),
        {"": 2, "paper": 3},
        also=tuple(  # a first step outside its bounds, above and below
            {"learning_rate": rate, "smallest_step": 0.25, "largest_step": 2.0} for rate in (4.0, 0.125)
        ),
    ),
    "novograd": RuleTable(
        oracles_modern.novograd,
        ADAM_UNUSUAL,
        (
            own(),
            own("paper"),
            Reference("optax", optax("novograd", {**OPTAX_ADAM, **_OPTAX_DECAY}, {"learning_rate": 1e-2})),
        ),
        {"": 1},
        elementwise=False,
    ),
    "mars": RuleTable(
        oracles_modern.mars,
        {**ADAM_UNUSUAL, "variance_reduction": 0.375},
        (
            own(),
            own("paper"),
            own("authors", first_change="gradient"),
            own("lion", base="lion", unused=("beta2", "epsilon")),
        ),
        {"": 3, "lion": 2},
        elementwise=False,
        without={("base", "lion"): ("beta2", "epsilon")},
    ),
}
