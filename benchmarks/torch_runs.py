"""The loop that people write: one network after another with torch.optim, on digits; prints seconds as JSON.

``python benchmarks/torch_runs.py STEPS RUNS_PER_OPTIMIZER``; used by ``end_to_end.py``.
"""

import json
import sys
import time

import numpy as np
import torch
from sklearn.datasets import load_digits

MAKERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.05),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-3),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-3),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-3),
    "nadam": lambda p: torch.optim.NAdam(p, lr=1e-3),
}


def main() -> None:
    """Train and print ``{"runs", "seconds"}``."""
    steps, each = int(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(1)
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    data, labels = torch.tensor(x[order], dtype=torch.float32) / 16, torch.tensor(y[order])
    train, held = (data[:1079], labels[:1079]), (data[1079:1438], labels[1079:1438])
    began, runs = time.perf_counter(), 0
    for make in MAKERS.values():
        for seed in range(each):
            _train(make, train, held, steps, seed)
            runs += 1
    print(json.dumps({"runs": runs, "seconds": time.perf_counter() - began}))


def _train(make, train, held, steps: int, seed: int) -> list[float]:
    torch.manual_seed(seed)
    model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10))
    optimizer = make(model.parameters())
    loss_of = torch.nn.functional.cross_entropy
    curve, per_epoch = [], len(train[0]) // 32
    for step in range(steps):
        if step % per_epoch == 0:
            order = torch.randperm(len(train[0]))
        rows = order[step % per_epoch * 32 : step % per_epoch * 32 + 32]
        optimizer.zero_grad()
        loss = loss_of(model(train[0][rows]), train[1][rows])
        loss.backward()
        optimizer.step()
        curve.append(loss.item())
        if step % per_epoch == per_epoch - 1:
            with torch.no_grad():
                out = model(held[0])
                curve.append(loss_of(out, held[1]).item())
                curve.append((out.argmax(1) == held[1]).float().mean().item())
    return curve


if __name__ == "__main__":
    main()
