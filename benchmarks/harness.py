"""What every benchmark shares: rounds in turn, medians, and where the figures go.

Contenders are measured in turn, round after round, so that a drift of the machine hits all of them
alike; ratios are taken round by round and their median is reported.
"""

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).parent / "results"


def rounds(contenders: Mapping[str, Callable[[], Any]], count: int) -> dict[str, list[float]]:
    """Return seconds per round of each contender, after one round that is not counted.

    Every round begins with another contender, so that none always follows the same neighbour.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    names = list(contenders)
    for round_number in range(count + 1):
        first = round_number % len(names)
        for name in names[first:] + names[:first]:
            began = time.perf_counter()
            contenders[name]()
            if round_number:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def ratio(slower: list[float], faster: list[float]) -> float:
    """Return the median over rounds of how many times longer ``slower`` took."""
    return median(a / b for a, b in zip(slower, faster, strict=True))


def environment(*packages: str) -> dict[str, Any]:
    """Return device, versions and load average."""
    versions = {}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "python": platform.python_version(),
        "versions": versions,
        "load average at start": round(os.getloadavg()[0], 2),
    }


def write(name: str, figures: Mapping[str, Any]) -> Path:
    """Write figures to ``benchmarks/results/<name>.json`` and return the path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(figures, indent=1, sort_keys=False) + "\n")
    return path


def written(name: str) -> dict[str, Any]:
    """Return the figures of ``benchmarks/results/<name>.json``, or none where there is no such file."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def matmul_peak(size: int = 1536, repeats: int = 8) -> float:
    """Return the best floating-point operations per second of a large float32 product, all cores."""
    import numpy as np
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    a = torch.from_numpy(np.random.default_rng(0).normal(size=(size, size)).astype(np.float32))
    best = 0.0
    for _ in range(repeats):
        began = time.perf_counter()
        torch.mm(a, a)
        best = max(best, 2 * size**3 / (time.perf_counter() - began))
    torch.set_num_threads(1)
    return best


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    if told.exists():
        for line in told.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()
