"""Where lives begin: a service whose workers are replaced may grow from life to life, and not within any of them."""

from typing import Final

import numpy as np

from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._lives import MANY, ends_of_line, settled_readings

_FEWEST: Final = 2
"""Lives on either side that are compared at least."""


def rise_of_beginnings(frame: Frame) -> float:
    """Return by how many bytes the service's workers begin their last lives above their first ones, together.

    Only where all that is late is above all that is early, in so many lives that a deploy's own size is not taken for it;
    else 0. What a worker is forked with, or loads when it starts, grows then.
    """
    return sum(_rise(_beginnings(frame, slot)) for slot in range(len(frame.slots)))


def _beginnings(frame: Frame, slot: int) -> list[float]:
    readings = settled_readings(frame.slots[slot], frame.used, start=frame.life_start)
    return [ends_of_line(at, values)[0] for at, values in readings]


def _rise(levels: list[float]) -> float:
    if len(levels) < MANY:
        return 0.0
    third = max(_FEWEST, len(levels) // 3)
    early, late = levels[:third], levels[-third:]
    return float(np.median(late) - np.median(early)) if min(late) > max(early) else 0.0
