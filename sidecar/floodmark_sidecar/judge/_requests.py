"""Growth by request: the axis beside hours, which a load that varies does not bend."""

import numpy as np

from floodmark_sidecar.judge._finding import Finding
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._slope import Slope, theil_sen


def slope_per_request(frame: Frame, memory: Finding) -> Slope | None:
    """Return the slope of *memory* in bytes a request; None where a worker does not count its requests, or none came.

    Where memory follows requests both bend alike over time, so that the two median slopes over the same pairs of instants
    have the ratio of the two. Each life counts from nought: requests are joined over lives as memory is.
    """
    requests = frame.column("requests_total")
    if not all(any(np.isfinite(requests[life.rows]).any() for life in lives) for lives in frame.slots):
        return None
    series = frame.joined(requests)
    if series is None:
        return None
    judged = memory.floors.part(memory.start, memory.end).x
    rate = theil_sen(judged, np.interp(judged, frame.x, series))
    if rate <= 0:
        return None
    slope = memory.slope
    return Slope(slope.estimate / rate, slope.low / rate, slope.high / rate, slope.se / rate)
