"""One step of every rule that PyTorch has too: our optimizers beside PyTorch's loop, foreach and fused ones.

Run it on an idle machine: ``python benchmarks/torch_step.py [--elements 10000000] [--rounds 9] [--only adam]``. All
contenders of a rule take turns on the same parameters and gradients, in one tensor and in 300; ratios are medians over
rounds. The bytes that a step must move (parameter, gradient and state read once, parameter and state written once) are
set against the bandwidth of a copy of as many numbers. Peak extra memory is the rise of the process's high-water mark
during a step.
"""

import argparse
import ctypes
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

import harness
import thalweg.interop.torch as thalweg_torch
from thalweg.interop.torch.library import compiler
from thalweg.optimizers import OPTIMIZERS
from thalweg.optimizers.lift import state_bytes_per_parameter

RULES: dict[str, tuple[str, dict[str, Any]]] = {
    "sgd": ("SGD", {}),
    "momentum": ("SGD", {"momentum": 0.9}),
    "nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "adagrad": ("Adagrad", {}),
    "rmsprop": ("RMSprop", {}),
    "adadelta": ("Adadelta", {}),
    "adam": ("Adam", {}),
    "adamw": ("AdamW", {}),
    "amsgrad": ("Adam", {"amsgrad": True}),
    "adamax": ("Adamax", {}),
    "nadam": ("NAdam", {}),
    "radam": ("RAdam", {}),
    "rprop": ("Rprop", {}),
    "adafactor": ("Adafactor", {}),
    "muon": ("Muon", {}),
}
ONLY_MATRICES = ("muon",)
WAYS: dict[str, dict[str, Any]] = {
    "loop": {"foreach": False},
    "foreach": {"foreach": True},
    "fused": {"fused": True},
}
UNFUSED = ("loop", "foreach")
CLEAR, STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
LIBC = ctypes.CDLL(None)


def tensors(count: int, elements: int) -> list[torch.Tensor]:
    """Return parameters with gradients: matrices of as many columns as rows, or nearly."""
    generator = torch.Generator().manual_seed(0)
    rows = max(1, int((elements / count) ** 0.5))
    shape = (rows, elements // count // rows)
    made = []
    for _ in range(count):
        x = torch.randn(shape, generator=generator).requires_grad_()
        x.grad = torch.randn(shape, generator=generator)
        made.append(x)
    return made


MOST = {"muon": 1_000_000}  # a matrix of ten million takes it half a minute per step


def contenders(name: str, parameters: list[torch.Tensor]) -> dict[str, torch.optim.Optimizer]:
    """Return the optimizers of a rule, all with a learning rate that changes little."""
    theirs, settings = RULES[name]
    preset = "torch" if "torch" in OPTIMIZERS[name].presets else ""
    found: dict[str, torch.optim.Optimizer] = {}
    if compiler():
        found["ours"] = thalweg_torch.make(OPTIMIZERS[name], parameters, preset=preset, lr=1e-6)
    found["ours without compiler"] = thalweg_torch.make(
        OPTIMIZERS[name], parameters, preset=preset, lr=1e-6, fused=False
    )
    for way, chosen in WAYS.items():
        try:
            found[way] = getattr(torch.optim, theirs)(parameters, lr=1e-6, **settings, **chosen)
        except (TypeError, RuntimeError):  # PyTorch has the rule, but not this way of it
            if way == "loop":
                found[way] = getattr(torch.optim, theirs)(parameters, lr=1e-6, **settings)
    return found


def peak_extra_bytes(work: Callable[[], Any]) -> int | None:
    """Return how far the process's memory rises above where it is during a call, or None where it is not told."""
    if not CLEAR.exists():
        return None
    if hasattr(LIBC, "malloc_trim"):
        LIBC.malloc_trim(0)  # what was freed before is given back, so that a call cannot use it unseen
    CLEAR.write_text("5")
    before = _told("VmRSS")
    work()
    return max(0, _told("VmHWM") - before)


def _told(key: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) * 1024


def copy_bandwidth(elements: int, rounds: int) -> float:
    """Return bytes per second of the fastest of many copies, read and written ones counted."""
    a, b = torch.zeros(elements), torch.ones(elements)
    return 8 * elements / min(harness.rounds({"copy": lambda: a.copy_(b)}, max(20, rounds))["copy"])


def measure(name: str, count: int, elements: int, rounds: int, bandwidth: float) -> dict[str, Any]:
    """Return the figures of a rule on so many tensors."""
    parameters = tensors(count, elements)
    optimizers = contenders(name, parameters)
    seconds = harness.rounds({way: made.step for way, made in optimizers.items()}, rounds)
    size = sum(p.numel() for p in parameters)
    moved = size * (12 + 2 * state_bytes_per_parameter(optimizers["ours without compiler"].rule_class.configured()))
    ours = seconds[next(iter(seconds))]
    figures: dict[str, Any] = {
        "milliseconds": {way: round(1000 * median(times), 3) for way, times in seconds.items()},
        "times faster than": {
            way: round(harness.ratio(times, ours), 2) for way, times in seconds.items() if way in WAYS
        },
        "gigabytes per second": round(moved / median(ours) / 1e9, 2),
        "share of copy bandwidth": round(moved / median(ours) / bandwidth, 2),
    }
    figures["peak extra megabytes"] = {
        way: None if (extra := peak_extra_bytes(made.step)) is None else round(extra / 1e6, 1)
        for way, made in optimizers.items()
    }
    unfused = [figures["times faster than"][way] for way in UNFUSED if way in seconds]
    figures["times faster than the faster unfused"] = min(unfused)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--elements", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", choices=sorted(RULES))
    parser.add_argument("--tensors", type=int, nargs="*", default=[1, 300])
    parser.add_argument("--dry", action="store_true", help="print only, write nothing")
    chosen = parser.parse_args()
    figures: dict[str, Any] = {
        "environment": {**harness.environment("torch", "numpy"), "threads": torch.get_num_threads()},
        "elements": chosen.elements,
        "rounds": chosen.rounds,
        "rules": {},
    }
    for name in [chosen.only] if chosen.only else [n for n in RULES if n in OPTIMIZERS]:
        for count in chosen.tensors:
            elements = min(chosen.elements, MOST.get(name, chosen.elements))
            bandwidth = copy_bandwidth(elements, chosen.rounds)
            found = measure(name, count, elements, chosen.rounds, bandwidth) | {"elements": elements}
            found["copy gigabytes per second"] = round(bandwidth / 1e9, 2)
            figures["rules"].setdefault(name, {})[f"{count} tensors"] = found
            print(name, count, found["milliseconds"], found["times faster than"], found["peak extra megabytes"])
        if not chosen.dry:
            harness.write("torch_step", figures)  # as it goes: the whole takes minutes


if __name__ == "__main__":
    main()
