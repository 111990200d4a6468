"""Schedules: how a hyperparameter changes along a run."""
