"""What a small slope may hide: jumps that may be a staircase, a wave seen once, a rise at the very end, and peaks that grow
over level lows.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from floodmark_sidecar.judge._curve import Step
from floodmark_sidecar.judge._floors import FEWEST, Floors
from floodmark_sidecar.judge._jumps import BESIDE, MOST_ISOLATED, clear_jumps
from floodmark_sidecar.judge._ranks import median, quantile
from floodmark_sidecar.judge._types import FloatArray
from floodmark_sidecar.judge._warmup import LEAST
from floodmark_sidecar.units import format_bytes, format_duration

_ALIKE: Final = 0.2
"""Share of the largest jump from which others are like it: three that double are."""

_ENDED: Final = 2.0
"""Jumps have ended when none came for so many times the longest that one took to come."""

_STAYS: Final = 0.5
"""Share of its jumps that memory is higher by at the end of a staircase: what was given back was no step."""

_ENDS: Final = (0.01, 0.02, 0.04, 0.08)
_FEWEST_AT_END: Final = 5
"""Shares of a run that are its very end, and readings of that at least. What came later than the last of them left floors
enough to be seen as a jump; half of one share is enough to be told by it.
"""

_NEARLY_ALL: Final = 0.99
_OF_LEVEL: Final = 0.1
"""Share of the level by which what is above nearly all before matters, however late it comes."""

_PEAKS: Final = (0.95, 0.99)
"""Shares of readings below a peak: one of three minutes in an hour, or of a quarter of an hour in a day, is one."""
_PARTS: Final = 6
_ABOVE_LOWS: Final = 2.0
"""Peaks are above so much of each of these parts, and grow by more than so many times what the lows do."""

_LONG_RISE: Final = 0.25
"""Share of a run from which a rise that was left out is no start by itself, if memory falls after it."""


def jumps_of_run(whole: Floors, *, known: Sequence[Step] = ()) -> tuple[Step, ...]:
    """Return the clear jumps of a run's floors since its very start, and those *known* of its judged part, in order of time."""
    if len(whole) < FEWEST:
        return tuple(known)
    since = float(whole.x[0]) + LEAST * float(whole.x[-1] - whole.x[0])
    others = [
        jump
        for jump in clear_jumps(whole.x, whole.y)
        if jump.time > since and all(abs(jump.time - one.time) > 2 * whole.block for one in known)
    ]
    return tuple(sorted([*others, *known], key=lambda jump: jump.time))


def staircase(whole: Floors, jumps: Sequence[Step], *, least: float = 0.0) -> tuple[Step, ...]:
    """Return those of the *jumps* of a run that may be a staircase; none if none are.

    They are three or more alike that have not ended, are more than *least* together, and are most of what memory did.
    """
    largest = max((jump.size for jump in jumps), default=0.0)
    alike = tuple(jump for jump in jumps if jump.size > _ALIKE * largest)
    if len(alike) < MOST_ISOLATED:
        return ()
    start, end = float(whole.x[0]), float(whole.x[-1])
    times = [jump.time for jump in alike]
    ended = end - times[-1] > _ENDED * max(np.diff([start, *times]))
    size = sum(jump.size for jump in alike)
    settled = whole.part(start + LEAST * (end - start), end).y
    stays = median(settled[-BESIDE:]) - median(settled[:BESIDE]) > _STAYS * size
    return alike if size > least and stays and not ended else ()


def hidden_by_jumps(whole: Floors, isolated: Sequence[Step], *, spare: float) -> list[str]:
    """Say that the jumps of a run, the clear ones and those taken for *isolated*, may be a staircase; growth by *spare* a
    second more than there is without them would matter.
    """
    least = spare * float(whole.x[-1] - whole.x[0])
    stairs = staircase(whole, jumps_of_run(whole, known=isolated), least=least)
    if not stairs:
        return []
    number = {3: "three", 4: "four", 5: "five"}.get(len(stairs), str(len(stairs)))
    size = format_bytes(sum(jump.size for jump in stairs))
    return [f"{number} jumps over the run may be a staircase, {size} in all"]


def hidden_by_wave(whole: Floors, window: Floors, *, high: float, delta: float) -> list[str]:
    """Say that memory rose for long before *window*, the judged part, and falls all through it: its slope is *high* at the
    most, in bytes a second. Of a wave seen once nobody knows how high the next one is.
    """
    start, since = float(whole.x[0]), float(window.x[0])
    early = whole.part(start + LEAST * (float(whole.x[-1]) - start), since)
    if high > -delta or since - start < _LONG_RISE * (float(whole.x[-1]) - start) or len(early) < BESIDE:
        return []
    rose = median(window.y[:BESIDE]) - median(early.y[:BESIDE])
    if rose <= delta * float(window.x[-1] - since):
        return []
    return [f"it rose for {format_duration(since - start)} and falls since: a climb under such a wave would not show"]


def hidden_by_end(x: FloatArray, y: FloatArray, *, span: float) -> list[str]:
    """Say that the readings *y* of the judged part, at the times *x* of a run of *span* seconds, end above all before."""
    for share in _ENDS:
        last = max(_FEWEST_AT_END, int(np.count_nonzero(x > x[-1] - share * span)))
        before = y[:-last]
        if len(before) < last:
            break
        high = quantile(before, _NEARLY_ALL)
        above = median(y[-last:]) - high
        if above > _OF_LEVEL * median(before):
            since = float(x[-1] - x[np.flatnonzero(y <= high)[-1]])
            said = f"it ends {format_bytes(above)} above all before, which is too late in the run to judge"
            return [f"{said}: the last {format_duration(since)}"]
    return []


def hidden_by_peaks(x: FloatArray, y: FloatArray, *, lows: FloatArray) -> list[str]:
    """Say that the peaks of the readings *y* at the times *x* rise from part to part, and clearly more than their *lows*."""
    edges = np.searchsorted(x, np.linspace(x[0], x[-1], _PARTS + 1)[1:-1])
    parts = np.split(y, edges)
    if min(map(len, parts)) < _FEWEST_AT_END:
        return []
    third, edge = _PARTS // 3, len(lows) // 3
    lows_rose = median(lows[-edge:]) - median(lows[:edge])
    for share in _PEAKS:
        peaks = [quantile(part, share) for part in parts]
        first, middle, last = max(peaks[:third]), median(np.array(peaks[third:-third])), min(peaks[-third:])
        if last - first > max(_OF_LEVEL * median(y), _ABOVE_LOWS * lows_rose) and first < middle < last:
            said = f"its lows are level, and its peaks rose by {format_bytes(last - first)}"
            return [f"{said}: a peak that keeps growing reaches a limit as well"]
    return []
