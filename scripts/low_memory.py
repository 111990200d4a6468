"""Measure what an optimizer's state with fewer bits costs in loss, and write docs/low-memory.md from the figures.

Every rule has the learning rate of a grid that is best for it with a state in float32, over two seeds; with that rate
it is trained on ten fresh seeds with every form of storage. Runs of a seed share initial weights and minibatches, so
the loss gap of a form is the mean of paired differences. Adafactor stands beside them as a rule that
needs no form for being small. The bytes are those that the optimizers for PyTorch hold.

    python scripts/low_memory.py                         about three minutes on two busy cores
    python scripts/low_memory.py --epochs 2 --seeds 3 --json out.json
    python scripts/low_memory.py --page                  only write the page again, from the figures kept
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from thalweg.compression import FORMATS
from thalweg.optimizers.base import Rule
from thalweg.optimizers.catalogue import OPTIMIZERS
from thalweg.records import OptimizerSpec, RunResult, RunSpec
from thalweg.study.plan import protocol_for
from thalweg.study.statistics import draw, interval
from thalweg.study.workbench import ReadyTask, ready_task
from thalweg.training.devices import prepare_jax
from thalweg.training.plan import Plan
from thalweg.training.population import Engine, Member
from thalweg.training.recipe import recipe_of

ROOT = Path(__file__).parent.parent
FIGURES = ROOT / "benchmarks" / "results" / "low_memory.json"
PAGE = ROOT / "docs" / "low-memory.md"
TASK = "mnist1d"
GRIDS: Mapping[str, tuple[float, ...]] = {
    "adamw": (3e-4, 1e-3, 3e-3, 1e-2, 3e-2),
    "lion": (1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
    "momentum": (1e-2, 3e-2, 1e-1, 3e-1, 1.0),
    "adafactor": (1e-3, 3e-3, 1e-2, 3e-2, 1e-1),
}
STORED = ("adamw", "lion", "momentum")
TUNING_SEEDS, FIRST_FRESH_SEED = (1, 2), 100


def measure(epochs: int, seeds: int) -> dict[str, Any]:
    """Train everything and return the figures."""
    began = time.perf_counter()
    prepare_jax()
    ready = ready_task(TASK)
    rates = {name: best_rate(ready, epochs, name) for name in GRIDS}
    fresh = tuple(range(FIRST_FRESH_SEED, FIRST_FRESH_SEED + seeds))
    plain = trained(ready, epochs, [(rule(name, rate), fresh) for name, rate in rates.items()], "")
    rows = [row(name, rates[name], "", plain[name], plain[name]) for name in GRIDS]
    for form in FORMATS:
        found = trained(ready, epochs, [(rule(name, rates[name]), fresh) for name in STORED], form)
        rows += [row(name, rates[name], form, found[name], plain[name]) for name in STORED]
    order = list(GRIDS)
    rows.sort(key=lambda one: order.index(one["rule"]))
    schedule = ready.schedule(epochs)
    return {
        "task": TASK,
        "epochs": epochs,
        "steps": schedule.steps,
        "batch size": schedule.batch_size,
        "seeds": seeds,
        "seconds": round(time.perf_counter() - began, 1),
        "rows": rows,
    }


def rule(name: str, rate: float) -> Rule:
    """Return a rule with a learning rate that is taken as it is."""
    settings = {"step_size": "given", "parameter_scale": False} if name == "adafactor" else {}
    found = OPTIMIZERS[name]
    return found.configured(learning_rate=rate, **settings)


def best_rate(ready: ReadyTask, epochs: int, name: str) -> float:
    """Return the rate of the grid with the lowest mean validation loss, a diverged run being the worst."""
    losses = {}
    for rate in GRIDS[name]:
        runs = trained(ready, epochs, [(rule(name, rate), TUNING_SEEDS)], "")[name]
        losses[rate] = float(np.mean([run.validation_loss for run in runs]))
    return min(losses, key=lambda rate: losses[rate] if np.isfinite(losses[rate]) else np.inf)


ENGINES: dict[Any, Engine] = {}


def trained(
    ready: ReadyTask, epochs: int, asked: Sequence[tuple[Rule, Sequence[int]]], form: str
) -> dict[str, list[RunResult]]:
    """Return the runs of each rule on its seeds, with a form of storage for averages of every size."""
    schedule = ready.schedule(epochs)
    techniques = {"schedule.learning_rate": "cosine"}
    techniques |= {"state": f"state:smallest=1:format={form}"} if form else {}
    members = [
        Member(
            RunSpec(
                ready.task.name,
                ready.version,
                OptimizerSpec(one.name, one.values(), one.structure()),
                schedule.batch_size,
                schedule.steps,
                schedule.evaluate_every,
                seed,
                True,
                techniques,
            ),
            one,
        )
        for one, seeds in asked
        for seed in seeds
    ]
    rules = [one for one, _ in asked]
    key = (form, tuple(one.name for one in rules), epochs)
    if key not in ENGINES:
        plan = Plan(len(asked[0][1]), schedule.steps // schedule.evaluate_every, 1)
        features = recipe_of(techniques).features
        ENGINES[key] = Engine(
            ready.task, ready.data, rules, schedule.batch_size, schedule.evaluate_every, plan, features=features
        )
    results = {r.spec.fingerprint: r for batch in ENGINES[key].train(members) for r in batch}
    found: dict[str, list[RunResult]] = {one.name: [] for one in rules}
    for member in members:
        found[member.rule.name].append(results[member.spec.fingerprint])
    return found


def row(name: str, rate: float, form: str, runs: Sequence[RunResult], plain: Sequence[RunResult]) -> dict[str, Any]:
    """Return the figures of a rule with a form of storage: losses, gap to float32, bytes."""
    finished = all(run.status == "finished" for run in [*runs, *plain])
    gaps = [
        [getattr(a, what) - getattr(b, what) for a, b in zip(runs, plain, strict=True)] if finished else [np.nan]
        for what in ("test_loss", "test_metric")
    ]
    protocol = dataclasses.replace(protocol_for("quick", 32, 100, 10), confirmation_seeds=len(runs))
    loss, metric = (interval(np.array(one), draw(protocol, 0)) for one in gaps)
    return {
        "rule": name,
        "format": form,
        "learning rate": rate,
        "test loss": float(np.mean([run.test_loss for run in runs])),
        "accuracy": float(np.mean([run.test_metric for run in runs])),
        "loss gap": [loss.mean, loss.low, loss.high],
        "accuracy gap": [metric.mean, metric.low, metric.high],
        "diverged": sum(run.status == "diverged" for run in runs),
        "bytes per parameter": state_bytes(rule(name, rate), form),
    }


def state_bytes(one: Rule, form: str) -> float:
    """Return the bytes of state per parameter that the optimizer for PyTorch holds for a matrix of 512 × 512."""
    import torch

    from thalweg.interop.torch import make

    parameter = torch.nn.Parameter(torch.ones(512, 512))
    optimizer = make(one, [parameter], state_format=form or None)
    parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return sum(array.untyped_storage().nbytes() for array in arrays(optimizer.state[parameter])) / parameter.numel()


def arrays(kept: Any) -> list[Any]:
    """Return the tensors of a state."""
    values = kept.values() if isinstance(kept, dict) else kept if isinstance(kept, tuple | list) else None
    return [kept] if values is None else [array for value in values for array in arrays(value)]


INTRODUCTION = """# Low memory: what a state with fewer bits costs

An optimizer that keeps two averages in float32 needs 8 bytes beside every parameter, twice the parameter itself.
Averages of gradients bear fewer bits. Two forms are here, each rounded at random, so that the rounding is right on
average, or to nearest (`-nearest`):

- `bfloat16`: 2 bytes per number;
- `int8`: one byte per number and a float32 per block of 256, the largest absolute value s; the code c stands for
  s·(c/255)⁴, or ±s·(c/127)⁴ in blocks with negative numbers. No positive number of a second moment becomes zero.

The optimizers for PyTorch store their states so, for arrays of 4096 numbers or more:

```python
import torch

from thalweg.interop import torch as thalweg_torch

model = torch.nn.Linear(512, 512)
optimizer = thalweg_torch.AdamW(model.parameters(), lr=1e-3, state_format="int8")
model(torch.ones(1, 512)).sum().backward()
optimizer.step()
print(optimizer.state[model.weight]["v"]["codes"].dtype)
```

```text
torch.uint8
```

Rules whose state holds points, distances or factors of matrices refuse it, and so do those that keep nothing. A
parameter's averages are read into float32 for its step, so the memory in use during a step is larger by those of the
largest parameter. `state_dict` keeps them as they are stored, and a run that is taken up again goes on to the bit.
Parameters spread over processes are refused.

In Thalweg's own runs the technique [`state`](techniques.md#state) rounds the averages after every step as the storage
would, in float32 arrays: it saves nothing and shows what it would cost. With it `thalweg compare` answers whether a
task bears it; `smallest=1` rounds small arrays too:

```console shown
$ thalweg compare mnist1d --optimizers adamw --vary none,state:1:format=bfloat16,state:1:format=int8
```

## Measured
"""

NOTES = """
**Gap** is the mean difference in test loss (accuracy) to the same rule in float32 on the same seeds, in brackets its
95 % interval over the luck of the seed: below zero the shorter form had the lower loss. An interval that holds zero
is no proof that there is no gap, and about one in twenty is expected to miss by chance. Adafactor is no form of
another rule, so it has no gap; its step size is as given, not relative. Bytes are per parameter of a matrix of
512 × 512, measured on PyTorch's tensors, beside the parameter's own 4.

Figures and page are written by `python scripts/low_memory.py`; the figures with more digits are in
`benchmarks/results/low_memory.json`. One small network on one task: what a large one bears may differ.
"""


def page(figures: Mapping[str, Any]) -> str:
    """Return the page as Markdown."""
    told = (
        f"\n`{figures['task']}`, {figures['epochs']} epochs ({figures['steps']} steps of {figures['batch size']} "
        f"examples), cosine schedule, {figures['seeds']} fresh seeds; every array is\nrounded, the small ones too; the "
        "learning rate is the best of five for float32.\n\n"
    )
    lines = [
        "| rule | state | bytes | rate | test loss | gap [95 %] | accuracy | gap [95 %] |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in figures["rows"]:
        form = f"`{one['format']}`" if one["format"] else "float32"
        gaps = [spread(one[key]) if one["format"] else "" for key in ("loss gap", "accuracy gap")]
        cells = [f"{one['rule']}", form, f"{one['bytes per parameter']:.3g}", f"{one['learning rate']:g}"]
        cells += [f"{one['test loss']:.4f}", gaps[0], f"{one['accuracy']:.4f}", gaps[1]]
        lines.append("| " + " | ".join(cells) + " |")
    return INTRODUCTION + told + "\n".join(lines) + "\n" + NOTES


def spread(values: Sequence[float | None]) -> str:
    """Return an estimate with its interval."""
    mean, low, high = values
    if mean is None or low is None or high is None:
        return "diverged"
    return f"{mean:+.4f} [{low:+.4f}, {high:+.4f}]".replace("-", "−")


def main() -> None:
    """Measure, keep the figures and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--json", type=Path, help="where the figures go; by default they are kept for the page")
    parser.add_argument("--page", action="store_true", help="train nothing; write the page from the figures kept")
    options = parser.parse_args()
    figures = json.loads(FIGURES.read_text()) if options.page else measure(options.epochs, options.seeds)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
        return
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    PAGE.write_text(page(figures))


if __name__ == "__main__":
    main()
