"""Floors: the lowest readings of blocks of time, in blocks long enough to span the service's own release cycle."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from floodmark_sidecar.judge._types import FloatArray

MOST: Final = 64
"""Floors of one window; more only costs time, the noise between neighbours is correlated anyway."""

FEWEST: Final = 8
"""Below this many floors nothing can be said of noise."""

_READINGS_A_BLOCK: Final = 5
_CYCLES: Final = 1.25
"""Release cycles that a block spans."""

_FEWEST_BLOCKS: Final = 5
_OVERLAP: Final = 4
"""Where a block spans a cycle, blocks overlap so much: which lows they meet is then no matter of where they begin."""

_QUANTILE: Final = 0.03
"""A lower quantile than this is one odd reading; a higher one lets taller peaks lift the floor."""

_SAMPLES: Final = 2000
"""Readings that the search for cycles looks at; cycles that matter are far longer than a two-thousandth of a run."""


@dataclass(frozen=True)
class Floors:
    """Floors in order of time: `y` at the times `x` where they were read. `block` is the block's length in seconds."""

    x: FloatArray
    y: FloatArray
    block: float

    def __len__(self) -> int:
        return len(self.x)

    def part(self, start: float, end: float) -> "Floors":
        """Return the floors from *start* to *end*, both included."""
        inside = (self.x >= start) & (self.x <= end)
        return Floors(self.x[inside], self.y[inside], self.block)


def take_floors(x: FloatArray, y: FloatArray, *, most: int = MOST) -> Floors:
    """Return the floors of the readings *y* at the sorted times *x*.

    Blocks with less than half of the readings that a full one would have are left out. O(n log n).
    """
    span = float(x[-1] - x[0]) if len(x) else 0.0
    if span <= 0:
        return Floors(x[:1], y[:1], 0.0)
    count = int(np.clip(len(x) // _READINGS_A_BLOCK, FEWEST, most))
    cycle = release_cycle(x, y)
    # A cycle that leaves too few blocks cannot be looked past: it stays in the noise, and is judged so.
    if cycle is not None and span / count < _CYCLES * cycle <= span / _FEWEST_BLOCKS:
        block = _CYCLES * cycle
        floors = _of_blocks(x, y, block=block, stride=max(block / _OVERLAP, span / most))
        if len(floors) >= FEWEST:
            return floors
    return _of_blocks(x, y, block=span / count, stride=span / count)


def _of_blocks(x: FloatArray, y: FloatArray, *, block: float, stride: float) -> Floors:
    span = float(x[-1] - x[0])
    starts = x[0] + np.arange(0.0, span - block + stride / 2, stride)
    first, last = np.searchsorted(x, starts), np.searchsorted(x, starts + block)
    last[-1] = len(x)
    fewest = len(x) * block / span / 2
    lows = [
        _low(y, start, stop)
        for start, stop in zip(first.tolist(), last.tolist(), strict=True)
        if stop - start >= fewest
    ]
    index = np.unique(np.array(lows, np.intp))
    return Floors(x[index], y[index], block)


def _low(y: FloatArray, start: int, stop: int) -> int:
    """Return where, from *start* to *stop*, the low quantile of *y* is."""
    values = y[start:stop]
    rank = int(_QUANTILE * len(values))
    return start + int(np.argpartition(values, rank)[rank] if rank else values.argmin())


def release_cycle(x: FloatArray, y: FloatArray) -> float | None:
    """Return the usual seconds between two lows that large releases leave behind, or None without two such lows."""
    stride = max(1, len(x) // _SAMPLES)
    times, values = x[::stride], y[::stride]
    if len(values) < 2 * FEWEST:
        return None
    noise = 1.4826 * float(np.median(np.abs(np.diff(values)))) / np.sqrt(2)
    level = values - np.polyval(np.polyfit(times - times[0], values, 1), times - times[0])
    low, high = np.quantile(level, [0.05, 0.95])
    lows = _lows(values, max(6 * noise, 0.5 * float(high - low)))
    return float(np.quantile(np.diff(times[lows]), 0.8)) if len(lows) >= 3 else None


def _lows(values: FloatArray, swing: float) -> list[int]:
    """Return where the lows are between rises of at least *swing* and the falls before them."""
    lows: list[int] = []
    if swing <= 0:
        return lows
    falling, top, bottom = False, 0, 0
    points = values.tolist()
    for i, value in enumerate(points):
        if falling:
            if value < points[bottom]:
                bottom = i
            elif value > points[bottom] + swing:
                lows.append(bottom)
                falling, top = False, i
        elif value > points[top]:
            top = i
        elif value < points[top] - swing:
            falling, bottom = True, i
    if falling:
        lows.append(bottom)
    return lows
