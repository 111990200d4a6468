"""Handwritten digits squeezed through a narrow layer and drawn again: an autoencoder."""

import functools

from thalweg.tasks.base import Data, Target, Task
from thalweg.tasks.build import regression
from thalweg.tasks.choices import Whole, task_family
from thalweg.tasks.digits import LICENCE, SOURCE, digits_data
from thalweg.tasks.models import ACTIVATIONS, NORMALIZATIONS, mlp

__all__ = ["DIGITS_AUTOENCODER", "images_data"]

GREY_LEVELS = 4.3334  # per unit of x and y: the one deviation by which all pixels are divided


@functools.cache
def images_data() -> Data:
    """Return the splits of ``digits`` with the image itself, ``y`` equal to ``x``, in place of the label."""
    data = digits_data()
    return Data(*({"x": part["x"], "y": part["x"]} for part in (data.train, data.validation, data.test)))


def _autoencoder(width: int, code: int, activation: str, normalization: str) -> Task:
    network = mlp((64, width, code, width, 64), activation, normalization)
    return regression(
        "digits-autoencoder",
        network.init,
        network.apply,
        images_data,
        **network.fields(),
        unit="grey levels",
        scale=GREY_LEVELS,
        batch_size=32,
        epochs=40,
        # Provisional: median over four seeds of the best validation loss of Adam at its best of three rates.
        target=Target("validation_loss", 0.183),
        title="Handwritten digits, autoencoder 64-32-16-32-64",
        description=(
            "Draw 8 × 8 grey images again from 16 numbers each: a perceptron whose output is to equal its input, with "
            "a layer too narrow to copy it. The loss is the mean over the 64 pixels, the metric the error of a pixel "
            "in grey levels, 0 to 16. The first layer has name and shape of that of digits, which can start from it."
        ),
        source=SOURCE,
        licence=LICENCE,
        loss_name="squared error ((4.3 grey levels)²)",
    )


DIGITS_AUTOENCODER = task_family(
    _autoencoder,
    {
        "width": Whole(32, 1, 4096),
        "code": Whole(16, 1, 4096),
        "activation": tuple(ACTIVATIONS),
        "normalization": NORMALIZATIONS,
    },
)
