"""Every mistake a user can make with the hand-coded network is one sentence that says how to mend it."""

import numpy as np
import pytest

from thalweg.errors import InvalidValueError, UnknownNameError
from thalweg.handcoded import Network, minibatches, show_loss, train
from thalweg.optimizers import SGD

NETWORK = Network.random((2, 3, 2))
NUMBERS = Network.random((2, 2), loss="squared")
X, Y = np.ones((4, 2)), np.array([0, 1, 0, 1])
HOLE = np.array([[0.0, 1.0], [2.0, np.nan]])


class Negative:
    def factor(self, step, total):
        return 1.0 - np.asarray(step)


class Listening:
    adaptive = True


MISTAKES = [
    (lambda: Network.random((4, 0, 2)), "layer 1 is too narrow with 0 units; give 1 or more"),
    (lambda: Network.random((0, 2)), "the input is too narrow with 0 units"),
    (lambda: Network.random((4,)), "widths = (4,) is not allowed; give at least two whole numbers"),
    (lambda: Network.random((4, 2.5)), "widths = (4, 2.5) is not allowed"),
    (lambda: Network.random((4, 1)), "the last layer is too narrow with 1 unit"),
    (lambda: Network.random((4, 2), seed=-1), "seed = -1 is not allowed; give a whole number of 0 or more"),
    (lambda: Network.random((4, 2), l2=-0.1), "l2 = -0.1 is not allowed"),
    (lambda: Network.random((4, 2), l2=np.nan), "l2 = nan is not allowed"),
    (lambda: Network.random((4, 2), activation="rleu"), "activation 'rleu' is not known: did you mean 'relu'?"),
    (lambda: Network.random((4, 2), loss="mse"), "loss 'mse' is not known: "),
    (lambda: Network((np.ones((2, 3)), np.ones((4, 2))), (np.ones(3), np.ones(2))), "weights of layer 2 have shape"),
    (lambda: Network((np.ones(3),), (np.ones(3),)), "weights of layer 1 have shape (3,)"),
    (lambda: Network((np.ones((2, 3)),), (np.ones(2),)), "biases of layer 1 have shape (2,), but the layer has 3"),
    (lambda: Network((np.ones((2, 0)), np.ones((0, 2))), (np.ones(0), np.ones(2))), "layer 1 is too narrow with 0"),
    (lambda: Network((), ()), "weights of 0 and biases of 0 layers are given"),
    (lambda: Network((HOLE,), (np.ones(2),)), "weights of layer 1[1, 1] = nan is not finite"),
    (lambda: NETWORK.with_parameters([np.ones(2)]), "parameters hold 1 arrays"),
    (lambda: NETWORK.forward(np.ones((4, 3))), "x has shape (4, 3), but this network takes rows of 2 numbers"),
    (lambda: NETWORK.forward(np.ones(2)), "x has shape (2,)"),
    (lambda: NETWORK.forward(np.ones((0, 2))), "give shape (n, 2) with n of 1 or more"),
    (lambda: NETWORK.forward(HOLE), "x[1, 1] = nan is not finite; leave such rows out or fill the gaps first."),
    (lambda: NETWORK.forward([["a", "b"]]), "x is no array of numbers"),
    (lambda: NETWORK.gradients(X, Y[:3]), "y has shape (3,), but there are 4 rows; give one label per row."),
    (lambda: NETWORK.gradients(X, np.eye(2)[Y]), "np.argmax(y, axis=1) makes labels of one-hot rows"),
    (lambda: NETWORK.gradients(X, Y + 1), "y[1] = 2 is no class of this network; give labels from 0 to 1"),
    (lambda: NETWORK.gradients(X, -Y), "y[1] = -1 is no class"),
    (lambda: NETWORK.gradients(X, Y * 0.5), "y holds float64 numbers; give labels as whole numbers"),
    (lambda: NUMBERS.gradients(X, Y), "y has shape (4,), but there are 4 rows and 2 outputs; give shape (4, 2)."),
    (lambda: NUMBERS.gradients(X[:2], HOLE), "y[1, 1] = nan is not finite"),
    (lambda: NUMBERS.accuracy(X, X), "accuracy needs classes"),
    (lambda: NETWORK.explain_step(X, Y)["layer 2 errorsignal"], "did you mean 'layer 2 error signal'?"),
    (lambda: train(NETWORK, X, Y, "adagard"), "optimizer 'adagard' is not known: did you mean 'adagrad'?"),
    (lambda: train(NETWORK, X, Y, SGD), "give a name such as 'sgd', or a rule."),
    (lambda: train(NETWORK, X, Y, epochs=0), "epochs = 0 is not allowed; give a whole number of 1 or more."),
    (lambda: train(NETWORK, X, Y, batch_size=0), "batch_size = 0 is not allowed"),
    (lambda: train(NETWORK, X, Y, batch_size=5), "batch_size = 5 is more than the 4 examples there are"),
    (lambda: train(NETWORK, X, Y, rows=[]), "rows hold no minibatch"),
    (
        lambda: train(NETWORK, X, Y, rows=[[0], [4]]),
        "rows of minibatch 2 are not allowed; give one or more row numbers",
    ),
    (lambda: train(NETWORK, X, Y, rows=[[0.5]]), "rows of minibatch 1 are not allowed"),
    (lambda: train(NETWORK, X, Y, schedule=Negative()), "schedule gives the factor -1.0 at update 2"),
    (lambda: train(NETWORK, X, Y, schedule=Listening()), "schedule depends on the losses met"),
    (lambda: train(NETWORK, X, Y, schedule="plateau"), "schedule depends on the losses met"),
    (lambda: train(NETWORK, X, Y, schedule="cosin"), "did you mean 'cosine'?"),
    (lambda: minibatches(4, True, 1), "batch_size = True is not allowed"),
    (lambda: show_loss(every=0), "every = 0 is not allowed"),
]


@pytest.mark.parametrize(("mistake", "sentence"), MISTAKES, ids=[sentence[:40] for _, sentence in MISTAKES])
def test_a_mistake_is_one_sentence(mistake, sentence):
    with pytest.raises((InvalidValueError, UnknownNameError)) as caught:
        mistake()
    text = str(caught.value)
    assert sentence in text
    assert text.endswith(".")
    assert "\n" not in text
    assert len(text) < 1000


def test_a_rule_that_needs_more_than_gradients_is_refused():
    class Hungry(SGD):
        name = "hungry"
        needs = frozenset({"loss"})

    with pytest.raises(InvalidValueError, match="optimizer hungry needs loss beside gradients"):
        train(NETWORK, X, Y, Hungry())
