"""Small models as pure JAX functions: parameters in nested dictionaries, no framework.

A model is ``init(key) -> params``, ``apply(params, x) -> outputs`` for evaluation and ``train(params, x, context)
-> (outputs, state)`` for training. Running averages live in ``params["state"]``.
"""

from thalweg.tasks.models.activations import ACTIVATIONS, Activation, activate
from thalweg.tasks.models.dropout import dropout
from thalweg.tasks.models.layers import convolve, dense, init_layers, window
from thalweg.tasks.models.model import Model, Pass, model
from thalweg.tasks.models.normalization import NORMALIZATIONS, batch_normalize, init_normalization, layer_normalize
from thalweg.tasks.models.perceptron import linear, mlp
from thalweg.tasks.models.residual import residual_network

__all__ = [
    "ACTIVATIONS",
    "NORMALIZATIONS",
    "Activation",
    "Model",
    "Pass",
    "activate",
    "batch_normalize",
    "convolve",
    "dense",
    "dropout",
    "init_layers",
    "init_normalization",
    "layer_normalize",
    "linear",
    "mlp",
    "model",
    "residual_network",
    "window",
]
