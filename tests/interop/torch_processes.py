"""What each of two processes does in the tests of distributed training."""

import copy
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as distributed

import thalweg.interop.torch as thalweg_torch
from thalweg.interop.torch.nested import leaves
from thalweg.interop.torch.points import looks_ahead
from thalweg.optimizers import OPTIMIZERS, lift

STEPS = 4
WORLD = 2


def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.Tanh(), torch.nn.Linear(7, 3)).double()


def batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return [(draw(8, 5), draw(8, 3)) for _ in range(STEPS)]


def train(network: Any, optimizer: torch.optim.Optimizer, part: slice) -> None:
    """Take one step per batch, on a part of it."""
    for x, y in batches():
        optimizer.zero_grad()
        loss = (network(x[part]) - y[part]).square().mean()
        loss.backward()
        optimizer.step()


def full(parameters: Sequence[Any]) -> list[torch.Tensor]:
    return [(p.full_tensor() if hasattr(p, "full_tensor") else p).detach() for p in parameters]


def compare(name: str, rank: int) -> dict[str, float]:
    """Return how far DDP and FSDP2 are from one process, for one rule."""
    from torch.distributed.fsdp import fully_shard
    from torch.nn.parallel import DistributedDataParallel

    share = slice(rank * 4, rank * 4 + 4)
    alone = model()
    train(alone, thalweg_torch.make(name, alone.parameters()), slice(None))
    wanted = full(list(alone.parameters()))
    found = {}
    replicated = DistributedDataParallel(model())
    train(replicated, thalweg_torch.make(name, replicated.parameters()), share)
    found["ddp"] = furthest(full(list(replicated.parameters())), wanted)
    sharded = model()
    for layer in (sharded[0], sharded[2], sharded):
        fully_shard(layer)
    optimizer = thalweg_torch.make(name, sharded.parameters())
    train(sharded, optimizer, share)
    found["fsdp"] = furthest(full(list(sharded.parameters())), wanted)
    return found


def resumed(name: str, rank: int) -> float:
    """Return how far a sharded optimizer that was saved and loaded is from one that went on."""
    from torch.distributed.fsdp import fully_shard

    share = slice(rank * 4, rank * 4 + 4)
    first, second = model(), model()
    fully_shard(first)
    fully_shard(second)
    a, b = (thalweg_torch.make(name, network.parameters()) for network in (first, second))
    train(first, a, share)
    b.load_state_dict(copy.deepcopy(a.state_dict()))
    with torch.no_grad():
        for x, y in zip(second.parameters(), first.parameters(), strict=True):
            x.copy_(y)
    train(first, a, share)
    train(second, b, share)
    return furthest(full(list(second.parameters())), full(list(first.parameters())))


def furthest(found: Sequence[torch.Tensor], wanted: Sequence[torch.Tensor]) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(found, wanted, strict=True))


def representatives() -> list[str]:
    """Return every rule that is not elementwise, and of the others one of each way in which they are kept in pieces."""
    found: dict[Any, str] = {}
    for name, rule_class in OPTIMIZERS.items():
        rule = rule_class.configured()
        if rule.needs:
            continue
        (state,) = lift.init_state(rule, [np.ones(3)]) if rule.elementwise else (name,)
        numbers = any(np.ndim(leaf) == 0 for leaf in leaves(state))
        found.setdefault((numbers, looks_ahead(rule)) if rule.elementwise else name, name)
    return list({*found.values(), "adam", "nesterov", "muon", "swats"})


def work(rank: int, folder: str) -> None:
    """Compare every rule that needs the gradient alone, and write down what was found."""
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    store = distributed.FileStore(f"{folder}/meeting", WORLD)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=WORLD)
    rules = sorted(representatives())
    found: dict[str, Any] = {}
    for name in rules:
        try:
            found[name] = compare(name, rank)
        except Exception as error:  # told to the test, which fails with it
            found[name] = repr(error)
            break
    found["resumed"] = {name: resumed(name, rank) for name in ("adam", "nesterov", "muon", "swats")}
    torch.save(found, Path(folder, f"{rank}.pt"))
    distributed.destroy_process_group()
