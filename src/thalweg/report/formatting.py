"""Numbers and names as people read them: never more digits than the interval supports."""

import datetime
import html
import math
import re

from thalweg.records.summary import Interval

__all__ = [
    "MISSING",
    "clean_interval",
    "day",
    "duration",
    "escape",
    "estimate",
    "finite",
    "interval_decimals",
    "join_words",
    "mean_only",
    "number",
    "percent",
    "rank_text",
    "seconds_per_step",
    "setting",
    "share",
    "shorten",
    "steps",
]

MISSING = "–"
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_SMALL_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def finite(value: float | None) -> float | None:
    """Return ``value`` as a float, or None if it is missing, infinite or not a number."""
    return float(value) if value is not None and math.isfinite(value) else None


def clean_interval(interval: Interval) -> tuple[float | None, float | None, float | None]:
    """Return mean, low and high; both ends are None unless both are finite and in order."""
    mean, low, high = finite(interval.mean), finite(interval.low), finite(interval.high)
    if mean is None or low is None or high is None or low > high:
        return mean, None, None
    return mean, low, high


def escape(text: object) -> str:
    """Return any text safe inside HTML and SVG, as content or as a quoted attribute.

    Example:
        >>> escape('<script>"')
        '&lt;script&gt;&quot;'
    """
    return html.escape(_FORBIDDEN.sub("�", str(text)), quote=True)


def shorten(text: str, length: int) -> str:
    """Return ``text`` with its middle left out where it is longer than ``length`` characters.

    Example:
        >>> shorten("./rules/my_rule.py:MyRule", 15)
        './rules…:MyRule'
    """
    if len(text) <= length:
        return text
    tail = (length - 1) // 2
    return f"{text[: length - 1 - tail]}…{text[-tail:]}"


def day(created: str) -> str:
    """Return an ISO 8601 time as people write it, or the text itself where it is none.

    Example:
        >>> day("2026-11-21T11:17:54+00:00")
        '21 November 2026, 11:17 UTC'
    """
    try:
        moment = datetime.datetime.fromisoformat(created)
    except ValueError:
        return created
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.UTC)
    zone = " UTC" if moment.tzinfo is not None else ""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}, {moment:%H:%M}{zone}"


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with ``digits`` significant digits, e.g. ``0.00316`` or ``1e-8``.

    Example:
        >>> number(0.0031623), number(1e-8), number(12345.6), number(0.9)
        ('0.00316', '1e-8', '12300', '0.9')
    """
    value = finite(value)
    if value is None:
        return MISSING
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    magnitude = int(exponent)
    if -4 <= magnitude < 6:
        shown = f"{float(f'{mantissa}e{exponent}'):.{max(digits - 1 - magnitude, 0)}f}"
        return _trimmed(shown)
    return f"{_trimmed(mantissa)}e{magnitude}"


def setting(value: float | None) -> str:
    """Return a hyperparameter's value; near one, with two significant digits of its distance to one.

    Example:
        >>> setting(0.9), setting(0.99976), setting(0.0031623)
        ('0.9', '0.99976', '0.00316')
    """
    known = finite(value)
    if known is None or not 0.9 < known < 1:
        return number(value)
    return _trimmed(f"{known:.{1 - math.floor(math.log10(1 - known))}f}")


def _trimmed(shown: str) -> str:
    """Return a decimal number without trailing zeros, with a true minus sign."""
    shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    return shown.replace("-", "−")


def interval_decimals(interval: Interval) -> int | None:
    """Return the decimals that the half-width of an interval supports, or None without a width.

    Example:
        >>> interval_decimals(Interval(0.9711, 0.965, 0.978))
        3
    """
    _, low, high = clean_interval(interval)
    if low is None or high is None or high <= low:
        return None
    return max(0, -math.floor(math.log10(max(high / 2 - low / 2, 5e-324))))


def _fixed(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        text = text.replace("-", "")
    return text.replace("-", "−")


def estimate(interval: Interval, missing: str = MISSING, signed: bool = False) -> str:
    """Return an estimate with its interval: one digit more for the mean than for the ends.

    Example:
        >>> estimate(Interval(0.97112, 0.9652, 0.9779))
        '0.9711 [0.965, 0.978]'
        >>> estimate(Interval(0.97112, None, None))
        '0.9711'
    """
    mean, low, high = clean_interval(interval)
    if mean is None:
        return missing
    plus = "+" if signed and mean > 0 else ""
    decimals = interval_decimals(interval)
    if decimals is None or decimals > 6 or low is None or high is None:
        tail = "" if low is None or low == high else f" [{number(low)}, {number(high)}]"
        return f"{plus}{number(mean, 4)}{tail}"
    return f"{plus}{_fixed(mean, decimals + 1)} [{_fixed(low, decimals)}, {_fixed(high, decimals)}]"


def mean_only(interval: Interval, missing: str = MISSING) -> str:
    """Return the mean alone, with the decimals its interval supports (three digits without one)."""
    mean, *_ = clean_interval(interval)
    decimals = interval_decimals(interval)
    if mean is None:
        return missing
    return number(mean, 3) if decimals is None or decimals > 6 else _fixed(mean, decimals)


def percent(interval: Interval) -> str:
    """Return the mean of an interval of shares in per cent, e.g. ``97.1 %``."""
    mean, low, high = clean_interval(interval)
    if mean is None:
        return MISSING
    scaled = Interval(100 * mean, None if low is None else 100 * low, None if high is None else 100 * high)
    decimals = interval_decimals(scaled)
    return f"{_fixed(100 * mean, 1 if decimals is None else min(decimals, 2))} %"


def share(value: float | None) -> str:
    """Return a share in per cent that says 0 or 100 only where it is exactly so.

    Example:
        >>> share(0.0), share(0.001), share(0.314), share(0.999), share(1.0)
        ('0 %', '< 1 %', '31 %', '> 99 %', '100 %')
    """
    value = finite(value)
    if value is None:
        return MISSING
    if 0 < value < 0.005:
        return "< 1 %"
    if 0.995 <= value < 1:
        return "> 99 %"
    return f"{100 * value:.0f} %"


def steps(value: float | None) -> str:
    """Return a number of steps with its thousands apart, e.g. ``12,400``."""
    value = finite(value)
    return MISSING if value is None else f"{value:,.0f}"


def duration(value: float | None) -> str:
    """Return seconds with a fitting unit and three significant digits at most.

    Example:
        >>> duration(3.412e-5), duration(0.25), duration(7.04), duration(95), duration(7300)
        ('34 µs', '250 ms', '7 s', '1 min 35 s', '2 h 1 min')
    """
    value = finite(value)
    if value is None or value < 0:
        return MISSING
    if value == 0:
        return "0 s"
    whole = round(value)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    if whole >= 60:
        return f"{whole // 60} min {whole % 60} s"
    size, unit = next(((s, u) for s, u in _SMALL_UNITS if value >= s * 0.9995), _SMALL_UNITS[-1])
    return f"{number(value / size, 2 if value / size < 100 else 3)} {unit}"


def seconds_per_step(value: float | None) -> str:
    """Return the time of one step, e.g. ``34 µs``."""
    return duration(value)


def rank_text(rank: tuple[int, int]) -> str:
    """Return a rank interval, e.g. ``1–3``, or ``2`` if it is certain."""
    return str(rank[0]) if rank[0] == rank[1] else f"{rank[0]}–{rank[1]}"


def join_words(words: list[str], last: str = "and") -> str:
    """Return words as an English list.

    Example:
        >>> join_words(["adam", "sgd", "momentum"])
        'adam, sgd and momentum'
    """
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
