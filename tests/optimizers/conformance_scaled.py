"""The references of the rules that scale by norms, find their own rate, or need no schedule."""

from collections.abc import Mapping
from typing import Any

import oracles_distance
import oracles_scaled
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
from conformance_libraries import Library, keras, optax, torch

__all__ = ["SCALED"]

_DECAY = {"weight_decay": "weight_decay"}
_LARS = {**RATE, **_DECAY, "momentum": "momentum", "trust_coefficient": "trust_coefficient", "epsilon": "eps"}
_SCHEDULE_FREE = {**RATE, **_DECAY, "weight_power": "weight_lr_power"}
_TORCH_ADAFACTOR = {
    "learning_rate": "lr",
    "clipping_threshold": "d",
    "epsilon": ("eps", 0),
    "smallest_scale": ("eps", 1),
    "weight_decay": "weight_decay",
}
_OPTAX_ADAFACTOR = {
    **RATE,
    "decay_exponent": "decay_rate",
    "clipping_threshold": "clipping_threshold",
    "epsilon": "eps",
    "weight_decay": "weight_decay_rate",
}
_KERAS_ADAFACTOR = {  # Keras measures RMS(θ) after weight decay, so that is not set
    **RATE,
    "clipping_threshold": "clip_threshold",
    "epsilon": "epsilon_1",
    "smallest_scale": "epsilon_2",
}
_OPTAX_DISTANCE = {
    **RATE,
    **_DECAY,
    "beta1": ("betas", 0),
    "beta2": ("betas", 1),
    "epsilon": "eps",
    "initial_distance": "estim_lr0",
}
_OPTAX_DOG = {**RATE, **_DECAY, "epsilon": "eps", "initial_distance": ("init_step", 1)}
_NOT_A_NUMBER = ("zero gradients",)  # optax divides 0 by 0 there
# At a rate of 1 LAMB steps a scalar by its own length; what is left of it is rounding, and scaled up again.
_ITSELF: Mapping[str, Any] = {"unlike": ("rate change",), "unused": ("epsilon",)}
_IN_FLOAT32 = 1e-6  # Keras takes means in float32
_MATRIX_AND_VECTOR = {"learning_rate": 0.25, "epsilon": 2.0**-6, "weight_decay": 0.125}

SCALED: Mapping[str, RuleTable] = {
    "lars": RuleTable(
        oracles_scaled.lars,
        {**_MATRIX_AND_VECTOR, "momentum": 0.75, "trust_coefficient": 0.375},
        (
            own(),
            own("paper", weight_decay=5e-4),
            Reference("optax", optax("lars", _LARS, {"learning_rate": 1.0})),
            Reference("optax", optax("lars", _LARS, {"learning_rate": 1.0}, nesterov=True), ours={"nesterov": True}),
        ),
        {"": 1},
        elementwise=False,
    ),
    "lamb": RuleTable(
        oracles_scaled.lamb,
        ADAM_UNUSUAL,
        (
            Reference("", **_ITSELF),
            Reference("paper", theirs={"weight_decay": 0.01}, **_ITSELF),
            Reference("optax", optax("lamb", {**OPTAX_ADAM, **_DECAY}, {"learning_rate": 1e-3}), **_ITSELF),
            Reference("keras", keras("Lamb", {**KERAS_ADAM, **KERAS_DECAY}), **_ITSELF),
        ),
        {"": 2},
        elementwise=False,
    ),
    "adafactor": RuleTable(
        oracles_scaled.adafactor,
        {
            **_MATRIX_AND_VECTOR,
            "decay_exponent": 0.5,
            "clipping_threshold": 1.25,
            "smallest_scale": 0.625,
        },
        (
            own(),
            own("paper"),
            Reference("torch", torch("Adafactor", _TORCH_ADAFACTOR, eps=(2.0**-23, 1e-3))),
            Reference(
                "torch",
                torch("Adafactor", _TORCH_ADAFACTOR, eps=(2.0**-23, 1e-3), beta2_decay=-0.5),
                ours={"decay_exponent": 0.5},
            ),
            *(
                Reference(
                    "optax",
                    optax(
                        "adafactor",
                        _OPTAX_ADAFACTOR,
                        {"learning_rate": 1e-2},
                        min_dim_size_to_factor=least,
                        decay_rate=0.8,
                        multiply_by_parameter_scale=scaled,
                    ),
                    ours={"min_size_to_factor": least, "parameter_scale": scaled},
                )
                for least, scaled in ((128, True), (1, False))
            ),
            Reference("keras", keras("Adafactor", _KERAS_ADAFACTOR), tolerance=_IN_FLOAT32),
        ),
        {"": (64 + 32) / 2048, "optax": 1},
        elementwise=False,
        also=({"learning_rate": 0.25, "clipping_threshold": 0.75},),
        together=2,
    ),
    "schedule-free-sgd": RuleTable(
        oracles_scaled.schedule_free_sgd,
        {
            "learning_rate": 0.25,
            "beta": 0.625,
            "weight_decay": 0.125,
            "warmup_steps": 5.0,
            "weight_growth": 0.5,
            "weight_power": 1.5,
        },
        (
            own(),
            own("paper"),
            own("authors"),
            Reference(
                "optax",
                Library(
                    "optax",
                    "contrib.schedule_free_sgd",
                    {**_SCHEDULE_FREE, "beta": "b1"},
                    undefaulted={"learning_rate": 1.0},
                    rate_as_number=True,
                    averaged=True,
                ),
            ),
        ),
        {"": 1},
    ),
    "schedule-free-adamw": RuleTable(
        oracles_scaled.schedule_free_adamw,
        {**ADAM_UNUSUAL, "warmup_steps": 5.0, "weight_growth": 0.5, "weight_power": 1.5},
        (
            own(),
            own("paper", correction="rate"),
            own("authors"),
            Reference(
                "optax",
                Library(
                    "optax",
                    "contrib.schedule_free_adamw",
                    {**OPTAX_ADAM, **_SCHEDULE_FREE},
                    undefaulted={"learning_rate": 2.5e-3},
                    rate_as_number=True,
                    averaged=True,
                ),
            ),
            Reference(
                "keras",
                Library("keras", "ScheduleFreeAdamW", {**KERAS_ADAM, "warmup_steps": "warmup_steps"}, averaged=True),
            ),
        ),
        {"": 2},
    ),
    "schedule-free-radam": RuleTable(
        oracles_scaled.schedule_free_radam,
        {**ADAM_UNUSUAL, "weight_growth": 0.5, "weight_power": 1.5},
        (own(), own("paper"), own("authors")),
        {"": 2},
        also=(
            {"learning_rate": 0.25},
            {"learning_rate": 0.25, "first_steps": "sgd"},
            {"learning_rate": 0.25, "beta2": 0.6},
        ),
    ),
    "prodigy": RuleTable(
        oracles_distance.prodigy,
        {
            **ADAM_UNUSUAL,
            "beta3": 0.375,
            "initial_distance": 2.0**-6,
            "distance_factor": 1.5,
        },
        (
            own(unused=("beta3",)),
            own("paper", unused=("beta3",)),
            own("authors", unused=("beta3",), epsilon_distance="next"),
            Reference(
                "optax",
                optax(
                    "contrib.prodigy", {**_OPTAX_DISTANCE, "distance_factor": "estim_lr_coef"}, {"learning_rate": 1.0}
                ),
                unlike=_NOT_A_NUMBER,
            ),
            Reference(
                "optax",
                optax("contrib.prodigy", _OPTAX_DISTANCE, {"learning_rate": 1.0}, safeguard_warmup=True, beta3=0.75),
                ours={"rate_in_sum": False, "numerator_decay": "own", "beta3": 0.75},
                unlike=_NOT_A_NUMBER,
            ),
        ),
        {"": 4},
        elementwise=False,
        without={("numerator_decay", "root"): ("beta3",)},
        also=({"initial_distance": 0.25, "weight_decay": 0.125},),
    ),
    "dadapt-sgd": RuleTable(
        oracles_distance.dadapt_sgd,
        {"learning_rate": 0.25, "momentum": 0.75, "initial_distance": 2.0**-6, "weight_decay": 0.125},
        (own(), own("paper"), own("authors", momentum=0.0)),
        {"": 2},
        elementwise=False,
        also=({"initial_distance": 0.25}, {"initial_distance": 0.25, "momentum": 0.0, "learning_rate": 4.0}),
    ),
    "dadapt-adam": RuleTable(
        oracles_distance.dadapt_adam,
        {**ADAM_UNUSUAL, "initial_distance": 2.0**-6},
        (
            own(),
            own("paper", numerator_scale="after"),
            own("authors"),
            Reference(
                "optax", optax("contrib.dadapt_adamw", _OPTAX_DISTANCE, {"learning_rate": 1.0}), unlike=_NOT_A_NUMBER
            ),
        ),
        {"": 3},
        elementwise=False,
        also=({"initial_distance": 0.25},),
    ),
    "dog": RuleTable(
        oracles_distance.dog,
        {**_MATRIX_AND_VECTOR, "initial_distance": 2.0**-5},
        (
            own(),
            own("paper"),
            own("authors"),
            own("l-dog", scope="array"),
            own("dowg", form="dowg", start="absolute", initial_distance=0.01, epsilon=1e-4),
            Reference(
                "optax",
                optax("contrib.dog", _OPTAX_DOG, {"learning_rate": 1.0}),
            ),
            Reference(
                "optax",
                optax(
                    "contrib.dog",
                    _OPTAX_DOG,
                    {"learning_rate": 1.0},
                    init_step=("distance", 2.0**-4),
                ),
                ours={"start": "absolute", "initial_distance": 2.0**-4},
            ),
            Reference(
                "dowg",
                optax(
                    "contrib.dowg",
                    {**RATE, **_DECAY, "epsilon": "eps"},
                    {"learning_rate": 1.0},
                    init_estim_sq_dist=1e-4,
                ),
            ),
        ),
        {"": 1},
        elementwise=False,
        also=({"initial_distance": 0.25}, {"initial_distance": 0.25, "form": "dowg", "scope": "array"}),
    ),
}
