"""Lives: the processes that followed each other in a worker slot, and how their growth is joined.

A restart moves memory without any leak, and it hides one. So what counts is growth within lives: each later life is cut
by the time lives take to start, then put on the level at which the one before it ended.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from floodmark_sidecar.judge._types import FloatArray, IntArray

FEWEST_READINGS: Final = 10
"""A life with fewer readings, its start aside, says nothing."""

_BINS: Final = 24
_SETTLING: Final = 1.5
"""A start that fades is lost in noise well before its end."""


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


def start_of_lives(slots: tuple[tuple[Life, ...], ...], values: FloatArray) -> tuple[float, bool]:
    """Return how many seconds fresh lives take to start, and whether they slacken within their life.

    Both are read off the usual rise at each age. Lives that are still filling when they end cannot be told from lives
    that leak and would have gone on.
    """
    fresh = [life for lives in slots for life in lives if life.fresh and len(life.rows) >= FEWEST_READINGS]
    if not fresh:
        return 0.0, False
    length = float(np.median([life.seconds for life in fresh]))
    bins = int(np.clip(np.median([len(life.rows) for life in fresh]) // 3, 4, _BINS))
    edges = np.linspace(0, length, bins + 1)
    rises = [_rises(life, values[life.rows], edges) for life in fresh if life.seconds >= length / 2]
    usual = np.median(np.array(rises), axis=0) if len(rises) > 2 else np.mean(np.array(rises), axis=0)
    later = usual[bins // 2 :]
    level = float(np.median(later))
    noise = 1.4826 * float(np.median(np.abs(later - level)))
    ramp = usual[: bins // 2] > 2 * max(level, 0.0) + max(3 * noise, 4096.0)
    last = int(np.flatnonzero(ramp)[-1]) + 1 if ramp.any() else 0
    settled = usual[last:]
    third = max(1, len(settled) // 3)
    first, end = float(np.mean(settled[:third])), float(np.mean(settled[-third:]))
    slackens = first > 0 and end < 0.4 * first and first - end > 4 * max(noise, 1024.0) / np.sqrt(third)
    start = min(_SETTLING * float(edges[last + 1]), length / 2) if last else 0.0
    return start, bool(slackens)


def _rises(life: Life, values: FloatArray, edges: FloatArray) -> FloatArray:
    """Return the rise of one life from bin to bin of age, the last known level held after its end."""
    age = life.at - life.at[0]
    cuts = np.searchsorted(age, edges)
    levels, last = [], float(values[0])
    for start, stop in pairwise(cuts.tolist()):
        last = float(np.median(values[start:stop])) if stop > start else last
        levels.append(last)
    return np.diff(np.array(levels), prepend=values[0])


def rises_of(slots: tuple[tuple[Life, ...], ...], values: FloatArray) -> FloatArray:
    """Return by how much *values* (by judged row) rose in each life that is long enough to say, the first third of a
    fresh one left out: what clients open anew at its start is no growth.
    """
    rises = []
    for life in (life for lives in slots for life in lives):
        own = values[life.rows[len(life.rows) // 3 if life.fresh else 0 :]]
        own = own[np.isfinite(own)]
        if len(own) >= FEWEST_READINGS:
            beside = _beside(len(own))
            rises.append(float(np.median(own[-beside:]) - np.median(own[:beside])))
    return np.array(rises)


def _beside(count: int) -> int:
    """Return how many of so many readings stand for the level at either end."""
    return int(np.clip(count // 8, 3, 15))


def join(lives: tuple[Life, ...], values: FloatArray, *, start: float, x: FloatArray) -> tuple[FloatArray, int] | None:
    """Return one slot's *values* (by judged row) at the instants *x* with its lives joined, and how many readings
    that rests on; None if nothing was measured. Between lives, and beside them, the last level is held.
    """
    times, levels = [], []
    end: float | None = None
    for life in lives:
        part = life.settled(start)
        own = values[life.rows[part]]
        known = np.isfinite(own)
        own, at = own[known], life.at[part][known]
        if not len(own) or (life.fresh and len(own) < FEWEST_READINGS):
            continue
        beside = _beside(len(own))
        offset = 0.0 if end is None else end - float(np.median(own[:beside]))
        own = own + offset
        end = float(np.median(own[-beside:]))
        times.append(at)
        levels.append(own)
    if not times:
        return None
    return np.interp(x, np.concatenate(times), np.concatenate(levels)), sum(map(len, times))
