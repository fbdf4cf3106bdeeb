"""Rows of several workers that no column tells apart: what they have together is not what any of them has."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from floodmark_sidecar.judge._types import BoolArray, FloatArray, IntArray

NAMES: Final = ("pod", "instance", "container", "host", "hostname", "process", "pid")
"""Columns that others name a worker by, the better first."""

_DIFFER: Final = 1.01
"""By how many times the most of what rows of one time say differs from the least of it, to be of two processes."""

_OFTEN: Final = 0.05
"""Share of the times that have such rows: an hour that a clock was put back by has fewer."""

_MOSTLY: Final = 0.5
"""Share of the times with several rows at which they differ: a row written twice is the same."""

_MOST: Final = 16
"""Workers that are looked for where their rows alternate."""

_ALIKE: Final = 0.25
"""How far apart a worker's own rows are at most, as a share of how far rows that follow each other are."""

_UNEVEN: Final = 0.05
"""Share of a step by which steps differ that are uneven."""


def differing(values: FloatArray, repeated: BoolArray) -> int:
    """Return how many times have rows that differ, 0 where they are few; *values* are in order of time and worker, and
    *repeated* says of each but the last whether the next is of the same. O(n).
    """
    begins = np.flatnonzero(np.concatenate([[True], ~repeated]))
    known = values > 0
    low = np.minimum.reduceat(np.where(known, values, np.inf), begins)
    high = np.maximum.reduceat(np.where(known, values, -np.inf), begins)
    count = int(np.count_nonzero((high > _DIFFER * low) & np.isfinite(low)))
    several = np.count_nonzero(np.diff(np.append(begins, len(values))) > 1)
    return count if count > _MOSTLY * several and count > _OFTEN * len(begins) else 0


def most_in_turn(t: FloatArray, worker: IntArray, values: FloatArray) -> int:
    """Return of how many workers the rows are that take turns in what is one worker's by name; 0 where in none. O(n log n)."""
    order = np.argsort(worker, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(worker[order])) + 1)
    return max(_in_turn(t[rows], values[rows]) for rows in parts)


def _in_turn(t: FloatArray, values: FloatArray) -> int:
    """Return of how many workers rows of one name are.

    Both tell: the steps from row to row come again every so many rows, as uneven as they are, and so does memory. O(n).
    """
    known = values > 0
    steps, values = np.diff(t[known]), values[known]
    if len(values) < 4 * _MOST:
        return 0
    uneven, apart = _apart(steps, 1), _apart(values, 1)
    if uneven <= _UNEVEN * float(np.median(steps)) or apart <= (_DIFFER - 1) * float(np.median(values)):
        return 0
    for workers in range(2, _MOST + 1):
        if _apart(steps, workers) < _ALIKE * uneven and _apart(values, workers) < _ALIKE * apart:
            return workers
    return 0


def problem_of(times: int, workers: int, *, named: bool) -> str:
    """Say that rows of several workers are mixed, at so many *times* or by *workers* in turn; nothing where none are.

    *named* says whether the workers have names at all.
    """
    if times:
        whose = " of a worker" if named else ""
        said = f"{times:,} times{whose} have two rows or more that differ" if times > 1 else ""
        said = said or f"1 time{whose} has two rows or more that differ"
    elif workers:
        said = f"the rows of {workers} workers seem to take turns"
    else:
        return ""
    return f"{said}: " + (
        "give each worker its own name in `worker`" if named else "name the workers in a column `worker`"
    )


def advice(columns: Mapping[str, Sequence[str]], tells: Callable[[Sequence[str]], bool]) -> str:
    """Return what to do about rows that are mixed: which of *columns*, by name, *tells* them apart; nothing if none does."""
    for name in columns:
        if tells(columns[name]):
            if name.lower() == "pid":
                return "; it is the place of a worker (w0, w1), `life` counts its restarts; a pid may stand in `life`"
            return f"; rename `{name}` to `worker`"
    return ""


def _apart(values: FloatArray, rows: int) -> float:
    """Return how far apart *values* are that are so many *rows* apart."""
    return float(np.mean(np.abs(values[rows:] - values[:-rows])))
