"""Initializers: where the weights and biases of a network start."""
