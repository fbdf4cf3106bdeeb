"""Lives: the processes that followed each other in a worker slot, and how their growth is joined.

A restart moves memory without any leak, and it hides one. So what counts is growth within lives: each later life is cut
by the time lives take to start, then put on the level at which the one before it ended.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from floodmark_sidecar.judge._types import FloatArray, IntArray

FEWEST_READINGS: Final = 10
"""A life with fewer readings, its start aside, says nothing."""

MANY: Final = 4
"""Lives of a slot from which the median over them does not feel a step in one."""

Readings: TypeAlias = tuple[FloatArray, FloatArray]
"""Times and values."""


@dataclass(frozen=True)
class Life:
    """One process in a slot: its judged `rows` in order of time, `at` their times in seconds since the first reading.

    `fresh` says whether its start was seen: it began after the run did, or others followed it in its slot.
    """

    slot: int
    rows: IntArray
    at: FloatArray
    fresh: bool

    @property
    def seconds(self) -> float:
        """How long it was seen."""
        return float(self.at[-1] - self.at[0])

    def settled(self, start: float) -> slice:
        """Return which readings to judge when a start takes *start* seconds."""
        return slice(int(np.searchsorted(self.at, self.at[0] + start)) if self.fresh else 0, len(self.at))


def split_lives(worker: IntArray, key: IntArray, at: FloatArray, *, late: float) -> tuple[tuple[Life, ...], ...]:
    """Return each slot's lives in order: readings of one *worker* with one *key*, without a change between them.

    *late* seconds after the first reading a life that begins is a new one.
    """
    slots = []
    order = np.argsort(worker, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(worker[order])) + 1) if len(order) else []:
        slot = int(worker[rows[0]])
        cuts = np.flatnonzero(np.diff(key[rows])) + 1
        parts = np.split(rows, cuts)
        slots.append(tuple(Life(slot, part, at[part], len(parts) > 1 or at[part[0]] > late) for part in parts))
    return tuple(slots)


def settled_readings(
    lives: tuple[Life, ...], values: FloatArray, *, start: float, since: float = 0.0
) -> list[Readings]:
    """Return the times and the known *values* (by judged row) of each life of a slot that says something, without its
    start of *start* seconds and from *since* on.
    """
    found = []
    for life in lives:
        part = life.settled(start)
        at, own = life.at[part], values[life.rows[part]]
        used = np.isfinite(own) & (at >= since)
        if np.count_nonzero(used) >= (FEWEST_READINGS if life.fresh else 1):
            found.append((at[used], own[used]))
    return found


def join(lives: tuple[Life, ...], values: FloatArray, *, start: float, x: FloatArray) -> tuple[FloatArray, int] | None:
    """Return one slot's *values* (by judged row) at the instants *x* with its lives joined, and how many readings
    that rests on; None if nothing was measured. Between lives they go on at the rate that is usual within lives; before
    the first and after the last one the level is held, as of a worker that is not there yet, or dead.
    """
    parts = [(at, own, *ends_of_line(at, own)) for at, own in settled_readings(lives, values, start=start)]
    if not parts:
        return None
    usual = float(
        np.median([(last - first) / (at[-1] - at[0]) if len(at) > 1 else 0.0 for at, _, first, last in parts])
    )
    times, levels = [], []
    offset = 0.0
    for before, (at, own, first, _) in zip([None, *parts], parts, strict=False):
        if before is not None:
            offset += before[3] + usual * float(at[0] - before[0][-1]) - first
        times.append(at)
        levels.append(own + offset)
    return np.interp(x, np.concatenate(times), np.concatenate(levels)), sum(map(len, times))


def ends_of_line(at: FloatArray, own: FloatArray) -> tuple[float, float]:
    """Return where a line through the first and the last third of a life begins and ends, by their medians."""
    third = max(1, len(own) // 3)
    first, last = float(np.median(own[:third])), float(np.median(own[-third:]))
    begin, end = float(np.mean(at[:third])), float(np.mean(at[-third:]))
    slope = (last - first) / (end - begin) if end > begin else 0.0
    return first - slope * (begin - float(at[0])), last + slope * (float(at[-1]) - end)
