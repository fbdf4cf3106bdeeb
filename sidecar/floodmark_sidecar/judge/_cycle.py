"""The release cycle: how often a service falls back to its floor, as at a garbage collection or where a cache is swept."""

import math
from itertools import pairwise
from typing import Final

import numpy as np

from floodmark_sidecar.judge._ranks import median, quantile, robust_sigma
from floodmark_sidecar.judge._types import FloatArray

_FEWEST_READINGS: Final = 16

_SWING: Final = 8.0
"""How many times the noise between neighbours a release is: of two thousand readings, noise alone has a range of seven."""

_FEWEST_LOWS: Final = 4
_MANY_LOWS: Final = 6
"""Of fewer, times are even by chance too often."""

_REGULAR: Final = 0.4
_ABRUPT: Final = 0.3
_EVEN: Final = 0.12
"""What tells a cycle from noise that wanders: lows at one level, and at even times or after falls that take so much less time
than the rises.
"""

_NEARLY_ALL: Final = 0.9
"""Share of the falls that take less time than their rises: of noise half do."""

_FEWEST_TEETH: Final = 3

_SAMPLES: Final = 2000
"""Readings that the search for cycles looks at; cycles that matter are far longer than a two-thousandth of a run."""


def release_cycle(x: FloatArray, y: FloatArray) -> float | None:
    """Return the usual seconds between two lows that large releases leave behind, or None where there is no such cycle."""
    stride = max(1, len(x) // _SAMPLES)
    times, values = x[::stride], y[::stride]
    if len(values) < _FEWEST_READINGS:
        return None
    noise = _noise(values)
    u = times - times.mean()
    level = values - u * float(u @ values / (u @ u))
    lows = _lows(values, max(_SWING * noise, 0.5 * (quantile(level, 0.95) - quantile(level, 0.05))))
    if len(lows) < _FEWEST_LOWS or not _even(values, lows) or not (_regular(times[lows]) or _abrupt(values, lows)):
        return None
    return quantile(np.diff(times[lows]), 0.8)


def has_teeth(y: FloatArray) -> bool:
    """Say whether *y* rises for a while and falls back at once, again and again, by much more than its noise."""
    values = y[:: max(1, len(y) // _SAMPLES)]
    swing = quantile(values, 0.95) - quantile(values, 0.05)
    noise = _noise(values)
    if swing <= _SWING * noise:
        return False
    lows = _lows(values, max(_SWING * noise, 0.5 * swing))
    return len(lows) > _FEWEST_TEETH and _abrupt(values, lows)


def _noise(values: FloatArray) -> float:
    """Return the standard deviation of what neighbouring *values* do not have in common, nor a line through three of them: where
    a tooth has a dozen readings, most of what is between two of them is its rise.
    """
    return robust_sigma(np.diff(values, 2)) / math.sqrt(6)


def _regular(times: FloatArray) -> bool:
    between = np.diff(times)
    return len(times) >= _MANY_LOWS and float(np.std(between)) < _REGULAR * float(np.mean(between))


def _even(values: FloatArray, lows: list[int]) -> bool:
    """Say whether lows are at about one level, or along one line, by what is between them: noise has no level."""
    levels = values[lows]
    tops = np.array([values[low : after + 1].max() for low, after in pairwise(lows)])
    swing = median(tops - np.minimum(levels[1:], levels[:-1]))
    uneven = robust_sigma(np.diff(levels, 2)) / math.sqrt(6)
    return uneven < _EVEN * swing


def _abrupt(values: FloatArray, lows: list[int]) -> bool:
    """Say whether memory falls to its lows much faster than it rises from them, as where something is released."""
    shares = []
    for low, after in pairwise(lows):
        top = low + int(values[low : after + 1].argmax())
        shares.append((after - top) / (after - low))
    found = np.array(shares)
    return median(found) < _ABRUPT and quantile(found, _NEARLY_ALL) < 0.5


def _lows(values: FloatArray, swing: float) -> list[int]:
    """Return where the lows are between rises of at least *swing* and the falls before them."""
    lows: list[int] = []
    if swing <= 0:
        return lows
    falling, at = False, 0
    top = bottom = float(values[0])
    for i, value in enumerate(values.tolist()):
        if falling:
            if value < bottom:
                bottom, at = value, i
            elif value > bottom + swing:
                lows.append(at)
                falling, top = False, value
        elif value > top:
            top = value
        elif value < top - swing:
            falling, bottom, at = True, value, i
    if falling:
        lows.append(at)
    return lows
