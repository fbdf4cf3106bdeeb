"""What the service has in use by its own account: Python's blocks, malloc's, and mappings.

Memory moves in steps that are the allocator's: an arena of a MiB comes or goes, whatever is in it. What is in use has no
such steps, so it tells growth from steps much sooner. It never stands alone: what is in use may grow in room that the
service had all the while. What malloc keeps free is asked for as well where nothing else decides: fragmentation grows there.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from floodmark_sidecar.judge._curve import fit_curve
from floodmark_sidecar.judge._delta import FOUND
from floodmark_sidecar.judge._finding import SURE_OF, Finding, State
from floodmark_sidecar.judge._floors import FEWEST, take_floors
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._ranks import median
from floodmark_sidecar.judge._slope import Slope, measure_slope, theil_sen
from floodmark_sidecar.judge._stairs import SURE, in_levels
from floodmark_sidecar.judge._types import FloatArray
from floodmark_sidecar.judge._within import Within

BY_USE: Final = "what Python and malloc have in use grows all the time"
BY_HEAP: Final = "what Python has in use and malloc holds, free or not, grows all the time"
BY_REQUEST: Final = "it grows by request all the time"
LEVELS: Final = "as few as three jumps would explain it better than growth that goes on"

_BESIDE: Final = 0.5
"""Memory must grow by so much of what the other grows by."""

_LEVELS: Final = 8
"""Parts of a run of minutes whose levels are compared."""

MINUTES: Final = 1800.0
"""Seconds of a run up to which an allocator may still be finding the reserve that a service's bursts need."""


def confirmed(
    memory: Finding, other: Finding | None, *, start: float, why: str, within: Within | None = None
) -> Finding:
    """Return *memory* as a climb from *start* on if *other* climbs, what is in use or by request, and memory rose along
    with it; else as it is. *why* says so in words.

    Its slope is then that with all its jumps, as the other says that they are growth; *within* tells it where lives follow
    each other.
    """
    if other is None or other.state != "climbing":
        return memory
    window = memory.floors.part(start, memory.end)
    if len(window) < FEWEST:
        return memory
    of_lives = within(start) if within else None
    slope = of_lives or _as_unsure(measure_slope(window.x, window.y, fit_curve(window.x, window.y)), memory)
    sure = of_lives is None or slope.low > memory.delta / 2
    if slope.estimate <= max(memory.delta, _BESIDE * other.slope.estimate) or not sure:
        return memory
    state: State = "climbing"
    return replace(
        memory,
        state=state,
        shape=other.shape,
        slope=slope,
        start=start,
        jumps=(),
        doubts=(),
        hidden=(),
        saturating=False,
        window=window,
        onset=other.onset,
        confirmed=why,
    )


def _as_unsure(slope: Slope, memory: Finding) -> Slope:
    """Return *slope* with an error of at least that of *memory*: a curve takes the allocator's steps for its own, yet a level
    is known to a part of a step at best.
    """
    error = max(slope.se, memory.detectable / FOUND)
    low, high = (min(slope.low, slope.estimate - SURE_OF * error), max(slope.high, slope.estimate + SURE_OF * error))
    return Slope(slope.estimate, low, high, error)


def fell_back(frame: Frame, memory: Finding) -> bool:
    """Say whether what is in use rose along with *memory* and fell again: memory may be kept free since.

    Lives are joined, as what a process keeps free ends with it; and levels of an eighth of the judged part are compared, as
    what a collector's teeth or a few sessions move within that says nothing.
    """
    used = frame.joined(frame.in_use())
    if used is None or not np.isfinite(used).all():
        return False
    judged = frame.x >= memory.start
    floors = take_floors(frame.x[judged], used[judged])
    levels = [median(part) for part in np.array_split(floors.y, _LEVELS)]
    rose = max(levels) - levels[0]
    return rose > _BESIDE * memory.rise and levels[-1] - levels[0] < rose / 2


def climbs_in_levels(frame: Frame, memory: Finding, values: FloatArray, used: FloatArray | None) -> bool:
    """Say whether a few levels explain the climb of *memory* better than growth that goes on.

    *values* is the memory at every instant, *used* what is in use of it, which is asked where it grew by half as much.
    """
    judged = frame.x >= memory.start
    requests = frame.joined(frame.column("requests_total"))
    for series, sure in ((used, SURE), (values, 2 * SURE)):
        if series is None:
            continue
        floors = take_floors(frame.x[judged], series[judged])
        if len(floors) >= FEWEST and theil_sen(floors.x, floors.y) > _BESIDE * memory.slope.estimate:
            axes = [floors.x] if requests is None else [floors.x, np.interp(floors.x, frame.x, requests)]
            return in_levels(floors.y, axes, sure=sure)
    return False
