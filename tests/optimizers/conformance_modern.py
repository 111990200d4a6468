"""The references of the elementwise rules of recent years."""

from collections.abc import Mapping

from conformance_entries import RuleTable

__all__ = ["MODERN"]

MODERN: Mapping[str, RuleTable] = {}
