"""Restarts that nobody told of and a counter gives away: requests are counted from nought in each life."""

from typing import Final

import numpy as np

from floodmark_sidecar.judge._types import FloatArray, IntArray

_AFTER: Final = 5
"""Readings after a fall that stay below what was counted before it: one that was read wrong comes back at once."""

_MOST: Final = 0.05
"""Share of the readings that are falls, of what is counted: a rate falls as often as it rises."""


def lives_by_counter(worker: IntArray, requests: FloatArray) -> IntArray:
    """Return by row which life of its worker it is of, from 0 on; rows are in order of time, *requests* NaN where unknown. O(n log n)."""
    lives = np.zeros(len(worker), np.intp)
    known = np.flatnonzero(np.isfinite(requests))
    for each in np.unique(worker[known]).tolist():
        rows = known[worker[known] == each]
        begins = rows[_restarts(requests[rows])]
        if len(begins):
            own = np.flatnonzero(worker == each)
            lives[own] = np.searchsorted(begins, own, side="right")
    return lives


def _restarts(counts: FloatArray) -> IntArray:
    """Return where a process began to count after the first one."""
    falls = np.flatnonzero(np.diff(counts) < 0) + 1
    after = np.minimum(falls[:, None] + np.arange(_AFTER), len(counts) - 1)
    stay = (falls < len(counts) - 1) & (counts[after].max(axis=1, initial=0.0) < counts[falls - 1])
    found: IntArray = falls[stay] if len(falls) <= _MOST * len(counts) else falls[:0]
    return found
