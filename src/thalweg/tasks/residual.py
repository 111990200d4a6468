"""Handwritten digits told apart by a residual or a plain convolutional network of any depth."""

from thalweg.tasks.base import Target, Task
from thalweg.tasks.build import classification
from thalweg.tasks.choices import Whole, task_family
from thalweg.tasks.digits import LICENCE, SOURCE, digits_data
from thalweg.tasks.models import ACTIVATIONS, residual_network

__all__ = ["DIGITS_RESNET"]


def _residual(depth: int, width: int, skip: str, activation: str, normalization: str) -> Task:
    network = residual_network(
        (8, 8, 1), depth, width, 10, skip=skip == "on", activation=activation, normalization=normalization
    )
    return classification(
        "digits-resnet",
        network.init,
        network.apply,
        digits_data,
        **network.fields(),
        batch_size=32,
        epochs=20,
        # Provisional: median over four seeds of the best validation loss of Adam at its best of three rates.
        target=Target("validation_loss", 0.039),
        title="Handwritten digits, residual network",
        description=(
            "Tell the ten digits apart on 8 × 8 grey images with a residual network: 3 × 3 convolutions in blocks of "
            "two, each block added to what goes past it, in three stages of 8, 16 and 32 channels. Depth, width, skip "
            "connections, normalization and activation are options; without skip connections it is the plain network."
        ),
        source=SOURCE,
        licence=LICENCE,
    )


DIGITS_RESNET = task_family(
    _residual,
    {
        "depth": Whole(8, 4, 202, 2),
        "width": Whole(8, 1, 256),
        "skip": ("on", "off"),
        "normalization": ("batch", "layer", "none"),
        "activation": tuple(ACTIVATIONS),
    },
)
