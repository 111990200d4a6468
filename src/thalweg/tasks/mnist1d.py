"""MNIST-1D: ten line drawings, moved, stretched, tilted and drowned in noise, 40 numbers each.

Generated here from the published description, so nothing is downloaded: the data have the
distribution of the original, but are not the original's examples.

References:
    Greydanus & Kobak 2020, "Scaling down deep learning with MNIST-1D", arXiv:2011.14439, sections 2 and A; their
    defaults: 5000 examples, 12-point templates, 36 to 60 points of padding, translation up to 48,
    scale 1 ± 0.2, shear ± 0.375, correlated noise 0.25, independent noise 0.02, 40 points.
"""

import functools
from typing import Any

import jax.numpy as jnp
import numpy as np
from scipy.ndimage import gaussian_filter1d

from thalweg.tasks.base import Data, Target, Task
from thalweg.tasks.build import classification
from thalweg.tasks.choices import Whole, task_family
from thalweg.tasks.models import ACTIVATIONS, NORMALIZATIONS, Model, Pass, convolve, dense, init_layers, mlp, model
from thalweg.tasks.split import split

__all__ = ["MNIST1D", "MNIST1D_CNN", "mnist1d_data", "mnist1d_examples"]

POINTS = 40
CANVAS = 72  # points of a drawing before it is thinned out to POINTS
PADDING = (36, 60)
TRANSLATIONS = 48
STROKES = (
    (5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5),
    (5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5),
    (5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5),
    (5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5),
    (5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5),
    (5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5),
    (5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5),
    (5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5),
    (5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5),
)


def mnist1d_examples(count: int = 5000, seed: int = 42) -> dict[str, np.ndarray]:
    """Return ``count`` examples, as many of each class as of any other.

    Args:
        count: Number of examples; a multiple of 10.
        seed: Fixes the examples.

    Returns:
        ``x`` of shape (count, 40), float64, not standardized; ``y`` of shape (count,), int32.
    """
    rng = np.random.default_rng(seed)
    labels = np.arange(count, dtype=np.int32) % len(STROKES)
    drawing, inked = _stretched(_templates()[labels], rng)
    drawing = drawing * rng.uniform(0.8, 1.2, (count, 1))
    shift = (np.arange(CANVAS) - rng.integers(TRANSLATIONS, size=(count, 1))) % CANVAS
    drawing, inked = np.take_along_axis(drawing, shift, axis=1), np.take_along_axis(inked, shift, axis=1)
    background = gaussian_filter1d(0.25 * rng.standard_normal((count, CANVAS)), sigma=2, axis=1)
    signal = np.where(inked, drawing, background) + 0.02 * rng.standard_normal((count, CANVAS))
    signal -= rng.uniform(-0.375, 0.375, (count, 1)) * np.linspace(-0.5, 0.5, CANVAS)
    return {"x": _thinned(signal), "y": labels}


def _templates() -> np.ndarray:
    strokes = np.array(STROKES)
    strokes = (strokes - strokes.mean(axis=1, keepdims=True)) / strokes.std(axis=1, keepdims=True)
    return (strokes - strokes[:, :1]) / 6


def _stretched(templates: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    # A template with p zeros behind it, resampled to the canvas; and where the stroke is.
    count, length = templates.shape
    padded = length + rng.integers(PADDING[0], PADDING[1] + 1, size=(count, 1))
    place = np.linspace(0, 1, CANVAS) * (padded - 1)
    left = np.minimum(place.astype(np.int64), length)
    weight = place - left
    table = np.concatenate([templates, np.zeros((count, 2))], axis=1)
    ends = [np.take_along_axis(table, left + k, axis=1) for k in (0, 1)]
    inked = place < length
    return np.where(inked, (1 - weight) * ends[0] + weight * ends[1], 0.0), inked


def _thinned(signal: np.ndarray) -> np.ndarray:
    place = np.linspace(0, CANVAS - 1, POINTS)
    left = np.minimum(place.astype(np.int64), CANVAS - 2)
    weight = place - left
    return (1 - weight) * signal[:, left] + weight * signal[:, left + 1]


@functools.cache
def mnist1d_data() -> Data:
    """Return 3000 training, 1000 validation and 1000 test examples of 40 points.

    The published split has 4000 for training; a quarter of them is the validation set here. All
    points share one mean and one standard deviation, those of the training examples.
    """
    data = split(mnist1d_examples(), stratify="y")
    mean, deviation = data.train["x"].mean(), data.train["x"].std()
    parts = (data.train, data.validation, data.test)
    return Data(*({**part, "x": ((part["x"] - mean) / deviation).astype(np.float32)} for part in parts))


def _small_cnn(width: int, activation: str, normalization: str) -> Model:
    # Three convolutions at stride 2 and a dense layer, as in the paper; dropout on what goes to the dense layer.
    sizes = [(5, width), (3 * width, width), (3 * width, width), (5 * width, 10)]

    def forward(now: Pass, x: Any) -> Any:
        hidden = x[:, :, None]
        for number in range(1, 4):
            hidden = convolve(now.params[f"layer{number}"], hidden, (5,) if number == 1 else (3,), stride=2)
            hidden = now.activate(now.normalize(f"norm{number}", hidden))
        return dense(now.params["layer4"], now.drop(1, jnp.reshape(hidden, (x.shape[0], -1))))

    return model(
        lambda key: init_layers(key, sizes),
        forward,
        activation=activation,
        normalization=normalization,
        channels={f"norm{number}": width for number in range(1, 4)},
        roles={
            "layer1.weight": "patch:5",
            "layer2.weight": "patch:3",
            "layer3.weight": "patch:3",
            "layer4.bias": "output-bias",
        },
    )


SOURCE = "generated from the description of MNIST-1D (S. Greydanus and D. Kobak, arXiv:2011.14439, 2020)"
LICENCE = "generated here; the templates' coordinates are the paper's (Apache-2.0)"


def _perceptron(width: int, depth: int, activation: str, normalization: str) -> Task:
    network = mlp((POINTS, *[width] * (depth - 1), 10), activation, normalization)
    return classification(
        "mnist1d",
        network.init,
        network.apply,
        mnist1d_data,
        **network.fields(),
        batch_size=100,
        epochs=40,
        # Provisional: median over four seeds of the best validation loss of Adam or momentum at its best of five
        # rates; scripts/set_targets.py determines the final value.
        target=Target("validation_loss", 1.18),
        title="MNIST-1D, perceptron 40-100-100-10",
        description="Tell ten one-dimensional drawings apart wherever they stand, with two layers of 100 ReLU units.",
        source=SOURCE,
        licence=LICENCE,
    )


def _convolutional(width: int, activation: str, normalization: str) -> Task:
    network = _small_cnn(width, activation, normalization)
    return classification(
        "mnist1d-cnn",
        network.init,
        network.apply,
        mnist1d_data,
        **network.fields(),
        batch_size=100,
        epochs=40,
        # Provisional: median over four seeds of the best validation loss of Adam or momentum at its best of five
        # rates; scripts/set_targets.py determines the final value.
        target=Target("validation_loss", 0.36),
        title="MNIST-1D, convolutional network",
        description="Tell ten one-dimensional drawings apart with three convolutions of 25 channels and a dense layer.",
        source=SOURCE,
        licence=LICENCE,
    )


MNIST1D = task_family(
    _perceptron,
    {
        "width": Whole(100, 1, 4096),
        "depth": Whole(3, 1, 64),
        "activation": tuple(ACTIVATIONS),
        "normalization": NORMALIZATIONS,
    },
)

MNIST1D_CNN = task_family(
    _convolutional,
    {"width": Whole(25, 1, 512), "activation": tuple(ACTIVATIONS), "normalization": NORMALIZATIONS},
)
