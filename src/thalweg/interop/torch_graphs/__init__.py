"""Graphs that ``torch.export`` makes of a PyTorch module, computed by JAX operation by operation."""

from thalweg.interop.torch_graphs.interpreter import Graph, UnknownOperationError, missing_operations

__all__ = ["Graph", "UnknownOperationError", "missing_operations"]
