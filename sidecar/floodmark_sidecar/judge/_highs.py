"""The highs of memory: a service that gives back in turns is at a limit by these, long before its floors are."""

from typing import Final

import numpy as np

from floodmark_sidecar.judge._cycle import release_cycle
from floodmark_sidecar.judge._finding import Finding
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._ranks import median, smoothed

_PARTS: Final = 3
"""Parts of a run's end whose highs count; the middle one of these is no odd reading, nor a peak that came once."""

_PART: Final = 1 / 20
"""Share of what was judged that such a part is at least."""

_CYCLES: Final = 1.25
"""Release cycles that it spans: a whole one is in it wherever it begins."""


def latest_high(frame: Frame, memory: Finding) -> float:
    """Return the bytes that highs of the service are at by the end of the run, whose growth is that of *memory*. O(n).

    Earlier highs are drawn out to the end; not where workers are replaced, which gives back what they grew by.
    """
    values = smoothed(frame.present(frame.used))
    judged = memory.end - memory.start
    cycle = release_cycle(frame.x, values) or 0.0
    part = min(max(memory.window.block, _PART * judged, _CYCLES * cycle), judged / _PARTS)
    left = frame.span - frame.x
    drawn = values if frame.recycled else values + memory.slope.estimate * left
    parts = [drawn[(left >= i * part) & (left < (i + 1) * part)] for i in range(_PARTS)]
    highs = [float(each.max()) for each in parts if len(each)]
    return median(np.array(highs))


def above(frame: Frame, limit: float) -> tuple[float, float] | None:
    """Return when readings were above *limit* first, in seconds into the run, and the highest; None if none was. O(n).

    One reading alone is not believed.
    """
    values = smoothed(frame.present(frame.used))
    over = np.flatnonzero(values > limit)
    return (float(frame.x[over[0]]), float(values.max())) if len(over) else None
