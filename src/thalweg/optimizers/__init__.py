"""Optimizers, each written once as its formula, for any array library."""

from thalweg.optimizers.adagrad import AdaGrad
from thalweg.optimizers.adam import Adam
from thalweg.optimizers.adamw import AdamW
from thalweg.optimizers.base import Hyperparameter, Number, Rule, State, Variant, hyperparameter, variant, zeros_like
from thalweg.optimizers.catalogue import OPTIMIZERS, find_optimizer, make_optimizer, optimizer_names
from thalweg.optimizers.momentum import Momentum
from thalweg.optimizers.nesterov import Nesterov
from thalweg.optimizers.rmsprop import RMSProp
from thalweg.optimizers.sgd import SGD

__all__ = [
    "OPTIMIZERS",
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Hyperparameter",
    "Momentum",
    "Nesterov",
    "Number",
    "RMSProp",
    "Rule",
    "State",
    "Variant",
    "find_optimizer",
    "hyperparameter",
    "make_optimizer",
    "optimizer_names",
    "variant",
    "zeros_like",
]
