"""The references of the rules that precondition matrices."""

from collections.abc import Mapping

from conformance_entries import RuleTable

__all__ = ["MATRIX"]

MATRIX: Mapping[str, RuleTable] = {}
