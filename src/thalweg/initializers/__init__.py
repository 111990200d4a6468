"""Initializers: where the weights and biases of a network start."""

from thalweg.initializers.apply import fans, initialize
from thalweg.initializers.base import Initializer
from thalweg.initializers.biases import BIASES, BiasStrategy, ConstantBias, MarginalBias, OpenGates, ZeroBias
from thalweg.initializers.catalogue import INITIALIZERS, initializer_listing
from thalweg.initializers.constant import Constant, Zero
from thalweg.initializers.gaussian import Gaussian
from thalweg.initializers.glorot import Glorot
from thalweg.initializers.he import He
from thalweg.initializers.lecun import LeCun
from thalweg.initializers.notation import (
    ResolvedInitializer,
    parse_bias,
    parse_biases,
    parse_initializer,
    resolve_initializer,
)
from thalweg.initializers.orthogonal import Orthogonal
from thalweg.initializers.pretrained import Matching, matching
from thalweg.initializers.sparse import Sparse
from thalweg.initializers.truncated import Truncated
from thalweg.initializers.uniform import Uniform
from thalweg.initializers.user_initializers import check_initializer, load_initializer

__all__ = [
    "BIASES",
    "INITIALIZERS",
    "BiasStrategy",
    "Constant",
    "ConstantBias",
    "Gaussian",
    "Glorot",
    "He",
    "Initializer",
    "LeCun",
    "MarginalBias",
    "Matching",
    "OpenGates",
    "Orthogonal",
    "ResolvedInitializer",
    "Sparse",
    "Truncated",
    "Uniform",
    "Zero",
    "ZeroBias",
    "check_initializer",
    "fans",
    "initialize",
    "initializer_listing",
    "load_initializer",
    "matching",
    "parse_bias",
    "parse_biases",
    "parse_initializer",
    "resolve_initializer",
]
