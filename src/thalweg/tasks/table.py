"""The table of built-in tasks: what can be told of each without loading JAX."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from thalweg.landscapes import LANDSCAPES

__all__ = ["ENTRIES", "Entry"]


@dataclass(frozen=True)
class Entry:
    """What is known of a built-in task before it is loaded.

    Attributes:
        name: Name on the command line.
        home: Module under ``thalweg.tasks`` and constant in it, with a colon between.
        title: One line for people.
        kind: What is learnt.
        examples: Examples in train, validation and test together; 0 for a landscape.
        parameters: Number of trainable parameters.
        licence: Licence of the data.
    """

    name: str
    home: str
    title: str
    kind: Literal["classification", "regression", "detection", "landscape"]
    examples: int
    parameters: int
    licence: str


CC_BY = "CC BY 4.0"
MNIST1D = "generated here; the templates' coordinates are the paper's (Apache-2.0)"
DIABETES = "none stated by its authors; distributed with scikit-learn (BSD-3-Clause)"
GENERATED = "generated here"
SHAKESPEARE = "public domain (Shakespeare's text; the collection is distributed under MIT)"

_DATA = (
    Entry("digits", "digits:DIGITS", "Handwritten digits, perceptron 64-32-10", "classification", 1797, 2410, CC_BY),
    Entry(
        "digits-logistic",
        "digits:DIGITS_LOGISTIC",
        "Handwritten digits, logistic regression",
        "classification",
        1797,
        650,
        CC_BY,
    ),
    Entry(
        "digits-cnn",
        "digits:DIGITS_CNN",
        "Handwritten digits, small convolutional network",
        "classification",
        1797,
        3818,
        CC_BY,
    ),
    Entry(
        "digits-resnet",
        "residual:DIGITS_RESNET",
        "Handwritten digits, residual network",
        "classification",
        1797,
        19074,
        CC_BY,
    ),
    Entry(
        "digits-autoencoder",
        "autoencoder:DIGITS_AUTOENCODER",
        "Handwritten digits, autoencoder 64-32-16-32-64",
        "regression",
        1797,
        5264,
        CC_BY,
    ),
    Entry(
        "breast-cancer",
        "breast_cancer:BREAST_CANCER",
        "Breast cancer, ill-conditioned logistic regression",
        "classification",
        569,
        31,
        CC_BY,
    ),
    Entry("diabetes", "diabetes:DIABETES", "Diabetes progression, linear regression", "regression", 442, 11, DIABETES),
    Entry(
        "house-prices",
        "houses:HOUSE_PRICES",
        "House prices in Ames, perceptron 16-32-1",
        "regression",
        2925,
        577,
        "MIT (modeldata authors)",
    ),
    Entry("mnist1d", "mnist1d:MNIST1D", "MNIST-1D, perceptron 40-100-100-10", "classification", 5000, 15210, MNIST1D),
    Entry(
        "mnist1d-cnn",
        "mnist1d:MNIST1D_CNN",
        "MNIST-1D, convolutional network",
        "classification",
        5000,
        5210,
        MNIST1D,
    ),
    Entry(
        "adding-rnn",
        "adding:ADDING_RNN",
        "Adding two marked numbers of a sequence, vanilla recurrent network",
        "regression",
        10_000,
        1153,
        GENERATED,
    ),
    Entry(
        "adding-gru",
        "adding:ADDING_GRU",
        "Adding two marked numbers of a sequence, gated recurrent network",
        "regression",
        10_000,
        3425,
        GENERATED,
    ),
    Entry(
        "text-gru",
        "character_models:TEXT_GRU",
        "Characters of Shakespeare, gated recurrent network",
        "classification",
        3124,
        29_249,
        SHAKESPEARE,
    ),
    Entry(
        "text-transformer",
        "character_models:TEXT_TRANSFORMER",
        "Characters of Shakespeare, causal transformer",
        "classification",
        3124,
        112_577,
        SHAKESPEARE,
    ),
    Entry(
        "sparse-text",
        "sparse_features:SPARSE_TEXT",
        "Sparse words, logistic regression",
        "classification",
        10_000,
        2050,
        GENERATED,
    ),
    Entry(
        "dense-text",
        "sparse_features:DENSE_TEXT",
        "The same words turned dense, logistic regression",
        "classification",
        10_000,
        2050,
        GENERATED,
    ),
    Entry(
        "street-detection",
        "street.task:STREET_DETECTION",
        "Street scenes, YOLO network",
        "detection",
        2000,
        40_332,
        "generated here",
    ),
)
_SURFACES = tuple(
    Entry(name, "surface:", landscape.title, "landscape", 0, 2, "a mathematical function")
    for name, landscape in LANDSCAPES.items()
)

ENTRIES: Mapping[str, Entry] = MappingProxyType({entry.name: entry for entry in (*_DATA, *_SURFACES)})
