"""The references of the full-batch methods with a line search."""

from collections.abc import Mapping

from conformance_entries import RuleTable

__all__ = ["MINIMIZERS"]

MINIMIZERS: Mapping[str, RuleTable] = {}
