"""Summaries of made-up studies with plausible statistics, from tidy to awkward."""

import dataclasses
import math
from itertools import combinations

import numpy as np

from thalweg.records.summary import (
    Comparison,
    CurveBand,
    ExpectedBest,
    Interval,
    LeaderboardRow,
    PerformanceProfile,
    Sensitivity,
    StudySummary,
    StudyWarning,
    TaskCard,
)

NAMES = (
    "nadam",
    "adam",
    "momentum",
    "adamw",
    "radam",
    "rmsprop",
    "nesterov",
    "amsgrad",
    "adamax",
    "sgd",
    "swats",
    "sadam",
    "samsgrad",
    "adagrad",
    "adadelta",
)
BEST_RATE = {"sgd": -0.3, "momentum": -1.1, "nesterov": -1.0, "adagrad": -1.3, "adadelta": 0.2}
NONE = Interval(None, None, None)


def _level(position: int, count: int) -> float:
    """True accuracy by position: a leading group, a middle group, stragglers."""
    part = position / max(count - 1, 1)
    return 0.972 - 0.002 * part - (0.008 if part > 0.4 else 0.0) - (0.02 if part > 0.75 else 0.0) - 0.006 * part**3


def _group(position: int, count: int) -> int:
    part = position / max(count - 1, 1)
    return 1 + (part > 0.4) + (part > 0.75)


def _rows(labels, rng, seeds):
    rows = []
    count = len(labels)
    half = 0.0 if seeds == 1 else 0.012 / math.sqrt(seeds)
    for i, label in enumerate(labels):
        level = _level(i, count)
        group = _group(i, count)
        members = [j + 1 for j in range(count) if _group(j, count) == group]
        rate = 10 ** (BEST_RATE.get(label, -2.4) + rng.normal(0, 0.1))
        shown = Interval(level, level - half * rng.uniform(0.8, 1.2), level + half * rng.uniform(0.8, 1.2))
        default = level - abs(rng.normal(0.004, 0.004)) - (0.05 if label in {"sgd", "adagrad"} else 0.0)
        rows.append(
            LeaderboardRow(
                contender=label,
                optimizer=label,
                hyperparameters={"learning_rate": rate, "beta1": 0.913, "beta2": 0.99871, "epsilon": 1e-8},
                tuned=("learning_rate",) if label == "sgd" else ("learning_rate", "beta1", "beta2"),
                validation_loss=Interval(
                    0.11 + (0.972 - level) * 4, 0.1 + (0.972 - level) * 4, 0.121 + (0.972 - level) * 4
                ),
                test_metric=shown,
                default_test_metric=Interval(0.104, 0.08, 0.13)
                if label == "adadelta"
                else Interval(default, default - 0.004, default + 0.004),
                rank=(min(members), max(members)),
                group=group,
                steps_to_target=None if i == count - 1 and count > 4 else 320 + 37.4 * i,
                target_share=0.0 if i == count - 1 and count > 4 else min(1.0, 1.1 - 0.05 * i),
                diverged_share=float(np.clip(rng.normal(0.15, 0.12), 0, 0.6)),
                state_bytes_per_parameter={"sgd": 0.0, "momentum": 4.0, "nesterov": 4.0}.get(label, 8.0),
                seconds_per_step=3.4e-5 + 1e-6 * i,
                gradient_evaluations=960,
            )
        )
    return tuple(rows)


def _comparisons(rows):
    pairs = []
    for a, b in combinations(rows, 2):
        gap = a.test_metric.mean - b.test_metric.mean
        apart = a.group != b.group
        half = 0.003
        pairs.append(
            Comparison(
                a.contender,
                b.contender,
                Interval(gap, gap - half, gap + half),
                0.97 if apart else 0.56,
                "first" if apart else "not separable",
            )
        )
    return tuple(pairs)


def _sensitivity(label, rng, trials, seeds):
    best = BEST_RATE.get(label, -2.4)
    exponents = np.sort(np.append(rng.uniform(-5, 1, trials), best - 0.4))
    default = int(np.searchsorted(exponents, best - 0.4))
    median, low, high, diverged = [], [], [], []
    for e in exponents:
        value = 0.11 + 0.09 * (e - best) ** 2 + abs(rng.normal(0, 0.015))
        if e > best + 1.4:
            median.append(None), low.append(None), high.append(None), diverged.append(1.0)
        else:
            wild = 8.0 if e > best + 1.0 else 1.0
            spread = 0.0 if seeds == 1 else 0.08 * value
            median.append(value * wild), low.append(value * wild - spread), high.append(value * wild + 1.5 * spread)
            diverged.append(0.33 if wild > 1 and seeds > 1 else 0.0)
    return Sensitivity(
        label,
        tuple(float(10**e) for e in exponents),
        tuple(median),
        tuple(low),
        tuple(high),
        tuple(diverged),
        tuple(i == default for i in range(len(exponents))),
        float(10**best),
    )


def _curves(label, row, rng, points):
    step = tuple(int(s) for s in np.linspace(0, 960, points))
    t = np.asarray(step) / 960
    speed = rng.uniform(7, 14)
    final = row.validation_loss.mean
    validation = final + (2.3 - final) * np.exp(-speed * t) + 0.02 * t**2
    train = 0.3 * final + (2.3 - 0.3 * final) * np.exp(-speed * t) + np.abs(rng.normal(0, 0.006, points))
    metric = row.test_metric.mean - (row.test_metric.mean - 0.1) * np.exp(-1.6 * speed * t)
    bands = []
    for quantity, value in (("train_loss", train), ("validation_loss", validation), ("validation_metric", metric)):
        first = (None,) if quantity == "train_loss" else ()
        values = [float(v) for v in value]
        shown = [*first, *values[len(first) :]]
        width = 0.004 if quantity == "validation_metric" else 0.07
        lower = [None if v is None else (v - width if width < 0.01 else v * (1 - width)) for v in shown]
        upper = [None if v is None else (v + width if width < 0.01 else v * (1 + width)) for v in shown]
        bands.append(CurveBand(label, quantity, step, tuple(shown), tuple(lower), tuple(upper)))
    return bands


def _expected(label, row, trials):
    budget = tuple(range(1, trials + 1))
    final = row.validation_loss.mean
    mean = tuple(final + 1.1 * math.exp(-0.45 * (k - 1)) for k in budget)
    return ExpectedBest(
        label,
        budget,
        mean,
        tuple(m * 0.93 for m in mean),
        tuple(m * (1 + 0.5 / k) for m, k in zip(mean, budget, strict=True)),
        final * 1.25,
    )


def make_summary(
    labels=NAMES[:8],
    *,
    task="digits",
    title="Handwritten digits, 8 × 8 pixels, with a small network",
    trials=16,
    tuning_seeds=1,
    seeds=10,
    points=31,
    warnings=None,
    random=0,
):
    """A tidy study of any number of contenders."""
    rng = np.random.default_rng(random)
    rows = _rows(labels, rng, seeds)
    if warnings is None:
        warnings = (
            StudyWarning(
                "edge",
                labels[-1],
                f"{labels[-1]}: the best learning rate 9.6 lies at the upper edge of the space "
                f"[0.0001, 10]; widen it with a larger upper end.",
            ),
            StudyWarning(
                "diverged",
                labels[0],
                f"{labels[0]}: 34 % of its 17 trials diverged, so it was tuned on fewer useful "
                f"trials than the others; lower the upper end of its learning rates.",
            ),
        )
    space = (
        {"name": "learning_rate", "low": 1e-5, "high": 10.0, "scale": "log"},
        {"name": "beta1", "low": 0.5, "high": 0.999, "scale": "complement"},
    )
    return StudySummary(
        study="3f2a90c1b7de",
        task=TaskCard(
            task,
            title,
            "Optical Recognition of Handwritten Digits, UCI (Alpaydin and Kaynak 1998)",
            "CC BY 4.0",
            "accuracy",
            "",
            True,
            "validation_loss",
            0.15,
            {"train": 1077, "validation": 360, "test": 360},
            2410,
            "cross-entropy (nats)",
        ),
        protocol={
            "effort": "quick",
            "trials": trials,
            "tuning_seeds": tuning_seeds,
            "confirmation_seeds": seeds,
            "batch_size": 32,
            "steps": 960,
            "evaluate_every": 32,
            "sampler": "scrambled Sobol",
            "schedule": "constant",
            "resamples": 10_000,
            "confidence": 0.95,
            "win_probability": 0.75,
            "version": 1,
        },
        seed=0,
        warnings=warnings,
        leaderboard=rows,
        comparisons=_comparisons(rows),
        sensitivity=tuple(_sensitivity(label, rng, trials, tuning_seeds) for label in labels),
        curves=tuple(band for row in rows for band in _curves(row.contender, row, rng, points)),
        expected_best=tuple(_expected(row.contender, row, trials) for row in rows),
        runs=len(labels) * (trials + 1 + 2 * seeds),
        seconds={"total": 5.83, "import": 0.91, "compile": 1.94, "train": 2.31, "statistics": 0.31},
        environment={
            "thalweg": "0.1.0",
            "python": "3.11.9",
            "jax": "0.10.2",
            "numpy": "2.4.6",
            "device": {"kind": "cpu", "cores": 2},
            "commit": "bd8abe8",
        },
        command=f"thalweg compare {task} --optimizers {','.join(labels)} --effort quick --seed 0",
        created="2026-11-21T11:17:54+00:00",
        spaces={label: space[:1] if label == "sgd" else space for label in labels},
    )


def make_awkward():
    """Every optional number missing, a contender that diverged, one seed, no target, odd names."""
    whole = make_summary(
        ("adam", '<script>alert("x")</script>', "./rules/a & b.py:MyVeryLongRuleNameThatGoesOn"), seeds=1, warnings=()
    )
    rows = list(whole.leaderboard)
    rows[0] = dataclasses.replace(
        rows[0],
        test_metric=Interval(0.97, None, None),
        validation_loss=Interval(float("nan"), None, None),
        group=1,
        rank=(1, 1),
    )
    rows[1] = dataclasses.replace(
        rows[1],
        steps_to_target=None,
        target_share=None,
        state_bytes_per_parameter=None,
        seconds_per_step=None,
        default_test_metric=NONE,
        group=2,
        rank=(2, 2),
    )
    rows[2] = dataclasses.replace(
        rows[2],
        test_metric=NONE,
        validation_loss=NONE,
        default_test_metric=NONE,
        diverged_share=1.0,
        group=3,
        rank=(3, 3),
        hyperparameters={},
    )
    curves = list(whole.curves)
    curves[-1] = dataclasses.replace(curves[-1], median=(None,) * 31, low=(None,) * 31, high=(None,) * 31)
    curves[3] = dataclasses.replace(curves[3], median=(*curves[3].median[:5], *(float("nan"),) * 26))
    trials = list(whole.sensitivity)
    count = len(trials[2].learning_rate)
    trials[2] = dataclasses.replace(
        trials[2], median=(None,) * count, low=(None,) * count, high=(None,) * count, diverged_share=(1.0,) * count
    )
    expected = [dataclasses.replace(one, default=None) for one in whole.expected_best[:2]]
    return dataclasses.replace(
        whole,
        task=dataclasses.replace(
            whole.task,
            name="<b>mine</b>",
            title="",
            target_quantity=None,
            target_value=None,
            metric="RMSE",
            unit="k$",
            larger_is_better=False,
        ),
        leaderboard=tuple(rows),
        comparisons=whole.comparisons[:1],
        curves=tuple(curves),
        sensitivity=tuple(trials),
        expected_best=tuple(expected),
        protocol={},
        environment={},
        seconds={},
        spaces={},
        command='thalweg compare "<x>"',
        warnings=(
            StudyWarning(
                "seeds",
                None,
                "Only 1 fresh seed was used, so nothing can be said of the spread; use --effort standard.",
            ),
        ),
    )


def make_empty():
    """A study of which nothing but the leaderboard exists."""
    whole = make_summary(("adam",), warnings=())
    return dataclasses.replace(
        whole, comparisons=(), sensitivity=(), curves=(), expected_best=(), spaces={}, environment={}, command=""
    )


def make_profile(summaries):
    """The performance profile of several studies, with misses."""
    labels = [row.contender for row in summaries[0].leaderboard]
    steps = []
    for label in labels:
        rows = [next(row for row in summary.leaderboard if row.contender == label) for summary in summaries]
        steps.append(tuple(row.steps_to_target for row in rows))
    best = [min(s for s in column if s is not None) for column in zip(*steps, strict=True)]
    ratio = tuple(tuple(None if s is None else s / b for s, b in zip(row, best, strict=True)) for row in steps)
    tau = tuple(float(t) for t in np.linspace(1, 4, 61))
    share = tuple(tuple(float(np.mean([r is not None and r <= t for r in row])) for t in tau) for row in ratio)
    score = tuple(float(np.mean([0.0 if r is None else max(0.0, 4 - r) / 3 for r in row])) for row in ratio)
    return PerformanceProfile(
        tuple(labels), tuple(s.task.name for s in summaries), tuple(steps), ratio, score, tau, share
    )


def make_several(count=4, contenders=8):
    """Studies of the same contenders on several tasks, and their profile."""
    names = ("digits", "digits-cnn", "mnist1d-cnn", "breast-cancer", "houses", "diabetes")[:count]
    summaries = []
    for i, name in enumerate(names):
        order = np.random.default_rng(i).permutation(contenders)
        labels = tuple(NAMES[j] for j in order)
        warnings = () if i else None
        one = make_summary(labels, task=name, title=f"{name.capitalize()}: a task", random=i, warnings=warnings)
        rows = tuple(
            dataclasses.replace(
                row,
                steps_to_target=None if row.steps_to_target is None else row.steps_to_target * (1 + 0.4 * j * (i % 3)),
            )
            for j, row in enumerate(one.leaderboard)
        )
        summaries.append(dataclasses.replace(one, leaderboard=rows))
    return summaries, make_profile(summaries)
