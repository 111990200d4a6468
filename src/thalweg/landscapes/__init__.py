"""Functions of two variables with known minima, on any array library."""

from thalweg.landscapes.base import Kind, Landscape
from thalweg.landscapes.catalogue import LANDSCAPES, find_landscape, landscape_listing

__all__ = ["LANDSCAPES", "Kind", "Landscape", "find_landscape", "landscape_listing"]
