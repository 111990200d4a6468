"""Throw requests and records at Thalweg and see that each is answered: by a result or by one sentence.

Three kinds of cases, drawn by Hypothesis:

* requests to ``compare``, ``train`` and ``race``, some of whose arguments are of the wrong kind or out of range: the
  outcome must be a result or an error of ours, of one sentence, after which the store holds no study that it did
  not hold before;
* records of runs: kept in a store and taken out, they must be equal and have the same fingerprint;
* nested values: their canonical JSON must be strict, stable and independent of the order of keys.

Training itself is replaced by numbers that follow from the run's fingerprint, so that a case costs milliseconds.

Usage: ``python scripts/fuzz_specs.py [--cases 2000] [--seed 0] [--out benchmarks/results/fuzz.json]``.
The exit status is 1 if a case failed.
"""

import argparse
import contextlib
import dataclasses
import json
import math
import re
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from thalweg.errors import ThalwegError, UsageError
from thalweg.records import Curve, OptimizerSpec, RunResult, RunSpec, canonical_json, plain
from thalweg.store import open_store
from thalweg.training.beginning import parameter_paths

OUT = Path(__file__).parent.parent / "benchmarks" / "results" / "fuzz.json"
SENTENCE = re.compile(r"[^\n]*[^\s][.?]")


class FuzzedEngine:
    """Answers for the engine: results that follow from the run's fingerprint alone, some of them diverged."""

    shared = False

    def __init__(self, task: Any, *_: Any, **__: Any) -> None:
        self.task = task
        self.parameters: dict[str, tuple[Any, ...]] = {}
        self.seconds = mock.Mock(trace=0.0, compile=0.0, train=0.0, evaluate=0.0)

    def train(self, members: Any, **_: Any) -> Iterator[list[RunResult]]:
        """Yield one result at a time."""
        for member in members:
            self.parameters[member.spec.fingerprint] = tuple(np.zeros(1) for _ in parameter_paths(self.task))
            yield [result_of(member.spec)]


def result_of(spec: RunSpec) -> RunResult:
    """Return a result that follows from the fingerprint."""
    rng = np.random.default_rng(int(spec.fingerprint[:12], 16))
    points = spec.steps // spec.evaluate_every + 1 if spec.steps < 10**6 else 2
    values = rng.uniform(0.1, 2.0, (3, points)).astype(np.float32)
    well = rng.random() < 0.9
    if not well:
        values[:, points // 2 :] = np.nan
    end = [float(part[-1]) for part in values]
    return RunResult(
        spec,
        "finished" if well else "diverged",
        None if well else 1,
        Curve(np.linspace(0, spec.steps, points).astype(np.int32), *values),
        end[1],
        end[2],
        end[1] if spec.read_test else None,
        end[2] if spec.read_test else None,
        spec.steps,
    )


def odd() -> st.SearchStrategy[Any]:
    """Return values of kinds that no argument expects."""
    return st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-3, 3),
        st.sampled_from([10**9, 10**12, 10**400, -(2**63), 2**31, math.nan, math.inf, -math.inf, 1e39, 1e-60, 0.5]),
        st.floats(allow_nan=True),
        st.text(max_size=8),
        st.binary(max_size=4),
        st.sampled_from(
            ["adam", "quik", "./none.py", "none.py:x", "adam@", "@torch", "last", "\n", "a,b", "sgd@torch"]
        ),
        st.sampled_from([np.int64(2), np.float32(0.1), np.zeros(3), np.bool_(True), object(), int, Ellipsis, 1j]),
        st.lists(st.one_of(st.none(), st.integers(0, 3), st.text(max_size=3)), max_size=3),
        st.dictionaries(st.one_of(st.text(max_size=5), st.integers(0, 3)), st.integers(0, 3), max_size=2),
    )


NAMES = st.sampled_from(["sgd", "adam", "momentum", "adam@keras", "swats", "rmsprop@torch", "nadam"])
SETTINGS = st.dictionaries(
    st.sampled_from(["learning_rate", "beta1", "momentum", "epsilon", "weight_decay", "learning_rat"]),
    st.one_of(st.floats(0, 1), odd()),
    max_size=3,
)


TECHNIQUES = st.lists(
    st.sampled_from(
        [
            "clip-norm:1",
            "clip-value:0",
            "l2:1e-4",
            "ema:0.9",
            "swa",
            "early-stopping:2",
            "dropout:0.1",
            "sampling=replacement",
            "growth=step",
            "schedule=cosine:warmup=0.1",
            "schedule=plateau",
            "schedule.momentum=polynomial",
            "initializer=he",
            "centralize",
            "initializer=sparse:k=3",
            "bias=marginal",
            "bias=zero",
            "model.width=3",
            "start=run:0000",
            "curriculum",
            "gaussian-smoothing",
            "sam:0.1:adaptive=on",
            "lookahead:3",
            "cautious",
            "accumulate:2",
            "diffusion:0",
            "weight-decay:nan",
            "clip-norm:1:1",
            "=",
            ":",
            "schedule=",
            "none",
        ]
    ),
    max_size=3,
)


def requests(task: Any) -> dict[str, tuple[dict[str, Any], dict[str, Any]]]:
    """Return, by function, the arguments it must have and those it may have, each with sensible values."""
    lists = st.lists(NAMES, min_size=1, max_size=3, unique=True)
    small, seeds = st.integers(1, 3), st.integers(0, 2**31 - 1)
    sizes = {"epochs": small, "batch_size": st.integers(1, 100), "seed": seeds}
    point = st.tuples(st.floats(-2, 2), st.floats(-2, 2))
    return {
        "compare": (
            {"task": st.just(task), "optimizers": lists, "trials": small, "epochs": small},
            {
                "effort": st.sampled_from(["quick", "standard"]),
                "tune": st.sampled_from(["all", "learning-rate", "both"]),
                "tuning_seeds": small,
                "watcher": st.just(print),
                "schedule": st.sampled_from(["cosine", "step:at=0.5", "warmup:0.1+plateau", "cosine:final=2", "cosin"]),
                "techniques": TECHNIQUES,
                "vary": TECHNIQUES,
                **sizes,
            },
        ),
        "train": (
            {"task": st.just(task), "optimizer": NAMES},
            {"hyperparameters": SETTINGS, "techniques": TECHNIQUES, **sizes},
        ),
        "race": (
            {"landscape": st.just("bowl"), "optimizers": lists, "steps": small},
            {"start": point, "settings": st.dictionaries(NAMES, SETTINGS, max_size=2)},
        ),
    }


@st.composite
def request(draw: Callable[[Any], Any], task: Any) -> tuple[str, dict[str, Any]]:
    """Return a function's name and arguments for it, up to two of them of any kind at all."""
    name = draw(st.sampled_from(["compare", "compare", "train", "race"]))
    needed, further = requests(task)[name]
    chosen = {**needed, **{key: further[key] for key in draw(st.sets(st.sampled_from(sorted(further))))}}
    arguments = {key: draw(strategy) for key, strategy in chosen.items()}
    for key in draw(st.sets(st.sampled_from(sorted({**needed, **further})), max_size=2)):
        arguments[key] = draw(odd())
    return name, arguments


def run_specs() -> st.SearchStrategy[RunSpec]:
    """Return records of runs with every field drawn."""
    finite = st.floats(allow_nan=False, allow_infinity=False)
    words = st.text(max_size=6)
    nested = st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), finite, words),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=3)),
        max_leaves=6,
    )
    optimizers = st.builds(
        OptimizerSpec,
        words,
        st.dictionaries(words, finite, max_size=4),
        st.dictionaries(words, nested, max_size=2),
        words,
    )
    number = st.integers(1, 2**31 - 1)
    return st.builds(
        RunSpec,
        words,
        words,
        optimizers,
        number,
        st.integers(1, 64),
        st.just(1),
        number,
        st.booleans(),
        st.dictionaries(words, nested, max_size=3),
    )


def check_request(name: str, arguments: dict[str, Any], store: Any, counts: Counter[str]) -> None:
    """Send one request and look at its outcome."""
    import thalweg

    before = len(store.list_studies())
    extra = {} if name == "race" else {"store": store}
    try:
        answer = getattr(thalweg, name)(**arguments, **extra)
        if name == "compare":
            json.dumps(answer.to_dict(), allow_nan=False)
        counts[f"{name}: answered"] += 1
    except ThalwegError as found:
        error = found
    else:
        return
    assert SENTENCE.fullmatch(str(error)), f"no sentence: {error}"
    if isinstance(error, UsageError):
        assert len(store.list_studies()) == before, "a request that was refused left a study"
    counts[f"{name}: {type(error).__name__}"] += 1


def check_record(spec: RunSpec, store: Any, counts: Counter[str]) -> None:
    """Keep a run and take it out again."""
    result = result_of(spec)
    store.save_runs([result])
    found = store.load_runs([spec.fingerprint])[spec.fingerprint]
    again = dataclasses.replace(found.spec)  # computes its fingerprint anew
    assert again == spec
    assert again.fingerprint == spec.fingerprint
    assert (found.status, found.diverged_at) == (result.status, result.diverged_at)
    for one, other in zip(vars(result.curve).values(), vars(found.curve).values(), strict=True):
        np.testing.assert_array_equal(one, other)
    text = canonical_json(spec)
    value = json.loads(text)
    assert canonical_json(value) == text
    assert canonical_json(dict(reversed(value.items()))) == text
    assert plain(spec) == value
    counts["record: equal"] += 1


@contextlib.contextmanager
def engine_replaced() -> Iterator[None]:
    """Let nothing be compiled nor timed."""
    import thalweg.study.race
    import thalweg.study.weights
    import thalweg.study.work
    import thalweg.training.timing

    def no_time(*given: Any, **_: Any) -> dict[str, float]:
        return dict.fromkeys(given[2], 1e-5)

    def stand_still(_: Any, rules: Any, start: tuple[float, float], steps: int) -> tuple[np.ndarray, np.ndarray]:
        return np.tile(start, (len(rules), steps + 1, 1)), np.ones((len(rules), steps + 1))

    def all_alike(*given: Any) -> np.ndarray:
        return np.ones(len(given[2]))

    with (
        mock.patch.object(thalweg.study.work, "Engine", FuzzedEngine),
        mock.patch.object(thalweg.study.weights, "Engine", FuzzedEngine),
        mock.patch.object(thalweg.study.weights, "_keep"),
        mock.patch.object(thalweg.study.race, "follow", stand_still),
        mock.patch.object(thalweg.study.race, "final_values", all_alike),
        mock.patch.object(thalweg.training.timing, "seconds_per_step", no_time),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("error")
        yield


def campaign(task: Any, cases: int, number: int) -> dict[str, Any]:
    """Return what came of so many requests and a quarter as many records, or the smallest case that failed.

    Args:
        task: A small task on which to compare.
        cases: Requests.
        number: Seed of the cases.
    """
    counts: Counter[str] = Counter()
    failures: list[str] = []
    began = time.perf_counter()
    phases = (Phase.generate, Phase.shrink)
    options = {"deadline": None, "database": None, "phases": phases, "suppress_health_check": list(HealthCheck)}
    with open_store("sqlite://") as store, engine_replaced():

        @seed(number)
        @settings(max_examples=cases, **options)
        @given(request(task))
        def requested(case: tuple[str, dict[str, Any]]) -> None:
            check_request(*case, store, counts)

        @seed(number)
        @settings(max_examples=max(1, cases // 4), **options)
        @given(run_specs())
        def recorded(spec: RunSpec) -> None:
            check_record(spec, store, counts)

        for check in (requested, recorded):
            try:
                check()
            except Exception as error:
                notes = " / ".join(getattr(error, "__notes__", []))
                failures.append(f"{type(error).__name__}: {error} / {notes}")
    return {
        "cases": sum(counts.values()),
        "outcomes": dict(sorted(counts.items())),
        "failures": failures,
        "seed": number,
        "seconds": round(time.perf_counter() - began, 1),
    }


def main() -> int:
    """Run a campaign from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2000, help="requests to send (default: 2000)")
    parser.add_argument("--seed", type=int, default=0, help="of the cases (default: 0)")
    parser.add_argument("--out", type=Path, default=OUT, help=f"where the figures go (default: {OUT.name})")
    chosen = parser.parse_args()
    figures = campaign("diabetes", chosen.cases, chosen.seed)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))
    return 1 if figures["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
