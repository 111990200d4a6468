"""Two processes train as one does: DDP, and FSDP2 with parameters in pieces."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch_processes import WORLD, representatives, work


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each process found."""
    folder = str(tmp_path_factory.mktemp("processes"))
    torch.multiprocessing.start_processes(work, (folder,), nprocs=WORLD, start_method="spawn")
    return [torch.load(Path(folder, f"{rank}.pt")) for rank in range(WORLD)]


@pytest.mark.parametrize("name", sorted(representatives()))
def test_two_processes_do_as_one(name: str, found: list[dict[str, Any]]) -> None:
    for result in found:
        assert isinstance(result[name], dict), result[name]
        for way, distance in result[name].items():
            assert distance <= 1e-9, f"{way}: {distance}"  # gradients are summed in another order


@pytest.mark.parametrize("name", ["adam", "nesterov", "muon", "swats"])
def test_sharded_states_go_round(name: str, found: list[dict[str, Any]]) -> None:
    assert all(result["resumed"][name] == 0.0 for result in found)
