"""Medians, quantiles, means and rises of arrays without NaN.

A verdict takes hundreds of them; numpy's own spend their time on NaN and axes.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from floodmark_sidecar.judge._types import FloatArray

NORMAL: Final = 1.4826
"""Standard deviation of a normal distribution over the median of absolute deviations."""


def median(values: FloatArray) -> float:
    """Return the median of *values*, at least one; to the last digit that of `np.median`. O(n)."""
    half = len(values) // 2
    parted = np.partition(values, half)
    upper = float(parted[half])
    return upper if len(values) % 2 else (float(parted[:half].max()) + upper) / 2


def row_medians(rows: FloatArray) -> FloatArray:
    """Return the median of each of *rows*, which are put in another order. O(n)."""
    half = rows.shape[1] // 2
    # One place only: numpy is several times slower where two are asked for.
    rows.partition(half, axis=1)
    upper = rows[:, half]
    return upper.copy() if rows.shape[1] % 2 else (rows[:, :half].max(axis=1) + upper) / 2


def medians_of_three(values: FloatArray) -> FloatArray:
    """Return the median of every three of *values* that follow each other; two fewer than there are."""
    first, second, third = values[:-2], values[1:-1], values[2:]
    return np.maximum(np.minimum(first, second), np.minimum(np.maximum(first, second), third))


def smoothed(values: FloatArray) -> FloatArray:
    """Return *values* with each replaced by the median of it and those beside it.

    An end has one neighbour: what the next two would lead to stands for the other (Tukey's end-point rule, Exploratory
    Data Analysis, 1977, ch. 7). Left as it is, a run that ends on a low would seem to fall.
    """
    if len(values) < 3:
        return values
    inner = medians_of_three(values)
    if len(inner) < 2:
        return np.concatenate([values[:1], inner, values[-1:]])
    return np.concatenate([[_end(*values[:1], *inner[:2])], inner, [_end(*values[-1:], *inner[:-3:-1])]])


def _end(value: float, beside: float, beyond: float) -> float:
    """Return the median of the last *value*, the smoothed one *beside* it and what a line through that and *beyond* says."""
    return sorted((value, beside, 3 * beside - 2 * beyond))[1]


def robust_sigma(values: FloatArray) -> float:
    """Return the standard deviation about 0 of *values* that are normal for the most part, by the median of their sizes."""
    return NORMAL * median(np.abs(values))


def quantile(values: FloatArray, share: float) -> float:
    """Return the value that the *share* of *values*, at least one, is below; to the last digit that of `np.quantile`."""
    place = (len(values) - 1) * share
    below = int(place)
    parted = np.partition(values, below)
    low = float(parted[below])
    if below + 1 == len(values):
        return low
    high = float(parted[below + 1 :].min())
    beyond = place - below
    return low + (high - low) * beyond if beyond < 0.5 else high - (high - low) * (1 - beyond)


def means(values: FloatArray, starts: Sequence[int]) -> FloatArray:
    """Return the mean of each part of *values* that begins at one of *starts* and ends at the next, or with *values*."""
    return np.add.reduceat(values, starts) / np.diff(starts, append=len(values))


def rise(y: FloatArray) -> float:
    """Return how much the last tenth of *y* is above its first tenth, by their medians."""
    tenth = max(1, len(y) // 10)
    return median(y[-tenth:]) - median(y[:tenth])
