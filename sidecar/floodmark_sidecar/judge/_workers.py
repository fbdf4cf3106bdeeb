"""Each worker by itself: its slope and its own small verdict. They localise growth; the sum decides."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from floodmark_sidecar.judge._delta import MemoryRuler
from floodmark_sidecar.judge._finding import Care, Finding, examine
from floodmark_sidecar.judge._floors import take_floors
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._jumps import MOST_ISOLATED, find_jumps
from floodmark_sidecar.judge._lives import Life
from floodmark_sidecar.judge._slope import LEVEL
from floodmark_sidecar.judge._types import FloatArray, Json

_GONE: Final = 0.2
"""Share of a run for which a worker may be missing at the end and still count as there."""


@dataclass(frozen=True)
class WorkerFinding:
    """What one slot shows; `finding` is None where its lives are too short to say."""

    name: str
    lives: tuple[Life, ...]
    finding: Finding | None
    last_bytes: float
    gone: bool

    @property
    def state(self) -> str:
        """The worker's own verdict; a worker that is gone is not steady."""
        if self.finding is None or (self.gone and self.finding.state == "steady"):
            return "inconclusive"
        return self.finding.state

    def as_dict(self) -> Json:
        """Return it as in a result."""
        return {
            "verdict": self.state,
            "slope_bytes_per_hour": slope_dict(self.finding),
            "lives": len(self.lives),
            "longest_life_seconds": max(life.seconds for life in self.lives),
            "last_bytes": self.last_bytes,
            "gone": self.gone,
        }


def examine_workers(frame: Frame, memory: Finding) -> tuple[WorkerFinding, ...]:
    """Return every worker slot by itself, by the δ of the service's *memory*; that of a worker alone is the service's.

    The interval of each is widened by how many there are.
    """
    found = []
    for lives in frame.slots:
        finding = memory if len(frame.slots) == 1 else _by_itself(frame, memory, lives)
        last = lives[-1]
        found.append(
            WorkerFinding(
                frame.trace.workers[last.slot],
                lives,
                finding,
                float(frame.memory[last.rows[-1]]),
                frame.span - float(last.at[-1]) > _GONE * frame.span,
            )
        )
    return tuple(found)


def _by_itself(frame: Frame, memory: Finding, lives: tuple[Life, ...]) -> Finding | None:
    series = frame.joined(frame.memory, slot=lives[0].slot)
    if series is None:
        return None
    here = (frame.x >= lives[0].at[0]) & (frame.x <= lives[-1].at[-1])
    x, level = frame.x[here], float(np.median(series[here]))
    ruler = MemoryRuler(level, frame.span, memory.delta)
    widened = NormalDist().inv_cdf(1 - LEVEL / len(frame.slots)) / NormalDist().inv_cdf(1 - LEVEL)
    warmup = max(0.0, memory.start - float(x[0]))
    return examine(x, series[here], ruler, warmup=warmup, care=Care(factor=widened))


def without_jumps(frame: Frame, *, start: float) -> FloatArray:
    """Return the service's joined memory with the isolated jumps of every worker after *start* taken out.

    In a sum the jumps of many allocators come often enough to look like growth; in each worker they are few.
    """
    total = np.zeros(len(frame.x))
    judged = frame.x >= start
    for lives in frame.slots:
        series = frame.joined(frame.memory, slot=lives[0].slot)
        if series is None:
            continue
        floors = take_floors(frame.x[judged], series[judged])
        jumps = find_jumps(floors.x, floors.y)
        total += series
        for jump in jumps if len(jumps) <= MOST_ISOLATED else ():
            total -= jump.size * (frame.x > jump.time)
    return total


def slope_dict(finding: Finding | None) -> Json:
    """Return a finding's slope per hour, or nulls."""
    if finding is None:
        return {"estimate": None, "low": None, "high": None}
    slope = finding.slope
    return {"estimate": slope.estimate * 3600, "low": slope.low * 3600, "high": slope.high * 3600}
