"""Kill a comparison again and again and see that it ends like one that was left alone.

The same command is run undisturbed twice (the second run tells how long it takes with compiled
programs at hand, and that equal commands give equal results at all). Then, study after study on a
fresh store, it is started, its process group killed with SIGKILL at a moment drawn uniformly from
that duration, and started again with fresh draws until it comes through. A copy of the package is
run, so that the package may be edited meanwhile. Afterwards

* its leaderboard, without timings, and all its runs with their curves must equal the undisturbed ones exactly,
* no run whose result was in the store at a kill may have been trained again.

Usage: ``python scripts/kill_campaign.py [--kills 200] [--seed 0] [--out benchmarks/results/kills.json]``.
The exit status is 1 if anything differed.
"""

import argparse
import contextlib
import hashlib
import json
import math
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import thalweg
from thalweg.records import canonical_json
from thalweg.store import open_store

COMPARE = ("compare", "digits", "--optimizers", "sgd,momentum,adam", "--effort", "quick", "--seed", "0")
TIMINGS = {"seconds", "seconds_per_step"}
SOURCES = Path(thalweg.__file__).parents[1]
OUT = Path(__file__).parent.parent / "benchmarks" / "results" / "kills.json"
COLD_EVERY = 10  # every so many studies begin without compiled programs, so that kills hit the compiler as well
SHOWN = 10  # differences told in full
MOST_ATTEMPTS = 200  # a study that never comes through is a failure, not an endless loop

# Runs the program with a note of every run whose result it hands to the store, that is: has trained.
RECORDER = """
import importlib, os, sys
from thalweg.store.sql import SqlStore
save = SqlStore.save_runs
def noted(self, results):
    with open(os.environ["KILL_CAMPAIGN_NOTES"], "a", encoding="ascii") as notes:
        notes.writelines(result.spec.fingerprint + "\\n" for result in results)
    save(self, results)
SqlStore.save_runs = noted
module, function = sys.argv.pop(1).split(":")
sys.exit(getattr(importlib.import_module(module), function)())
"""


@dataclass(frozen=True)
class Program:
    """What is run and killed.

    Attributes:
        entry: ``module:function`` that reads ``sys.argv``, as an installed command does.
        arguments: Its arguments but for ``--store`` and ``--json``.
        sources: Folder that holds the package.
    """

    entry: str = "thalweg.cli:main"
    arguments: Sequence[str] = COMPARE
    sources: Path = SOURCES


@dataclass(frozen=True)
class Outcome:
    """What a command that came through has left.

    Attributes:
        document: Its JSON document without timings.
        runs: A digest of each run's result with its curve, by its place in the study.
        seconds: How long the last attempt took.
    """

    document: Any
    runs: Mapping[str, str]
    seconds: float


@dataclass
class Tally:
    """What a campaign has seen."""

    studies: int = 0
    kills: int = 0
    kills_with_nothing_stored: int = 0
    runs_kept_over_kills: int = 0
    attempts_by_study: list[int] = field(default_factory=list)
    trained_twice: int = 0
    differing_leaderboards: int = 0
    differing_runs: int = 0
    examples: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether every study ended as if undisturbed."""
        return not (self.trained_twice or self.differing_leaderboards or self.differing_runs or self.failures)


class ProgramFailedError(RuntimeError):
    """The program ended by itself, without success."""


def without_timings(value: Any) -> Any:
    """Return a JSON document without the entries that no two runs share."""
    if isinstance(value, dict):
        return {key: without_timings(item) for key, item in value.items() if key not in TIMINGS}
    return [without_timings(item) for item in value] if isinstance(value, list) else value


def stored_runs(store: Path) -> dict[str, str]:
    """Return a digest of every result by its place in the newest study, curves to the last bit."""
    with open_store(store, create=False) as opened:
        planned = opened.study_runs("last")
        results = opened.load_runs({run.spec.fingerprint for run in planned})
    digests = {}
    for run in planned:
        result = results.get(run.spec.fingerprint)
        place = f"{run.contender}/{run.role}/{run.trial}/{run.spec.seed}/{run.spec.fingerprint}"
        digests[place] = digest(result) if result else "missing"
    return digests


def digest(result: Any) -> str:
    """Return a digest of a result that tells any two apart, NaN from missing included."""
    curve = result.curve
    arrays = (curve.step, curve.train_loss, curve.validation_loss, curve.validation_metric)
    text = canonical_json([result.status, result.diverged_at, result.gradient_evaluations])
    numbers = (result.validation_loss, result.validation_metric, result.test_loss, result.test_metric)
    return hashlib.sha256(
        b"|".join([text.encode(), repr(numbers).encode(), *(a.tobytes() for a in arrays)])
    ).hexdigest()


def finished_fingerprints(store: Path) -> set[str]:
    """Return the fingerprints of all runs that have a result; none if there is no store yet."""
    import sqlite3

    if not store.exists():
        return set()
    with contextlib.closing(sqlite3.connect(store)) as connection:
        try:
            query = "SELECT fingerprint FROM runs JOIN results ON results.run_id = runs.id"
            return {fingerprint for (fingerprint,) in connection.execute(query)}
        except sqlite3.OperationalError:  # killed before it had tables
            return set()


def attempt(program: Program, folder: Path, cache: Path, kill_after: float | None) -> tuple[str | None, float]:
    """Run the program once on the folder's store, killing its process group after some seconds.

    Returns:
        Its standard output, or None if it was killed, and the seconds it took.

    Raises:
        ProgramFailedError: It ended by itself with another status than 0.
    """
    notes, output, trouble = folder / "notes", folder / "output", folder / "trouble"
    notes.write_text("")
    path = os.pathsep.join([str(program.sources), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    environment = {**os.environ, "KILL_CAMPAIGN_NOTES": str(notes), "THALWEG_CACHE": str(cache), "PYTHONPATH": path}
    command = [sys.executable, "-c", RECORDER, program.entry, *program.arguments]
    command += ["--store", str(folder / "runs.db"), "--json"]
    began = time.perf_counter()
    with output.open("w") as out, trouble.open("w") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, env=environment, start_new_session=True)
    try:
        status = process.wait(timeout=kill_after)
    except subprocess.TimeoutExpired:
        return None, time.perf_counter() - began
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if status:
        raise ProgramFailedError(f"status {status}: {' / '.join(trouble.read_text().strip().splitlines()[-3:])}")
    return output.read_text(), time.perf_counter() - began


def undisturbed(program: Program, folder: Path, cache: Path) -> Outcome:
    """Return the outcome of the command when it is left alone, on a fresh store."""
    output, seconds = attempt(program, folder, cache, None)
    return outcome(output or "", folder, seconds)


def outcome(output: str, folder: Path, seconds: float) -> Outcome:
    """Return what an attempt that came through has left."""
    return Outcome(without_timings(json.loads(output)), stored_runs(folder / "runs.db"), seconds)


def killed_study(
    program: Program, folder: Path, cache: Path, seconds: float, draw: random.Random, tally: Tally
) -> Outcome:
    """Return the outcome of the command on a fresh store, killed until it comes through."""
    store = folder / "runs.db"
    for number in range(1, MOST_ATTEMPTS + 1):
        before = finished_fingerprints(store)
        output, took = attempt(program, folder, cache, draw.uniform(0.0, seconds))
        trained = (folder / "notes").read_text().split()
        tally.trained_twice += len(before.intersection(trained)) + len(trained) - len(set(trained))
        if output is not None:
            tally.attempts_by_study.append(number)
            return outcome(output, folder, took)
        kept = finished_fingerprints(store)
        if not before <= kept:
            raise ProgramFailedError(f"{len(before - kept)} results that were stored are gone after a kill")
        tally.kills += 1
        tally.runs_kept_over_kills += len(kept)
        tally.kills_with_nothing_stored += not kept
    raise ProgramFailedError(f"not finished after {MOST_ATTEMPTS} attempts")


def judge(found: Outcome, reference: Outcome, tally: Tally) -> None:
    """Add to the tally where an outcome differs from the undisturbed one."""
    tally.differing_leaderboards += found.document != reference.document
    for place in sorted(set(found.runs) | set(reference.runs)):
        here, there = found.runs.get(place, "not planned"), reference.runs.get(place, "not planned")
        if here != there:
            tally.differing_runs += 1
            if len(tally.examples) < SHOWN:
                tally.examples.append(f"{place}: {here[:12]} instead of {there[:12]}")


def campaign(
    program: Program,
    kills: int,
    seed: int,
    *,
    stop_early: bool = False,
    quiet: bool = False,
    minutes: float = math.inf,
) -> dict[str, Any]:
    """Kill the program at least so many times and return what was seen.

    Args:
        program: What is run.
        kills: Kills to reach.
        seed: Of the moments of the kills.
        stop_early: Whether the first difference ends the campaign.
        quiet: Whether no progress is printed.
        minutes: No further study is begun after so long, however many kills were reached.
    """
    draw, tally, began = random.Random(seed), Tally(), time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="kill-campaign-") as name:
        program = replace(program, sources=copied(program.sources, Path(name) / "sources"))
        warm = Path(name) / "cache"
        reference = undisturbed(program, fresh(name, "cold"), warm)
        again = undisturbed(program, fresh(name, "warm"), warm)
        judge(again, reference, tally)
        control = {
            "equal": tally.is_clean,
            "seconds cold": round(reference.seconds, 2),
            "seconds warm": round(again.seconds, 2),
        }

        def goes_on() -> bool:
            in_time = time.perf_counter() - began < 60 * minutes
            return tally.kills < kills and in_time and not tally.failures and (tally.is_clean or not stop_early)

        while goes_on():
            folder = fresh(name, str(tally.studies))
            is_cold = tally.studies % COLD_EVERY == COLD_EVERY - 1
            cache, seconds = (folder / "cache", reference.seconds) if is_cold else (warm, again.seconds)
            try:
                judge(killed_study(program, folder, cache, seconds, draw, tally), reference, tally)
            except ProgramFailedError as error:
                tally.failures.append(str(error))
            tally.studies += 1
            if not quiet:
                state = "clean" if tally.is_clean else "NOT CLEAN"
                print(f"{tally.kills} kills, {tally.studies} studies, {state}", file=sys.stderr)
    return summary(program, tally, control, len(reference.runs), seed, time.perf_counter() - began)


def copied(sources: Path, target: Path) -> Path:
    """Return a folder with a copy of the package."""
    shutil.copytree(sources / "thalweg", target / "thalweg", ignore=shutil.ignore_patterns("__pycache__"))
    return target


def fresh(root: str, name: str) -> Path:
    """Return a new folder."""
    folder = Path(root) / name
    folder.mkdir()
    return folder


def summary(
    program: Program, tally: Tally, control: Mapping[str, Any], runs: int, seed: int, seconds: float
) -> dict[str, Any]:
    """Return the figures of a campaign as a JSON document."""
    return {
        "command": " ".join(program.arguments),
        "clean": tally.is_clean,
        "kills": tally.kills,
        "studies": tally.studies,
        "runs per study": runs,
        "undisturbed": dict(control),
        "attempts per study": {
            "most": max(tally.attempts_by_study, default=0),
            "mean": round(sum(tally.attempts_by_study) / max(1, len(tally.attempts_by_study)), 2),
        },
        "kills before any result was stored": tally.kills_with_nothing_stored,
        "results found again after kills": tally.runs_kept_over_kills,
        "runs trained twice": tally.trained_twice,
        "leaderboards that differ": tally.differing_leaderboards,
        "runs that differ": tally.differing_runs,
        "examples of differences": tally.examples,
        "failures": tally.failures,
        "seed": seed,
        "seconds": round(seconds, 1),
        "machine": {
            "cores": len(os.sched_getaffinity(0)),
            "python": platform.python_version(),
            "system": platform.system(),
        },
    }


def main() -> int:
    """Run a campaign from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="kills to reach (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills (default: 0)")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no further study after so long")
    parser.add_argument("--stop-early", action="store_true", help="end at the first difference")
    parser.add_argument("--out", type=Path, default=OUT, help=f"where the figures go (default: {OUT.name})")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave no process behind
    figures = campaign(Program(), chosen.kills, chosen.seed, stop_early=chosen.stop_early, minutes=chosen.minutes)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))
    return 0 if figures["clean"] else 1


if __name__ == "__main__":
    sys.exit(main())
