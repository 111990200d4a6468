"""Populations: many runs of one task trained as few calls of one compiled program."""
