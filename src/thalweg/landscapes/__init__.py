"""Functions of two variables with known minima, on any array library."""

from thalweg.landscapes.base import Kind, Landscape
from thalweg.landscapes.catalogue import LANDSCAPES, find_landscape, landscape_listing
from thalweg.landscapes.smoothing import gaussian_average, has_gaussian_average

__all__ = [
    "LANDSCAPES",
    "Kind",
    "Landscape",
    "find_landscape",
    "gaussian_average",
    "has_gaussian_average",
    "landscape_listing",
]
