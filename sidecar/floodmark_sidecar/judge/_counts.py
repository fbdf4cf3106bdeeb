"""Resources that climb in count, whatever their bytes: threads, descriptors, tasks, processes."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from floodmark_sidecar.judge._delta import CountRuler
from floodmark_sidecar.judge._finding import QUICK, Care, Finding, examine
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._ranks import median, rise
from floodmark_sidecar.judge._types import FloatArray

LEAST: Final = {"threads": 8.0, "fds": 16.0, "tasks": 16.0, "processes": 4.0}
"""δ of counts: a smaller rise over the judged part is of no interest, nor is one under 5 % of the median."""

_WIDER: Final = 2.0
"""What is open at either end of a life is chance, and of several counts one soon looks like a climb."""


@dataclass(frozen=True)
class CountClimb:
    """A count that climbs: `kind` as the growth class says it, rates per second."""

    kind: str
    finding: Finding


def climbing_counts(frame: Frame, *, start: float) -> tuple[CountClimb, ...]:
    """Return the counts that climb after *start* seconds, by the rules that memory climbs by."""
    found = []
    for kind, least in LEAST.items():
        values = None if kind == "processes" else frame.column(kind)
        series = processes(frame) if values is None else frame.joined(values)
        if series is None:
            continue
        within = None if values is None else frame.within(values)
        care = QUICK if within is None else replace(QUICK, within=within, factor=_WIDER)
        lives = None if within is None else (len(frame.slots), frame.longest_life or frame.span)
        finding = examine_count(frame.x, series, start=start, least=least, care=care, lives=lives)
        if finding is not None and finding.state == "climbing":
            found.append(CountClimb(kind, finding))
    return tuple(found)


def workers(frame: Frame) -> FloatArray:
    """Return how many workers there were at each instant."""
    return frame.present(np.ones(len(frame.memory)))


def processes(frame: Frame) -> FloatArray:
    """Return how many processes there were at each instant: workers, and children that ended and nobody has waited for."""
    return workers(frame) + frame.present(frame.column("zombies"))


def examine_count(
    x: FloatArray,
    y: FloatArray,
    *,
    start: float,
    least: float,
    care: Care = QUICK,
    lives: tuple[int, float] | None = None,
) -> Finding | None:
    """Return what a count shows after *start*; None where it is too short to say, or has risen by less than half δ.

    Where workers are replaced, *lives* says how many there are at once and how long the longest lived: each may rise by
    *least* in a life.
    """
    judged = y[x >= start]
    if len(judged) < 2:
        return None
    workers, span = lives or (1, float(x[-1]) - start)
    ruler = CountRuler(median(judged), span, workers * least)
    if rise(judged) < ruler.rise / 2:
        return None
    return examine(x, y, ruler, warmup=start, care=care)
