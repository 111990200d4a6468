"""The references of the rules that the seeds name."""

from collections.abc import Mapping

import oracles
import oracles_adam
from conformance_entries import (
    ADAM_UNUSUAL,
    KERAS_ADAM,
    KERAS_DECAY,
    OPTAX_ADAM,
    RATE,
    TORCH_ADAM,
    TORCH_SGD,
    Reference,
    RuleTable,
    own,
)
from conformance_libraries import keras, optax, torch

__all__ = ["CLASSIC"]

CLASSIC: Mapping[str, RuleTable] = {
    "sgd": RuleTable(
        oracles.sgd,
        {"learning_rate": 0.25, "weight_decay": 0.125},
        (
            own(),
            own("paper"),
            Reference("torch", torch("SGD", TORCH_SGD)),
            Reference("optax", optax("sgd", RATE, {"learning_rate": 0.01})),
            Reference("keras", keras("SGD", {**RATE, **KERAS_DECAY})),
        ),
        {"": 0},
    ),
    "momentum": RuleTable(
        oracles.momentum,
        {"learning_rate": 0.25, "momentum": 0.75, "dampening": 0.375, "weight_decay": 0.125},
        (
            own(),
            own("paper"),
            Reference("torch", torch("SGD", {**TORCH_SGD, "dampening": "dampening"}, momentum=0.9)),
            Reference(
                "torch",
                torch("SGD", {**TORCH_SGD, "dampening": "dampening", "momentum": "momentum"}, momentum=0.625),
                ours={"momentum": 0.625},
            ),
            Reference("optax", optax("sgd", RATE, {"learning_rate": 0.01}, momentum=0.9)),
            Reference("optax", optax("sgd", RATE, {"learning_rate": 0.01}, momentum=0.5), ours={"momentum": 0.5}),
            Reference("keras", keras("SGD", {**RATE, **KERAS_DECAY}, momentum=0.9)),
            Reference("keras", keras("SGD", {**RATE, **KERAS_DECAY}, momentum=0.5), ours={"momentum": 0.5}),
        ),
        {"": 1},
    ),
    "nesterov": RuleTable(
        oracles.nesterov,
        {"learning_rate": 0.25, "momentum": 0.75, "weight_decay": 0.125},
        (
            own(),
            own("paper"),
            Reference("torch", torch("SGD", TORCH_SGD, momentum=0.9, nesterov=True)),
            Reference("optax", optax("sgd", RATE, {"learning_rate": 0.01}, momentum=0.9, nesterov=True)),
            Reference("keras", keras("SGD", {**RATE, **KERAS_DECAY}, momentum=0.9, nesterov=True)),
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
            own(),
            own("paper"),
            Reference(
                "torch",
                torch(
                    "Adagrad",
                    {
                        **TORCH_SGD,
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
                    {**RATE, "epsilon": "eps", "initial_accumulator": "initial_accumulator_value"},
                    {"learning_rate": 0.01},
                ),
            ),
            Reference(
                "keras",
                keras(
                    "Adagrad",
                    {**RATE, **KERAS_DECAY, "epsilon": "epsilon", "initial_accumulator": "initial_accumulator_value"},
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
            own(unused=("momentum",)),
            own("paper", unused=("momentum",)),
            Reference("graves", oracle=oracles.rmsprop_graves),
            *(
                Reference(
                    "torch",
                    torch("RMSprop", {**TORCH_SGD, "decay": "alpha", "epsilon": "eps"}, momentum=mu, centered=centered),
                    ours={"momentum": mu, "momentum_buffer": mu > 0, "centered": centered},
                )
                for mu, centered in ((0, False), (0.5, False), (0.5, True))
            ),
            *(
                Reference(
                    "optax",
                    optax(
                        "rmsprop",
                        {**RATE, "decay": "decay", "epsilon": "eps", "initial_accumulator": "initial_scale"},
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
                        {**RATE, **KERAS_DECAY, "decay": "rho", "epsilon": "epsilon"},
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
        ADAM_UNUSUAL,
        (
            own(),
            own("paper"),
            Reference("torch", torch("Adam", TORCH_ADAM)),
            Reference("optax", optax("adam", OPTAX_ADAM, {"learning_rate": 1e-3})),
            Reference("keras", keras("Adam", KERAS_ADAM)),
        ),
        {"": 2},
    ),
    "adamw": RuleTable(
        oracles_adam.adamw,
        ADAM_UNUSUAL,
        (
            own(),
            own("paper", weight_decay=1e-5, decay_scale="independent"),
            Reference("torch", torch("AdamW", TORCH_ADAM)),
            Reference("optax", optax("adamw", {**OPTAX_ADAM, "weight_decay": "weight_decay"}, {"learning_rate": 1e-3})),
            Reference("keras", keras("AdamW", {**KERAS_ADAM, **KERAS_DECAY})),
        ),
        {"": 2},
    ),
    "adadelta": RuleTable(
        oracles.adadelta,
        {"learning_rate": 0.25, "decay": 0.625, "epsilon": 2.0**-6, "weight_decay": 0.125},
        (
            own(),
            own("paper"),
            Reference("torch", torch("Adadelta", {**TORCH_SGD, "decay": "rho", "epsilon": "eps"})),
            Reference(
                "optax",
                optax(
                    "adadelta",
                    {**RATE, "decay": "rho", "epsilon": "eps", "weight_decay": "weight_decay"},
                    {"learning_rate": 1.0},
                ),
            ),
            Reference("keras", keras("Adadelta", {**RATE, **KERAS_DECAY, "decay": "rho", "epsilon": "epsilon"})),
        ),
        {"": 2},
    ),
    "amsgrad": RuleTable(
        oracles_adam.amsgrad,
        ADAM_UNUSUAL,
        (
            own(),
            own("paper"),
            Reference("torch", torch("Adam", TORCH_ADAM, amsgrad=True)),
            Reference("optax", optax("amsgrad", OPTAX_ADAM, {"learning_rate": 1e-3})),
            Reference("keras", keras("Adam", {**KERAS_ADAM, **KERAS_DECAY}, amsgrad=True)),
        ),
        {"": 3},
    ),
    "adamax": RuleTable(
        oracles_adam.adamax,
        ADAM_UNUSUAL,
        (
            own(),
            own("paper", epsilon=0.0),
            Reference("torch", torch("Adamax", TORCH_ADAM)),
            Reference("optax", optax("adamax", OPTAX_ADAM, {"learning_rate": 2e-3})),
            Reference("keras", keras("Adamax", {**KERAS_ADAM, **KERAS_DECAY})),
        ),
        {"": 2},
    ),
    "nadam": RuleTable(
        oracles_adam.nadam,
        {**ADAM_UNUSUAL, "momentum_decay": 0.5},
        (
            own(),
            own("paper", average_decay="scheduled", square_factor="beta2"),
            Reference("torch", torch("NAdam", {**TORCH_ADAM, "momentum_decay": "momentum_decay"})),
            Reference(
                "torch",
                torch("NAdam", {**TORCH_ADAM, "momentum_decay": "momentum_decay"}, decoupled_weight_decay=True),
                ours={"decay_form": "decoupled"},
            ),
            Reference("optax", optax("nadam", OPTAX_ADAM, {"learning_rate": 2e-3})),
            Reference(
                "optax",
                optax("nadamw", OPTAX_ADAM, {"learning_rate": 2e-3}, weight_decay=0.0625),
                ours={"weight_decay": 0.0625},
            ),
            Reference("keras", keras("Nadam", {**KERAS_ADAM, **KERAS_DECAY})),
            own(
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
        {**ADAM_UNUSUAL, "threshold": 4.5},
        (
            own(),
            own("paper", decay_form="decoupled"),
            Reference("torch", torch("RAdam", TORCH_ADAM)),
            Reference(
                "torch", torch("RAdam", TORCH_ADAM, decoupled_weight_decay=True), ours={"decay_form": "decoupled"}
            ),
            Reference("optax", optax("radam", {**OPTAX_ADAM, "threshold": "threshold"}, {"learning_rate": 1e-3})),
        ),
        {"": 2},
        also=({"learning_rate": 0.25, "beta2": 0.6}, {"learning_rate": 0.25, "beta2": 1.0 / 3.0}),  # ρ∞ = 4 and 2
    ),
    "sadam": RuleTable(
        oracles_adam.sadam,
        {"learning_rate": 0.25, "beta1": 0.625, "beta2": 0.75, "sharpness": 4.0},
        (own(), own("paper"), own("authors", learning_rate=0.1, correction="outside")),
        {"": 2},
    ),
    "samsgrad": RuleTable(
        oracles_adam.samsgrad,
        {"learning_rate": 0.25, "beta1": 0.625, "beta2": 0.75, "sharpness": 4.0},
        (own(), own("paper"), own("authors", learning_rate=0.1, correction="outside")),
        {"": 3},
    ),
    "swats": RuleTable(
        oracles_adam.swats,
        {"learning_rate": 0.25, "beta1": 0.625, "beta2": 0.75, "epsilon": 2.0**-6, "switch_tolerance": 2.0**-3},
        (own(), own("paper")),
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
