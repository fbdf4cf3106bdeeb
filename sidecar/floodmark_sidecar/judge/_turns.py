"""Rows of several workers that take turns under one name: read one after the other, at times of their own.

One process looks least like itself after a while, not from one row to the next. Workers do: each row is most like the one
of the same worker, a round before. What one process does in step with its readings, a job at every other one, looks alike
yet has one base; and the base of each worker is its own.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np

from floodmark_sidecar.judge._types import FloatArray, IntArray

DIFFER: Final = 1.01
"""By how many times the most of what rows of one time say differs from the least of it, to be of two processes."""

_MOST: Final = 16
"""Workers that are looked for where their rows alternate."""

_FEWEST: Final = 4 * _MOST
"""Rows that tell whether they alternate."""

_ALIKE: Final = 0.25
"""How far apart a worker's own rows are at most, as a share of how far rows that follow each other are."""

_UNEVEN: Final = 0.05
"""Share of a step by which steps differ that are uneven."""

_OWN: Final = 0.5
"""How far a worker's own rows are apart, as a share of how far two workers' are, once the level of each is taken off."""

_STAYS: Final = 0.5
"""How far apart means of many rounds are, as a share of how far two workers' rows are."""

_ROUNDS: Final = 32
"""Rounds of rows that tell levels apart; and into how many blocks they are split at most, of four rounds at least."""

_AT_FIRST: Final = 1 << 14
"""Rows that tell whether it is worth looking at all of them: a month's are many."""

_NEARLY: Final = 0.9
"""Share of the rounds of a block in which the highest row is above the lowest."""

_MISSED: Final = 1.1
"""How many times as many readings there would be without those that were missed, at most."""

_KNOWN: Final = 0.75
"""Share of the rounds in which the row at each place was read: what misses every tenth reading has none at one of ten."""

_FALLS: Final = 0.05
"""Share of the steps of a counter that are falls, where it is several workers'."""

_SELDOM: Final = 0.01
"""Share of the steps of one worker's counter that may be falls: restarts that nobody told of."""


def most_in_turn(t: FloatArray, worker: IntArray, life: IntArray, values: FloatArray, requests: FloatArray) -> int:
    """Return of how many workers the rows are that take turns in what is one worker's by name; 0 where in none.

    *values* are their memory, *requests* their counters. O(n log n).
    """
    order = np.argsort(worker, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(worker[order])) + 1)
    return max(_by_counter(requests[rows], life[rows]) or _by_times(t[rows], values[rows]) for rows in parts)


def in_turn_by_levels(t: FloatArray, values: FloatArray) -> int:
    """Return of how many workers rows without any names are by their memory alone, 0 where they may be of one: each row is
    far nearer to the one a round before than to the last one, and what is left of each without its level is its own.

    Where steps are uneven, rows that are read together are told apart so; where they are even, levels must be as well. O(n).
    """
    known = values > 0
    t, values = t[known], values[known]
    if len(values) < _FEWEST:
        return 0
    steps, values = np.diff(t), _with_missed(t, values)
    uneven, first = _apart(steps, 1), values[:_AT_FIRST]
    for workers in range(2, min(_MOST, len(values) // _ROUNDS) + 1):
        if _apart(first, workers) >= _ALIKE * _apart(first, 1):
            continue
        rounds = values[: len(values) // workers * workers].reshape(-1, workers)
        if np.isfinite(rounds).mean(axis=0).min() < _KNOWN:
            continue
        bursts = not _even(steps) and _apart(steps, workers) < _ALIKE * uneven
        if _wander_apart(rounds, bursts=bursts) and (bursts or _levels_apart(rounds)):
            return workers
    return 0


def _by_times(t: FloatArray, values: FloatArray) -> int:
    """Return of how many workers rows of one name are.

    Both tell: the steps from row to row come again every so many rows, as uneven as they are, and so does memory. O(n).
    """
    known = values > 0
    steps, values = np.diff(t[known]), values[known]
    if len(values) < _FEWEST or _even(steps):
        return 0
    uneven, apart = _apart(steps, 1), _apart(values, 1)
    if apart <= (DIFFER - 1) * float(np.median(values)):
        return 0
    for workers in range(2, _MOST + 1):
        if _apart(steps, workers) < _ALIKE * uneven and _apart(values, workers) < _ALIKE * apart:
            return workers
    return 0


def _with_missed(t: FloatArray, values: FloatArray) -> FloatArray:
    """Return *values* with NaN where a reading was missed, so that rounds keep step; as they are where steps are uneven."""
    steps = np.diff(t)
    after = np.maximum(np.rint(steps / np.median(steps)), 1.0)
    if after.sum() > _MISSED * len(values):
        return values
    at = np.concatenate([[0], np.cumsum(after)]).astype(np.intp)
    result = np.full(at[-1] + 1, np.nan)
    result[at] = values
    return result


def _wander_apart(rounds: FloatArray, *, bursts: bool) -> bool:
    """Say whether most neighbours in *rounds* of rows differ by more than either does from itself a round before; where they
    are not *bursts*, by what does not level out.

    Where teeth of one process nearly keep step with its readings, they end at one place in the round, and differ from two;
    small ones between them keep another step, and are as often higher at one place as at the next.
    """
    rest = rounds - np.nanmedian(rounds, axis=0)
    apart = np.roll(rest.ravel(), -1).reshape(rest.shape) - rest
    own = np.nanmedian(np.abs(np.diff(rest, axis=0)), axis=0)
    between = np.nanmedian(np.abs(apart), axis=0)
    found = np.maximum(own, np.roll(own, -1)) < _OWN * between
    if not bursts:
        found &= _swing(apart) > _STAYS * between
    return int(np.count_nonzero(found)) > len(own) / 2


def _swing(rounds: FloatArray) -> FloatArray:
    """Return by place how far means of many *rounds* are apart, the outer ones left out."""
    begins = np.linspace(0, len(rounds), min(_ROUNDS, len(rounds) // 4), endpoint=False).astype(np.intp)
    known = np.add.reduceat(np.isfinite(rounds), begins, dtype=np.float64)
    means = np.add.reduceat(np.nan_to_num(rounds), begins) / np.maximum(known, 1.0)
    low, high = np.quantile(means, (0.1, 0.9), axis=0)
    swing: FloatArray = high - low
    return swing


def _levels_apart(rounds: FloatArray) -> bool:
    """Say whether the highest of *rounds* of rows is above the lowest all the time: what slips by a row changes places."""
    level = np.nanmedian(rounds, axis=0)
    above = rounds[:, np.argmax(level)] - rounds[:, np.argmin(level)]
    above = above[np.isfinite(above)]
    blocks = np.array_split(above, min(_ROUNDS, len(above) // 4))
    return all(np.count_nonzero(block > 0) >= _NEARLY * len(block) for block in blocks)


def _by_counter(requests: FloatArray, life: IntArray) -> int:
    """Return of how many workers rows are by what they counted: it falls again and again, and each one's own does not. O(n)."""
    for counts in _by_life(requests, life):
        falls = np.count_nonzero(np.diff(counts) < 0)
        if len(counts) < _FEWEST or falls <= _FALLS * len(counts):
            continue
        for workers in range(2, _MOST + 1):
            own = counts[workers:] - counts[:-workers]
            # What restarts as often counts no more than it did before.
            if np.count_nonzero(own < 0) <= _SELDOM * len(own) and own.sum() > 0:
                return workers
    return 0


def _by_life(values: FloatArray, life: IntArray) -> Iterator[FloatArray]:
    """Yield those of *values* that are known, life by life."""
    known = np.isfinite(values)
    if known.any():
        values, life = values[known], life[known]
        order = np.argsort(life, kind="stable")
        yield from np.split(values[order], np.flatnonzero(np.diff(life[order])) + 1)


def _even(steps: FloatArray) -> bool:
    return _apart(steps, 1) <= _UNEVEN * float(np.median(steps))


def _apart(values: FloatArray, rows: int) -> float:
    """Return how far apart *values* are that are so many *rows* apart."""
    return float(np.nanmean(np.abs(values[rows:] - values[:-rows])))
