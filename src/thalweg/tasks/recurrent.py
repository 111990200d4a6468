"""Recurrent cells: the vanilla network and the gated recurrent unit, unrolled over time by ``lax.scan``.

Arrays are time-major inside, (steps, n, …). What the inputs contribute does not depend on the state, so it is
computed for all steps at once before the loop; only the product with the recurrent matrix stays in it.
"""

from typing import Any

import jax
import jax.numpy as jnp

from thalweg.tasks.base import Params

__all__ = ["GATES", "gru_inputs", "gru_states", "init_gru", "init_vanilla", "vanilla_states"]

GATES = ("reset", "update", "candidate")


def init_vanilla(key: Any, inputs: int, hidden: int) -> Params:
    """Return ``{"input" (inputs, hidden), "recurrent" (hidden, hidden), "bias" (hidden,)}``, float32.

    Args:
        key: JAX random key.
        inputs: Inputs per step.
        hidden: Units.

    Input weights are N(0, 1/inputs), recurrent ones N(0, 1/hidden), which puts the eigenvalues of a large matrix
    evenly into the unit disc (the circular law): neither clearly contracting nor expanding. Orthogonal
    and identity matrices are initializers' choices. Biases are zero.
    """
    drawn = jax.random.normal(key, (inputs + hidden, hidden), jnp.float32)
    return {
        "input": drawn[:inputs] * inputs**-0.5,
        "recurrent": drawn[inputs:] * hidden**-0.5,
        "bias": jnp.zeros(hidden, jnp.float32),
    }


def vanilla_states(cell: Params, inputs: Any, now: Any = jnp.tanh) -> Any:
    """Return the states h_1 … h_T of h_t = a(x_t W + b + h_{t−1} U), h_0 = 0.

    Args:
        cell: As :func:`init_vanilla` makes it: W, U, b.
        inputs: Shape (steps, n, inputs).
        now: The activation a, elementwise.

    Returns:
        Shape (steps, n, hidden).

    References:
        Elman 1990, "Finding structure in time"; Goodfellow et al. 2016, "Deep learning", eqs. 10.8 and 10.9.
    """
    contributed = inputs @ cell["input"] + cell["bias"]

    def step(state: Any, contribution: Any) -> tuple[Any, Any]:
        state = now(contribution + state @ cell["recurrent"])
        return state, state

    return jax.lax.scan(step, jnp.zeros_like(contributed[0]), contributed)[1]


def init_gru(key: Any, inputs: int, hidden: int, fan_in: int | None = None) -> Params:
    """Return one dictionary per gate, ``{"reset", "update", "candidate"}``, each like :func:`init_vanilla`'s.

    Args:
        key: JAX random key.
        inputs: Inputs per step.
        hidden: Units.
        fan_in: Inputs that are other than zero at once, where they are fewer than ``inputs``: 1 for characters.

    The candidate has a second bias, ``recurrent_bias``, inside the reset gate's product.
    """
    params = {
        gate: init_vanilla(one, inputs, hidden) for gate, one in zip(GATES, jax.random.split(key, 3), strict=True)
    }
    if fan_in is not None:
        params = {gate: {**cell, "input": cell["input"] * (inputs / fan_in) ** 0.5} for gate, cell in params.items()}
    params["candidate"]["recurrent_bias"] = jnp.zeros(hidden, jnp.float32)
    return params


def gru_inputs(cell: Params) -> tuple[Any, Any]:
    """Return the input weights (inputs, 3 · hidden) and biases (3 · hidden,) of all gates side by side."""
    weights = jnp.concatenate([cell[gate]["input"] for gate in GATES], axis=-1)
    return weights, jnp.concatenate([cell[gate]["bias"] for gate in GATES])


def gru_states(cell: Params, contributed: Any) -> Any:
    """Return the states h_1 … h_T of a gated recurrent unit, h_0 = 0.

    ::

        r = sigmoid(x W_r + b_r + h U_r)             reset gate: 1 lets the old state through
        z = sigmoid(x W_z + b_z + h U_z)             update gate: 1 keeps the old state
        c = tanh(x W_c + b_c + r · (h U_c + d_c))    candidate
        h ← (1 − z) · c + z · h

    Args:
        cell: As :func:`init_gru` makes it.
        contributed: What the inputs give to the gates, ``x @ weights + biases`` of :func:`gru_inputs`, shape
            (steps, n, 3 · hidden).

    Returns:
        Shape (steps, n, hidden).

    The reset gate acts after the product with U_c, as in cuDNN and ``torch.nn.GRU``, so that one product serves all
    three gates; the paper's acts before it. Torch has a second bias in every gate, which is the same function.

    References:
        Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", eqs. 5 to 8; section 2.3's z is
        the share of the old state, as here, where Chung et al. 2014 take 1 − z.
    """
    recurrent = jnp.concatenate([cell[gate]["recurrent"] for gate in GATES], axis=-1)
    hidden = recurrent.shape[0]
    offset = cell["candidate"]["recurrent_bias"]

    def step(state: Any, contribution: Any) -> tuple[Any, Any]:
        product = state @ recurrent
        gates = jax.nn.sigmoid(contribution[:, : 2 * hidden] + product[:, : 2 * hidden])
        reset, update = gates[:, :hidden], gates[:, hidden:]
        candidate = jnp.tanh(contribution[:, 2 * hidden :] + reset * (product[:, 2 * hidden :] + offset))
        state = candidate + update * (state - candidate)
        return state, state

    return jax.lax.scan(step, jnp.zeros_like(contributed[0, :, :hidden]), contributed)[1]
