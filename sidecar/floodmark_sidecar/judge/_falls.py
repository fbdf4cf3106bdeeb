"""Isolated falls: a cache cleared, a heap trimmed, pages given back. They are levelled, and what remains is judged.

A fall hides growth and looks like noise. Taking out the falls of a sawtooth would make a climb of it, so a fall is only
levelled where it is no part of a swing: memory stays below it, had not grown up to it, and does not grow back.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from floodmark_sidecar.judge._curve import Step
from floodmark_sidecar.judge._floors import FEWEST, Floors
from floodmark_sidecar.judge._jumps import MOST_ISOLATED, clear_jumps
from floodmark_sidecar.judge._ranks import median, medians_of_three, robust_sigma
from floodmark_sidecar.judge._types import FloatArray
from floodmark_sidecar.judge._warmup import LEAST

_OF_SWING: Final = 0.5
"""Memory that grew by so much of a fall up to it, or from it on, may be a swing: something fills, and is released."""

_PAGE: Final = 4096.0
"""Bytes that memory comes and goes by."""


def find_falls(floors: Floors, x: FloatArray, y: FloatArray) -> tuple[Step, ...]:
    """Return the few falls of *floors* after which memory stays lower, in order of time; their sizes are negative.

    *x* and *y* are the readings: `index` is that of the last reading before the fall, `time` that of the first after it.
    """
    start, end = float(floors.x[0]), float(floors.x[-1])
    settled = floors.part(start + LEAST * (end - start), end)
    if len(settled) < FEWEST:
        return ()
    clear = clear_jumps(settled.x, -settled.y, grain=_PAGE)
    found = [fall for fall in clear if not _swings(settled.y, fall)]
    return tuple(_placed(settled, fall, x, y) for fall in found) if len(found) <= MOST_ISOLATED else ()


def levelled(x: FloatArray, y: FloatArray, falls: Sequence[Step]) -> FloatArray:
    """Return *y* at the times *x* as if none of *falls* had been."""
    return y - _fallen(x, falls)


def with_falls(x: FloatArray, y: FloatArray, falls: Sequence[Step]) -> FloatArray:
    """Return *y* with *falls* that it was levelled by."""
    return y + _fallen(x, falls)


def _fallen(x: FloatArray, falls: Sequence[Step]) -> FloatArray:
    fallen = np.zeros(len(x))
    for fall in falls:
        fallen += fall.size * (x >= fall.time)
    return fallen


def error_of(falls: Sequence[Step], level: FloatArray, span: float) -> float:
    """Return the standard error that the sizes of *falls* add to a slope over *span* seconds of the floors *level*.

    A size is known to the noise between floors, and a step in the middle of a line moves its slope by 1.5 times its size.
    """
    changes = np.diff(level)
    noise = robust_sigma(changes - median(changes))
    return 1.5 * noise * math.sqrt(len(falls)) / span


def _swings(y: FloatArray, fall: Step) -> bool:
    """Say whether *y* grew by much of *fall* before it, or after it; both have three floors, as all steps have."""
    before, after = (medians_of_three(part) for part in (y[: fall.index + 1], y[fall.index + 1 :]))
    grown = max(float(before[-1] - before.min()), float(after.max() - after[0]))
    return grown > _OF_SWING * fall.size


def _placed(floors: Floors, fall: Step, x: FloatArray, y: FloatArray) -> Step:
    """Return *fall* between the two readings that it came between."""
    first = int(np.searchsorted(x, floors.x[fall.index]))
    last = int(np.searchsorted(x, floors.x[min(fall.index + 2, len(floors) - 1)]))
    between = y[first:last]
    above = between > floors.y[fall.index] - fall.size / 2
    index = first + int(np.cumsum(np.where(above, 1, -1)).argmax())
    return Step(index, float(x[index + 1]), -fall.size)
