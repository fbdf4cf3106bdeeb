"""Rows of several workers that come at random under no name, as through a load balancer: told by levels they hop between.

One process stays where it is, or goes from level to level in some order; of two levels it may do either, as with a job that
runs now and then. Rows of three workers or more are at any of as many levels, whatever the row before was.
"""

from typing import Final

import numpy as np

from floodmark_sidecar.judge._types import FloatArray, IntArray

_ROWS: Final = 64
"""Rows of a stretch: few enough that levels stay apart while they drift."""

_FEWEST: Final = 4
_MOST: Final = 32
"""Stretches that are looked at."""

_LEVELS: Final = range(3, 7)
_APART: Final = 3.0
"""By how many times the least distance between two levels is more than what any of them spans."""

_OFTEN: Final = 0.5
"""Share of the rows that are at another level than the row before."""

_RARE: Final = 0.3
"""Share of what a level has if all have as many rows, that each has at least."""

_ORDER: Final = 0.75
"""Share of the steps from a level to another that go to the same one, at most: what goes in order is one process."""

_NEARLY: Final = 0.75
"""Share of the stretches in which as many levels must show."""


def levels_hopped(values: FloatArray) -> int:
    """Return between how many levels rows of *values* hop at random, 0 where they do not. O(n)."""
    values = values[values > 0]
    count = len(values) // _ROWS
    if count < _FEWEST:
        return 0
    chosen = np.unique(np.linspace(0, count - 1, min(count, _MOST)).astype(np.intp)).tolist()
    found = [_levels(values[each * _ROWS : (each + 1) * _ROWS]) for each in chosen]
    most = max(set(found), key=found.count)
    return most if found.count(most) >= _NEARLY * len(found) else 0


def _levels(values: FloatArray) -> int:
    """Return the number of levels that one stretch hops between, 0 where it does not."""
    ordered = np.sort(values)
    gaps = np.diff(ordered)
    for levels in _LEVELS:
        cuts = np.sort(np.argsort(gaps)[-(levels - 1) :])
        parts = np.split(ordered, cuts + 1)
        span = max(float(part[-1] - part[0]) for part in parts)
        few = min(map(len, parts)) < _RARE * len(values) / levels
        if few or float(gaps[cuts].min()) <= _APART * span:
            continue
        return levels if _at_random(np.searchsorted(ordered[cuts + 1], values, side="right"), levels) else 0
    return 0


def _at_random(level: IntArray, levels: int) -> bool:
    """Say whether rows go from any *level* to any other."""
    steps = np.zeros((levels, levels))
    np.add.at(steps, (level[:-1], level[1:]), 1.0)
    np.fill_diagonal(steps, 0.0)
    return bool(steps.sum() >= _OFTEN * (len(level) - 1) and steps.max(axis=1).sum() <= _ORDER * steps.sum())
