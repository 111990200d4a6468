"""Batch, mini-batch and stochastic gradient descent and AdaGrad on a network coded by hand, after seed 001's slides.

A network 64-32-10 with λ = 0.001 learns 1079 handwritten digits. Run with

    python examples/handcoded_network.py              # prints the tables; at most a minute of one core
    python examples/handcoded_network.py docs/images  # and draws the two figures there

Every number is an average over five seeds: a seed fixes the first weights and the order of the examples. Learning rates
are chosen on seeds 0–4, by the training loss, and methods compared on seeds 5–9. Intervals are 95 % intervals of the
mean by Student's t, of the logarithm where losses are averaged.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator
from scipy import stats
from threadpoolctl import threadpool_limits

from thalweg.handcoded import Network, Step, Training, minibatches, show_loss, train
from thalweg.optimizers import SGD, AdaGrad, Rule
from thalweg.report.canvas import house_style, line_look, new_figure, save_figure, tidy
from thalweg.report.palette import style_contenders
from thalweg.tasks.digits import digits_data

RATES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
BEYOND = (0.2, 0.5, 1.0)  # larger than the slides'
TUNING_SEEDS, FRESH_SEEDS = range(5), range(5, 10)
POINTS = 20  # per pass, where the loss on all examples is taken


@dataclass(frozen=True)
class Method:
    """A way of descending: a rule and how many examples it sees per update."""

    title: str
    rule: type[Rule]
    batch_size: int | None


BATCH = Method("batch gradient descent", SGD, None)
METHODS = (
    BATCH,
    Method("mini-batches of 32", SGD, 32),
    Method("stochastic (batch of 1)", SGD, 1),
    Method("AdaGrad, mini-batches of 32", AdaGrad, 32),
)


@dataclass(frozen=True)
class Problem:
    """The digits in float64, and how long is trained."""

    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    passes: int = 4
    sweep_passes: int = 200

    def network(self, seed: int) -> Network:
        """Return the network that training begins with."""
        return Network.random((64, 32, 10), seed=seed, l2=1e-3)

    def train(self, method: Method, rate: float, seed: int, passes: int, **options: object) -> Training:
        """Return a run of a method."""
        rule = method.rule(learning_rate=rate)  # pyright: ignore[reportCallIssue]
        order = {"epochs": passes, "batch_size": method.batch_size, "seed": seed, **options}
        return train(self.network(seed), self.x, self.y, rule, **order)  # pyright: ignore[reportArgumentType]

    def loss(self, network: Network) -> float:
        """Return data loss plus penalty on all training examples."""
        return network.data_loss(self.x, self.y) + network.penalty


def load_problem() -> Problem:
    """Return the training and test images of the task ``digits``."""
    data = digits_data()
    x, test_x = (np.asarray(part["x"], np.float64) for part in (data.train, data.test))
    return Problem(x, np.asarray(data.train["y"]), test_x, np.asarray(data.test["y"]))


def sweep(problem: Problem) -> np.ndarray:
    """Return the loss of batch gradient descent, shape (rates, seeds, updates)."""
    runs = [[problem.train(BATCH, rate, seed, problem.sweep_passes).losses for seed in TUNING_SEEDS] for rate in RATES]
    return np.array(runs)


def final_losses(
    problem: Problem, method: Method, rates: Sequence[float] = RATES, seeds: Sequence[int] = TUNING_SEEDS
) -> np.ndarray:
    """Return the loss after the passes, shape (rates, seeds); infinite where training diverged."""

    def final(rate: float, seed: int) -> float:
        run = problem.train(method, rate, seed, problem.passes)
        return problem.loss(run.network) if run.diverged_at is None else np.inf

    return np.array([[final(rate, seed) for seed in seeds] for rate in rates])


def best_rate(losses: np.ndarray) -> float:
    """Return the rate whose loss is lowest on the geometric mean over the seeds."""
    return RATES[int(geometric_means(losses).argmin())]


def geometric_means(losses: np.ndarray) -> np.ndarray:
    """Return the geometric mean over the seeds, infinite where one of them diverged."""
    return np.exp(np.log(losses).mean(axis=1))


@dataclass(frozen=True)
class Curves:
    """A method at its best rate on fresh seeds: (points,) updates, (seeds, points) losses, (seeds,) accuracies."""

    rate: float
    updates: np.ndarray
    losses: np.ndarray
    accuracies: np.ndarray


def follow(problem: Problem, method: Method, rate: float) -> Curves:
    """Return the loss on all examples along the way."""
    per_pass = len(problem.y) // (method.batch_size or len(problem.y))
    every = max(1, per_pass // POINTS)
    updates = np.append(np.arange(0, per_pass * problem.passes, every), per_pass * problem.passes)
    losses, accuracies = [], []
    for seed in FRESH_SEEDS:
        met: list[float] = []

        def watch(step: Step, met: list[float] = met) -> None:
            if (step.number - 1) % every == 0:
                met.append(problem.loss(step.network))

        run = problem.train(method, rate, seed, problem.passes, on_step=watch)
        losses.append([*met, problem.loss(run.network)])
        accuracies.append(run.network.accuracy(problem.test_x, problem.test_y))
    return Curves(rate, updates, np.array(losses), np.array(accuracies))


def printed_loop(problem: Problem, rate: float) -> np.ndarray:
    """Return the loss that the slides' mini-batch loop as printed reaches: it updates by each epoch's last batch."""
    losses = []
    for seed in FRESH_SEEDS:
        batches = minibatches(len(problem.y), 32, problem.passes, seed)
        last = batches[len(batches) // problem.passes - 1 :: len(batches) // problem.passes]
        run = problem.train(METHODS[1], rate, seed, problem.passes, rows=last)
        losses.append(problem.loss(run.network))
    return np.array(losses)


def interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, lower and upper end over the first axis."""
    count = len(values)
    half = stats.t.ppf(0.975, count - 1) * values.std(axis=0, ddof=1) / count**0.5
    mean = values.mean(axis=0)
    return mean, mean - half, mean + half


def log_interval(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the same of positive values by way of their logarithms."""
    mean, low, high = interval(np.log(values))
    return np.exp(mean), np.exp(low), np.exp(high)


def draw_sweep(problem: Problem, curves: np.ndarray, finals: dict[str, np.ndarray]) -> bytes:
    """Return the figure of the learning rates as SVG."""
    with house_style():
        figure = new_figure(11.0, 4.4)
        left, right = figure.subplots(ncols=2)
        styles = style_contenders([f"{rate:g}" for rate in RATES])
        updates = np.arange(curves.shape[2])  # taken before the loss was measured
        for rate, runs in zip(RATES, curves, strict=True):
            look = {**line_look(styles[f"{rate:g}"]), "markevery": 0.2}
            mean, low, high = log_interval(runs)
            left.plot(updates, mean, label=f"{rate:g}", **look)
            left.fill_between(updates, low, high, color=look["color"], alpha=0.25, linewidth=0)
        tidy(left, "update", "training loss with penalty (nats)")
        left.set_title("Batch gradient descent by learning rate")
        left.legend(title="learning rate", loc="lower left")
        looks = style_contenders([method.title for method in METHODS])
        for title, losses in finals.items():
            well = np.isfinite(losses).all(axis=1)  # diverged points are left out
            mean, low, high = log_interval(losses[well].T)
            right.errorbar(
                np.array(RATES)[well],
                mean,
                [mean - low, high - mean],
                label=title,
                capsize=3,
                **line_look(looks[title]),
            )
        tidy(right, "learning rate", f"training loss after {problem.passes} passes (nats)")
        right.set_title("The best rate depends on the method")
        right.set_xscale("log")
        for axes in (left, right):
            log_ticks(axes)
        right.legend(loc="lower left")
        return save_figure(figure, "svg")


def log_ticks(axes: Axes) -> None:
    """Make the losses' axis logarithmic, with plain numbers at 1, 2 and 5."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")


def draw_comparison(problem: Problem, followed: dict[str, Curves]) -> bytes:
    """Return the figure of the methods at their best rates as SVG."""
    with house_style():
        figure = new_figure(11.0, 4.4)
        by_pass, by_update = figure.subplots(ncols=2, sharey=True)
        styles = style_contenders(followed)
        for title, curves in followed.items():
            mean, low, high = log_interval(curves.losses)
            look = {**line_look(styles[title]), "markevery": 0.2 if len(mean) > 10 else 1}
            passes = curves.updates / curves.updates[-1] * problem.passes
            for axes, across in ((by_pass, passes), (by_update, np.maximum(curves.updates, 0.8))):
                axes.plot(across, mean, label=f"{title}, rate {curves.rate:g}", **look)
                axes.fill_between(across, low, high, color=look["color"], alpha=0.25, linewidth=0)
        tidy(by_pass, f"passes over the {len(problem.y)} examples", "training loss with penalty (nats)")
        tidy(by_update, "updates", "")
        log_ticks(by_pass)
        by_update.set_xscale("log")
        by_update.set_xlim(left=0.8)  # where the start, before any update, is drawn
        by_pass.set_title("For equal work")
        by_update.set_title("For equal numbers of updates")
        handles, labels = by_pass.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        return save_figure(figure, "svg")


def print_results(problem: Problem, finals: dict[str, np.ndarray], followed: dict[str, Curves]) -> None:
    """Print what the figures show as numbers."""
    print(f"\ntraining loss after {problem.passes} passes, geometric mean over seeds 0-4")
    print("rate".ljust(30) + "".join(f"{rate:>10g}" for rate in RATES))
    for title, losses in finals.items():
        means = [f"{value:.3f}" if np.isfinite(value) else "diverged" for value in geometric_means(losses)]
        print(title.ljust(30) + "".join(mean.rjust(10) for mean in means))
    print("\nat the best rate, seeds 5-9".ljust(31) + "rate".rjust(8) + "loss".rjust(24) + "test accuracy".rjust(24))
    for title, curves in followed.items():
        loss, accuracy = (
            "{:.3f} [{:.3f}, {:.3f}]".format(*ends)
            for ends in (log_interval(curves.losses[:, -1]), interval(curves.accuracies))
        )
        print(title.ljust(30) + f"{curves.rate:>8g}{loss:>24}{accuracy:>24}")
    printed = log_interval(printed_loop(problem, followed[METHODS[1].title].rate))
    print("mini-batch loop as printed".ljust(38) + "{:.3f} [{:.3f}, {:.3f}]".format(*printed).rjust(24))
    print("\nat larger rates, seeds 5-9")
    for method in (METHODS[1], METHODS[3]):
        for rate, losses in zip(BEYOND, final_losses(problem, method, BEYOND, FRESH_SEEDS), strict=True):
            ends = "{:.3f} [{:.3f}, {:.3f}]".format(*log_interval(losses))
            print(method.title.ljust(30) + f"{rate:>8g}{ends:>24}")


def main(arguments: Sequence[str]) -> None:
    """Train, print the tables, and draw the figures into the folder given, if any."""
    with threadpool_limits(1):  # the matrices are so small that threads would only wait for one another
        problem = load_problem()
        print("batch gradient descent, learning rate 0.1, seed 0")
        problem.train(BATCH, 0.1, 0, problem.sweep_passes, on_step=show_loss(every=50))
        curves = sweep(problem)
        print(f"\nafter {problem.sweep_passes} updates of batch gradient descent, seeds 0-4")
        for rate, runs in zip(RATES, curves, strict=True):
            print("rate {:>7g}: loss {:.3f} [{:.3f}, {:.3f}]".format(rate, *log_interval(runs[:, -1])))
        finals = {method.title: final_losses(problem, method) for method in METHODS}
        followed = {method.title: follow(problem, method, best_rate(finals[method.title])) for method in METHODS}
        print_results(problem, finals, followed)
    for folder in map(Path, arguments):
        (folder / "handcoded-learning-rates.svg").write_bytes(draw_sweep(problem, curves, finals))
        (folder / "handcoded-optimizers.svg").write_bytes(draw_comparison(problem, followed))


if __name__ == "__main__":
    main(sys.argv[1:])
