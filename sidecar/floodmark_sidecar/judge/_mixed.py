"""Rows of several workers that no column tells apart: what they have together is not what any of them has."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from floodmark_sidecar.judge._turns import DIFFER
from floodmark_sidecar.judge._types import BoolArray, FloatArray

NAMES: Final = ("pod", "instance", "container", "host", "hostname", "process", "pid")
"""Columns that others name a worker by, the better first."""

_OFTEN: Final = 0.05
"""Share of the times that have such rows: an hour that a clock was put back by has fewer."""

_MOSTLY: Final = 0.5
"""Share of the times with several rows at which they differ: a row written twice is the same."""


def differing(values: FloatArray, repeated: BoolArray) -> int:
    """Return how many times have rows that differ, 0 where they are few; *values* are in order of time and worker, and
    *repeated* says of each but the last whether the next is of the same. O(n).

    Where most times have several rows, all that differs counts: workers of one service may well be alike.
    """
    begins = np.flatnonzero(np.concatenate([[True], ~repeated]))
    known = values > 0
    low = np.minimum.reduceat(np.where(known, values, np.inf), begins)
    high = np.maximum.reduceat(np.where(known, values, -np.inf), begins)
    several = np.count_nonzero(np.diff(np.append(begins, len(values))) > 1)
    differ = 1.0 if several > _MOSTLY * len(begins) else DIFFER
    count = int(np.count_nonzero((high > differ * low) & np.isfinite(low)))
    return count if count > _MOSTLY * several and count > _OFTEN * len(begins) else 0


def differ_at(times: int, *, named: bool) -> str:
    """Say that so many *times* have rows that differ; *named* says whether several workers have names."""
    whose = " of a worker" if named else ""
    have = f"{times:,} times{whose} have" if times > 1 else f"1 time{whose} has"
    return f"{have} two rows or more that differ: {_named(named=named)}"


def turns_of(workers: int, *, named: bool, surely: bool = True) -> str:
    """Say that the rows of so many *workers* take turns; where not *surely*, who has but one can say so."""
    said = f"the rows of {workers} workers seem to take turns: {_named(named=named)}"
    return said if surely else f"{said}, or the one if there is one only"


def hops_between(levels: int) -> str:
    """Say that rows without a worker hop between so many *levels*; who has but one can say so."""
    said = f"memory hops between {levels} levels from row to row, as rows of several workers at random do"
    return f"{said}: {_named(named=False)}, or the one if there is one only"


def advice(columns: Mapping[str, Sequence[str]], tells: Callable[[Sequence[str]], bool]) -> str:
    """Return what to do about rows that are mixed: which of *columns*, by name, *tells* them apart; nothing if none does."""
    for name in columns:
        if tells(columns[name]):
            if name.lower() == "pid":
                return "; it is the place of a worker (w0, w1), `life` counts its restarts; a pid may stand in `life`"
            return f"; rename `{name}` to `worker`"
    return ""


def _named(*, named: bool) -> str:
    return "give each worker its own name in `worker`" if named else "name the workers in a column `worker`"
