"""Time of one update of every optimizer, as a multiple of gradient descent's.

Run it on an idle machine: ``python benchmarks/step_cost.py [--rounds 9]``. The gradient is given, so that only the rule
is timed, compiled by JAX on one device, on the arrays of a perceptron 256-512-512-10; what a rule needs beside the
gradient is given too, and its cost is not counted. The ratios are shipped with the package, where ``thalweg list
optimizers`` and ``thalweg explain`` find them.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import harness
from thalweg.optimizers import OPTIMIZERS, lift
from thalweg.optimizers.base import Rule

SHAPES = ((256, 512), (512,), (512, 512), (512,), (512, 10), (10,))
SHIPPED = Path(__file__).parents[1] / "src" / "thalweg" / "optimizers" / "step_costs.json"
SECONDS = 0.02  # per measurement


def stepping(rule: Rule) -> tuple[Callable[[], None], float]:
    """Return a function that takes as many updates as last :data:`SECONDS`, and how many that are."""
    random = np.random.default_rng(0)
    leaves = tuple(jnp.asarray(random.normal(size=shape, scale=0.05), jnp.float32) for shape in SHAPES)
    gradients = tuple(jnp.asarray(random.normal(size=shape, scale=0.01), jnp.float32) for shape in SHAPES)
    squares = tuple(g * g for g in gradients)
    inputs = {name: squares if "diagonal" in name else gradients for name in rule.needs}
    inputs |= {"loss": jnp.float32(1.0)} if "loss" in rule.needs else {}

    def step(carry: Any, t: Any) -> Any:
        leaves, state = carry
        return lift.update(rule, leaves, gradients, state, t, **inputs)

    program = jax.jit(step, donate_argnums=0)
    carry = jax.tree.map(jnp.copy, (leaves, lift.init_state(rule, leaves)))  # donated, so none may be another
    numbers = [jnp.float32(t) for t in range(1, 4)]
    for t in numbers:
        carry = jax.block_until_ready(program(carry, t))
    began = time.perf_counter()
    carry = jax.block_until_ready(program(carry, numbers[-1]))
    count = max(1, round(SECONDS / (time.perf_counter() - began)))
    kept = [carry]

    def run() -> None:
        carry = kept[0]
        for _ in range(count):
            carry = program(carry, numbers[-1])
        kept[0] = jax.block_until_ready(carry)

    return run, count


def main() -> None:
    """Measure all optimizers in turn, and write the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help="names, separated by commas; nothing is written then")
    chosen = parser.parse_args()
    figures = harness.environment("thalweg", "jax", "numpy")
    names = [name for name in OPTIMIZERS if not chosen.only or name in {"sgd", *chosen.only.split(",")}]
    steps = {name: stepping(OPTIMIZERS[name].configured()) for name in names}
    seconds = harness.rounds({name: run for name, (run, _) in steps.items()}, chosen.rounds)
    each = {name: [s / steps[name][1] for s in found] for name, found in seconds.items()}
    costs = {name: float(f"{harness.ratio(found, each['sgd']):.2g}") for name, found in each.items()}
    figures |= {
        "rounds": chosen.rounds,
        "parameters": sum(int(np.prod(shape)) for shape in SHAPES),
        "microseconds of sgd": round(1e6 * sorted(each["sgd"])[len(each["sgd"]) // 2], 1),
        "times as long as sgd": costs,
    }
    print(json.dumps(costs, indent=1))
    if not chosen.only:
        print(harness.write("step_cost", figures))
        SHIPPED.write_text(json.dumps(costs, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
