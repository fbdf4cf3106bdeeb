"""Floors: the lowest readings of blocks of time, in blocks long enough to span the service's own release cycle."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from floodmark_sidecar.judge._curve import Step
from floodmark_sidecar.judge._cycle import release_cycle
from floodmark_sidecar.judge._jumps import find_jumps
from floodmark_sidecar.judge._ranks import smoothed
from floodmark_sidecar.judge._types import FloatArray, IntArray

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


@dataclass(frozen=True)
class Floors:
    """Floors in order of time: `y` at the times `x` where they were read. `block` is the block's length in seconds."""

    x: FloatArray
    y: FloatArray
    block: float

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def jumps(self) -> tuple[Step, ...]:
        """The rises from one floor to the next that were never undone, in order of time."""
        return find_jumps(self.x, self.y)

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
    # One reading alone is no floor: what a process shares for a moment with one that it forks is missing from its own.
    y = smoothed(y)
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
    full = last - first >= fewest
    index = _low(y, first[full], last[full])
    return Floors(x[index], y[index], block)


def _low(y: FloatArray, first: IntArray, last: IntArray) -> IntArray:
    """Return where the low quantiles of *y* are from each of *first* to its *last*; blocks of one length at once."""
    lengths = last - first
    lows = first.copy()
    for length in np.unique(lengths).tolist():
        alike = lengths == length
        blocks = y[first[alike][:, None] + np.arange(length)]
        rank = int(_QUANTILE * length)
        low = np.partition(blocks, rank, axis=1)[:, rank] if rank else blocks.min(axis=1)
        # Of equal readings the first, whatever order a partition leaves them in.
        lows[alike] += (blocks == low[:, None]).argmax(axis=1)
    return np.unique(lows)
