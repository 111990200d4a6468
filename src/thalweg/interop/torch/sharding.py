"""Parameters that are spread over processes (DTensor), as FSDP2 makes them.

An elementwise rule acts on each process's own piece. Any other rule is given the whole array: the pieces are gathered,
every process computes the same update and keeps its piece, so the result is that of one process, at the price of
one whole array at a time (of all of them for a rule that acts on the whole tree).
"""

from typing import Any

import torch

__all__ = ["is_sharded", "piece", "spread_like", "whole"]


def is_sharded(tensor: Any) -> bool:
    """Return whether a tensor is a DTensor."""
    return hasattr(tensor, "device_mesh") and hasattr(tensor, "placements")


def piece(tensor: Any) -> Any:
    """Return this process's piece of a tensor, sharing its memory; the tensor itself if it is not sharded."""
    return tensor.to_local() if is_sharded(tensor) else tensor


def whole(tensor: Any) -> Any:
    """Return a tensor gathered from all processes; the tensor itself if it is not sharded."""
    return tensor.full_tensor() if is_sharded(tensor) else tensor


def spread_like(tensor: torch.Tensor, like: Any) -> Any:
    """Return a tensor with the placement of ``like``.

    Args:
        tensor: The whole array, the same in every process; or this process's piece if it has the piece's shape.
        like: A parameter.
    """
    from torch.distributed.tensor import DTensor, distribute_tensor

    if tensor.shape == like.to_local().shape and tensor.shape != like.shape:
        return DTensor.from_local(
            tensor, like.device_mesh, like.placements, run_check=False, shape=like.shape, stride=like.stride()
        )
    return distribute_tensor(tensor, like.device_mesh, like.placements, src_data_rank=None)
