"""Optimizers, each written once as its formula, for any array library."""

from thalweg.optimizers.adadelta import AdaDelta
from thalweg.optimizers.adagrad import AdaGrad
from thalweg.optimizers.adam import Adam
from thalweg.optimizers.adamax import Adamax
from thalweg.optimizers.adamw import AdamW
from thalweg.optimizers.amsgrad import AMSGrad
from thalweg.optimizers.base import (
    INPUTS,
    Hyperparameter,
    Number,
    Rule,
    State,
    Variant,
    full_like,
    hyperparameter,
    variant,
    zeros_like,
)
from thalweg.optimizers.catalogue import OPTIMIZERS, find_optimizer, make_optimizer, optimizer_names
from thalweg.optimizers.momentum import Momentum
from thalweg.optimizers.muon import Muon
from thalweg.optimizers.nadam import NAdam
from thalweg.optimizers.nesterov import Nesterov
from thalweg.optimizers.radam import RAdam
from thalweg.optimizers.rmsprop import RMSProp
from thalweg.optimizers.sadam import SAdam, SAMSGrad
from thalweg.optimizers.sgd import SGD
from thalweg.optimizers.swats import SWATS

__all__ = [
    "INPUTS",
    "OPTIMIZERS",
    "SGD",
    "SWATS",
    "AMSGrad",
    "AdaDelta",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Hyperparameter",
    "Momentum",
    "Muon",
    "NAdam",
    "Nesterov",
    "Number",
    "RAdam",
    "RMSProp",
    "Rule",
    "SAMSGrad",
    "SAdam",
    "State",
    "Variant",
    "find_optimizer",
    "full_like",
    "hyperparameter",
    "make_optimizer",
    "optimizer_names",
    "variant",
    "zeros_like",
]
