"""Losses and metrics of built-in tasks, as pure JAX functions of a model's outputs."""

from typing import Any

import jax
import jax.numpy as jnp

__all__ = ["accuracy", "cross_entropy", "rmse", "sampled_cross_entropy", "squared_loss"]


def cross_entropy(logits: Any, labels: Any, smoothing: Any = None) -> Any:
    """Return the mean of −log softmax(logits)[label] in nats.

    Args:
        logits: Shape (n, classes), classes ≥ 2.
        labels: Shape (n,), integers in [0, classes); any other label makes the result NaN.
        smoothing: Share ε of each label that is spread evenly over all classes, its own included, 0-d in [0, 1),
            traced: the loss is then (1 − ε) times the one above plus ε times the mean over classes of −log softmax.
            None leaves it out of the program.

    References:
        Szegedy et al. 2016, "Rethinking the Inception architecture for computer vision", section 7 (label smoothing).
    """
    # A mask instead of an index: the gradient of a gather is a scatter, slow under vmap on a CPU.
    classes = logits.shape[-1]
    chosen = labels[:, None] == jnp.arange(classes)
    logit = jnp.sum(jnp.where(chosen, logits, 0.0), axis=-1)
    if smoothing is not None:
        logit = logit + smoothing * (jnp.mean(logits, axis=-1) - logit)
    known = jnp.where((labels >= 0) & (labels < classes), 0.0, jnp.nan)
    return jnp.mean(jax.nn.logsumexp(logits, axis=-1) - logit + known)


def sampled_cross_entropy(logits: Any, key: Any) -> tuple[Any, int]:
    """Return the mean of −log softmax(logits)[label] for labels drawn from softmax(logits), and how many were drawn.

    Args:
        logits: Shape (n, classes), classes ≥ 2; no gradient flows through the draw.
        key: JAX random key.
    """
    labels = jax.random.categorical(key, jax.lax.stop_gradient(logits))
    return cross_entropy(logits, labels), logits.shape[0]


def accuracy(logits: Any, labels: Any) -> Any:
    """Return the share of rows whose largest logit is the label's, in [0, 1]."""
    return jnp.mean(jnp.argmax(logits, axis=-1) == labels)


def squared_loss(predictions: Any, targets: Any) -> Any:
    """Return the mean squared difference.

    Args:
        predictions: Shape (n, 1) or (n,), or that of the targets.
        targets: Shape (n,), or (n, …) for several numbers per row.
    """
    return jnp.mean((jnp.reshape(predictions, targets.shape) - targets) ** 2)


def rmse(predictions: Any, targets: Any, scale: float = 1.0) -> Any:
    """Return ``scale`` times the root of the mean squared difference.

    Args:
        predictions: Shape (n, 1) or (n,), or that of the targets.
        targets: Shape (n,), or (n, …) for several numbers per row.
        scale: Units of the original target per unit of ``targets``.
    """
    return scale * jnp.sqrt(squared_loss(predictions, targets))
