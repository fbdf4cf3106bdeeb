"""Growth that ended before the part that was judged: a cache that is full looks like a limit that was reached."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from floodmark_sidecar.judge._finding import Finding
from floodmark_sidecar.judge._frame import Frame
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
    """Memory grew by `gained` bytes within the first `seconds` of a run, and was level after that but for `jumps`, bytes each.

    `restart` are the seconds into the run of one that may have ended it, None where none did.
    """

    gained: float
    seconds: float
    jumps: tuple[float, ...] = ()
    restart: float | None = None


def filled(frame: Frame, memory: Finding) -> Filled | None:
    """Return the growth that ended before most of what was judged of *memory* in *frame*, None where it is no more than a
    service's start.

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
    if min(ended, memory.start) - float(floors.x[0]) <= _LONG:
        return None
    jumps = tuple(jump.size for jump in memory.jumps if jump.time > ended)
    return Filled(gained, ended - float(floors.x[0]), jumps, _restart(frame, ended, within=2 * floors.block))


def _restart(frame: Frame, ended: float, *, within: float) -> float | None:
    """Return when a life began, in seconds into the run, nearest to the time at which growth *ended*; None where none did
    *within* so many seconds of it.
    """
    begins = [float(life.at[0]) for lives in frame.slots for life in lives[1:]]
    nearest = min(begins, key=lambda begin: abs(begin - ended), default=None)
    return nearest if nearest is not None and abs(nearest - ended) <= within else None
