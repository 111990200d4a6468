"""How a population is cut into pieces that fit the machine.

A lane is some members of one optimizer on one device. On a CPU the largest lane is often the
slowest: once its parameters, gradients and optimizer state outgrow the second-level cache, every step
waits for memory.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Plan", "choose_plan", "core_cache_bytes"]

LARGEST_LANE = 64  # members; more bring nothing on CPU and delay the first result
STEP_OVERHEAD_BYTES = 1 << 16  # a step's fixed cost, as the bytes that could be touched meanwhile
LONGEST_CALL = 64  # windows; bounds the memory of the minibatches' row numbers


@dataclass(frozen=True)
class Plan:
    """Shape of the compiled program.

    Attributes:
        members: Members per lane.
        windows: Most evaluation windows per call.
        devices: Devices used.
    """

    members: int
    windows: int
    devices: int


def choose_plan(member_bytes: int, phases: Sequence[int], windows: int, devices: int, optimizers: int = 1) -> Plan:
    """Return the plan whose lanes fit the cache and waste the fewest slots.

    Args:
        member_bytes: Bytes one member touches in a step: parameters, gradients, optimizer state, activations.
        phases: Runs of one optimizer in each phase of the work, e.g. ``[17, 20]``.
        windows: Evaluation windows per run.
        devices: Devices there are.
        optimizers: Number of optimizers, each with the work described.
    """
    fitting = max(1, min(LARGEST_LANE, core_cache_bytes() // max(1, member_bytes), max(phases, default=1)))
    candidates = range(1, max(1, 4 * fitting // 3) + 1)
    costs = {
        n: _cost(n, phases, devices, optimizers) * (1 + STEP_OVERHEAD_BYTES / (n * member_bytes)) for n in candidates
    }
    members = min(candidates, key=lambda n: (costs[n], n))
    lanes = max((-(-count // members) for count in phases), default=1)
    return Plan(members, min(windows, LONGEST_CALL), max(1, min(devices, lanes * optimizers)))


def _cost(members: int, phases: Sequence[int], devices: int, optimizers: int) -> float:
    """Return slots over runs: lanes are filled up, and the last call of a phase may leave devices idle."""
    lanes = [-(-count // members) * optimizers for count in phases]
    slots = sum(-(-count // devices) * devices * members for count in lanes)
    return slots / max(1, optimizers * sum(phases))


def core_cache_bytes() -> int:
    """Return the size of one core's second-level cache in bytes, 1 MiB where the system does not say."""
    name = "SC_LEVEL2_CACHE_SIZE"
    size = os.sysconf(name) if name in getattr(os, "sysconf_names", {}) else 0
    if size <= 0:
        told = Path("/sys/devices/system/cpu/cpu0/cache/index2/size")
        text = told.read_text().strip() if told.exists() else ""
        size = int(text[:-1]) * 1024 if text.endswith("K") and text[:-1].isdigit() else 0
    return size if size > 0 else 1 << 20
