"""Growth that ended before the part that was judged: a cache that is full looks like a limit that was reached."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from floodmark_sidecar.judge._finding import Finding
from floodmark_sidecar.judge._jumps import without
from floodmark_sidecar.judge._ranks import median
from floodmark_sidecar.judge._warmup import LEAST

_LONG: Final = 1800.0
"""Seconds that growth goes on for before anybody has to hear of it: a service may take minutes to start."""

_ALL: Final = 0.98
"""Share of the growth with which it counts as ended."""

_BESIDE: Final = 3
"""Floors whose median is the level at a time."""


@dataclass(frozen=True)
class Filled:
    """Memory grew by `gained` bytes within the first `seconds` of a run, and was level after that."""

    gained: float
    seconds: float


def filled(memory: Finding) -> Filled | None:
    """Return the growth that ended before what was judged of *memory*, None where it is no more than a service's start.

    That is in the tenth of a run that is always left out, takes minutes, or is less than would matter in the rest of it.
    """
    floors = memory.floors
    begin = float(floors.x[0]) + LEAST * float(floors.x[-1] - floors.x[0])
    early = floors.part(begin, memory.start)
    if len(early) < _BESIDE:
        return None
    level = median(without(memory.window.y, memory.jumps))
    if level - median(early.y[:_BESIDE]) <= memory.delta * (memory.end - memory.start):
        return None
    gained = level - float(floors.y[0])
    ended = float(floors.x[np.argmax(floors.y >= level - (1 - _ALL) * gained)])
    seconds = min(ended, memory.start) - float(floors.x[0])
    return Filled(gained, seconds) if seconds > _LONG else None
