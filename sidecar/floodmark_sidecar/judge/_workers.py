"""Each worker by itself: its slope and its own small verdict, by the δ it would have if it were alone.

The sum decides, and each localises growth. But a sum of ten has the δ of ten: what one of them leaks may be below it.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from floodmark_sidecar.judge._delta import MemoryRuler
from floodmark_sidecar.judge._finding import Care, Finding, examine
from floodmark_sidecar.judge._floors import take_floors
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._in_use import LEVELS, climbs_in_levels
from floodmark_sidecar.judge._jumps import MOST_ISOLATED
from floodmark_sidecar.judge._lives import Life
from floodmark_sidecar.judge._ranks import rise
from floodmark_sidecar.judge._slope import slope_dict
from floodmark_sidecar.judge._types import FloatArray, Json

_GONE: Final = 0.2
"""Share of a run for which a worker may be missing at the end and still count as there."""

_MAY_HOLD: Final = (
    "what its sessions and maps hold was measured of all workers together, and in this one it may be twice that"
)


@dataclass(frozen=True)
class WorkerFinding:
    """What one slot shows; `finding` is None where its lives are too short to say. `gone` says that it ended well before the run
    did, `last_bytes` is what it had last.
    """

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


def examine_workers(
    frame: Frame, memory: Finding, rows: FloatArray, *, growth: float | None = None
) -> tuple[WorkerFinding, ...]:
    """Return every worker slot by itself, judged where the service's *memory* is; a worker alone is the service.

    *rows* is the memory to judge, by judged row, *growth* the plan's own δ: it holds for one worker as for all of them.
    """
    found = []
    finding: Finding | None
    used, held = frame.in_use(), frame.memory - rows
    for lives in frame.slots:
        finding = memory
        if len(frame.slots) > 1:
            finding = _by_itself(frame, memory, lives, rows, growth)
        if len(frame.slots) > 1 and finding is not None and finding.state == "climbing":
            doubts = [_MAY_HOLD] if _may_hold(frame, finding, lives, held) else []
            # Where the sum climbs, it was asked: the worker only says where.
            if memory.state != "climbing" and _few_levels(frame, finding, lives, rows, used):
                doubts.append(LEVELS)
            if doubts:
                finding = replace(finding, state="inconclusive", doubts=(*finding.doubts, *doubts))
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


def _by_itself(
    frame: Frame, memory: Finding, lives: tuple[Life, ...], rows: FloatArray, growth: float | None
) -> Finding | None:
    slot = lives[0].slot
    series = frame.joined(rows, slot=slot)
    if series is None:
        return None
    begin, end = float(lives[0].at[0]), float(lives[-1].at[-1])
    here = (frame.x >= begin) & (frame.x <= end)
    level = float(np.median(frame.used[np.concatenate([life.rows for life in lives])]))
    longest = max(life.seconds for life in lives) if len(lives) > 1 else None
    ruler = MemoryRuler(level, max(end - begin, frame.interval), growth, life=longest)
    care = Care(within=frame.within(rows, slot=slot))
    return examine(frame.x[here], series[here], ruler, warmup=max(0.0, memory.start - begin), care=care)


def _few_levels(frame: Frame, climb: Finding, lives: tuple[Life, ...], rows: FloatArray, used: FloatArray) -> bool:
    """Say whether a few levels explain the *climb* of the worker with *lives* better than growth that goes on.

    By judged row *rows* are the memory to judge, *used* what is in use.
    """
    series, in_use = (frame.joined(values, slot=lives[0].slot) for values in (rows, used))
    return series is not None and climbs_in_levels(frame, climb, series, in_use)


def _may_hold(frame: Frame, climb: Finding, lives: tuple[Life, ...], held: FloatArray) -> bool:
    """Say whether the *climb* of the worker with *lives* would be none if it held twice of what was taken out of it; that is
    *held*, by judged row.
    """
    taken = frame.joined(held, slot=lives[0].slot)
    more = 0.0 if taken is None else rise(taken[frame.x >= climb.start])
    return more > 0 and climb.rise - more <= climb.delta / 2 * (climb.end - climb.start)


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
