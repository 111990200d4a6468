"""A comparison that takes a moment, as a program: ``python tiny_comparison.py STORE``.

It says what it does line by line, so that it can be killed at any point of its work, and at the end every
number of every run to the last bit.
"""

# ruff: noqa: T201 (what it prints is how it is watched)

import json
import sys

import jax.numpy as jnp
import numpy as np

import thalweg as tw
from thalweg.training.plan import Plan
from thalweg.training.progress import Progress

rng = np.random.default_rng(11)


def split(examples: int) -> dict[str, np.ndarray]:
    x = rng.normal(size=(examples, 5)).astype(np.float32)
    return {"x": x, "y": np.tanh(x @ np.array([1.0, -2.0, 3.0, 0.5, 0.0])).astype(np.float32)}


def init(key):
    import jax

    return {name: 0.3 * jax.random.normal(key, (5,)) for name in ("w", "v") if name in {"w", "v", "u"}}


def loss(params, batch):
    return jnp.mean((jnp.tanh(batch["x"] @ params["w"]) + 0.1 * batch["x"] @ params["v"] - batch["y"]) ** 2)


def tell(progress: Progress) -> None:
    print(progress.phase, progress.runs_done, flush=True)


def numbers(study: tw.study.Study) -> dict[str, str]:
    found = {}
    for run, result in study.runs():
        ends = (result.validation_loss, result.validation_metric, result.test_loss, result.test_metric)
        curves = "".join(part.tobytes().hex() for part in vars(result.curve).values())
        found[f"{run.contender} {run.role} {run.trial} {run.spec.seed}"] = f"{ends!r} {curves}"
    return found


def main() -> None:
    from thalweg.study import work

    work.choose_plan = lambda *_: Plan(members=5, windows=2, devices=1)
    data = tw.Data(split(40), split(20), split(20))
    task = tw.Task("tiny", init, loss, data, batch_size=8, epochs=4)
    study = tw.compare(task, ["sgd", "adam"], trials=2, store=sys.argv[1], watcher=tell)
    document = study.to_dict()
    document.pop("seconds")
    for row in document["leaderboard"]:
        row.pop("seconds_per_step")
    print(json.dumps({"document": document, "numbers": numbers(study), "version": study.record.spec.task_version}))


if __name__ == "__main__":
    main()
