"""The references of the rules that scale by norms, find their own rate, or need no schedule."""

from collections.abc import Mapping

from conformance_entries import RuleTable

__all__ = ["SCALED"]

SCALED: Mapping[str, RuleTable] = {}
