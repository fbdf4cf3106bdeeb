"""How growth changes with the age of a life: how long lives take to start, and whether they slacken after that."""

from itertools import pairwise
from typing import Final

import numpy as np

from floodmark_sidecar.judge._lives import FEWEST_READINGS, Life, ends_of_line, settled_readings
from floodmark_sidecar.judge._ranks import robust_sigma
from floodmark_sidecar.judge._types import FloatArray

_BINS: Final = 24
_SETTLING: Final = 1.5
"""A start that fades is lost in noise well before its end."""

_SLACK: Final = 0.7
"""Lives slacken whose second half grows at less than this share of the first: the rest of a fill of half a life after
half of it has .61."""

_ERRORS: Final = 1.64
_FEWEST_LIVES: Final = 3


def start_of_lives(slots: tuple[tuple[Life, ...], ...], values: FloatArray) -> float:
    """Return how many seconds fresh lives take to start, read off the usual rise at each age."""
    fresh = [life for lives in slots for life in lives if life.fresh and len(life.rows) >= FEWEST_READINGS]
    if not fresh:
        return 0.0
    length = float(np.median([life.seconds for life in fresh]))
    bins = int(np.clip(np.median([len(life.rows) for life in fresh]) // 3, 4, _BINS))
    edges = np.linspace(0, length, bins + 1)
    rises = [_rises(life, values[life.rows], edges) for life in fresh if life.seconds >= length / 2]
    usual = np.median(np.array(rises), axis=0) if len(rises) > 2 else np.mean(np.array(rises), axis=0)
    later = usual[bins // 2 :]
    level = float(np.median(later))
    noise = robust_sigma(later - level)
    ramp = usual[: bins // 2] > 2 * max(level, 0.0) + max(3 * noise, 4096.0)
    last = int(np.flatnonzero(ramp)[-1]) + 1 if ramp.any() else 0
    return min(_SETTLING * float(edges[last + 1]), length / 2) if last else 0.0


def _rises(life: Life, values: FloatArray, edges: FloatArray) -> FloatArray:
    """Return the rise of one life from bin to bin of age, the last known level held after its end."""
    age = life.at - life.at[0]
    cuts = np.searchsorted(age, edges)
    levels, last = [], float(values[0])
    for start, stop in pairwise(cuts.tolist()):
        last = float(np.median(values[start:stop])) if stop > start else last
        levels.append(last)
    return np.diff(np.array(levels), prepend=values[0])


def lives_slacken(slots: tuple[tuple[Life, ...], ...], values: FloatArray, *, start: float) -> bool:
    """Say whether lives grow ever less as they go on, once they have started, as a cache does that fills in each.

    Lives that are still filling when they end cannot be told from lives that leak and would have gone on.
    """
    halves = np.array(
        [
            [_slope(at[:half], own[:half]), _slope(at[half:], own[half:])]
            for lives in slots
            for at, own in settled_readings(lives, values, start=start)
            if (half := len(own) // 2) >= FEWEST_READINGS // 2
        ]
    )
    if len(halves) < _FEWEST_LIVES:
        return False
    lost = halves[:, 0] - halves[:, 1]
    error = float(np.std(lost, ddof=1) / np.sqrt(len(halves)))
    # A few lives with a jump in them make a mean, and no median.
    less = [last < _SLACK * first for first, last in (np.mean(halves, axis=0), np.median(halves, axis=0))]
    return bool(all(less) and np.mean(lost) > _ERRORS * error)


def _slope(at: FloatArray, own: FloatArray) -> float:
    begin, end = ends_of_line(at, own)
    return (end - begin) / float(at[-1] - at[0])
