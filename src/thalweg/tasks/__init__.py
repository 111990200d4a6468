"""Tasks: data, model, loss and metric, fixed together so that optimizers can be compared on them."""

from thalweg.tasks.base import Data, Metric, Target, Task

__all__ = ["Data", "Metric", "Target", "Task"]
