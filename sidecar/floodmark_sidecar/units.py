"""Durations, sizes and rates as people write them: `90s`, `1h30m`, `512MiB`, `2MiB/day`."""

import math
import re
from typing import Final

from floodmark_sidecar.errors import UsageError

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST: Final = 3650 * 86400.0
_DAY: Final = 86400
_PERIODS: Final = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "hour": 3600.0, "d": 86400.0, "day": 86400.0}
_BYTES: Final = {
    "B": 1,
    "kB": 1000,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "TiB": 1024**4,
}
_PART: Final = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)\s*")
_PARTS: Final = re.compile(rf"(?:{_PART.pattern})+")


def parse_duration(text: str) -> float:
    """Return the seconds that *text* stands for: `90s`, `3m`, `24h`, `30d`, `250ms`, or several of them, the largest unit
    first: `1h30m`, `2 min 30 s`. From a millisecond to ten years.
    """
    parts = list(_PART.finditer(text)) if _PARTS.fullmatch(text) else []
    sizes = [_SECONDS.get(part[2], 0.0) for part in parts]
    falling = all(former > size > 0 for former, size in zip([math.inf, *sizes], sizes, strict=False))
    if not parts or not falling:
        msg = f"{text!r} is not a duration such as 90s, 3m, 24h, 1h30m or 30d"
        raise UsageError(msg)
    seconds = sum(float(part[1]) * size for part, size in zip(parts, sizes, strict=True))
    if not 0.001 <= seconds <= _LONGEST:
        msg = f"a duration must be at least 1ms and at most 3650d (got {text!r})"
        raise UsageError(msg)
    return seconds


def parse_size(text: str) -> int:
    """Return the bytes that *text* (`512MiB`, `2GB`) stands for; less than 2^63, which is what a file can have."""
    size = _quantity(text, _BYTES, "a size such as 64KiB, 512MiB or 2GiB")
    if size >= 2**63:
        msg = f"a size must be less than 8388608TiB (got {text!r})"
        raise UsageError(msg)
    return round(size)


def parse_rate(text: str) -> float:
    """Return the bytes per second that *text* (`2MiB/day`, `1MiB/h`) stands for; less than 2^63."""
    size, slash, period = text.partition("/")
    if not slash or period.strip() not in _PERIODS:
        msg = f"{text!r} is not a rate such as 2MiB/day or 1MiB/h"
        raise UsageError(msg)
    rate = _quantity(size, _BYTES, "a rate such as 2MiB/day") / _PERIODS[period.strip()]
    if rate >= 2**63:
        msg = f"a rate must be less than 8388608TiB/s (got {text!r})"
        raise UsageError(msg)
    return rate


def format_bytes(count: float) -> str:
    """Return *count* bytes in the largest binary unit that keeps it readable: `512 B`, `3.4 KiB`, `1.2 GiB`."""
    value, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(value) < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "B" or abs(value) >= 100 else f"{value:.1f} {unit}"


def format_no_less(count: float) -> str:
    """Return *count* bytes as `format_bytes` does, rounded up: who asks for what it says gets *count* or more."""
    text = format_bytes(count)
    number, unit = text.split()
    step = 0.1 if "." in number else 1.0
    if float(number) * _BYTES[unit] < count:
        text = format_bytes((float(number) + step) * _BYTES[unit])
    return text


def format_between(low: float, high: float, per: str = "") -> str:
    """Return the interval from *low* to *high* bytes in one unit, with the digits that tell its ends apart, and *per* behind
    it: `between 0.99 and 1.02 MiB/h`; `close to 1.0 MiB/h` where a few more digits would not.
    """
    number, unit = format_bytes(max(abs(low), abs(high))).split()
    size = _BYTES[unit]
    digits = len(number.partition(".")[2])
    for more in range(digits, digits + 1 if unit == "B" else digits + 3):
        ends = [f"{end / size:.{more}f}" for end in (low, high)]
        if ends[0] != ends[1]:
            return f"between {ends[0]} and {ends[1]} {unit}{per}"
    return f"close to {format_bytes((low + high) / 2)}{per}"


def format_rate(bytes_per_second: float) -> str:
    """Return a growth rate per hour: `+3.4 MiB/h`."""
    text = format_bytes(bytes_per_second * 3600)
    return f"{'' if text.startswith('-') else '+'}{text}/h"


def format_duration(seconds: float) -> str:
    """Return *seconds* in the two largest units that matter: `42 s`, `2 min 30 s`, `23 h 59 min`."""
    total: int = round(seconds)
    if total < 60:
        return f"{seconds:.1f} s" if seconds < 10 and seconds != total else f"{total} s"
    if total >= _DAY:
        # An hour is much of a day: what is nearly the next one is that.
        total = round(total / 3600) * 3600
    for size, name, small, small_name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if total >= size:
            rest = total % size // small
            return f"{total // size} {name}" + (f" {rest} {small_name}" if rest else "")
    raise AssertionError


def _quantity(text: str, units: dict[str, float] | dict[str, int], wanted: str) -> float:
    match = _PART.fullmatch(text)
    if match is None or match[2] not in units:
        msg = f"{text!r} is not {wanted}"
        raise UsageError(msg)
    return float(match[1]) * units[match[2]]
