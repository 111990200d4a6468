"""Train the hand-coded network: batch, mini-batch and stochastic gradient descent, by any rule."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from thalweg.errors import InvalidValueError
from thalweg.handcoded.activations import find_activation
from thalweg.handcoded.checks import checked_input, checked_number, checked_targets
from thalweg.handcoded.losses import find_loss
from thalweg.handcoded.network import Network
from thalweg.handcoded.passes import Gradients, Layers, gradients, interleaved
from thalweg.handcoded.rules import Layout, find_rule
from thalweg.optimizers import Rule, lift
from thalweg.schedules import parse_schedule

__all__ = ["Step", "Training", "minibatches", "show_loss", "train"]

DIVERGENCE_FACTOR = 1e6  # a loss above this multiple of 1 + |first loss| counts as diverged, as in Thalweg's engine


@dataclass(frozen=True, eq=False)
class Step:
    """What is known at a step, before its update.

    Attributes:
        number: 1 at the first update.
        total: Updates of the whole training.
        loss: Data loss of the step's minibatch, plus penalty.
        learning_rate: Of this update, the schedule included.
        parameters: Those whose loss it is: where the rule takes the gradient.
        start: The network that training began with.
    """

    number: int
    total: int
    loss: float
    learning_rate: float
    parameters: Layers
    start: Network

    @property
    def network(self) -> Network:
        """The network whose loss it is."""
        return self.start.with_parameters(self.parameters)


@dataclass(frozen=True, eq=False)
class Training:
    """A finished training.

    Attributes:
        network: The trained network; if training diverged, the last one whose loss was well.
        losses: Loss of every step's minibatch before its update, penalty included; float64.
        learning_rates: Of every update, the schedule included; float64.
        diverged_at: Number of the update at which the loss was above a million times 1 + |the first loss|, or loss or
            parameters were not finite; None if that never happened.
    """

    network: Network
    losses: np.ndarray
    learning_rates: np.ndarray
    diverged_at: int | None


def train(
    network: Network,
    x: Any,
    y: Any,
    optimizer: Rule | str = "sgd",
    *,
    epochs: int = 10,
    batch_size: int | None = None,
    seed: int = 0,
    rows: Sequence[Any] | None = None,
    schedule: Any = None,
    on_step: Callable[[Step], object] | None = None,
) -> Training:
    """Return the network trained.

    Args:
        network: Where training begins.
        x: Examples, (n, inputs).
        y: Labels (n,), or numbers (n, outputs) for the squared loss.
        optimizer: A rule, or its name for its default settings.
        epochs: Passes over the examples, 1 or more.
        batch_size: Examples per update: None for all (batch gradient descent), 1 for stochastic gradient descent,
            a number between for mini-batches.
        seed: Of the order of the examples, 0 or more; see :func:`minibatches`.
        rows: Row numbers of each update's examples, instead of ``epochs``, ``batch_size`` and ``seed``.
        schedule: Of the learning rate, which at each update is the rule's own times the schedule's factor: one of
            ``thalweg.schedules``, its notation such as ``cosine:warmup=0.1``, or any object with
            ``factor(step, total)``.
        on_step: Called at every step before its update; :func:`show_loss` makes one that shows the loss.

    Raises:
        InvalidValueError: An argument is out of range, or a shape does not fit.
        UnknownNameError: No such optimizer or schedule.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(60, 2))
        >>> y = (x[:, 0] * x[:, 1] > 0).astype(int)
        >>> network = Network.random((2, 8, 2), seed=0, l2=1e-3)
        >>> trained = train(network, x, y, "adagrad", epochs=30, batch_size=10).network
        >>> trained.gradients(x, y).loss < network.gradients(x, y).loss
        True
    """
    rule, inputs = find_rule(optimizer), checked_input(x, network.widths[0])
    targets = checked_targets(y, len(inputs), network.widths[-1], network.loss)
    batches = minibatches(len(inputs), batch_size, epochs, seed) if rows is None else _checked_rows(rows, len(inputs))
    rates, total = _learning_rates(rule, schedule, len(batches)), len(batches)
    layout = Layout(rule, network.parameters)
    points = layout.join(network.parameters)
    state = lift.init_state(rule, points)
    kept, losses, limit = (points, state), [], np.inf
    for number, (batch, rate) in enumerate(zip(batches, rates, strict=True), start=1):
        look = lift.lookahead(rule, points, state)
        loss, *slopes = _gradients(network, layout.split(look), inputs[batch], targets[batch])
        limit = DIVERGENCE_FACTOR * (1 + abs(loss)) if number == 1 else limit
        if not (loss <= limit and _finite(*look)):
            break
        kept = points, state
        losses.append(loss)
        if on_step is not None:
            on_step(Step(number, total, loss, float(rate), layout.split(look), network))
        scheduled = rule if schedule is None else rule.with_values({"learning_rate": float(rate)})
        points, state = _updated(scheduled, points, layout.join(interleaved(*slopes)), state, number)
    answer = lift.answer(rule, points, state)
    well = len(losses) == total and _finite(*answer)
    if not well:
        answer = lift.answer(rule, *kept)
    trained = network.with_parameters(layout.split(answer))
    diverged_at = None if well else min(len(losses) + 1, total)
    return Training(trained, np.array(losses), rates[: len(losses)], diverged_at)


def minibatches(examples: int, batch_size: int | None, epochs: int, seed: int = 0) -> list[np.ndarray]:
    """Return the row numbers of every update's examples.

    Args:
        examples: Number of examples n.
        batch_size: Examples per update, at most n; None for all of them, in their own order.
        epochs: Passes over the examples, 1 or more.
        seed: Of the order, 0 or more.

    Every epoch is a new random order, in which no row comes twice. Rows that no longer fill a minibatch sit out the
    epoch. The order is that of Thalweg's engine, so that runs of one seed see the same minibatches there and here.

    Raises:
        InvalidValueError: An argument is out of range, or the minibatch is larger than the data.

    Example:
        >>> [sorted(rows.tolist()) for rows in minibatches(4, None, 2)]
        [[0, 1, 2, 3], [0, 1, 2, 3]]
        >>> len(minibatches(10, 3, epochs=2)), len(minibatches(10, 1, epochs=2))
        (6, 20)
    """
    passes, start = checked_number("epochs", epochs, low=1, whole=True), checked_number("seed", seed, whole=True)
    if batch_size is None:
        return [np.arange(examples)] * passes
    size = checked_number("batch_size", batch_size, low=1, whole=True)
    if size > examples:
        raise InvalidValueError(
            f"batch_size = {size} is more than the {examples} examples there are; give {examples} or less, "
            "or None for all."
        )
    return [rows for epoch in range(passes) for rows in _one_epoch(examples, size, start, epoch)]


def show_loss(every: int = 100, write: Callable[[str], object] = print) -> Callable[[Step], None]:
    """Return what shows the loss as training goes, for ``on_step``.

    Args:
        every: Steps between two lines; the first and the last step are always shown.
        write: What is done with a line.

    Example:
        >>> network = Network.random((1, 2), seed=0)
        >>> trained = train(network, [[-1.0], [1.0]], [0, 1], epochs=200, on_step=show_loss(every=100))
        step 1 of 200: loss 0.8039
        step 100 of 200: loss 0.4178
        step 200 of 200: loss 0.2597
    """
    period = checked_number("every", every, low=1, whole=True)

    def show(step: Step) -> None:
        if step.number in (1, step.total) or step.number % period == 0:
            write(f"step {step.number} of {step.total}: loss {step.loss:.4g}")

    return show


@np.errstate(over="ignore", invalid="ignore")  # whatever overflows is noticed by its not being finite
def _gradients(network: Network, parameters: Layers, x: np.ndarray, y: np.ndarray) -> Gradients:
    activation, loss = find_activation(network.activation), find_loss(network.loss)
    return gradients(parameters[::2], parameters[1::2], x, y, activation, loss, network.l2)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def _updated(rule: Rule, points: Any, gradients: Any, state: Any, number: int) -> tuple[Any, Any]:
    return lift.update(rule, points, gradients, state, number)


def _finite(*arrays: np.ndarray) -> bool:
    return all(bool(np.isfinite(array).all()) for array in arrays)


def _one_epoch(examples: int, size: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
    order = np.random.default_rng((seed, epoch)).permutation(examples)
    for first in range(0, examples - size + 1, size):
        yield order[first : first + size]


def _checked_rows(rows: Sequence[Any], examples: int) -> list[np.ndarray]:
    batches = [np.asarray(batch) for batch in rows]
    if not batches:
        raise InvalidValueError("rows hold no minibatch; give the row numbers of at least one.")
    for number, batch in enumerate(batches, start=1):
        whole = np.issubdtype(batch.dtype, np.integer) and batch.ndim == 1 and batch.size > 0
        if not whole or batch.min() < 0 or batch.max() >= examples:
            raise InvalidValueError(
                f"rows of minibatch {number} are not allowed; give one or more row numbers from 0 to {examples - 1}."
            )
    return batches


def _learning_rates(rule: Rule, schedule: Any, total: int) -> np.ndarray:
    rate = float(rule.values().get("learning_rate", np.nan))
    if schedule is None:
        return np.full(total, rate)
    if np.isnan(rate):
        raise InvalidValueError(f"optimizer {rule.name} has no learning rate for a schedule; leave the schedule out.")
    schedule = parse_schedule(schedule) if isinstance(schedule, str) else schedule
    if getattr(schedule, "adaptive", False):
        raise InvalidValueError("schedule depends on the losses met, which is not known here; give one that does not.")
    factors = np.broadcast_to(np.asarray(schedule.factor(np.arange(1, total + 1), total), np.float64), (total,))
    bad = np.flatnonzero(~(np.isfinite(factors) & (factors >= 0)))
    if bad.size:
        raise InvalidValueError(
            f"schedule gives the factor {factors[bad[0]]} at update {bad[0] + 1}; give one whose factors are all "
            "finite and not negative."
        )
    return rate * factors
