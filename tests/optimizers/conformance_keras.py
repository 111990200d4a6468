"""A process that runs Keras optimizers: one question per line of standard input, one answer per line (both JSON).

It runs apart because Keras chooses its backend at import and JAX its precision for the whole process.
"""

import inspect
import json
import sys
from typing import Any


def answer(question: dict[str, Any]) -> Any:
    """Return the defaults of a constructor, or the parameters after every step of a scenario."""
    import keras
    import numpy as np

    if "defaults" in question:
        parameters = inspect.signature(getattr(keras.optimizers, question["defaults"]).__init__).parameters
        kept = [(name, p.default) for name, p in parameters.items() if p.default is not inspect.Parameter.empty]
        return [(name, value) for name, value in kept if isinstance(value, int | float | bool | None)]
    keywords = dict(question["keywords"])
    if question["learning_rate"] is not None:
        keywords["learning_rate"] = question["learning_rate"]
    optimizer = getattr(keras.optimizers, question["constructor"])(**keywords)
    base = question["learning_rate"]
    variables = [keras.Variable(np.asarray(x), dtype="float64") for x in question["starts"]]
    optimizer.build(variables)
    done = []
    for gradients, factor in zip(question["gradients"], question["rates"], strict=True):
        if factor != 1.0:
            optimizer.learning_rate = base * factor
        elif base is not None:
            optimizer.learning_rate = base
        points = [np.asarray(variable) for variable in variables]
        slopes = [np.asarray(g) + question["curvature"] * x for g, x in zip(gradients, points, strict=True)]
        optimizer.apply([keras.ops.convert_to_tensor(g, dtype="float64") for g in slopes], variables)
        points = [np.asarray(variable) for variable in variables]
        if question["averaged"]:  # a Schedule-Free rule's variables are y = (1 − β₁)·z + β₁·x; x is wanted
            beta = optimizer.beta_1
            apart = [np.asarray(z) for z in optimizer._momentums]
            points = [(y - (1.0 - beta) * z) / beta for y, z in zip(points, apart, strict=True)]
        done.append([point.tolist() for point in points])
    return done


def main() -> None:
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
