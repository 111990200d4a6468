"""Measure the peak memory of comparisons, each in a process of its own.

The peak of a standard comparison must stay below 1.5 GiB. Training does not need more for more trials, as a
population larger than memory is split; what grows is the bootstrap of the statistics, 10,000 resamples of
every trial, which is small up to the 100 trials of a thorough study.

Usage: ``python benchmarks/memory.py [--quick] [--out benchmarks/results/memory.json]``. With ``--quick`` only the
comparison of a tiny model is measured, at 1 and at 10 times the trials.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

OUT = Path(__file__).parent / "results" / "memory.json"
LIMIT = 1.5  # GiB

# Runs the command line and says on standard error how much memory the process has had at most.
MEASURED = """
import resource, sys
from thalweg.cli import main
status = main(sys.argv[1:])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(f"peak {peak}", file=sys.stderr)
sys.exit(status)
"""
TINY = ("compare", "digits-logistic", "--optimizers", "sgd,adam", "--epochs", "1")


def peak_bytes(arguments: Sequence[str]) -> int:
    """Return the peak resident memory in bytes of one command on a fresh store."""
    with tempfile.TemporaryDirectory() as folder:
        words = [*arguments, "--store", str(Path(folder) / "runs.db"), "--json", "--quiet"]
        done = subprocess.run([sys.executable, "-c", MEASURED, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr[-500:]}")
    return int(done.stderr.rsplit("peak ", 1)[1])


def growth(trials: int) -> dict[str, Any]:
    """Return the peaks of a tiny comparison at so many and at ten times so many trials."""
    few, many = (peak_bytes([*TINY, "--trials", str(count)]) for count in (trials, 10 * trials))
    return {
        "command": " ".join(TINY),
        "trials": [trials, 10 * trials],
        "MiB": [round(few / 2**20), round(many / 2**20)],
        "ratio": round(many / few, 3),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="measure only the growth with the trials")
    parser.add_argument("--out", type=Path, default=OUT)
    chosen = parser.parse_args()
    figures: dict[str, Any] = {"growth": growth(100)}
    if not chosen.quick:
        for effort in ("quick", "standard"):
            peak = peak_bytes(["compare", "digits", "--effort", effort])
            figures[effort] = {"command": f"compare digits --effort {effort}", "GiB": round(peak / 2**30, 3)}
        figures["limit GiB"] = LIMIT
        figures["within the limit"] = figures["standard"]["GiB"] <= LIMIT
    figures["machine"] = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(figures, indent=1) + "\n")
    print(json.dumps(figures, indent=1))
    return 0 if figures.get("within the limit", True) else 1


if __name__ == "__main__":
    sys.exit(main())
