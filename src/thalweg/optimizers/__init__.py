"""Optimizers, each written once as its formula, for any array library."""

from thalweg.optimizers.adam import Adam
from thalweg.optimizers.base import Rule, hyperparameter, variant, zeros_like

__all__ = ["Adam", "Rule", "hyperparameter", "variant", "zeros_like"]
