"""Every optimizer by its name on the command line."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from thalweg.errors import UnknownNameError
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
from thalweg.optimizers.base import Rule
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

__all__ = ["OPTIMIZERS", "find_optimizer", "make_optimizer", "optimizer_names"]

RULES: tuple[type[Rule], ...] = (
    SGD,
    Momentum,
    Nesterov,
    AdaGrad,
    RMSProp,
    AdaDelta,
    Adam,
    AMSGrad,
    AdamW,
    Adamax,
    NAdam,
    RAdam,
    SAdam,
    SAMSGrad,
    SWATS,
    Rprop,
    SignSGD,
    Lion,
    AdaBelief,
    Yogi,
    NovoGrad,
    MADGRAD,
    Adan,
    ADOPT,
    AdEMAMix,
    MARS,
    Muon,
    Shampoo,
    SOAP,
    LBFGS,
    NonlinearCG,
    NewtonCG,
    LARS,
    LAMB,
    Adafactor,
    ScheduleFreeSGD,
    ScheduleFreeAdamW,
    ScheduleFreeRAdam,
    Prodigy,
    DAdaptSGD,
    DAdaptAdam,
    DoG,
    SophiaH,
    SophiaG,
    AdaHessian,
    PolyakStep,
)

OPTIMIZERS: Mapping[str, type[Rule]] = MappingProxyType({rule.name: rule for rule in RULES})


def optimizer_names() -> tuple[str, ...]:
    """Return every optimizer's name, the simplest rules first."""
    return tuple(OPTIMIZERS)


def find_optimizer(name: str) -> type[Rule]:
    """Return the optimizer of that name.

    Raises:
        UnknownNameError: No optimizer has that name.

    Example:
        >>> find_optimizer("rmsprop").title
        'RMSProp'
    """
    if name not in OPTIMIZERS:
        raise UnknownNameError("optimizer", name, OPTIMIZERS)
    return OPTIMIZERS[name]


def make_optimizer(reference: str, **settings: Any) -> Rule:
    """Return the optimizer ``name`` or ``name@preset``, with settings that override the preset's.

    Args:
        reference: An optimizer's name, or name and preset as in ``adam@keras``.
        settings: Hyperparameters and variants by name.

    Raises:
        UnknownNameError: No such optimizer, preset or hyperparameter.
        InvalidValueError: A value is not allowed.

    Example:
        >>> make_optimizer("adam@keras", learning_rate=0.01).epsilon
        1e-07
    """
    name, at, preset = reference.partition("@")
    rule = find_optimizer(name)
    return rule.preset(preset, **settings) if at else rule.configured(**settings)
