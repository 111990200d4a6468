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
    member_bytes: int,
    batches: Sequence[Sequence[int]],
    windows: int,
    devices: int,
    *,
    member_steps_per_window: int = 1,
) -> Plan:
    """Return the plan whose lanes fit the cache and waste the fewest slots.

    Args:
        member_bytes: Bytes one member touches in a step: parameters, gradients, optimizer state, activations.
        batches: The work, as sizes of sets of runs with one optimizer and one seed each, one sequence
            per phase and optimizer, e.g. ``[[17], [2] * 10]``.
        windows: Evaluation windows per run.
        devices: Devices there are.
        member_steps_per_window: Steps per window, for the length of a call.
    """
    most = max((size for phase in batches for size in phase), default=1)
    fitting = max(1, min(LARGEST_LANE, core_cache_bytes() // max(1, member_bytes)))
    width = min(WIDTH, most, fitting)
    counts = [sum(-(-size // width) for size in phase) for phase in batches]
    ideal = max(1, fitting // width)
    candidates = range(max(1, (2 * ideal) // 3), max(1, (4 * ideal) // 3) + 1)
    groups = min(candidates, key=lambda g: (_cost(g, counts, ideal), g))
    total = sum(counts)
    lanes = sum(-(-count // groups) for count in counts)
    del total
    return Plan(groups, width, min(windows, max(1, 4096 // member_steps_per_window)), max(1, min(devices, lanes)))


def _cost(groups: int, counts: Sequence[int], ideal: int) -> float:
    slots = sum(-(-count // groups) * groups for count in counts)
    distance = abs(groups - ideal) / ideal
    return slots / max(1, sum(counts)) + 0.1 * distance


def core_cache_bytes() -> int:
    """Return the size of one core's second-level cache in bytes, 1 MiB where the system does not say."""
    name = "SC_LEVEL2_CACHE_SIZE"
    size = os.sysconf(name) if name in getattr(os, "sysconf_names", {}) else 0
    if size <= 0:
        told = Path("/sys/devices/system/cpu/cpu0/cache/index2/size")
        text = told.read_text().strip() if told.exists() else ""
        size = int(text[:-1]) * 1024 if text.endswith("K") and text[:-1].isdigit() else 0
    return size if size > 0 else 1 << 20
