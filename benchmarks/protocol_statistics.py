"""How often the protocol's intervals and verdicts err, measured on studies whose truth is known.

Run ``python benchmarks/protocol_statistics.py`` (a few minutes); the tables of
``docs/protocol.md`` are its output, and ``tests/study`` runs the same functions in a reduced form.

A simulated contender has a validation loss that is a bowl over one to three searched
dimensions, steeper above the best learning rate than below, with its optimum at a random
place, plus noise of the seed; accuracy falls linearly with the loss. Two contenders of equal
depth are equally good optimizers, whose searches still end at different losses.
"""

import argparse
from dataclasses import dataclass
from functools import partial

import numpy as np

from thalweg.records import Dimension
from thalweg.study.cautions import edge_side
from thalweg.study.plan import EFFORTS, protocol_for
from thalweg.study.ranking import rank_contenders
from thalweg.study.selection import TrialTable
from thalweg.study.space import sample
from thalweg.study.statistics import Resamples, draw, interval, search_shifts

__all__ = ["COVERAGE_CASES", "Setting", "coverage", "edge_rates", "win_rates"]

COVERAGE_CASES = {
    "normal": (0.0, lambda rng, shape: rng.normal(size=shape)),
    "accuracy, 360 examples, 97 %": (0.97, lambda rng, shape: rng.binomial(360, 0.97, size=shape) / 360),
    "Student, 3 degrees": (0.0, lambda rng, shape: rng.standard_t(3, size=shape)),
    "exponential": (1.0, lambda rng, shape: rng.exponential(size=shape)),
    "log-normal": (float(np.exp(0.5)), lambda rng, shape: rng.lognormal(size=shape)),
}
IMPORTANCE = {1: [1.0], 2: [1.0, 0.3], 3: [1.0, 0.15, 0.05]}


def coverage(case: str, repeats: int, seed: int = 0, fresh_seeds: int = 10) -> tuple[float, float]:
    """Return the share of 95 % intervals that hold the true mean, ours and the plain percentile bootstrap's."""
    truth, values_of = COVERAGE_CASES[case]
    rng = np.random.default_rng(seed)
    protocol = protocol_for("quick", 32, 100, 10, resamples=2000, confirmation_seeds=fresh_seeds)
    resamples = draw(protocol, seed)
    values = values_of(rng, (repeats, fresh_seeds))
    found = [interval(row, resamples) for row in values]
    ours = np.mean([low <= truth <= high for low, high in ((i.low, i.high) for i in found)])
    low, high = np.quantile(values @ resamples.seeds.T, [0.025, 0.975], axis=1)
    return float(ours), float(np.mean((low <= truth) & (truth <= high)))


@dataclass(frozen=True)
class Setting:
    """A kind of study: its size, the dimensions searched, the noise of a seed in units of the loss."""

    trials: int
    seeds: int
    dimensions: int
    noise: float


def win_rates(setting: Setting, gap: float, repeats: int, seed: int = 0) -> tuple[float, float, float]:
    """Return how often a win is claimed between two contenders, the second worse by ``gap``.

    Returns:
        Share of studies in which the first wins, in which the second wins, and in which either
        would have won by the fresh seeds alone, without the luck of the search.
    """
    rng = np.random.default_rng(seed)
    first = second = seeds_only = 0
    for _ in range(repeats):
        study_seed = int(rng.integers(2**31))
        verdict, naive = _verdicts(setting, gap, study_seed, rng)
        first += verdict == "a"
        second += verdict == "b"
        seeds_only += naive is not None
    return first / repeats, second / repeats, seeds_only / repeats


def _verdicts(setting: Setting, gap: float, study_seed: int, rng: np.random.Generator) -> tuple[str | None, str | None]:
    """Return who wins one simulated study, and who would by the fresh seeds alone."""
    protocol = protocol_for("quick", 32, 100, 10, resamples=1000, trials=setting.trials, tuning_seeds=setting.seeds)
    resamples = draw(protocol, study_seed)
    space = [Dimension(f"x{k}", 0.0, 1.0, "linear") for k in range(setting.dimensions)]
    points = np.array([list(p.values()) for p in sample(space, setting.trials, study_seed)])
    common = rng.normal(size=setting.seeds) * 0.7 * setting.noise, rng.normal(size=10) * 0.7 * setting.noise
    both = [_contender(setting, depth, points, common, resamples, rng) for depth in (0.1, 0.1 + gap)]
    values, shifts = (np.stack(part) for part in zip(*both, strict=True))
    winner = partial(_winner, values=values, resamples=resamples)
    return winner(shifts), winner(np.zeros_like(shifts))


def _winner(shifts: np.ndarray, values: np.ndarray, resamples: Resamples) -> str | None:
    """Return the label of the winner, if there is one."""
    comparison = rank_contenders(["a", "b"], values, shifts, resamples, larger_is_better=True).comparisons[0]
    return comparison.first if comparison.verdict == "first" else None


def _contender(
    setting: Setting,
    depth: float,
    points: np.ndarray,
    common: tuple[np.ndarray, np.ndarray],
    resamples: Resamples,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return one contender's accuracy on the fresh seeds and its shifts."""
    distance = points - rng.uniform(0.25, 0.75, setting.dimensions)
    distance[:, 0] *= np.where(distance[:, 0] > 0, 2.0, 1.0)
    truth = depth + 2.3 * (1 - np.exp(-8.0 * distance**2 @ IMPORTANCE[setting.dimensions]))
    noise = [rng.normal(size=(setting.trials, setting.seeds)) * setting.noise for _ in range(2)]
    loss = truth[:, None] + common[0] + noise[0]
    accuracy = 1 - 0.3 * (truth[:, None] + common[0] + noise[1])
    best = int(loss.mean(axis=1).argmin())
    fresh = 1 - 0.3 * (truth[best] + common[1] + rng.normal(size=10) * setting.noise)
    trials = tuple(range(setting.trials))
    table = TrialTable("", trials, tuple({} for _ in trials), loss, accuracy, setting.trials)
    return fresh, search_shifts(table, resamples, best, 10.0, -10.0)


def edge_rates(trials: int, optimum: float, repeats: int, seed: int = 0) -> tuple[float, float]:
    """Return how often an optimum is said to lie at the edge: of the decisive dimension, and of one without influence.

    Args:
        trials: Sampled configurations.
        optimum: Its position in the decisive one of four dimensions, 0 to 1 inside the range.
        repeats: Number of simulated searches.
        seed: Fixes the result.
    """
    rng = np.random.default_rng(seed)
    space = [Dimension(f"x{k}", 0.0, 1.0, "linear") for k in range(4)]
    seen = np.zeros(2)
    for _ in range(repeats):
        points = np.array([list(p.values()) for p in sample(space, trials, int(rng.integers(2**31)))])
        loss = 1 - np.exp(-6 * (points - [optimum, 0.5, 0.5, 0.5]) ** 2 @ [1.0, 0.3, 0.1, 0.0])
        loss += 0.01 * rng.normal(size=trials)
        best = points[loss.argmin()]
        seen += [edge_side(best[k], points[:, k], loss) is not None for k in (0, 3)]
    return float(seen[0] / repeats), float(seen[1] / repeats)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1000)
    repeats = parser.parse_args().repeats
    print("| values | ours | percentile |\n|---|---|---|")
    for case in COVERAGE_CASES:
        ours, percentile = coverage(case, 5 * repeats)
        print(f"| {case} | {ours:.1%} | {percentile:.1%} |")
    print("\n| trials | optimum at | warned | warned of a dimension without influence |\n|---|---|---|---|")
    for trials, _ in EFFORTS.values():
        for optimum in (0.5, 0.8, 1.0, 1.2):
            decisive, idle = edge_rates(trials, optimum, repeats)
            print(f"| {trials} | {optimum:g} | {decisive:.1%} | {idle:.1%} |", flush=True)
    gaps = (0.0, 0.02, 0.05, 0.1, 0.3)
    print("\n| effort | dimensions | noise | false wins by seeds alone | false wins |", end="")
    print("".join(f" gap {gap:g} |" for gap in gaps[1:]))
    print("|---|---|---|---|---|" + "---|" * len(gaps[1:]))
    for effort, (trials, seeds) in EFFORTS.items():
        for dimensions in IMPORTANCE:
            for noise in (0.01, 0.05):
                setting = Setting(trials, seeds, dimensions, noise)
                rates = [win_rates(setting, gap, repeats if gap == 0 else repeats // 4) for gap in gaps]
                found = "".join(f" {first:.0%} |" for first, _, _ in rates[1:])
                false = f"{rates[0][2]:.0%} | {rates[0][0] + rates[0][1]:.1%} |"
                print(f"| {effort} | {dimensions} | {noise:g} | {false}{found}", flush=True)


if __name__ == "__main__":
    main()
