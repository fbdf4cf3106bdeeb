"""Whether the memory in a trace can be bytes: MiB and KiB in a column of bytes are judged steady, whatever they do."""

from typing import Final

import numpy as np

from floodmark_sidecar.judge._rounds import rounds
from floodmark_sidecar.judge._trace import Trace
from floodmark_sidecar.judge._types import FloatArray
from floodmark_sidecar.units import format_bytes

LEAST: Final = 1 << 20
"""Bytes. An interpreter has more of its own before it runs its first line; only a forked one has less, while it idles."""

_MOST: Final = 1 << 47
"""Bytes that a process can address."""

_SMALL: Final = 16 << 20
"""Bytes, which a service has seldom, and in KiB one of 1 to 16 GiB."""

_PAGED: Final = 1024
"""Every size that Linux tells of is a multiple of this."""

_BY_CHANCE: Final = 0.01
"""Share of any numbers that are multiples by chance, and more: it is a thousandth, or of those in KiB a 256th."""

_UNITS: Final = ((8192.0, "KiB", 1 << 10), (8.0, "MiB", 1 << 20), (0.0, "GiB", 1 << 30))
"""From which number on a size is more likely to be of this unit than of the next one: 8 MiB is a small service."""


def sizes_problem(trace: Trace) -> str:
    """Say why the memory in *trace* cannot be bytes, and what it may be; nothing where it can. O(n).

    The largest process counts: beside a service there may be a shell. Where resident memory says that it is one that shares
    nearly all it has, and its own is in whole pages, less is believed.
    """
    used = trace.used
    size = _largest(trace, used)
    if size is None or LEAST <= size <= _MOST:
        return ""
    value = f"{size:,.0f}" if size >= 1000 else f"{size:.4g}"
    said = f"uss_bytes is {value} at the median, and no process has so"
    if size > _MOST:
        return f"{said} much memory: if it was bytes before it was multiplied, leave it so"
    resident = _largest(trace, trace.column("rss_bytes"))
    if size and resident is not None and resident >= LEAST and not _unpaged(used):
        return ""
    if not size:
        return f"{said} little memory: it was not measured"
    unit, times = next((unit, times) for least, unit, times in _UNITS if size >= least)
    return f"{said} little memory: if it is in {unit}, multiply it by {times:,}"


def sizes_doubt(trace: Trace) -> str:
    """Say that the memory in *trace* may be KiB, if it may: as small as few services, not in whole pages. O(n)."""
    used = trace.used
    size = _largest(trace, used)
    if size is None or not LEAST <= size < _SMALL or not _unpaged(used):
        return ""
    said = f"uss_bytes is {size:,.0f} at the median, {format_bytes(size)}, and not in whole KiB as sizes on Linux are"
    return f"{said}: if it is in KiB, multiply it by 1,024"


def notes_on_sizes(trace: Trace) -> list[str]:
    """Say how many readings are of nothing. O(n)."""
    nothing = np.count_nonzero(trace.used == 0)
    return [f"0 bytes are taken for not measured ({nothing:,} of uss_bytes)"] if nothing else []


def _largest(trace: Trace, values: FloatArray) -> float | None:
    """Return the median over time of the largest of *values* among the workers; None where none is known, 0 where all are."""
    known = values > 0
    if not known.any():
        return 0.0 if np.isfinite(values).any() else None
    t = rounds(trace.t, trace.worker)
    if not known.all():
        t, values = t[known], values[known]
    begins = np.flatnonzero(np.diff(t, prepend=-np.inf) > 0)
    return float(np.median(np.maximum.reduceat(values, begins)))


def _unpaged(values: FloatArray) -> bool:
    known = values[values > 0]
    return bool(np.count_nonzero(known % _PAGED == 0) <= _BY_CHANCE * len(known))
