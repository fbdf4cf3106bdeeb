"""Rounds of readings: workers that are read one after the other, or each by a clock of its own, are read at one instant.

Only so do the readings of an instant add up to the service, and only so is its reading interval that of its workers.
"""

from typing import Final

import numpy as np

from floodmark_sidecar.judge._types import FloatArray, IntArray

_FEWER: Final = 0.9
"""Rounds there are at most, as a share of the times at which any worker was read, where workers are not read together."""


def rounds(t: FloatArray, worker: IntArray) -> FloatArray:
    """Return for each row, in order of time and then worker, when the round that it is of began; *t* itself where workers
    are read together. O(n log n).

    A round has each worker once at most, and takes less than the workers' reading interval: what a reading is shifted by
    is never more than that, and for one that keeps its turn always the same.
    """
    if len(t) < 2 or not np.any(worker != worker[0]):
        return t
    order = np.argsort(worker, kind="stable")
    again = np.flatnonzero(np.diff(worker[order]) == 0)
    if not len(again):
        return t
    following = np.full(len(t), len(t))
    following[order[again]] = order[again + 1]
    # From a row on, the first one whose worker was read since, or that is too late: there the next round begins.
    repeats = np.minimum.accumulate(following[::-1])[::-1]
    late = np.searchsorted(t, t + _interval(t, worker, order, again), side="left")
    ends = np.minimum(repeats, np.maximum(late, np.arange(len(t)) + 1)).tolist()
    begins, at = [], 0
    while at < len(ends):
        begins.append(at)
        at = ends[at]
    if len(begins) > _FEWER * np.count_nonzero(np.diff(t, prepend=-np.inf)):
        return t
    of_round: FloatArray = np.repeat(t[begins], np.diff([*begins, len(t)]))
    return of_round


def _interval(t: FloatArray, worker: IntArray, order: IntArray, again: IntArray) -> float:
    """Return the median over workers of the median of each one's own steps."""
    steps, of = t[order[again + 1]] - t[order[again]], worker[order[again]]
    ranked = np.lexsort((steps, of))
    first = np.flatnonzero(np.diff(of, prepend=-1))
    counts = np.diff(np.append(first, len(of)))
    return float(np.median(steps[ranked[first + counts // 2]]))
