"""Techniques: what is done to gradients, weights and the order of examples while a network is trained."""
