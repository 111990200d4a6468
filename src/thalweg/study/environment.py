"""What a result was measured on: machine, versions, load."""

import contextlib
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from thalweg.training.devices import core_count
from thalweg.training.plan import Plan

__all__ = ["describe_environment", "now"]

PACKAGES = ("thalweg", "jax", "jaxlib", "numpy", "scipy", "scikit-learn")


def describe_environment(plan: Plan | None = None) -> dict[str, Any]:
    """Return facts about machine and software as a JSON-able dictionary.

    Args:
        plan: The plan of the population that was trained, recorded with them.
    """
    import jax

    versions = {}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[package] = version(package)
    facts: dict[str, Any] = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": core_count(),
        "device": jax.devices()[0].device_kind,
        "versions": versions,
    }
    if hasattr(os, "getloadavg"):
        facts["load average"] = round(os.getloadavg()[0], 2)
    if plan is not None:
        facts["plan"] = {"members": plan.members, "devices": plan.devices}
    return facts


def now() -> str:
    """Return the time as ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _processor() -> str:
    told = Path("/proc/cpuinfo")
    if told.exists():
        for line in told.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
