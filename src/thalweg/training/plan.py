"""How a population is cut into pieces that fit the machine.

A group is ``width`` members of one seed; a lane is ``groups`` groups of one optimizer on one device.
On a CPU the largest lane is often the slowest: once parameters, gradients and optimizer
state of a lane outgrow the second-level cache, every step waits for memory.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Plan", "choose_plan", "core_cache_bytes"]

WIDTH = 2  # winner and default share a seed, so groups of two are filled in both phases of a study
LARGEST_LANE = 64  # members; more bring nothing on CPU and delay the first result
STEP_OVERHEAD_BYTES = 1 << 16  # a step's fixed cost, as the bytes that could be touched meanwhile
LONGEST_CALL = 64  # windows; bounds the memory of the minibatches' row numbers


@dataclass(frozen=True)
class Plan:
    """Shape of the compiled program.

    Attributes:
        groups: Groups per device and call.
        width: Members per group.
        windows: Most evaluation windows per call.
        devices: Devices used.
    """

    groups: int
    width: int
    windows: int
    devices: int

    @property
    def members(self) -> int:
        """Members per call over all devices."""
        return self.groups * self.width * self.devices


def choose_plan(
    member_bytes: int, phases: Sequence[Sequence[int]], windows: int, devices: int, optimizers: int = 1
) -> Plan:
    """Return the plan whose lanes fit the cache and waste the fewest slots.

    Args:
        member_bytes: Bytes one member touches in a step: parameters, gradients, optimizer state, activations.
        phases: The work of one optimizer: per phase the numbers of runs of each seed, e.g. ``[[17], [2] * 10]``.
        windows: Evaluation windows per run.
        devices: Devices there are.
        optimizers: Number of optimizers, each with the work described.
    """
    most = max((size for phase in phases for size in phase), default=1)
    fitting = max(1, min(LARGEST_LANE, core_cache_bytes() // max(1, member_bytes)))
    width = min(WIDTH, most, fitting)
    counts = [sum(-(-size // width) for size in phase) for phase in phases]
    ideal = min(max(1, fitting // width), max(counts, default=1))
    candidates = range(1, max(1, (4 * ideal) // 3) + 1)
    groups = min(candidates, key=lambda g: (_cost(g, counts, g * width * member_bytes), g))
    lanes = max((-(-count // groups) for count in counts), default=1)
    return Plan(groups, width, min(windows, LONGEST_CALL), max(1, min(devices, lanes * optimizers)))


def _cost(groups: int, counts: Sequence[int], lane_bytes: int) -> float:
    """Return the time of the work up to a factor: slots, filled or not, times overhead of a lane's step."""
    slots = sum(-(-count // groups) * groups for count in counts)
    return slots / max(1, sum(counts)) * (1 + STEP_OVERHEAD_BYTES / max(1, lane_bytes))


def core_cache_bytes() -> int:
    """Return the size of one core's second-level cache in bytes, 1 MiB where the system does not say."""
    name = "SC_LEVEL2_CACHE_SIZE"
    size = os.sysconf(name) if name in getattr(os, "sysconf_names", {}) else 0
    if size <= 0:
        told = Path("/sys/devices/system/cpu/cpu0/cache/index2/size")
        text = told.read_text().strip() if told.exists() else ""
        size = int(text[:-1]) * 1024 if text.endswith("K") and text[:-1].isdigit() else 0
    return size if size > 0 else 1 << 20
