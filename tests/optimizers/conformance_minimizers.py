"""The references of the full-batch methods with a line search."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import oracles_minimizers
from conformance_entries import Reference, RuleTable, own
from conformance_libraries import Library
from conformance_scenarios import Scenario, Trajectory

__all__ = ["MINIMIZERS", "TorchLBFGS"]


class TorchLBFGS(Library):
    """``torch.optim.LBFGS`` with its strong-Wolfe search, one evaluation of the scenario after the other.

    Torch moves its parameters about while it searches; what counts is the point at which a search began. It evaluates
    the start of every search anew, and is given what it was given there before.
    """

    def _default(self, hyperparameter: str) -> Any:
        return 1.0 if hyperparameter == "learning_rate" else super()._default(hyperparameter)

    def run(self, settings: Mapping[str, Any], scenario: Scenario) -> Trajectory:
        """Return the accepted point after every evaluation."""
        import torch

        leaves = [torch.tensor(x) for x in scenario.starts]
        keywords = {"line_search_fn": "strong_wolfe", "max_iter": 1, "max_eval": 26, **self.keywords(settings)}
        optimizer = torch.optim.LBFGS(leaves, **keywords, tolerance_grad=0.0)
        base, asked = optimizer.param_groups[0]["lr"], 0
        done: Trajectory = []
        known: dict[bytes, tuple[float, list[np.ndarray]]] = {}

        def closure() -> float:
            nonlocal asked
            points = [x.detach().numpy().copy() for x in leaves]
            key = b"".join(x.tobytes() for x in points)
            if key not in known:
                if asked == len(scenario.rates):
                    raise StopIteration
                asked += 1
                table = scenario.gradients[asked - 1]
                known[key] = scenario.input("loss", table, points), scenario.gradient(asked, points)
            loss, gradients = known[key]
            for x, g in zip(leaves, gradients, strict=True):
                x.grad = torch.tensor(g)
            return float(loss)

        while len(done) < len(scenario.rates):
            here = [x.detach().numpy().copy() for x in leaves]
            optimizer.param_groups[0]["lr"] = base * scenario.rates[max(0, asked - 1)]
            before = asked
            try:
                optimizer.step(closure)
            except StopIteration:
                return done + [here] * (len(scenario.rates) - len(done))
            if before == asked:
                return done + [here] * (len(scenario.rates) - len(done))
            done += [here] * (asked - before - 1) + [[x.detach().numpy().copy() for x in leaves]]
        return done


MINIMIZERS: Mapping[str, RuleTable] = {
    "lbfgs": RuleTable(
        oracles_minimizers.lbfgs,
        {
            "learning_rate": 0.25,
            "decrease": 2.0**-10,
            "curvature": 0.625,
            "evaluations": 4.0,
            "smallest_product": 2.0**-8,
        },
        (
            own(),
            own("paper", history=5, first_length="norm"),
            Reference(
                "torch",
                TorchLBFGS("torch", "LBFGS", {"learning_rate": "lr"}),
                # Torch stops at a gradient of zero, and begins a search that failed over again with the same pairs.
                unlike=("zero gradients", "curved"),
            ),
        ),
        {"": 23, "paper": 13, "torch": 203},
        elementwise=False,
        together=2,
    ),
    "nonlinear-cg": RuleTable(
        oracles_minimizers.nonlinear_cg,
        {"learning_rate": 0.25, "decrease": 2.0**-10, "curvature": 0.625, "evaluations": 4.0, "descent": 2.0**-5},
        (own(), own("paper"), own("scipy", curvature=0.4)),
        {"": 3},
        elementwise=False,
    ),
    "newton-cg": RuleTable(
        oracles_minimizers.newton_cg,
        {
            "learning_rate": 0.25,
            "decrease": 2.0**-10,
            "curvature": 0.625,
            "evaluations": 4.0,
            "precision": 0.375,
            "iterations": 3.0,
        },
        (own(), own("paper")),
        {"": 6},
        elementwise=False,
    ),
}
