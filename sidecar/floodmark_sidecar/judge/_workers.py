"""Each worker by itself: its slope and its own small verdict. They localise growth; the sum decides."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from floodmark_sidecar.judge._delta import MemoryRuler
from floodmark_sidecar.judge._finding import Care, Finding, examine
from floodmark_sidecar.judge._floors import take_floors
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._jumps import MOST_ISOLATED
from floodmark_sidecar.judge._lives import Life
from floodmark_sidecar.judge._slope import Slope
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
            "slope_bytes_per_hour": slope_dict(self.finding.slope if self.finding else None, 3600),
            "lives": len(self.lives),
            "longest_life_seconds": max(life.seconds for life in self.lives),
            "last_bytes": self.last_bytes,
            "gone": self.gone,
        }


def examine_workers(frame: Frame, memory: Finding, rows: FloatArray) -> tuple[WorkerFinding, ...]:
    """Return every worker slot by itself, by the δ of the service's *memory*; that of a worker alone is the service's.

    *rows* is the memory to judge, by judged row.
    """
    found = []
    for lives in frame.slots:
        finding = memory if len(frame.slots) == 1 else _by_itself(frame, memory, lives, rows)
        last = lives[-1]
        found.append(
            WorkerFinding(
                frame.trace.workers[last.slot],
                lives,
                finding,
                float(frame.used[last.rows[-1]]),
                frame.span - float(last.at[-1]) > _GONE * frame.span,
            )
        )
    return tuple(found)


def _by_itself(frame: Frame, memory: Finding, lives: tuple[Life, ...], rows: FloatArray) -> Finding | None:
    series = frame.joined(rows, slot=lives[0].slot)
    if series is None:
        return None
    here = (frame.x >= lives[0].at[0]) & (frame.x <= lives[-1].at[-1])
    x, level = frame.x[here], float(np.median(series[here]))
    ruler = MemoryRuler(level, frame.span, memory.delta)
    warmup = max(0.0, memory.start - float(x[0]))
    care = Care(within=frame.within(rows, slot=lives[0].slot))
    return examine(x, series[here], ruler, warmup=warmup, care=care)


def without_jumps(frame: Frame, rows: FloatArray, *, start: float) -> FloatArray:
    """Return the service's joined memory, *rows* by judged row, with the isolated jumps of every worker after *start* taken out.

    In a sum the jumps of many allocators come often enough to look like growth; in each worker they are few.
    """
    total = np.zeros(len(frame.x))
    judged = frame.x >= start
    for lives in frame.slots:
        series = frame.joined(rows, slot=lives[0].slot)
        if series is None:
            continue
        floors = take_floors(frame.x[judged], series[judged])
        total += series
        for jump in floors.jumps if len(floors.jumps) <= MOST_ISOLATED else ():
            total -= jump.size * (frame.x > jump.time)
    return total


def slope_dict(slope: Slope | None, times: int) -> Json:
    """Return a slope *times* over, or nulls."""
    if slope is None:
        return {"estimate": None, "low": None, "high": None}
    return {"estimate": slope.estimate * times, "low": slope.low * times, "high": slope.high * times}
