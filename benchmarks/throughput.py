"""Member-steps per second of a population against a torch loop and hand-written JAX with optax.

Run it on an idle machine: ``python benchmarks/throughput.py [--rounds 7] [--only mlp]``. Every
contender trains the same 64 members (Adam, 64 learning rates, one seed, the same minibatches) and
records the loss of every step; compilation is excluded. The torch loop trains ``--torch-members`` of them
one after another, as one does, and is scaled up. Contenders take turns; ratios are medians over rounds.
"""

import argparse
import itertools
import os
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

os.environ.setdefault("THALWEG_CACHE", "/tmp/thalweg-benchmark-cache")

from thalweg.training.devices import prepare_jax

prepare_jax()

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402
import torch  # noqa: E402
from jax.sharding import Mesh, PartitionSpec  # noqa: E402

import harness  # noqa: E402
from thalweg.optimizers import Adam  # noqa: E402
from thalweg.optimizers.lift import state_bytes_per_parameter  # noqa: E402
from thalweg.records import OptimizerSpec, RunSpec  # noqa: E402
from thalweg.tasks import Data, Task  # noqa: E402
from thalweg.tasks.base import STATE, Context  # noqa: E402
from thalweg.tasks.catalogue import load_task, task_data  # noqa: E402
from thalweg.training.batches import batch_rows  # noqa: E402
from thalweg.training.plan import Plan, choose_plan  # noqa: E402
from thalweg.training.population import Engine, Member  # noqa: E402

MEMBERS = 64


@dataclass(frozen=True)
class Case:
    """One model to train."""

    name: str
    task: Task
    data: Data
    batch: int
    steps: int
    torch_model: Any
    members: int = MEMBERS

    @cached_property
    def rates(self) -> np.ndarray:
        """Learning rates, one per member."""
        return np.logspace(-4, -2, self.members).astype(np.float32)


def wide_perceptron() -> tuple[Task, Data]:
    """Return a 784-128-10 perceptron on random images of 10 classes; only the speed matters."""
    rng = np.random.default_rng(0)

    def split(n: int) -> dict[str, np.ndarray]:
        return {"x": rng.normal(size=(n, 784)).astype(np.float32), "y": rng.integers(0, 10, n).astype(np.int32)}

    def init(key: Any) -> Any:
        a, b = jax.random.split(key)
        return {
            "w1": jax.random.normal(a, (784, 128)) * (2 / 784) ** 0.5,
            "b1": jnp.zeros(128),
            "w2": jax.random.normal(b, (128, 10)) * (2 / 128) ** 0.5,
            "b2": jnp.zeros(10),
        }

    def loss(p: Any, batch: Any) -> Any:
        z = jax.nn.relu(batch["x"] @ p["w1"] + p["b1"]) @ p["w2"] + p["b2"]
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(z, batch["y"]))

    data = Data(split(8192), split(256), split(256))
    return Task("wide", init, loss, data), data


def torch_perceptron(widths: tuple[int, ...]) -> Any:
    """Return a function that makes a fresh torch perceptron."""

    def make() -> torch.nn.Module:
        layers: list[torch.nn.Module] = []
        for a, b in itertools.pairwise(widths):
            layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
        return torch.nn.Sequential(*layers[:-1])

    return make


def torch_network() -> torch.nn.Module:
    """Return the torch twin of ``digits-cnn``."""
    return torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 8, 8)),
        torch.nn.Conv2d(1, 8, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 16, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(64, 10),
    )


def cases(steps: dict[str, int]) -> list[Case]:
    """Return the models measured."""
    digits, network = load_task("digits").task, load_task("digits-cnn").task
    wide, wide_data = wide_perceptron()
    return [
        Case("mlp 64-32-10, batch 32", digits, task_data(digits), 32, steps["mlp"], torch_perceptron((64, 32, 10))),
        Case("mlp 784-128-10, batch 128", wide, wide_data, 128, steps["wide"], torch_perceptron((784, 128, 10))),
        Case("cnn on 8x8 digits, batch 32", network, task_data(network), 32, steps["cnn"], torch_network),
    ]


def torch_loop(case: Case, members: int) -> Any:
    """Return the eager loop: one network after another, torch.optim.Adam with its defaults."""
    torch.set_num_threads(1)
    x = torch.from_numpy(np.asarray(case.data.train["x"]).reshape(len(case.data.train["x"]), -1))
    y = torch.from_numpy(np.asarray(case.data.train["y"])).long()
    rows = torch.from_numpy(batch_rows(0, len(x), case.batch, 0, case.steps)).long()

    def run() -> None:
        for rate in case.rates[:members]:
            model = case.torch_model()
            optimizer = torch.optim.Adam(model.parameters(), lr=float(rate))
            losses = []
            for index in rows:
                optimizer.zero_grad()
                loss = torch.nn.functional.cross_entropy(model(x[index]), y[index])
                loss.backward()
                optimizer.step()
                losses.append(loss.item())

    return run


def gradient_of(task: Task) -> Any:
    """Return ``(trained, kept, batch) -> ((loss, kept), gradient)``; ``kept`` are running averages, or nothing."""

    def loss(trained: Any, kept: Any, batch: Any) -> tuple[Any, Any]:
        if not kept:
            return task.loss(trained, batch), kept
        assert task.training_loss is not None
        value, state = task.training_loss({**trained, **kept}, batch, Context(None, None, None, None))
        return value, {STATE: state}

    return jax.value_and_grad(loss, has_aux=True)


def parted(params: Any) -> tuple[Any, Any]:
    """Return the trained parameters, and the model's own state where it has one."""
    return {k: v for k, v in params.items() if k != STATE}, {k: v for k, v in params.items() if k == STATE}


def hand_written(case: Case, chunk: int = 8) -> dict[str, Any]:
    """Return what an expert writes in JAX: one scan per member, mapped in four ways, or five if chunks are small."""
    train = {k: jnp.asarray(v) for k, v in case.data.train.items()}
    rows = jnp.asarray(batch_rows(0, len(next(iter(train.values()))), case.batch, 0, case.steps))
    start = case.task.init(jax.random.key(0))
    rates = jnp.asarray(case.rates)
    gradient_at = gradient_of(case.task)

    def train_one(rate: Any, start: Any, rows: Any, train: Any) -> Any:
        optimizer = optax.adam(rate)

        def step(carry: Any, index: Any) -> Any:
            params, kept, state = carry
            batch = jax.tree.map(lambda a: a[index], train)
            (loss, kept), gradient = gradient_at(params, kept, batch)
            updates, state = optimizer.update(gradient, state, params)
            return (optax.apply_updates(params, updates), kept, state), loss

        params, kept = parted(start)
        (params, kept, _), losses = jax.lax.scan(step, (params, kept, optimizer.init(params)), rows)
        return params, kept, losses

    every = jax.vmap(train_one, in_axes=(0, None, None, None))
    mesh = Mesh(np.array(jax.devices()), ("device",))
    split, whole = PartitionSpec("device"), PartitionSpec()

    def sharded(function: Any) -> Any:
        specs = (split, whole, whole, whole)
        return jax.shard_map(function, mesh=mesh, in_specs=specs, out_specs=split, check_vma=False)

    def chunked(size: int) -> Any:
        def run(rates: Any, start: Any, rows: Any, train: Any) -> Any:
            return jax.lax.map(lambda r: train_one(r, start, rows, train), rates, batch_size=size)

        return run

    def ready(function: Any, inputs: Any) -> Any:
        program = jax.jit(function)  # compiles in the round that is not counted
        return lambda: jax.block_until_ready(program(*inputs))

    inputs = (rates, start, rows, train)
    single = jax.jit(train_one)
    devices = f"over {len(jax.devices())} devices"
    ways = {
        "jax: scan, one by one": lambda: [jax.block_until_ready(single(rate, *inputs[1:])) for rate in rates],
        "jax: vmap": ready(every, inputs),
        f"jax: vmap {devices}": ready(sharded(every), inputs),
        f"jax: lax.map in chunks of {chunk}": ready(chunked(chunk), inputs),
    }
    if chunk < 8:
        ways[f"jax: lax.map one by one {devices}"] = ready(sharded(chunked(1)), inputs)
    return ways


def usual_plan(case: Case) -> Plan:
    """Return the lanes that fit the cache."""
    leaves = jax.tree.leaves(jax.eval_shape(case.task.init, jax.random.key(0)))
    size = sum(leaf.size for leaf in leaves) * 4
    activations = sum(8 * leaf.shape[-1] for leaf in leaves if leaf.ndim > 1) * case.batch
    touched = int(size * (2 + state_bytes_per_parameter(Adam()) / 4) + activations)
    return choose_plan(touched, [case.members], 1, len(jax.devices()))


def ours(case: Case, plan: Plan) -> Any:
    """Return the engine training the same members, evaluating once at the end."""
    examples = len(next(iter(case.data.train.values())))
    rules = [Adam(learning_rate=float(rate)) for rate in case.rates]
    members = [
        Member(RunSpec("", "", OptimizerSpec("adam", rule.values()), case.batch, case.steps, case.steps, 0), rule)
        for rule in rules
    ]
    engine = Engine(case.task, case.data, rules[:1], case.batch, case.steps, plan, shared=True)
    assert examples >= case.batch

    def run() -> None:
        for _ in engine.train(members):
            pass

    return run


def flops_per_member_step(case: Case) -> float:
    """Return the floating-point operations of one gradient, as the compiler counts them."""
    batch = {k: v[: case.batch] for k, v in case.data.train.items()}
    params, kept = parted(case.task.init(jax.random.key(0)))
    analysis = jax.jit(gradient_of(case.task)).lower(params, kept, batch).compile().cost_analysis()
    return float((analysis or {})["flops"])


def measure(case: Case, count: int, torch_members: int) -> dict[str, Any]:
    """Return the figures of one model."""
    plan = usual_plan(case)
    contenders = {
        "thalweg": ours(case, plan),
        **hand_written(case),
        "torch.optim loop": torch_loop(case, torch_members),
    }
    seconds = harness.rounds(contenders, count)
    seconds["torch.optim loop"] = [s * case.members / torch_members for s in seconds["torch.optim loop"]]
    total = case.members * case.steps
    jax_ratios = {n: harness.ratio(s, seconds["thalweg"]) for n, s in seconds.items() if n.startswith("jax")}
    flops, peak = flops_per_member_step(case), harness.matmul_peak()
    rate = total / median(seconds["thalweg"])
    return {
        "model": case.name,
        "members": case.members,
        "steps": case.steps,
        "plan": {"members": plan.members, "devices": plan.devices},
        "member-steps per second": {n: round(total / median(s)) for n, s in seconds.items()},
        "microseconds per member-step": {n: round(median(s) / total * 1e6, 2) for n, s in seconds.items()},
        "times faster than": {n: round(harness.ratio(s, seconds["thalweg"]), 2) for n, s in seconds.items()},
        "best hand-written alternative": min(jax_ratios, key=lambda n: jax_ratios[n]),
        "times faster than the best alternative": round(min(jax_ratios.values()), 2),
        "gradient FLOP per member-step": flops,
        "measured matmul peak, GFLOP/s": round(peak / 1e9, 1),
        "share of matmul peak": round(rate * flops / peak, 3),
    }


def main() -> None:
    """Measure and write ``results/throughput.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--torch-members", type=int, default=4)
    parser.add_argument("--only", default="")
    chosen = parser.parse_args()
    figures = harness.environment("thalweg", "jax", "optax", "torch", "numpy")
    figures["rounds"] = chosen.rounds
    figures["cases"] = []
    for case in cases({"mlp": 900, "wide": 40, "cnn": 60}):
        if chosen.only in case.name:
            figures["cases"].append(measure(case, chosen.rounds, chosen.torch_members))
            print(figures["cases"][-1])
    if not chosen.only:
        print(harness.write("throughput", figures))


if __name__ == "__main__":
    main()
