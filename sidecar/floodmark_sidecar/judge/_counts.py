"""Resources that climb in count, whatever their bytes: threads, descriptors, tasks, processes."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from floodmark_sidecar.judge._delta import CountRuler
from floodmark_sidecar.judge._finding import QUICK, Finding, examine
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._types import FloatArray

LEAST: Final = {"threads": 8.0, "fds": 16.0, "tasks": 16.0, "processes": 4.0}
"""δ of counts: a smaller rise over the judged part is of no interest, nor is one under 5 % of the median."""

_FEWEST_LIVES: Final = 4
_ERRORS: Final = 3.0


@dataclass(frozen=True)
class CountClimb:
    """A count that climbs: `kind` as the growth class says it, rates per second."""

    kind: str
    finding: Finding
    least: float


def climbing_counts(frame: Frame, *, start: float) -> tuple[CountClimb, ...]:
    """Return the counts that climb after *start* seconds, by the rules that memory climbs by."""
    found = []
    for kind, least in LEAST.items():
        series = processes(frame) if kind == "processes" else frame.joined(frame.column(kind))
        if series is None:
            continue
        finding = examine_count(frame.x, series, start=start, least=least)
        if finding is None or finding.state != "climbing":
            continue
        if kind == "processes" or not frame.recycled or _in_most_lives(frame.rises(frame.column(kind))):
            found.append(CountClimb(kind, finding, least))
    return tuple(found)


def _in_most_lives(rises: FloatArray) -> bool:
    """Say whether a count rises life after life. What it is at either end of a life is chance, by what is open just then;
    joined over many lives, chance wanders as far as a climb does.
    """
    if len(rises) < _FEWEST_LIVES:
        return bool(len(rises)) and float(rises.min()) > 0
    error = float(np.std(rises, ddof=1) / np.sqrt(len(rises)))
    return float(np.mean(rises)) > _ERRORS * error


def processes(frame: Frame) -> FloatArray:
    """Return how many workers there were at each instant."""
    return frame.present(np.ones(len(frame.memory)))


def examine_count(x: FloatArray, y: FloatArray, *, start: float, least: float) -> Finding | None:
    """Return what a count shows after *start*; None where it is too short to say, or has risen by less than half δ."""
    judged = y[x >= start]
    if len(judged) < 2:
        return None
    ruler = CountRuler(float(np.median(judged)), float(x[-1]) - start, least)
    if rise(judged) < ruler.rise / 2:
        return None
    return examine(x, y, ruler, warmup=start, care=QUICK)


def rise(y: FloatArray) -> float:
    """Return how much the last tenth of *y* is above its first tenth, by their medians."""
    tenth = max(1, len(y) // 10)
    return float(np.median(y[-tenth:]) - np.median(y[:tenth]))
