"""The adding problem: two marked numbers of a long sequence are to be added, whatever stands between them."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thalweg.tasks.base import Data, Params, Target, Task
from thalweg.tasks.build import regression
from thalweg.tasks.choices import Whole, task_family
from thalweg.tasks.models import Model, Pass, dense, model
from thalweg.tasks.recurrent import gru_inputs, gru_states, init_gru, init_vanilla, vanilla_states
from thalweg.tasks.split import split

__all__ = ["ADDING_GRU", "ADDING_RNN", "BLIND_LOSS", "adding_data", "adding_examples", "recurrent_adder"]

BLIND_LOSS = 1 / 6  # of always answering 1: the variance of the sum of two numbers that are uniform in [0, 1)
EXAMPLES = 10_000
SIZES = {"length": Whole(50, 2, 1000, 2), "hidden": Whole(32, 1, 512)}
NETWORKS = {"rnn": "vanilla recurrent network", "gru": "gated recurrent network"}


def adding_examples(count: int, length: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Return sequences of two channels and the sums of their marked numbers.

    Args:
        count: Number of sequences.
        length: Steps of each; even, 2 or more.
        seed: Fixes the examples.

    Returns:
        ``x`` of shape (count, length, 2), float32: numbers uniform in [0, 1), and marks, 1 at one place of the first
        half and at one of the second, else 0. ``y`` of shape (count,), float32: the sum of the marked numbers.

    References:
        Hochreiter & Schmidhuber 1997, "Long short-term memory", experiment 4; in the form of Le et al. 2015, "A
        simple way to initialize recurrent networks of rectified linear units", section 4.1: theirs has numbers in
        [−1, 1], a varying length and both marks in the first half, and scales the sum to [0, 1].
    """
    # Raw bits, not Generator's methods: they are the same under every version of NumPy.
    bits = np.random.PCG64(seed).random_raw(count * (length + 2)).reshape(count, length + 2) >> np.uint64(40)
    numbers = (bits[:, :length].astype(np.float64) / 2**24).astype(np.float32)
    half = np.uint64(length // 2)
    first, second = (bits[:, length] % half).astype(int), (bits[:, length + 1] % half + half).astype(int)
    rows, marks = np.arange(count), np.zeros_like(numbers)
    marks[rows, first] = marks[rows, second] = 1
    return {"x": np.stack([numbers, marks], axis=-1), "y": numbers[rows, first] + numbers[rows, second]}


@functools.cache
def adding_data(length: int) -> Data:
    """Return 6000 training, 2000 validation and 2000 test sequences of the given length."""
    return split(adding_examples(EXAMPLES, length))


def recurrent_adder(cell: str, hidden: int, activation: str = "tanh") -> Model:
    """Return a recurrent network whose last state is read out as one number.

    Args:
        cell: ``rnn`` (vanilla) or ``gru``.
        hidden: Units.
        activation: Of the vanilla network's units.
    """

    def init(key: Any) -> Params:
        keys = jax.random.split(key)
        inner = (init_vanilla if cell == "rnn" else init_gru)(keys[0], 2, hidden)
        weight = jax.random.normal(keys[1], (hidden, 1), jnp.float32) * hidden**-0.5
        return {"cell": inner, "output": {"weight": weight, "bias": jnp.zeros(1, jnp.float32)}}

    def forward(now: Pass, x: Any) -> Any:
        steps = jnp.swapaxes(x, 0, 1)
        if cell == "rnn":
            states = vanilla_states(now.params["cell"], steps, now.activate)
        else:
            weights, biases = gru_inputs(now.params["cell"])
            states = gru_states(now.params["cell"], steps @ weights + biases)
        return dense(now.params["output"], states[-1])

    gates = {"cell.reset.bias": "gate-bias", "cell.update.bias": "gate-bias"} if cell == "gru" else {}
    made = model(init, forward, activation=activation, roles={"output.bias": "output-bias", **gates})
    heeded = frozenset({"diffusion"} if cell == "rnn" else ())
    return dataclasses.replace(made, techniques=heeded, train=made.train if heeded else None)


def _task(cell: str, length: int, hidden: int, activation: str = "tanh") -> Task:
    network = recurrent_adder(cell, hidden, activation)
    return regression(
        f"adding-{cell}",
        network.init,
        network.apply,
        functools.partial(adding_data, length),
        **network.fields(),
        batch_size=50,
        epochs=15,
        target=Target("validation_loss", TARGETS[cell]),
        title=f"Adding two marked numbers of a sequence, {NETWORKS[cell]}",
        description=DESCRIPTION.format(length=length, hidden=hidden, network=NETWORKS[cell]),
        source="generated; the adding problem of S. Hochreiter and J. Schmidhuber, Neural Computation 9(8), 1997",
        licence="generated here",
    )


DESCRIPTION = (
    "A {network} of {hidden} units reads {length} steps of two channels, a number in [0, 1) and a mark, and is "
    "to add the two marked numbers, one of each half: what is read early must be kept until the end. Always "
    "answering 1 costs 1/6 = 0.167; who falls clearly below it has learnt to remember. A vanilla network's gradient "
    "fades or grows geometrically with every step back in time; gates, biased open, let it pass."
)
# Provisional: of two rates of Adam with gradients clipped to norm 1, the better one brings the vanilla network to 0.024
# in 1600 of the 1800 steps, the gated one below 0.01 in 375, of 0.167 for always answering 1.
TARGETS = {"rnn": 0.025, "gru": 0.01}

ADDING_RNN = task_family(functools.partial(_task, "rnn"), {**SIZES, "activation": ("tanh", "relu", "identity")})
ADDING_GRU = task_family(functools.partial(_task, "gru"), SIZES)
