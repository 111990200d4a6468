"""One step of training with a name, a symbol and a formula for every quantity in it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from thalweg.handcoded.activations import find_activation
from thalweg.handcoded.checks import checked_targets
from thalweg.handcoded.losses import find_loss
from thalweg.handcoded.passes import Backward, Forward, interleaved
from thalweg.handcoded.rules import find_rule
from thalweg.handcoded.trace import Quantity, Trace
from thalweg.optimizers import Rule, lift

if TYPE_CHECKING:
    from thalweg.handcoded.network import Network

__all__ = ["step_trace"]


def step_trace(network: "Network", x: Any, y: Any, optimizer: Rule | str | None) -> Trace:
    """Return every quantity of one step; see :meth:`thalweg.handcoded.Network.explain_step`."""
    passed = network.forward(x)
    targets = checked_targets(y, len(passed.input), network.widths[-1], network.loss)
    back = network.backward(passed, y)
    sections = [
        ("Given", _given(network, passed, targets)),
        ("Forward pass", _forward(network, passed, targets)),
        ("Backward pass", _backward(network, passed, back)),
    ]
    if optimizer is not None:
        rule = find_rule(optimizer)
        sections.append((f"Update ({rule.name}: {'; '.join(rule.formula)})", _update(network, back, rule)))
    return Trace(sections)


def _given(network: "Network", passed: Forward, targets: np.ndarray) -> Iterator[Quantity]:
    yield Quantity("input", "a0", "x", passed.input)
    one_hot = "1 in the place of the label, else 0" if network.loss == "cross-entropy" else ""
    yield Quantity("targets", "y", one_hot, targets)
    for k, (W, b) in enumerate(zip(network.weights, network.biases, strict=True), start=1):
        yield Quantity(f"layer {k} weights", f"W{k}", "", W)
        yield Quantity(f"layer {k} biases", f"b{k}", "", b)


def _forward(network: "Network", passed: Forward, targets: np.ndarray) -> Iterator[Quantity]:
    function, loss, last = find_activation(network.activation), find_loss(network.loss), len(network.weights)
    for k, z in enumerate(passed.pre_activations, start=1):
        yield Quantity(f"layer {k} pre-activations", f"z{k}", f"a{k - 1}·W{k} + b{k}", z)
        if k < last:
            formula = function.formula.format(z=f"z{k}")
            yield Quantity(f"layer {k} activations", f"a{k}", formula, passed.activations[k - 1])
    yield Quantity(loss.output_name, "p", loss.output_formula.format(z=f"z{last}"), passed.outputs)
    data_loss = np.asarray(loss.value(passed.pre_activations[-1], targets))
    yield Quantity("data loss", "J", loss.formula, data_loss)
    yield Quantity("penalty", "R", f"{network.l2:g}/2·Σ‖W‖²", np.asarray(network.penalty))
    yield Quantity("loss", "J + R", "", data_loss + network.penalty)


def _backward(network: "Network", passed: Forward, back: Backward) -> Iterator[Quantity]:
    function, loss, last = find_activation(network.activation), find_loss(network.loss), len(network.weights)
    for k in range(last, 0, -1):
        if k == last:
            formula = loss.signal_formula
        else:
            yield Quantity(f"layer {k} error passed back", f"e{k}", f"δ{k + 1}·W{k + 1}ᵀ", back.passed_back[k - 1])
            slope = function.slope_formula.format(z=f"z{k}", a=f"a{k}")
            yield Quantity(f"layer {k} slopes", f"s{k}", slope, back.slopes[k - 1])
            formula = f"e{k} ⊙ s{k}"
        W, signal = network.weights[k - 1], back.error_signals[k - 1]
        yield Quantity(f"layer {k} error signal", f"δ{k}", formula, signal)
        data_part = passed.entering(k).T @ signal
        yield Quantity(f"layer {k} data gradient", f"D{k}", f"a{k - 1}ᵀ·δ{k}", data_part)
        yield Quantity(f"layer {k} penalty gradient", f"P{k}", f"{network.l2:g}·W{k}", network.l2 * W)
        yield Quantity(f"layer {k} weight gradient", f"∂W{k}", f"D{k} + P{k}", back.weight_gradients[k - 1])
        yield Quantity(f"layer {k} bias gradient", f"∂b{k}", f"Σ_rows δ{k}", back.bias_gradients[k - 1])


def _update(network: "Network", back: Backward, rule: Rule) -> Iterator[Quantity]:
    gradients = interleaved(back.weight_gradients, back.bias_gradients)
    state = lift.init_state(rule, network.parameters)
    new, _ = lift.update(rule, network.parameters, gradients, state, 1)
    for k in range(1, len(network.weights) + 1):
        for part, symbol, old, after in (
            ("weight", f"W{k}", network.weights[k - 1], new[2 * k - 2]),
            ("bias", f"b{k}", network.biases[k - 1], new[2 * k - 1]),
        ):
            yield Quantity(f"layer {k} {part} change", f"Δ{symbol}", "", after - old)
            yield Quantity(
                f"layer {k} new {part}{'s' if part == 'weight' else 'es'}", f"{symbol} + Δ{symbol}", "", after
            )
