"""The references of the rules that precondition matrices."""

import inspect
from collections.abc import Mapping
from typing import Any

import oracles_matrix
from conformance_entries import KERAS_DECAY, RATE, Reference, RuleTable, own
from conformance_libraries import Library, keras, optax
from conformance_scenarios import Scenario, Trajectory

__all__ = ["MATRIX"]


class TorchMuon(Library):
    """``torch.optim.Muon`` for the matrices beside ``torch.optim.AdamW`` for the rest, as torch's documentation has it.

    Torch iterates in bfloat16 whatever it is given; here its own code runs in float64.
    """

    def _default(self, hyperparameter: str) -> Any:
        where = self.arguments[hyperparameter]
        name, index = where if isinstance(where, tuple) else (where, None)
        value = _parameters(hyperparameter.startswith("adam_"))[name].default
        return value if index is None else value[index]

    def run(self, settings: Mapping[str, Any], scenario: Scenario) -> Trajectory:
        """Return the parameters after every step."""
        import torch

        leaves = [torch.tensor(x) for x in scenario.starts]
        both = [
            torch.optim.Muon([x for x in leaves if x.ndim == 2], **self._given(settings, adam=False)),
            torch.optim.AdamW([x for x in leaves if x.ndim != 2], **self._given(settings, adam=True)),
        ]
        base, done = both[0].param_groups[0]["lr"], []
        narrow = torch.Tensor.bfloat16
        torch.Tensor.bfloat16 = torch.Tensor.clone  # type: ignore[method-assign]
        try:
            for step, factor in enumerate(scenario.rates, start=1):
                for x, g in zip(leaves, scenario.gradient(step, [x.numpy() for x in leaves]), strict=True):
                    x.grad = torch.tensor(g)
                for optimizer in both:
                    optimizer.param_groups[0]["lr"] = base * factor
                    optimizer.step()
                done.append([x.numpy().copy() for x in leaves])
        finally:
            torch.Tensor.bfloat16 = narrow  # type: ignore[method-assign]
        return done

    def _given(self, settings: Mapping[str, Any], adam: bool) -> dict[str, Any]:
        keywords: dict[str, Any] = {} if adam else dict(self.fixed)
        for ours, value in settings.items():
            if ours.startswith("adam_") != adam and ours != "learning_rate":
                continue
            where = self.arguments[ours]
            if isinstance(where, tuple):
                name, index = where
                current = list(keywords.get(name) or _parameters(adam)[name].default)
                current[index] = value
                keywords[name] = tuple(current)
            else:
                keywords[where] = value
        return keywords


def _parameters(adam: bool) -> Mapping[str, inspect.Parameter]:
    import torch

    return inspect.signature(torch.optim.AdamW if adam else torch.optim.Muon).parameters


_TORCH_MUON = {
    "learning_rate": "lr",
    "momentum": "momentum",
    "weight_decay": "weight_decay",
    "epsilon": "eps",
    "linear": ("ns_coefficients", 0),
    "cubic": ("ns_coefficients", 1),
    "quintic": ("ns_coefficients", 2),
    "adam_beta1": ("betas", 0),
    "adam_beta2": ("betas", 1),
    "adam_epsilon": "eps",
    "adam_weight_decay": "weight_decay",
}
_OPTAX_MUON = {
    **RATE,
    "momentum": "beta",
    "weight_decay": "weight_decay",
    "linear": ("ns_coeffs", 0),
    "cubic": ("ns_coeffs", 1),
    "quintic": ("ns_coeffs", 2),
    "adam_beta1": "adam_b1",
    "adam_beta2": "adam_b2",
    "adam_weight_decay": "adam_weight_decay",
}
_KERAS_MUON = {
    **RATE,
    **KERAS_DECAY,
    "momentum": "momentum",
    "linear": "muon_a",
    "cubic": "muon_b",
    "quintic": "muon_c",
    "rms": "rms_rate",
    "adam_beta1": "adam_beta_1",
    "adam_beta2": "adam_beta_2",
    "adam_epsilon": "epsilon",
}

MATRIX: Mapping[str, RuleTable] = {
    "muon": RuleTable(
        oracles_matrix.muon,
        {
            "learning_rate": 0.25,
            "momentum": 0.625,
            "weight_decay": 0.125,
            "epsilon": 2.0**-6,
            "linear": 3.25,
            "cubic": -4.5,
            "quintic": 2.0,
            "rms": 0.375,
            "adam_rate": 0.5,
            "adam_beta1": 0.625,
            "adam_beta2": 0.75,
            "adam_epsilon": 2.0**-5,
            "adam_weight_decay": 0.0625,
        },
        (
            own(),
            own("paper", momentum_form="sum", nesterov=False, scale="none", layout="out-in"),
            own("authors", layout="out-in"),
            Reference("torch", TorchMuon("torch", "Muon", _TORCH_MUON)),
            Reference(
                "torch",
                TorchMuon(
                    "torch", "Muon", _TORCH_MUON, {"nesterov": False, "ns_steps": 3, "adjust_lr_fn": "match_rms_adamw"}
                ),
                ours={"nesterov": False, "steps": 3, "scale": "rms"},
            ),
            Reference("optax", optax("contrib.muon", _OPTAX_MUON, {"learning_rate": 1e-3})),
            Reference(
                "optax",
                optax(
                    "contrib.muon",
                    {**RATE, "momentum": "beta"},
                    {"learning_rate": 1e-3},
                    eps=2.0**-6,
                    consistent_rms=0.375,
                    nesterov=False,
                    ns_coeffs="dion",
                ),
                ours={
                    "epsilon": 2.0**-6,
                    "adam_epsilon": 2.0**-6,
                    "scale": "rms",
                    "rms": 0.375,
                    "nesterov": False,
                    "coefficients": "fitted",
                    "companion": "adamw",
                },
            ),
            # Keras takes the norm and √max(rows, columns) in float32, whatever its arrays are.
            Reference("keras", keras("Muon", _KERAS_MUON), tolerance=1e-6),
            Reference(
                "keras",
                keras("Muon", _KERAS_MUON, nesterov=False, ns_steps=3),
                ours={"nesterov": False, "steps": 3},
                tolerance=1e-6,
            ),
        ),
        {"": 1},
        elementwise=False,
        together=2,
    ),
    "shampoo": RuleTable(
        oracles_matrix.shampoo,
        {
            "learning_rate": 0.25,
            "momentum": 0.625,
            "decay": 0.75,
            "epsilon": 2.0**-6,
            "weight_decay": 0.125,
        },
        (own(unused=("decay",)), own("paper", momentum=0.0, unused=("decay",))),
        {"": 3.5},  # the velocity, and 64² + 32² numbers for 64 × 32
        elementwise=False,
        without={("accumulation", "sum"): ("decay",)},
        together=2,
    ),
    "soap": RuleTable(
        oracles_matrix.soap,
        {
            "learning_rate": 0.25,
            "beta1": 0.625,
            "beta2": 0.75,
            "basis_decay": 0.875,
            "epsilon": 2.0**-6,
            "weight_decay": 0.125,
        },
        (
            own(),
            own("authors", sides="all"),
            own("paper", first_step="taken", order="kept", epsilon_place="corrected", sides="all"),
        ),
        {"": 3, "authors": 7, "paper": 7},  # two averages, and twice 32² or 64² + 32² numbers for 64 × 32
        elementwise=False,
        together=2,
    ),
}
