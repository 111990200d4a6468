"""A landscape as a task: two parameters, no data, one way through the same engine."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from thalweg.landscapes import Landscape, find_landscape, gaussian_average, has_gaussian_average
from thalweg.tasks.base import Batch, Context, Data, Metric, Params, Target, Task

__all__ = ["HEIGHT", "STEPS", "landscape_task", "surface_task"]

STEPS = 500
HEIGHT = 1e-3  # what counts as arrived: this little above the global minimum


def landscape_task(landscape: Landscape, start: tuple[float, float] | None = None) -> Task:
    """Return the descent on a landscape as a task.

    Args:
        landscape: The function.
        start: Where to start; by default anywhere on the map, drawn by the seed.

    The loss is the height above the global minimum, so 0 is the best. The metric is the distance
    to the nearest global minimum. There is no noise: an epoch is one step on the exact gradient. Where the landscape's
    Gaussian average is known, ``diffusion`` descends on it: continuation in closed form.

    Example:
        >>> task = landscape_task(find_landscape("rosenbrock"), start=(-1.0, 1.0))
        >>> params = task.init(None)
        >>> float(task.loss(params, {})), round(float(task.metric.function(params, {})), 3)
        (4.0, 2.0)
    """
    lowest = landscape.lowest
    minima = np.asarray(landscape.global_minima, np.float32)
    low, high = np.reshape(np.asarray(landscape.domain, np.float32), (2, 2)).T

    def init(key: Any) -> Params:
        if start is not None:
            return {"point": jnp.asarray(start, jnp.float32)}
        return {"point": jax.random.uniform(key, (2,), jnp.float32, low, high)}

    def loss(params: Params, batch: Batch) -> Any:
        del batch
        return landscape.value(params["point"][0], params["point"][1]) - lowest

    def smoothed(params: Params, batch: Batch, context: Context) -> tuple[Any, Any]:
        if context.diffusion is None:
            return loss(params, batch), {}
        x, y = params["point"]
        return gaussian_average(landscape, x, y, context.diffusion) - lowest, {}

    averaged = has_gaussian_average(landscape)

    def distance(params: Params, batch: Batch) -> Any:
        del batch
        return jnp.min(jnp.linalg.norm(params["point"] - minima, axis=-1))

    return Task(
        landscape.name,
        init,
        loss,
        _no_data,
        Metric("distance to the minimum", distance, larger_is_better=False),
        batch_size=1,
        epochs=STEPS,
        target=Target("validation_loss", HEIGHT),
        title=landscape.title,
        description=f"Descend on {landscape.formula}. {landscape.notes}",
        source=landscape.source,
        licence="a mathematical function",
        loss_name="height above the minimum",
        training_loss=smoothed if averaged else None,
        techniques=frozenset({"diffusion"} if averaged else ()),
    )


@functools.cache
def surface_task(name: str) -> Task:
    """Return a built-in landscape as a task with random starts.

    Raises:
        UnknownNameError: No such landscape.
    """
    return landscape_task(find_landscape(name))


def _no_data() -> Data:
    row = {"index": np.zeros(1, np.float32)}
    return Data(row, row, row)
