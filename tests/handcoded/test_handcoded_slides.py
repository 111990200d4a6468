"""The hand-coded network is that of seed 001's slides, and the slips listed are theirs."""

import numpy as np
import pytest

from thalweg.handcoded import Network, Trace, minibatches, train
from thalweg.optimizers import SGD, AdaGrad

RNG = np.random.default_rng(0)
X, LABELS = RNG.normal(size=(10, 3)), RNG.integers(2, size=10)
Y = np.eye(2)[LABELS]
NETWORK = Network((RNG.normal(size=(3, 4)), RNG.normal(size=(4, 2))), (RNG.normal(size=4), RNG.normal(size=2)), l2=0.1)
RATE = 0.25


def slide_step(parameters, x, y, l2=0.1, rate=RATE):
    """One pass of the slides' loop, line by line; returns the loss, every intermediate and the new parameters."""
    W1, b1, W2, b2 = (array.copy() for array in parameters)
    q = {"input_layer": np.dot(x, W1)}
    q["hidden_layer"] = np.maximum(q["input_layer"] + b1, 0)
    q["output_layer"] = np.dot(q["hidden_layer"], W2) + b2
    powers = np.exp(q["output_layer"])
    q["output_probs"] = powers / np.sum(powers, axis=1, keepdims=True)
    loss = -np.sum(y * np.log(q["output_probs"])) / len(x)
    loss += 0.5 * l2 * np.sum(W1 * W1) + 0.5 * l2 * np.sum(W2 * W2)
    q["output_error_signal"] = (q["output_probs"] - y) / q["output_probs"].shape[0]
    q["error_signal_hidden"] = np.dot(q["output_error_signal"], W2.T)
    q["error_signal_hidden"][q["hidden_layer"] <= 0] = 0
    q["gradient_layer2_weights"] = np.dot(q["hidden_layer"].T, q["output_error_signal"]) + l2 * W2
    q["gradient_layer2_bias"] = np.sum(q["output_error_signal"], axis=0)
    q["gradient_layer1_weights"] = np.dot(x.T, q["error_signal_hidden"]) + l2 * W1
    q["gradient_layer1_bias"] = np.sum(q["error_signal_hidden"], axis=0)
    W1 -= rate * q["gradient_layer1_weights"]
    b1 -= rate * q["gradient_layer1_bias"]
    W2 -= rate * q["gradient_layer2_weights"]
    b2 -= rate * q["gradient_layer2_bias"]
    return loss, q, (W1, b1, W2, b2)


NAMES = {
    "hidden_layer": "layer 1 activations",
    "output_layer": "layer 2 pre-activations",
    "output_probs": "probabilities",
    "output_error_signal": "layer 2 error signal",
    "error_signal_hidden": "layer 1 error signal",
    "gradient_layer2_weights": "layer 2 weight gradient",
    "gradient_layer2_bias": "layer 2 bias gradient",
    "gradient_layer1_weights": "layer 1 weight gradient",
    "gradient_layer1_bias": "layer 1 bias gradient",
}


def test_every_quantity_of_the_slide_has_a_name():
    loss, quantities, parameters = slide_step(NETWORK.parameters, X, Y)
    trace = NETWORK.explain_step(X, LABELS, SGD(learning_rate=RATE))
    assert abs(float(trace["loss"]) - loss) < 1e-14
    for theirs, name in NAMES.items():
        np.testing.assert_allclose(trace[name], quantities[theirs], rtol=1e-13, atol=1e-15, err_msg=name)
    # The slide's "input_layer" lacks the bias.
    np.testing.assert_allclose(trace["layer 1 pre-activations"], quantities["input_layer"] + NETWORK.biases[0])
    for name, value in zip(("new weights", "new biases"), parameters[:2], strict=True):
        np.testing.assert_allclose(trace[f"layer 1 {name}"], value, rtol=1e-13)
    np.testing.assert_allclose(trace["layer 2 weight change"], parameters[2] - NETWORK.weights[1], rtol=1e-12)


def test_the_parts_of_a_trace_add_up():
    trace = NETWORK.explain_step(X, LABELS)
    assert float(trace["loss"]) == float(trace["data loss"]) + float(trace["penalty"])
    np.testing.assert_array_equal(trace["input"], X)
    np.testing.assert_array_equal(trace["targets"], Y)
    for k in (1, 2):
        parts = trace[f"layer {k} data gradient"] + trace[f"layer {k} penalty gradient"]
        np.testing.assert_allclose(trace[f"layer {k} weight gradient"], parts, rtol=1e-14)
    product = trace["layer 1 error passed back"] * trace["layer 1 slopes"]
    np.testing.assert_array_equal(trace["layer 1 error signal"], product)
    assert float(trace["loss"]) == pytest.approx(NETWORK.gradients(X, LABELS).loss, abs=1e-15)


def test_a_trace_shows_itself_step_by_step():
    trace = NETWORK.explain_step(X, LABELS, "adagrad")
    lines = str(trace).splitlines()
    assert [line for line in lines if not line.startswith(" ")][1:4] == ["Given", "Forward pass", "Backward pass"]
    assert len(lines) == len(trace) + 5  # the header and four titles
    (signal,) = [line for line in lines if "layer 1 error signal" in line]
    norm = np.linalg.norm(trace["layer 1 error signal"])
    assert signal.split() == f"layer 1 error signal δ1 = e1 ⊙ s1 10 × 4 ‖·‖ {norm:.4g}".split()
    assert isinstance(trace, Trace)
    assert list(dict(trace)) == list(trace) == list(trace.keys())
    assert next(iter(trace)) == "input"


def test_deeper_networks_and_numbers_have_traces_too():
    network = Network.random((3, 5, 4, 1), activation="sigmoid", loss="squared")
    trace = network.explain_step(X, X[:, 0])
    assert trace["outputs"].shape == trace["targets"].shape == (10, 1)
    assert [name for name in trace if name.endswith("error signal")] == [f"layer {k} error signal" for k in (3, 2, 1)]
    assert trace.quantity("layer 2 slopes").formula == "a2·(1 − a2)"


def test_batch_gradient_descent_is_the_slides_loop():
    parameters, losses = NETWORK.parameters, []
    for _ in range(20):
        loss, _, parameters = slide_step(parameters, X, Y)
        losses.append(loss)
    trained = train(NETWORK, X, LABELS, SGD(learning_rate=RATE), epochs=20)
    np.testing.assert_allclose(trained.losses, losses, rtol=1e-12)
    for own, theirs in zip(trained.network.parameters, parameters, strict=True):
        np.testing.assert_allclose(own, theirs, rtol=1e-11, atol=1e-13)


def printed_loop(order, minibatch_size):
    """The slides' mini-batch loop with its indentation as printed: the update stands after the inner loop."""
    parameters = NETWORK.parameters
    for epoch in order:
        for i in range(0, len(X), minibatch_size):
            rows = epoch[i : i + minibatch_size]
        _, _, parameters = slide_step(parameters, X[rows], Y[rows])
    return parameters


def test_the_printed_minibatch_loop_takes_one_update_per_epoch():
    orders = [np.random.default_rng((0, epoch)).permutation(len(X)) for epoch in range(5)]
    printed = printed_loop(orders, 5)
    last_only = train(NETWORK, X, LABELS, SGD(learning_rate=RATE), rows=[order[5:] for order in orders])
    meant = train(NETWORK, X, LABELS, SGD(learning_rate=RATE), epochs=5, batch_size=5)
    assert (len(last_only.losses), len(meant.losses)) == (5, 10)
    np.testing.assert_allclose(last_only.network.weights[0], printed[0], rtol=1e-12)
    assert np.abs(meant.network.weights[0] - printed[0]).max() > 0.05


def test_the_commented_decay_is_exponential():
    rates, rate = [], 1.0
    for _ in range(200):
        rate *= 1 / (1 + 0.01 * 1)
        rates.append(rate)
    np.testing.assert_allclose(rates, 1.01 ** -np.arange(1.0, 201), rtol=1e-12)
    assert rates[-1] < 0.14 < 1 / 3 == pytest.approx(1 / (1 + 0.01 * 200))


def test_adagrad_by_hand():
    order = minibatches(10, 5, epochs=3, seed=4)
    parameters, sums = [p.copy() for p in NETWORK.parameters], [0.0] * 4
    for rows in order:
        _, q, _ = slide_step(parameters, X[rows], Y[rows])
        names = [f"gradient_layer{k}_{part}" for k in (1, 2) for part in ("weights", "bias")]
        for i, name in enumerate(names):
            sums[i] = sums[i] + q[name] ** 2
            parameters[i] -= 0.1 * q[name] / np.sqrt(sums[i] + 1e-8)
    rule = AdaGrad(learning_rate=0.1, epsilon=1e-8, epsilon_place="inside")
    trained = train(NETWORK, X, LABELS, rule, epochs=3, batch_size=5, seed=4).network
    for own, theirs in zip(trained.parameters, parameters, strict=True):
        np.testing.assert_allclose(own, theirs, rtol=1e-11, atol=1e-13)
