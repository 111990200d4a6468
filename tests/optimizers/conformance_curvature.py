"""The references of the rules that need more than the gradient."""

from collections.abc import Mapping

from conformance_entries import RuleTable

__all__ = ["CURVATURE"]

CURVATURE: Mapping[str, RuleTable] = {}
