"""Optimizers, each written once as its formula, for any array library."""

from thalweg.optimizers.adabelief import AdaBelief
from thalweg.optimizers.adadelta import AdaDelta
from thalweg.optimizers.adafactor import Adafactor
from thalweg.optimizers.adagrad import AdaGrad
from thalweg.optimizers.adahessian import AdaHessian
from thalweg.optimizers.adam import Adam
from thalweg.optimizers.adamax import Adamax
from thalweg.optimizers.adamw import AdamW
from thalweg.optimizers.adan import Adan
from thalweg.optimizers.ademamix import AdEMAMix
from thalweg.optimizers.adopt import ADOPT
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
from thalweg.optimizers.dadaptation import DAdaptAdam, DAdaptSGD
from thalweg.optimizers.dog import DoG
from thalweg.optimizers.lamb import LAMB
from thalweg.optimizers.lars import LARS
from thalweg.optimizers.lbfgs import LBFGS
from thalweg.optimizers.lion import Lion
from thalweg.optimizers.madgrad import MADGRAD
from thalweg.optimizers.mars import MARS
from thalweg.optimizers.momentum import Momentum
from thalweg.optimizers.muon import Muon
from thalweg.optimizers.nadam import NAdam
from thalweg.optimizers.nesterov import Nesterov
from thalweg.optimizers.newton_cg import NewtonCG
from thalweg.optimizers.nonlinear_cg import NonlinearCG
from thalweg.optimizers.novograd import NovoGrad
from thalweg.optimizers.polyak_step import PolyakStep
from thalweg.optimizers.prodigy import Prodigy
from thalweg.optimizers.radam import RAdam
from thalweg.optimizers.rmsprop import RMSProp
from thalweg.optimizers.rprop import Rprop
from thalweg.optimizers.sadam import SAdam, SAMSGrad
from thalweg.optimizers.schedule_free import ScheduleFreeAdamW, ScheduleFreeRAdam, ScheduleFreeSGD
from thalweg.optimizers.sgd import SGD
from thalweg.optimizers.shampoo import Shampoo
from thalweg.optimizers.signsgd import SignSGD
from thalweg.optimizers.soap import SOAP
from thalweg.optimizers.sophia import SophiaG, SophiaH
from thalweg.optimizers.swats import SWATS
from thalweg.optimizers.yogi import Yogi

__all__ = [
    "ADOPT",
    "INPUTS",
    "LAMB",
    "LARS",
    "LBFGS",
    "MADGRAD",
    "MARS",
    "OPTIMIZERS",
    "SGD",
    "SOAP",
    "SWATS",
    "AMSGrad",
    "AdEMAMix",
    "AdaBelief",
    "AdaDelta",
    "AdaGrad",
    "AdaHessian",
    "Adafactor",
    "Adam",
    "AdamW",
    "Adamax",
    "Adan",
    "DAdaptAdam",
    "DAdaptSGD",
    "DoG",
    "Hyperparameter",
    "Lion",
    "Momentum",
    "Muon",
    "NAdam",
    "Nesterov",
    "NewtonCG",
    "NonlinearCG",
    "NovoGrad",
    "Number",
    "PolyakStep",
    "Prodigy",
    "RAdam",
    "RMSProp",
    "Rprop",
    "Rule",
    "SAMSGrad",
    "SAdam",
    "ScheduleFreeAdamW",
    "ScheduleFreeRAdam",
    "ScheduleFreeSGD",
    "Shampoo",
    "SignSGD",
    "SophiaG",
    "SophiaH",
    "State",
    "Variant",
    "Yogi",
    "find_optimizer",
    "full_like",
    "hyperparameter",
    "make_optimizer",
    "optimizer_names",
    "variant",
    "zeros_like",
]
