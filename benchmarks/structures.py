"""Member-steps per second of deep, recurrent and attending networks, and whether techniques compile once.

Run it on an idle machine: ``python benchmarks/structures.py [--rounds 5] [--only gru]``. The contenders, the
members' learning rates and the minibatches are those of ``throughput.py``, with 8 members; the engine is measured
with lanes of 1, 2 and 4 members, and with what it chooses for itself. The validation set is cut to 8 rows, so that
the one evaluation at the end, which only the engine makes, costs next to nothing.
"""

import argparse
import math
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import median
from typing import Any
from unittest.mock import patch

import jax
import torch
from jax.extend.core import jaxprs_in_params
from torch.nn import functional

import harness
import throughput  # first: it prepares JAX
from thalweg.optimizers import Adam
from thalweg.records import OptimizerSpec, RunSpec
from thalweg.study.recipes import techniques_from
from thalweg.study.workbench import ReadyTask, ready_task
from thalweg.tasks import Data
from thalweg.tasks.models import residual as residual_model
from thalweg.training.calibration import calibrated, has_convolution
from thalweg.training.plan import Plan, choose_plan, core_cache_bytes
from thalweg.training.population import Engine, Member
from thalweg.training.recipe import recipe_of

MEMBERS = 8
LANES = (1, 2, 4)
DEPTH = 20
BATCH = 32
LONG_WORK = 1e18  # bytes touched; from far fewer a comparison measures its lanes before it begins
BACKEND_COMPILES = "/jax/core/compile/backend_compile_duration"


class TorchBlock(torch.nn.Module):
    """Two convolutions with batch normalization beside a shortcut without parameters."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.stride, self.added = stride, after - before
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(before, after, 3, stride, 1, bias=False),
            torch.nn.BatchNorm2d(after),
            torch.nn.ReLU(),
            torch.nn.Conv2d(after, after, 3, 1, 1, bias=False),
            torch.nn.BatchNorm2d(after),
        )

    def forward(self, x: Any) -> Any:
        """Return shape (n, after, height / stride, width / stride)."""
        past = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added))
        return torch.relu(self.body(x) + past)


def torch_residual() -> torch.nn.Module:
    """Return the torch twin of ``digits-resnet`` of :data:`DEPTH` layers, 8 channels wide."""
    first = [torch.nn.Conv2d(1, 8, 3, padding=1, bias=False), torch.nn.BatchNorm2d(8), torch.nn.ReLU()]
    blocks, before = [], 8
    for stage in range(3):
        for index in range((DEPTH - 2) // 6):
            after = 8 * 2**stage
            blocks.append(TorchBlock(before, after, 2 if stage and index == 0 else 1))
            before = after
    end = [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(before, 10)]
    return torch.nn.Sequential(torch.nn.Unflatten(1, (1, 8, 8)), *first, *blocks, *end)


class TorchGru(torch.nn.Module):
    """The torch twin of ``text-gru``; characters go in as one-hot vectors, as ``torch.nn.GRU`` asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = torch.nn.GRU(65, 64, batch_first=True)
        self.output = torch.nn.Linear(64, 65)

    def forward(self, x: Any) -> Any:
        """Return logits of shape (n, characters, t)."""
        return self.output(self.cell(functional.one_hot(x.long(), 65).float())[0]).transpose(1, 2)


class TorchLayer(torch.nn.Module):
    """Attention and perceptron, each after a layer normalization and added to what it was given."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(width) for _ in range(2))
        self.parts, self.mix = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
        self.widen, self.narrow = torch.nn.Linear(width, 4 * width), torch.nn.Linear(4 * width, width)

    def forward(self, x: Any) -> Any:
        """Return the shape of ``x``, (n, t, width)."""
        rows, length, width = x.shape
        parts = self.parts(self.norms[0](x)).reshape(rows, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(*parts, is_causal=True)
        x = x + self.mix(mixed.transpose(1, 2).reshape(rows, length, width))
        return x + self.narrow(functional.gelu(self.widen(self.norms[1](x))))


class TorchTransformer(torch.nn.Module):
    """The torch twin of ``text-transformer``."""

    def __init__(self) -> None:
        super().__init__()
        self.characters, self.positions = torch.nn.Embedding(65, 64), torch.nn.Parameter(torch.zeros(64, 64))
        self.layers = torch.nn.Sequential(TorchLayer(64, 4), TorchLayer(64, 4))
        self.output = torch.nn.Sequential(torch.nn.LayerNorm(64), torch.nn.Linear(64, 65))

    def forward(self, x: Any) -> Any:
        """Return logits of shape (n, characters, t)."""
        return self.output(self.layers(self.characters(x.long()) + self.positions)).transpose(1, 2)


TASKS = {
    "residual network of 20 layers on 8x8 digits, batch 32": (
        "digits-resnet",
        {"depth": str(DEPTH)},
        torch_residual,
        120,
    ),
    "gated recurrent network on characters, batch 32": ("text-gru", {}, TorchGru, 128),
    "causal transformer on characters, batch 32": ("text-transformer", {}, TorchTransformer, 12),
}


def matmul_flops(jaxpr: Any) -> float:
    """Return the floating-point operations of all products of matrices in a traced function, loops in full."""
    total = 0.0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            contracted = equation.params["dimension_numbers"][0][0]
            shape = equation.invars[0].aval.shape
            total += 2.0 * math.prod(equation.outvars[0].aval.shape) * math.prod(shape[axis] for axis in contracted)
        times = equation.params["length"] if equation.primitive.name == "scan" else 1
        total += times * sum(matmul_flops(inner) for inner in jaxprs_in_params(equation.params))
    return total


def flops_per_member_step(case: throughput.Case) -> float:
    """Return the floating-point operations of the matrix products of one gradient."""
    batch = {k: v[: case.batch] for k, v in case.data.train.items()}
    trained, kept = throughput.parted(case.task.init(jax.random.key(0)))
    return matmul_flops(jax.make_jaxpr(throughput.gradient_of(case.task))(trained, kept, batch).jaxpr)


def own_plans(case: throughput.Case, ready: ReadyTask) -> tuple[Plan, Plan]:
    """Return what a short and what a long comparison of these members would choose."""
    size = ready.member_bytes([Adam()], case.batch)
    size = max(size, core_cache_bytes()) if has_convolution(ready.task, ready.data) else size
    guess = choose_plan(size, [case.members], 1, len(jax.devices()))
    never_seen = uuid.uuid4().hex  # a verdict of another day is not asked for
    plan = calibrated(
        guess,
        case.task,
        case.data,
        [Adam()],
        batch_size=case.batch,
        window=case.steps,
        touched_bytes=LONG_WORK,
        version=never_seen,
    )
    return guess, plan


@contextmanager
def library_convolutions() -> Iterator[None]:
    """Let residual networks traced meanwhile use ``lax.conv`` rather than patches times a matrix."""

    def convolve(layer: Any, x: Any, size: Any, stride: int = 1) -> Any:
        kernel = layer["weight"].reshape(size[1], size[0], x.shape[-1], -1).transpose(1, 0, 2, 3)
        padding = [(width // 2, width // 2) for width in size]
        dimensions = ("NHWC", "HWIO", "NHWC")
        return jax.lax.conv_general_dilated(x, kernel, (stride, stride), padding, dimension_numbers=dimensions)

    with patch.object(residual_model, "convolve", convolve):
        yield


def alternatives(case: throughput.Case) -> dict[str, Callable[[], Any]]:
    """Return the hand-written programs; a convolutional network also with the library's convolutions."""
    found = throughput.hand_written(case, chunk=2)
    if case.task.name == "digits-resnet":
        one_by_one = throughput.hand_written(case, chunk=2)["jax: scan, one by one"]

        def with_library() -> None:
            with library_convolutions():
                one_by_one()

        found["jax: scan, one by one, lax.conv"] = with_library
    return found


def measure(case: throughput.Case, ready: ReadyTask, count: int, torch_members: int) -> dict[str, Any]:
    """Return the figures of one model."""
    devices = len(jax.devices())
    guess, plan = own_plans(case, ready)
    lanes = sorted({*LANES, guess.members, plan.members})
    engines = {f"thalweg, lanes of {n}": throughput.ours(case, Plan(n, 1, min(devices, MEMBERS // n))) for n in lanes}
    loop = "torch.optim loop"
    seconds = harness.rounds({**engines, **alternatives(case), loop: throughput.torch_loop(case, torch_members)}, count)
    seconds[loop] = [s * case.members / torch_members for s in seconds[loop]]
    medians = {name: median(s) for name, s in seconds.items()}
    fastest = min(engines, key=lambda name: medians[name])
    chosen = f"thalweg, lanes of {plan.members}"
    best = min((n for n in medians if n.startswith("jax")), key=lambda n: medians[n])
    total = case.members * case.steps
    flops, peak = flops_per_member_step(case), harness.matmul_peak()
    return {
        "model": case.name,
        "members": case.members,
        "steps": case.steps,
        "parameters": ready.card.parameters,
        "parameters of the torch model": sum(p.numel() for p in case.torch_model().parameters()),
        "lane by the cache": guess.members,
        "lane chosen": plan.members,
        "fastest lane": int(fastest.rpartition(" ")[2]),
        "member-steps per second": {n: round(total / s, 1) for n, s in medians.items()},
        "milliseconds per member-step": {n: round(1e3 * s / total, 3) for n, s in medians.items()},
        "times faster than": {n: round(harness.ratio(s, seconds[chosen]), 2) for n, s in seconds.items()},
        "best alternative": best,
        "times faster than the best alternative": round(harness.ratio(seconds[best], seconds[chosen]), 2),
        "the same with the fastest lane": round(harness.ratio(seconds[best], seconds[fastest]), 2),
        "matmul FLOP per member-step": flops,
        "measured matmul peak, GFLOP/s": round(peak / 1e9, 1),
        "share of matmul peak": round(total / medians[chosen] * flops / peak, 3),
    }


def varied_population(number: int, steps: int) -> list[Member]:
    """Return 8 members with schedules, initializers, clippings and label smoothings; other numbers, others of each."""
    schedules = (("cosine:warmup=0.1", "step"), ("exponential", "polynomial"))[number]
    initializers = (("he", "glorot"), ("orthogonal", "lecun"))[number]
    members = []
    for i in range(MEMBERS):
        items = {"schedule": schedules[i % 2], "initializer": initializers[i // 2 % 2]}
        items |= {"clip-norm": 0.5 + i + number, "label-smoothing": 0.01 * (1 + i + number)}
        rule = Adam(learning_rate=1e-3 * (1 + i))
        spec = RunSpec("", "", OptimizerSpec("adam", rule.values()), BATCH, steps, steps, 0)
        members.append(Member(replace(spec, techniques=techniques_from(items)), rule))
    return members


def compiled_once(ready: ReadyTask, data: Data, steps: int) -> dict[str, Any]:
    """Train two populations that share no technique's value; return the compilations of each and their seconds."""
    populations = [varied_population(number, steps) for number in range(2)]
    features = frozenset().union(*(recipe_of(m.spec.techniques).features for some in populations for m in some))
    engine = Engine(ready.task, data, [Adam()], BATCH, steps, Plan(2, 1, len(jax.devices())), features=features)
    compilations: list[float] = []

    def listen(event: str, duration_secs: float, **_: Any) -> None:
        if event == BACKEND_COMPILES:
            compilations.append(duration_secs)

    jax.config.update("jax_enable_compilation_cache", False)
    jax.monitoring.register_event_duration_secs_listener(listen)
    counts = []
    for members in populations:
        before = len(compilations)
        results = [result for results in engine.train(members) for result in results]
        assert all(result.status == "finished" for result in results)
        counts.append(len(compilations) - before)
    jax.config.update("jax_enable_compilation_cache", True)
    return {
        "model": "residual network of 20 layers",
        "techniques": ["schedule", "initializer", "clip-norm", "label-smoothing"],
        "distinct settings": len({str(sorted(m.spec.techniques.items())) for some in populations for m in some}),
        "compilations for the first population, starting points included": counts[0],
        "compilations for the second population, with other values throughout": counts[1],
        "seconds to trace the training program": round(engine.seconds.trace, 2),
        "seconds to compile the training program": round(engine.seconds.compile, 2),
    }


def main() -> None:
    """Measure and write ``results/structures.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--torch-members", type=int, default=2)
    parser.add_argument("--only", default="", help="a part of the model's name")
    parser.add_argument("--write", action="store_true", help="write the figures even with --only")
    chosen = parser.parse_args()
    began = time.perf_counter()
    figures = harness.environment("thalweg", "jax", "optax", "torch", "numpy")
    load = figures.pop("load average at start")
    figures |= {"torch members": chosen.torch_members, "cases": []}
    for name, (reference, options, torch_model, steps) in TASKS.items():
        ready = ready_task(reference, options)
        few = {k: v[:8] for k, v in ready.data.validation.items()}
        data = Data(ready.data.train, few, few)
        if chosen.only in name:
            case = throughput.Case(name, ready.task, data, BATCH, steps, torch_model, MEMBERS)
            measured = {"rounds": chosen.rounds, "load average at start": load}
            measured |= measure(case, ready, chosen.rounds, chosen.torch_members)
            figures["cases"].append(measured)
            print(figures["cases"][-1], f"{time.perf_counter() - began:.0f} s", flush=True)
        if reference == "digits-resnet" and chosen.only in name:
            figures["compiled once"] = compiled_once(ready, data, steps)
            print(figures["compiled once"], f"{time.perf_counter() - began:.0f} s", flush=True)
    if chosen.write or not chosen.only:
        print(harness.write("structures", with_earlier(figures)))


def with_earlier(figures: dict[str, Any]) -> dict[str, Any]:
    """Return the figures together with those of an earlier run for what this one did not measure."""
    earlier, new = harness.written("structures"), {case["model"]: case for case in figures["cases"]}
    old = {case["model"]: case for case in earlier.get("cases", [])}
    merged = earlier | figures
    merged["cases"] = [new.get(name) or old[name] for name in TASKS if name in new or name in old]
    return merged


if __name__ == "__main__":
    main()
