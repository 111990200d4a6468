"""Two character language models of the same text: a gated recurrent network and a small causal transformer.

A character is looked up in a table by its index rather than multiplied as a one-hot vector. The gradient of a
look-up is a scatter, which is slow for many members on a CPU, but the product with 65 rows is slower still: 10
against 15 ms per member and step, measured for 1, 4 and 8 members of ``text-gru`` on two busy cores.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from thalweg.tasks.base import Batch, Context, Metric, Params, Target, Task
from thalweg.tasks.choices import Whole, task_family
from thalweg.tasks.losses import cross_entropy, sampled_cross_entropy
from thalweg.tasks.models import Model, Pass, dense, model
from thalweg.tasks.recurrent import GATES, gru_inputs, gru_states, init_gru
from thalweg.tasks.text import CHARACTERS, LICENCE, SOURCE, VOCABULARY, text_data
from thalweg.tasks.transformer import transformer

__all__ = ["TEXT_GRU", "TEXT_TRANSFORMER", "character_gru", "language_task"]

CLASSES = len(VOCABULARY)
ROWS_AT_ONCE = 128  # a whole split's activations at once would leave the cache, and for many members the memory
TEXT_OPTIONS = {"window": Whole(64, 8, 512), "characters": Whole(200_000, 10_000, CHARACTERS)}
TRANSFORMER_OPTIONS = {
    "layers": Whole(2, 1, 12),
    "width": Whole(64, 16, 512, 16),
    "heads": (4, 1, 2, 8, 16),
    "activation": ("gelu", "relu", "tanh", "silu"),
    "normalization": ("layer", "none"),
    "skip": ("on", "off"),
    **TEXT_OPTIONS,
}


def character_gru(hidden: int) -> Model:
    """Return a gated recurrent network: ``apply`` takes integers (n, t) and gives logits (n, t, characters).

    Args:
        hidden: Units. Dropout acts on their way to the output, not on their way through time (Zaremba et al. 2014).
    """

    def init(key: Any) -> Params:
        keys = jax.random.split(key)
        weight = jax.random.normal(keys[1], (hidden, CLASSES), jnp.float32) * hidden**-0.5
        output = {"weight": weight, "bias": jnp.zeros(CLASSES, jnp.float32)}
        return {"cell": init_gru(keys[0], CLASSES, hidden, fan_in=1), "output": output}

    def forward(now: Pass, x: Any) -> Any:
        weights, biases = gru_inputs(now.params["cell"])
        states = gru_states(now.params["cell"], weights[jnp.swapaxes(x, 0, 1)] + biases)
        return dense(now.params["output"], now.drop(0, jnp.swapaxes(states, 0, 1)))

    roles = {"output.bias": "output-bias", "cell.reset.bias": "gate-bias", "cell.update.bias": "gate-bias"}
    tables = {f"cell.{gate}.input": "fixed" for gate in GATES}  # one input is 1 at a time: its fan-in is not its rows
    made = model(init, forward, roles={**roles, **tables})
    return dataclasses.replace(made, techniques=frozenset({"dropout"}))


def language_task(name: str, made: Model, **fields: Any) -> Task:
    """Return a task of predicting every next character, with cross-entropy in nats and bits per character as metric.

    Args:
        name: Name of the task.
        made: Takes integers (n, t), gives logits (n, t, characters).
        fields: Further fields of :class:`~thalweg.tasks.Task`.
    """

    def of_rows(params: Params, batch: Batch) -> Any:
        return _sequence_loss(made.apply(params, batch["x"]), batch["y"])

    def loss(params: Params, batch: Batch) -> Any:
        return _mean_over_rows(functools.partial(of_rows, params), batch)

    def bits(params: Params, batch: Batch) -> Any:
        return loss(params, batch) / math.log(2)

    def training_loss(params: Params, batch: Batch, context: Context) -> tuple[Any, Any]:
        assert made.train is not None
        logits, state = made.train(params, batch["x"], context)
        return _sequence_loss(logits, batch["y"], context.label_smoothing), state

    def sampled_loss(params: Params, batch: Batch, key: Any) -> tuple[Any, int]:
        assert made.train is not None
        logits, _ = made.train(params, batch["x"], Context(key, None, None, None))
        return sampled_cross_entropy(jnp.reshape(logits, (-1, logits.shape[-1])), key)

    return Task(
        name,
        made.init,
        loss,
        metric=Metric("bits per character", bits, larger_is_better=False),
        loss_name="cross-entropy (nats per character)",
        training_loss=training_loss,
        sampled_loss=sampled_loss,
        techniques=made.techniques | {"label_smoothing"},
        roles=made.roles,
        output="classes",
        source=SOURCE,
        licence=LICENCE,
        **fields,
    )


def _sequence_loss(logits: Any, labels: Any, smoothing: Any = None) -> Any:
    return cross_entropy(jnp.reshape(logits, (-1, logits.shape[-1])), jnp.ravel(labels), smoothing)


def _mean_over_rows(mean: Callable[[Batch], Any], batch: Batch) -> Any:
    # The mean over a split, some rows at a time.
    rows = len(batch["y"])
    groups, rest = divmod(rows, ROWS_AT_ONCE)
    if groups == 0 or rows == ROWS_AT_ONCE:
        return mean(batch)
    whole = groups * ROWS_AT_ONCE
    stacked = {name: jnp.reshape(a[:whole], (groups, ROWS_AT_ONCE, *a.shape[1:])) for name, a in batch.items()}
    total = jnp.sum(jax.lax.map(mean, stacked)) * ROWS_AT_ONCE
    if rest:
        total = total + mean({name: a[whole:] for name, a in batch.items()}) * rest
    return total / rows


def _text_gru(hidden: int, window: int, characters: int) -> Task:
    return language_task(
        "text-gru",
        character_gru(hidden),
        data=functools.partial(text_data, characters, window),
        batch_size=32,
        epochs=15,
        # Provisional: one seed of Adam at rates 0.003 and 0.01, gradients clipped to norm 1, ends 15 epochs at 2.64
        # and 2.58.
        target=Target("validation_metric", 2.6),
        title="Characters of Shakespeare, gated recurrent network",
        description=f"A gated recurrent network of {hidden} units reads a play {_task_text(window, characters)}",
    )


def _text_transformer(window: int, characters: int, skip: str, layers: int, heads: int, **shape: Any) -> Task:
    many = "s" if layers > 1 else ""
    return language_task(
        "text-transformer",
        transformer(CLASSES, window, layers=layers, heads=heads, skip=skip == "on", **shape),
        data=functools.partial(text_data, characters, window),
        batch_size=32,
        epochs=15,
        # Provisional: one seed of Adam at rate 0.003, gradients clipped to norm 1, ends 15 epochs at 2.62 and overfits
        # after that.
        target=Target("validation_metric", 2.65),
        title="Characters of Shakespeare, causal transformer",
        description=(
            f"A causal transformer of {layers} layer{many} with {heads}-headed attention, {shape['width']} wide, "
            f"reads a play {_task_text(window, characters)}"
        ),
    )


def _task_text(window: int, characters: int) -> str:
    return (
        f"and says at every character which comes next, from those of the same {window}-character window before it. "
        f"The first {characters:,} characters of the text are used, one piece each to train, validate and "
        "test. Shakespeare was taken because it may be shipped and never changes, where the manuals in a Python "
        "installation differ from version to version. The frequencies of characters alone give 4.8 bits per "
        "character, those of pairs 3.5."
    )


TEXT_GRU = task_family(_text_gru, {"hidden": Whole(64, 1, 1024), **TEXT_OPTIONS})
TEXT_TRANSFORMER = task_family(_text_transformer, TRANSFORMER_OPTIONS)
