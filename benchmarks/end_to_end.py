"""From a cold process to the leaderboard and the report, against the same runs in a torch loop.

``python benchmarks/end_to_end.py [--rounds 3] [--efforts quick,standard]``. Each round starts ``thalweg compare
digits`` with eight optimizers in a new process, once without any cache (cold) and once with the compiled
programs and timings of the first (warm), each with a new store and a report. Between them a new process trains
a sample of the very same runs with torch.optim in an eager loop, evaluating on the validation set as often; its time
per run is multiplied by the number of runs (training tens of minutes of loops every round would measure nothing else).
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import harness

OPTIMIZERS = "sgd,momentum,nesterov,adagrad,rmsprop,adam,adamw,nadam"
THALWEG = Path(sys.executable).with_name("thalweg")
TORCH_RUNS = 2  # per optimizer and round


def compare(effort: str, folder: Path, cache: Path) -> dict[str, Any]:
    """Return wall seconds, peak memory and the JSON of one comparison in a new process."""
    folder.mkdir()
    command = [str(THALWEG), "compare", "digits", "--optimizers", OPTIMIZERS, "--effort", effort, "--quiet", "--json"]
    command += ["--store", str(folder / "store.db"), "--report", str(folder / "report.html")]
    environment = {**os.environ, "THALWEG_CACHE": str(cache), "XDG_DATA_HOME": str(folder)}
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    output, _ = process.communicate()
    seconds = time.perf_counter() - began
    if process.returncode:
        sys.exit(f"thalweg compare failed with status {process.returncode}")
    document = json.loads(output)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {"seconds": seconds, "peak MiB": peak, "runs": document["runs"]}


def torch_seconds(steps: int) -> dict[str, float]:
    """Return import seconds and seconds per run of the torch loop, measured in a new process."""
    script = Path(__file__).with_name("torch_runs.py")
    began = time.perf_counter()
    output = subprocess.run(
        [sys.executable, str(script), str(steps), str(TORCH_RUNS)], check=True, capture_output=True, text=True
    ).stdout
    told = json.loads(output)
    return {"per run": told["seconds"] / told["runs"], "start": time.perf_counter() - began - told["seconds"]}


def time_parts(effort: str, place: Path, state: str) -> dict[str, float]:
    """Return where the seconds of one more comparison go; the second with the same cache is warm."""
    folder = place / f"parts-{state}"
    folder.mkdir()
    script = Path(__file__).with_name("time_parts.py")
    command = [sys.executable, str(script), effort, str(folder), OPTIMIZERS]
    environment = {**os.environ, "THALWEG_CACHE": str(place / "parts-cache")}
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


def measure(effort: str, rounds: int, steps: int) -> dict[str, Any]:
    """Return the figures of one effort."""
    found: dict[str, list[Any]] = {"cold": [], "warm": [], "torch": []}
    with tempfile.TemporaryDirectory() as place:
        for number in range(rounds):
            base = Path(place) / str(number)
            base.mkdir()
            found["cold"].append(compare(effort, base / "cold", base / "cache"))
            per_run = torch_seconds(steps)
            found["torch"].append(per_run["start"] + per_run["per run"] * found["cold"][-1]["runs"])
            found["warm"].append(compare(effort, base / "warm", base / "cache"))
        parts = [time_parts(effort, Path(place), state) for state in ("cold", "warm")]
    cold, warm = ([one["seconds"] for one in found[kind]] for kind in ("cold", "warm"))
    return {
        "effort": effort,
        "runs": found["cold"][0]["runs"],
        "steps per run": steps,
        "seconds": {
            "cold": round(median(cold), 2),
            "warm": round(median(warm), 2),
            "torch loop, from a sample": round(median(found["torch"]), 1),
        },
        "torch loop over cold": round(harness.ratio(found["torch"], cold), 1),
        "torch loop over warm": round(harness.ratio(found["torch"], warm), 1),
        "where the seconds go, cold": parts[0],
        "where the seconds go, warm": parts[1],
        "peak MiB": round(max(one["peak MiB"] for kind in ("cold", "warm") for one in found[kind])),
    }


def main() -> None:
    """Measure and write ``results/end_to_end.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--efforts", default="quick,standard")
    parser.add_argument("--steps", type=int, default=924, help="updates per run of digits")
    chosen = parser.parse_args()
    figures = harness.environment("thalweg", "jax", "torch", "numpy", "scikit-learn")
    figures["rounds"] = chosen.rounds
    figures["efforts"] = []
    for effort in chosen.efforts.split(","):
        figures["efforts"].append(measure(effort, chosen.rounds, chosen.steps))
        print(json.dumps(figures["efforts"][-1], indent=1))
    print(harness.write("end_to_end", figures))


if __name__ == "__main__":
    main()
