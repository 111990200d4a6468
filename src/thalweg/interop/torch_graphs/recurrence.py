"""PyTorch's recurrent layers: simple, gated (GRU) and long short-term memory (LSTM), in both directions."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["RECURRENCE"]

Cell = Callable[[Any, Any, Any], Any]  # (state, inputs' part, hidden weights and bias) -> state, whose first is shown


def _simple(activation: Callable[[Any], Any], state: Any, given: Any, weights: tuple[Any, Any]) -> Any:
    (hidden,) = state
    weight, bias = weights
    return (activation(given + hidden @ weight.T + bias),)


def _gated(state: Any, given: Any, weights: tuple[Any, Any]) -> Any:
    (hidden,) = state
    weight, bias = weights
    reset, update, new = jnp.split(given, 3, axis=-1)
    own_reset, own_update, own_new = jnp.split(hidden @ weight.T + bias, 3, axis=-1)
    share = jax.nn.sigmoid(update + own_update)
    candidate = jnp.tanh(new + jax.nn.sigmoid(reset + own_reset) * own_new)
    return ((1 - share) * candidate + share * hidden,)


def _long_short(state: Any, given: Any, weights: tuple[Any, Any]) -> Any:
    hidden, cell = state
    weight, bias = weights
    enters, forgets, new, shows = jnp.split(given + hidden @ weight.T + bias, 4, axis=-1)
    cell = jax.nn.sigmoid(forgets) * cell + jax.nn.sigmoid(enters) * jnp.tanh(new)
    return jax.nn.sigmoid(shows) * jnp.tanh(cell), cell


def _layers(
    cell: Cell,
    x: Any,
    states: Sequence[Any],
    params: Sequence[Any],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> list[Any]:
    """Return the outputs (time, rows, hidden) and the last states of all layers, as ATen orders them."""
    if dropout and train:
        raise NotImplementedError("a recurrent layer with dropout between its layers")
    x = jnp.swapaxes(x, 0, 1) if batch_first else x
    directions = 2 if bidirectional else 1
    width = 4 if has_biases else 2
    last: list[Any] = []
    for layer in range(num_layers):
        shown = []
        for direction in range(directions):
            place = layer * directions + direction
            inner, outer, *biases = params[place * width : (place + 1) * width]
            first, second = biases if has_biases else (0, 0)
            begin = tuple(state[place] for state in states)
            given = x @ inner.T + first
            step = partial(_step, cell, (outer, second))
            end, outputs = jax.lax.scan(step, begin, given, reverse=direction == 1)
            shown.append(outputs)
            last.append(end)
        x = jnp.concatenate(shown, -1)
    outputs = jnp.swapaxes(x, 0, 1) if batch_first else x
    return [outputs, *(jnp.stack([end[i] for end in last]) for i in range(len(states)))]


def _step(cell: Cell, weights: tuple[Any, Any], state: Any, given: Any) -> tuple[Any, Any]:
    state = cell(state, given, weights)
    return state, state[0]


def _of_one_state(cell: Cell) -> Callable[..., list[Any]]:
    def layers(x: Any, state: Any, params: Any, *settings: Any) -> list[Any]:
        return _layers(cell, x, (state,), params, *settings)

    return layers


RECURRENCE: Mapping[str, Callable[..., list[Any]]] = {
    "rnn_tanh": _of_one_state(partial(_simple, jnp.tanh)),
    "rnn_relu": _of_one_state(partial(_simple, jax.nn.relu)),
    "gru": _of_one_state(_gated),
    "lstm": partial(_layers, _long_short),
}
