"""Round places on an axis of time or bytes, and what to write there: for the chart in a terminal and for pictures."""

import math
from typing import Final

_TIMES: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_SIZES: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")

_NEARLY: Final = 0.02
"""Share of a step by which the last place may be beyond the end."""

Ticks = list[tuple[float, str]]


def time_ticks(end: float, most: int) -> Ticks:
    """Return up to *most* + 1 places between 0 and *end* seconds, in one unit: `0 h`, `6 h`, `12 h`."""
    step = next((step for step in _TIMES if end / step <= most), 86400 * math.ceil(end / 86400 / most))
    # The largest unit that the run is long enough for and whose multiples all steps are.
    unit, name = next((unit, name) for unit, name in _UNITS if unit == 1 or (end >= 2 * unit and step % unit == 0))
    # A run of 24 hours ends with its last reading, a little before.
    return [(float(i * step), f"{i * step // unit} {name}") for i in range(math.floor(end / step + _NEARLY) + 1)]


def size_ticks(low: float, high: float, most: int) -> Ticks:
    """Return up to *most* + 1 round sizes from *low* to *high* bytes, in one unit: `210 MiB`, `220 MiB`."""
    power = min(len(_SIZES) - 1, max(0, math.floor(math.log(max(high, 1.0), 1024))))
    return [
        (place * 1024**power, f"{label} {_SIZES[power]}")
        for place, label in _round(low / 1024**power, high / 1024**power, most)
    ]


def count_ticks(low: float, high: float, most: int) -> Ticks:
    """Return up to *most* + 1 round numbers from *low* to *high*."""
    return _round(low, high, most)


def _round(low: float, high: float, most: int) -> Ticks:
    least = max(high - low, 1e-9) / most
    scale = 10.0 ** math.floor(math.log10(least))
    step = next(scale * times for times in (1, 2, 2.5, 5, 10, 20) if scale * times >= least * (1 - 1e-9))
    digits = max(0, -math.floor(math.log10(step) + 1e-9) + (step / scale == 2.5))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(i * step, f"{i * step:,.{digits}f}") for i in range(first, last + 1)]
