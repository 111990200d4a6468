"""One jitted step of our rules beside Optax' own: ``python benchmarks/optax_step.py [--rounds 15] [--millions 10]``.

Run it on an idle machine. Every pair updates the same parameters, once as one array and once as 60 of unequal size,
with settings under which both compute the same numbers; parameters and state are donated, as in a training loop, and
Optax gets its rate as an array in the state (``inject_hyperparams``) as well as compiled in. Contenders take turns;
ratios are medians over rounds, above 1 where ours takes less time. Where arrays come to lie in memory is worth up to
a sixth of a step and stays as long as they live, so they are made anew for every few rounds. Bytes moved are those
that a step must read or write: gradient and parameters, and the state twice.
"""

import argparse
from collections.abc import Callable
from statistics import median
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

import harness
import thalweg.interop.optax as rules

RATE = 1e-3
STEPS = 5  # of one measurement
LIFE = 3  # rounds that one contender's arrays live

# Ours, and what Optax has for the same formula.
PAIRS: dict[str, tuple[Callable[[], Any], Callable[..., Any]]] = {
    "sgd": (lambda: rules.sgd(learning_rate=RATE), lambda rate: optax.sgd(rate)),
    "momentum": (
        lambda: rules.momentum(learning_rate=RATE, preset="optax"),
        lambda rate: optax.sgd(rate, momentum=0.9),
    ),
    "nesterov": (
        lambda: rules.nesterov(learning_rate=RATE, preset="optax"),
        lambda rate: optax.sgd(rate, momentum=0.9, nesterov=True),
    ),
    "adagrad": (lambda: rules.adagrad(learning_rate=RATE, preset="optax"), lambda rate: optax.adagrad(rate)),
    "rmsprop": (lambda: rules.rmsprop(learning_rate=RATE, preset="optax"), lambda rate: optax.rmsprop(rate)),
    "adadelta": (lambda: rules.adadelta(learning_rate=RATE, preset="optax"), lambda rate: optax.adadelta(rate)),
    "adam": (lambda: rules.adam(learning_rate=RATE, preset="optax"), lambda rate: optax.adam(rate)),
    "adamw": (lambda: rules.adamw(learning_rate=RATE, preset="optax"), lambda rate: optax.adamw(rate)),
    "amsgrad": (lambda: rules.amsgrad(learning_rate=RATE, preset="optax"), lambda rate: optax.amsgrad(rate)),
    "adamax": (lambda: rules.adamax(learning_rate=RATE, preset="optax"), lambda rate: optax.adamax(rate)),
    "nadam": (lambda: rules.nadam(learning_rate=RATE, preset="optax"), lambda rate: optax.nadam(rate)),
    "radam": (lambda: rules.radam(learning_rate=RATE, preset="optax"), lambda rate: optax.radam(rate)),
    "lion": (lambda: rules.lion(learning_rate=RATE, preset="optax"), lambda rate: optax.lion(rate)),
    "adabelief": (lambda: rules.adabelief(learning_rate=RATE, preset="optax"), lambda rate: optax.adabelief(rate)),
    "yogi": (lambda: rules.yogi(learning_rate=RATE, preset="optax"), lambda rate: optax.yogi(rate)),
}


def layouts(numbers: int) -> dict[str, list[int]]:
    """Return the sizes of the arrays: one array, and 60 whose sizes span a factor of a hundred."""
    weights = np.geomspace(1, 100, min(60, numbers))
    sizes = np.maximum(1, (weights / weights.sum() * numbers).astype(int))
    return {"1 array": [numbers], f"{len(sizes)} arrays": sizes.tolist()}


def arrays(sizes: list[int], seed: int) -> list[jax.Array]:
    """Return random arrays."""
    random = np.random.default_rng(seed)
    return [jnp.asarray(random.normal(size=size).astype(np.float32)) for size in sizes]


def stepping(transformation: Any, sizes: list[int]) -> Callable[[], tuple[Callable[[], None], int]]:
    """Return what makes new arrays and returns what takes a few steps on them, and the bytes that a step must move."""

    def step(params: Any, state: Any, gradients: Any) -> Any:
        updates, state = transformation.update(gradients, state, params)
        return optax.apply_updates(params, updates), state

    compiled, first = jax.jit(step, donate_argnums=(0, 1)), jax.jit(transformation.init)

    def begin() -> tuple[Callable[[], None], int]:
        gradients, params = arrays(sizes, 1), arrays(sizes, 0)
        carried = [params, first(params)]
        moved = sum(leaf.nbytes for leaf in jax.tree.leaves(carried)) * 2 + sum(g.nbytes for g in gradients)

        def run() -> None:
            for _ in range(STEPS):
                carried[:] = compiled(*carried, gradients)
            jax.block_until_ready(carried)

        return run, moved

    return begin


def measure(name: str, sizes: list[int], count: int) -> dict[str, Any]:
    """Return the figures of one pair on one layout."""
    ours, theirs = PAIRS[name]
    contenders = {
        "thalweg": stepping(ours(), sizes),
        "optax": stepping(theirs(RATE), sizes),
        "optax, rate in the state": stepping(optax.inject_hyperparams(theirs)(RATE), sizes),
    }
    seconds: dict[str, list[float]] = {key: [] for key in contenders}
    moved = 0
    for life in range(0, count, LIFE):
        turned = list(contenders.items())[(life // LIFE) % 3 :] + list(contenders.items())[: (life // LIFE) % 3]
        begun = {key: begin() for key, begin in turned}
        moved = begun["thalweg"][1]
        taken = harness.rounds({key: run for key, (run, _) in begun.items()}, min(LIFE, count - life))
        seconds = {key: [*before, *taken[key]] for key, before in seconds.items()}
    return {
        "milliseconds per step": {key: round(median(s) / STEPS * 1e3, 3) for key, s in seconds.items()},
        "times faster than": {key: round(harness.ratio(s, seconds["thalweg"]), 3) for key, s in seconds.items()},
        "bytes per parameter and step": round(moved / sum(sizes), 2),
        "GB/s": round(moved * STEPS / median(seconds["thalweg"]) / 1e9, 2),
    }


def copying(numbers: int, count: int) -> float:
    """Return the bytes per second of ``x + 1`` over as many numbers, read and written."""
    add = jax.jit(lambda x: x + 1, donate_argnums=0)
    carried = [jnp.zeros(numbers)]

    def run() -> None:
        for _ in range(STEPS):
            carried[0] = add(carried[0])
        carried[0].block_until_ready()

    return 8 * numbers * STEPS / median(harness.rounds({"copy": run}, count)["copy"])


def main() -> None:
    """Measure and write ``results/optax_step.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--millions", type=float, default=10.0, help="millions of parameters")
    parser.add_argument("--only", default="", help="one rule; nothing is written")
    chosen = parser.parse_args()
    numbers = int(chosen.millions * 1e6)
    figures = harness.environment("thalweg", "jax", "optax", "numpy")
    figures |= {"device": str(jax.devices()[0].device_kind), "rounds": chosen.rounds, "parameters": numbers}
    figures["GB/s of x + 1"] = round(copying(numbers, chosen.rounds) / 1e9, 2)
    figures["rules"] = {}
    for name in [chosen.only] if chosen.only else PAIRS:
        figures["rules"][name] = {
            layout: measure(name, sizes, chosen.rounds) for layout, sizes in layouts(numbers).items()
        }
        print(name, figures["rules"][name], flush=True)
        if not chosen.only:
            harness.write("optax_step", figures)  # as it goes: the whole takes minutes


if __name__ == "__main__":
    main()
