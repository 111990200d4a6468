"""Schedules: how a hyperparameter changes along a run."""

from thalweg.schedules.base import Schedule, unit
from thalweg.schedules.catalogue import (
    SCHEDULES,
    find_schedule,
    is_composed,
    parse_schedule,
    schedule_listing,
    schedule_notation,
    schedule_source,
)
from thalweg.schedules.checking import checked_factors
from thalweg.schedules.composition import Joined, Product, plateau_of
from thalweg.schedules.constant import Constant
from thalweg.schedules.cosine import Cosine
from thalweg.schedules.exponential import Exponential
from thalweg.schedules.inverse_time import InverseTime
from thalweg.schedules.one_cycle import OneCycle, OneCycleMomentum
from thalweg.schedules.picture import schedule_picture
from thalweg.schedules.plateau import Plateau, PlateauState, plateau_start, plateau_step
from thalweg.schedules.polynomial import Polynomial
from thalweg.schedules.stable_decay import WarmUpStableDecay
from thalweg.schedules.step import Step
from thalweg.schedules.user_schedules import check_schedule, load_schedule
from thalweg.schedules.warmup import WarmUp
from thalweg.settings import hyperparameter, numbers, variant

__all__ = [
    "SCHEDULES",
    "Constant",
    "Cosine",
    "Exponential",
    "InverseTime",
    "Joined",
    "OneCycle",
    "OneCycleMomentum",
    "Plateau",
    "PlateauState",
    "Polynomial",
    "Product",
    "Schedule",
    "Step",
    "WarmUp",
    "WarmUpStableDecay",
    "check_schedule",
    "checked_factors",
    "find_schedule",
    "hyperparameter",
    "is_composed",
    "load_schedule",
    "numbers",
    "parse_schedule",
    "plateau_of",
    "plateau_start",
    "plateau_step",
    "schedule_listing",
    "schedule_notation",
    "schedule_picture",
    "schedule_source",
    "unit",
    "variant",
]
