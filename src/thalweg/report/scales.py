"""Axes without a picture: linear and logarithmic scales and where their ticks stand."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from thalweg.report.formatting import finite

__all__ = ["Scale", "fit_range", "linear_ticks", "log_ticks", "tick_labels"]

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Scale:
    """A map from values to picture coordinates.

    Attributes:
        low: Value at ``start``.
        high: Value at ``end``; above ``low``.
        start: Coordinate of ``low`` in pixels.
        end: Coordinate of ``high`` in pixels.
        log: Whether it is logarithmic; then ``low`` is positive.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the coordinate of a value; values outside lie outside."""
        if self.log:
            part = math.log(max(value, 1e-300) / self.low) / math.log(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)

    def clamped(self, value: float) -> float:
        """Return the coordinate of the nearest value inside."""
        return self(min(max(value, self.low), self.high))

    def ticks(self, count: int = 5) -> list[tuple[float, str]]:
        """Return about ``count`` round values with their labels."""
        values = log_ticks(self.low, self.high, count) if self.log else linear_ticks(self.low, self.high, count)
        return list(zip(values, tick_labels(values, self.log), strict=True))


def linear_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return round values within ``[low, high]``, 1, 2, 2.5 or 5 times a power of ten apart.

    Example:
        >>> linear_ticks(0.0, 1.0, 5)
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    raw = (high - low) / max(count, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{i * step:.12g}") for i in range(first, last + 1)]


def log_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return powers of ten within ``[low, high]``, or 1-2-5 or 1-3 steps over less than three decades.

    Example:
        >>> log_ticks(1e-4, 10, 3)
        [0.0001, 0.01, 1.0]
        >>> log_ticks(0.3, 4)
        [0.5, 1.0, 2.0]
    """
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if math.log10(high / low) >= 3:
        stride = max(1, math.ceil((last - first + 1) / max(count, 2)))
        return [float(f"1e{e}") for e in range(first, last + 1, stride)]
    for multiples in ((1, 2, 5), (1, 3), (1,)):
        fine = [float(f"{m}e{e}") for e in range(first - 2, last + 2) for m in multiples]
        fine = [value for value in fine if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        if 2 <= len(fine) <= count + 2:
            return fine
    return linear_ticks(low, high, count)


def tick_labels(values: list[float], log: bool) -> list[str]:
    """Return labels with as many decimals as tell the ticks apart; powers where a log axis is long."""
    if log and values and (max(values) >= 1e4 or min(values) < 1e-2) and all(_is_power(v) for v in values):
        return [_power_text(value) for value in values]
    if log:
        return [f"{value:g}" for value in values]
    if len(values) < 2:
        return [f"{value:g}".replace("-", "−") for value in values]
    step = min(b - a for a, b in pairwise(values))
    largest = max((abs(v) for v in values), default=0.0)
    if largest >= 1e6 or (largest > 0 and step < 1e-6):
        return [f"{value:.3g}".replace("-", "−") for value in values]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    if decimals and abs(round(step, decimals) - step) > 1e-9 * step:
        decimals += 1
    return [f"{value:,.{decimals}f}".replace("-", "−") for value in values]


def _is_power(value: float) -> bool:
    return abs(math.log10(value) - round(math.log10(value))) < 1e-9


def _power_text(value: float) -> str:
    exponent = round(math.log10(value))
    return {0: "1", 1: "10"}.get(exponent, "10" + str(exponent).translate(_SUPERSCRIPT))


def fit_range(values: Iterable[float | None], log: bool = False, margin: float = 0.05) -> tuple[float, float]:
    """Return the ends of an axis that holds all finite values (all positive ones if ``log``).

    A single value, or none, still gets an axis of positive length.
    """
    known = [v for value in values if (v := finite(value)) is not None and (v > 0 or not log)]
    low, high = (min(known), max(known)) if known else (0.1, 1.0)
    if log:
        factor = (high / low) ** margin if high > low * 1.0001 else 1.5
        return low / factor, high * factor
    pad = (high - low) * margin if high - low > 1e-9 * max(abs(low), abs(high), 1e-12) else max(abs(low) * 0.05, 1e-6)
    return low - pad, high + pad
