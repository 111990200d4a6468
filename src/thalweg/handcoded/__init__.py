"""A neural network coded by hand in NumPy, after the slides of seed 001: nothing in it is hidden.

Forward and backward pass are written out (:mod:`thalweg.handcoded.passes`), every quantity between the input and the
updated weights can be asked for by name, and the catalogue's rules train it:

    >>> import numpy as np
    >>> from thalweg.handcoded import Network, train
    >>> x, y = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]), np.array([1, 1, 0, 0])
    >>> network = Network.random((2, 8, 2), seed=3)
    >>> trained = train(network, x, y, "adagrad", epochs=2000).network
    >>> trained.forward(x).outputs.argmax(axis=1).tolist()
    [1, 1, 0, 0]
    >>> list(trained.explain_step(x, y))[-3:]
    ['layer 1 penalty gradient', 'layer 1 weight gradient', 'layer 1 bias gradient']

Slips of the slides, put right here:

- The mini-batch loop computes the loss of every minibatch, but its backward pass and its update stand outside that
  loop, as printed: one update per epoch, by the last minibatch alone. The text beside it says the opposite.
- The decay that is commented out, ``Learning_rate *= 1/(1+0.01*1)``, would raise a NameError (the rate is called
  ``learning_rate``), and it multiplies by the same number each epoch: an exponential decay by 1/1.01, where
  1/(1 + 0.01·epoch) times the first rate must be meant.
- What is called ``input_layer`` is the first layer's product without its bias, while ``output_layer`` has its bias.
- ``range(0, n+1)`` takes n + 1 steps; and the loss printed at step k is that before the update of step k.
- The sums over z = 0 … m and z = 0 … bs have m + 1 and bs + 1 terms over m and bs; a minibatch is written
  ``x^(zz+bs)`` where ``x^(zz) … x^(zz+bs−1)`` is meant. The code takes the right rows.
- W alone is updated in the formulas; the code rightly updates the biases too.
- (3×4) + (4×2) = 20 counts weights only; the code's network of that shape has 6 biases more.
- AdaGrad's denominator does not get infinitely small: it grows, and so the steps get small.

What looks like a slip and is none: the mask ``hidden_layer <= 0`` looks at the activations, which are zero exactly
where the pre-activations are not positive; the penalty is added to each minibatch's loss once, and λ·W to its gradient,
which agree for a penalty of λ/2·Σ‖W‖²; and the error signal of layer 1 is computed before layer 2 is updated as it
must be.
"""

from thalweg.handcoded.activations import ACTIVATIONS, Activation
from thalweg.handcoded.losses import LOSSES, Loss, log_softmax, softmax
from thalweg.handcoded.network import Network
from thalweg.handcoded.passes import Backward, Forward, Gradients
from thalweg.handcoded.trace import Quantity, Trace
from thalweg.handcoded.training import Step, Training, minibatches, show_loss, train

__all__ = [
    "ACTIVATIONS",
    "LOSSES",
    "Activation",
    "Backward",
    "Forward",
    "Gradients",
    "Loss",
    "Network",
    "Quantity",
    "Step",
    "Trace",
    "Training",
    "log_softmax",
    "minibatches",
    "show_loss",
    "softmax",
    "train",
]
