"""How much longer a run that stayed undecided would have to be, as far as it tells: no number where it does not."""

import math
from dataclasses import replace
from typing import Final

import numpy as np

from floodmark_sidecar.judge._case import COVERED_TO_BE_STEADY, LARGEST_GAP, MEASURED, OF_LONG_LIVES
from floodmark_sidecar.judge._delta import DAY
from floodmark_sidecar.judge._evidence import Evidence
from floodmark_sidecar.judge._finding import FILLS_AGAIN, SURE_OF, Finding
from floodmark_sidecar.judge._reasons_beside import unknown_maps
from floodmark_sidecar.judge._slope import theil_sen

_WAVES: Final = 10
"""Periods of a wave after which its lows show whether memory grows: six of them must be even, in blocks of more than one
period each, and the start of the run is not judged.
"""

_MOST_LONGER: Final = 20.0
"""The longest run that is ever asked for, in lengths of this one: what would take longer is not decided by waiting."""

_LONGEST: Final = 3650 * DAY
"""Seconds: ten years, the longest run that is ever asked for to see growth as small as the plan's."""

_LEAST_DELTA: Final = 1e-9
"""Bytes per second: a plan's own δ may be nothing at all, which no run is long enough for."""

_LIKELY: Final = SURE_OF + 0.84
"""Standard errors under δ with which memory that does not grow is `steady` in four runs of five."""

_SPARE: Final = 1.2
_TRIED: Final = np.geomspace(1.25, _MOST_LONGER, 64).tolist()
"""Lengths to try, in lengths of this run."""

_FALLS: Final = 0.8
"""Share of its growth in one third of the judged part that a fill that falls steadily has in the next, at the most."""


def seconds_longer(evidence: Evidence, *, wave: float | None) -> float | None:
    """Return how many seconds more should decide; None where time alone does not, or nobody could tell how much of it.
    *wave* is the period of the one that memory follows. What runs since a restart may be judged by itself sooner.

    Of a run that is not over, its end decides. Noise in a slope falls with time to the power of 3/2, but how a few lives
    differ does not tell how more would; what fills must have been full for half of the run; of a wave, some periods must
    have been seen; of a gap, the share must fall.
    """
    if evidence.look is not None:
        return evidence.look.left
    waits = [wait for wait in (evidence.restarts.wait, _of_the_whole(evidence, wave=wave)) if wait is not None]
    return min(waits, default=None)


def _of_the_whole(evidence: Evidence, *, wave: float | None) -> float | None:
    memory, span = evidence.memory, evidence.frame.span
    judged = memory.end - memory.start
    waits = [found.seconds_to_bound for found in evidence.maps if found.state == "filling"]
    filling = [wait + judged for wait in waits if wait is not None]
    if filling:
        return min(max(filling), _MOST_LONGER * judged)
    if evidence.settings.growth is not None and memory.detectable > memory.delta:
        return min(judged * (_SPARE * memory.detectable / max(memory.delta, _LEAST_DELTA) - 1), _LONGEST)
    if _not_by_time(evidence):
        return None
    gaps = _of_gaps(evidence)
    if gaps > _MOST_LONGER * evidence.coverage.share * span:
        return None
    if memory.state != "inconclusive":
        return gaps or judged
    more = max(_WAVES * wave - span, wave) if wave is not None else _of_memory(evidence)
    return None if more is None else max(gaps, more)


def _not_by_time(evidence: Evidence) -> bool:
    """Say whether something is missing that a longer run would miss as well: a worker, memory that was not read, the load, a
    map that the plan limits, room under a limit, or a life that is long enough.
    """
    frame = evidence.frame
    if unknown_maps(evidence) or (evidence.memory.state == "climbing" and frame.recycled and frame.lives_slacken):
        return True
    if evidence.load.of_steady and not evidence.steady_by_request:
        return True
    coverage = evidence.coverage
    if coverage.measured_share < MEASURED or coverage.judged_share < OF_LONG_LIVES:
        return True
    if evidence.filled_to_limit is not None or (evidence.memory.state == "steady" and evidence.begins_higher):
        return True
    return evidence.memory.state != "inconclusive" and any(worker.gone for worker in evidence.workers)


def _of_gaps(evidence: Evidence) -> float:
    """Return the seconds after which gaps are so small a share of the run as `steady` allows."""
    coverage = evidence.coverage
    missing = (1 - coverage.share) * coverage.span
    enough = max(missing / (1 - COVERED_TO_BE_STEADY), coverage.largest_gap / LARGEST_GAP)
    return max(0.0, 1.05 * enough - coverage.span)


def _of_memory(evidence: Evidence) -> float | None:
    memory = evidence.memory
    judged = memory.end - memory.start
    if FILLS_AGAIN in memory.doubts:
        return min(max(judged, memory.seconds_to_outlast - judged), _MOST_LONGER * judged)
    if memory.saturating and memory.doubts:
        return _of_fill(memory, whole=evidence.frame.span)
    if memory.doubts or memory.hidden:
        return judged
    if evidence.frame.recycled:
        return None
    half = max(SURE_OF * memory.slope.se, (memory.slope.high - memory.slope.low) / 2)
    for times in _TRIED:
        ruler, error = replace(evidence.ruler, span=times * evidence.ruler.span), half / SURE_OF / times**1.5
        delta = ruler.delta(error)
        if _LIKELY * error <= delta and ruler.detectable(error) <= delta:
            return float(judged * (min(_SPARE * times, _MOST_LONGER) - 1))
    return None


def _of_fill(memory: Finding, *, whole: float) -> float:
    """Return the seconds until a fill whose growth falls as it has so far is done, and has been for half of the run.

    One that falls only in its last third may be done by then, as a map that fills up to its bound is: twice the run tells.
    """
    window, judged = memory.window, memory.end - memory.start
    thirds = np.array_split(np.arange(len(window)), 3)
    first, second, last = (theil_sen(window.x[part], window.y[part]) for part in thirds)
    if not (second < _FALLS * first and 0 < last < _FALLS * second):
        return judged
    decline = judged * 2 / 3 / math.log(first / last)
    done = memory.end - judged / 6 + decline * max(0.0, math.log(2 * last / memory.delta))
    return float(np.clip(2 * done - whole, judged, _MOST_LONGER * judged))
