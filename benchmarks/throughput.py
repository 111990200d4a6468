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
from thalweg.tasks.catalogue import load_task, task_data  # noqa: E402
from thalweg.training.batches import batch_rows  # noqa: E402
from thalweg.training.plan import choose_plan  # noqa: E402
from thalweg.training.population import Engine, Member  # noqa: E402

MEMBERS = 64
RATES = np.logspace(-4, -2, MEMBERS).astype(np.float32)


@dataclass(frozen=True)
class Case:
    """One model to train."""

    name: str
    task: Task
    data: Data
    batch: int
    steps: int
    torch_model: Any


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
    x = torch.from_numpy(np.asarray(case.data.train["x"], np.float32).reshape(len(case.data.train["x"]), -1))
    y = torch.from_numpy(np.asarray(case.data.train["y"])).long()
    rows = torch.from_numpy(batch_rows(0, len(x), case.batch, 0, case.steps)).long()

    def run() -> None:
        for rate in RATES[:members]:
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


def hand_written(case: Case) -> dict[str, Any]:
    """Return what an expert writes in JAX: one scan per member, mapped in four ways."""
    train = {k: jnp.asarray(v) for k, v in case.data.train.items()}
    rows = jnp.asarray(batch_rows(0, len(next(iter(train.values()))), case.batch, 0, case.steps))
    start = case.task.init(jax.random.key(0))
    rates = jnp.asarray(RATES)

    def train_one(rate: Any, start: Any, rows: Any, train: Any) -> Any:
        optimizer = optax.adam(rate)

        def step(carry: Any, index: Any) -> Any:
            params, state = carry
            batch = jax.tree.map(lambda a: a[index], train)
            loss, gradient = jax.value_and_grad(case.task.loss)(params, batch)
            updates, state = optimizer.update(gradient, state, params)
            return (optax.apply_updates(params, updates), state), loss

        (params, _), losses = jax.lax.scan(step, (start, optimizer.init(start)), rows)
        return params, losses

    every = jax.vmap(train_one, in_axes=(0, None, None, None))
    mesh = Mesh(np.array(jax.devices()), ("device",))
    split, whole = PartitionSpec("device"), PartitionSpec()
    sharded = jax.shard_map(every, mesh=mesh, in_specs=(split, whole, whole, whole), out_specs=split, check_vma=False)

    def chunked(size: int) -> Any:
        def run(rates: Any, start: Any, rows: Any, train: Any) -> Any:
            return jax.lax.map(lambda r: train_one(r, start, rows, train), rates, batch_size=size)

        return run

    def ready(function: Any, inputs: Any) -> Any:
        program = jax.jit(function).lower(*inputs).compile()
        return lambda: jax.block_until_ready(program(*inputs))

    inputs = (rates, start, rows, train)
    single = jax.jit(train_one).lower(rates[0], *inputs[1:]).compile()
    return {
        "jax: scan, one by one": lambda: [jax.block_until_ready(single(rate, *inputs[1:])) for rate in rates],
        "jax: vmap": ready(every, inputs),
        f"jax: vmap over {len(jax.devices())} devices": ready(sharded, inputs),
        "jax: lax.map in chunks of 8": ready(chunked(8), inputs),
    }


def ours(case: Case) -> Any:
    """Return the engine training the same members, evaluating once at the end."""
    examples = len(next(iter(case.data.train.values())))
    rules = [Adam(learning_rate=float(rate)) for rate in RATES]
    members = [
        Member(RunSpec("", "", OptimizerSpec("adam", rule.values()), case.batch, case.steps, case.steps, 0), rule)
        for rule in rules
    ]
    leaves = jax.tree.leaves(jax.eval_shape(case.task.init, jax.random.key(0)))
    size = sum(leaf.size for leaf in leaves) * 4
    activations = sum(8 * leaf.shape[-1] for leaf in leaves if leaf.ndim > 1) * case.batch
    touched = int(size * (2 + state_bytes_per_parameter(rules[0]) / 4) + activations)
    plan = choose_plan(touched, [MEMBERS], 1, len(jax.devices()))
    engine = Engine(case.task, case.data, rules[:1], case.batch, case.steps, plan, shared=True)
    assert examples >= case.batch

    def run() -> None:
        for _ in engine.train(members):
            pass

    run.plan = plan  # type: ignore[attr-defined]
    return run


def flops_per_member_step(case: Case) -> float:
    """Return the floating-point operations of one gradient, as the compiler counts them."""
    batch = {k: v[: case.batch] for k, v in case.data.train.items()}
    params = case.task.init(jax.random.key(0))
    analysis = jax.jit(jax.value_and_grad(case.task.loss)).lower(params, batch).compile().cost_analysis()
    return float(analysis["flops"])


def measure(case: Case, count: int, torch_members: int) -> dict[str, Any]:
    """Return the figures of one model."""
    mine = ours(case)
    contenders = {
        "thalweg": mine,
        **hand_written(case),
        "torch.optim loop": torch_loop(case, torch_members),
    }
    seconds = harness.rounds(contenders, count)
    seconds["torch.optim loop"] = [s * MEMBERS / torch_members for s in seconds["torch.optim loop"]]
    total = MEMBERS * case.steps
    jax_ratios = {n: harness.ratio(s, seconds["thalweg"]) for n, s in seconds.items() if n.startswith("jax")}
    flops, peak = flops_per_member_step(case), harness.matmul_peak()
    rate = total / median(seconds["thalweg"])
    return {
        "model": case.name,
        "members": MEMBERS,
        "steps": case.steps,
        "plan": {"members": mine.plan.members, "devices": mine.plan.devices},
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
