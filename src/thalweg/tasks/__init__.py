"""Tasks: data, model, loss and metric, fixed together so that optimizers can be compared on them."""

from thalweg.tasks.base import Data, Metric, Target, Task
from thalweg.tasks.build import classification, regression
from thalweg.tasks.catalogue import LoadedTask, find_task, load_task, task_data, task_listing, task_names, task_version
from thalweg.tasks.choices import with_options
from thalweg.tasks.split import split, standardize

__all__ = [
    "Data",
    "LoadedTask",
    "Metric",
    "Target",
    "Task",
    "classification",
    "find_task",
    "load_task",
    "regression",
    "split",
    "standardize",
    "task_data",
    "task_listing",
    "task_names",
    "task_version",
    "with_options",
]
