"""Thalweg: a workbench for the optimization of neural networks."""
