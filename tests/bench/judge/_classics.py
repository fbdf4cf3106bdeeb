"""Baselines from statistics: ratios, regression and rank tests. Pure: a series in, whether it climbs out."""

from typing import Final

import numpy as np
from scipy import stats

from tests.bench.judge._series import Series
from tests.bench.judge._types import FloatArray

_LEVEL: Final = 0.05
_RATIO: Final = 1.05
_LAG: Final = 3
_CORRELATED: Final = 1.96


def last_over_first(series: Series) -> bool:
    """Say whether the median of the last tenth of the readings is more than 5 % above that of the first tenth.

    Threshold: 1.05. Source: the rule of thumb of countless soak scripts.
    """
    tenth = max(1, len(series.y) // 10)
    return bool(np.median(series.y[-tenth:]) > _RATIO * np.median(series.y[:tenth]))


def least_squares(series: Series) -> bool:
    """Say whether the least-squares line through all readings rises.

    Threshold: p < .05, one-sided. Source: any textbook; `scipy.stats.linregress`.
    """
    return bool(stats.linregress(series.x, series.y, alternative="greater").pvalue < _LEVEL)


def mann_kendall(series: Series) -> bool:
    """Say whether the floors of 24 blocks rise more often than not.

    Threshold: p < .05, one-sided, exact where there are no ties. Source: Mann 1945 and Kendall 1975;
    `scipy.stats.kendalltau` against the blocks' order. Much used on software aging.
    """
    return bool(stats.kendalltau(*series.floors, alternative="greater").pvalue < _LEVEL)


def mann_kendall_sen(series: Series) -> bool:
    """Say whether Mann-Kendall finds a rise and the Theil-Sen slope of the same floors is more than δ.

    Thresholds: p < .05; the δ that our judge had for the trace. Source: Garg and others 1998 estimate aging so;
    `scipy.stats.theilslopes`.
    """
    times, floors = series.floors
    return mann_kendall(series) and bool(stats.theilslopes(floors, times).slope > series.delta)


def hamed_rao(series: Series) -> bool:
    """Say whether Mann-Kendall finds a rise when its variance is corrected for correlated floors.

    Thresholds: p < .05, one-sided; significant rank correlations of the detrended floors up to lag 3. Source: Hamed and
    Rao 1998.
    """
    z = hamed_rao_score(series.floors[1])
    return bool(stats.norm.sf(z) < _LEVEL)


def hamed_rao_score(floors: FloatArray) -> float:
    """Return Hamed and Rao's standardised Mann-Kendall score of *floors*, 0 where they are all alike."""
    n = len(floors)
    first, second = np.triu_indices(n, 1)
    score = float(np.sign(floors[second] - floors[first]).sum())
    ties = np.unique(floors, return_counts=True)[1].astype(np.float64)
    variance = (n * (n - 1) * (2 * n + 5) - float(np.sum(ties * (ties - 1) * (2 * ties + 5)))) / 18
    if variance <= 0:
        return 0.0
    places = np.arange(n)
    ranks = stats.rankdata(floors - stats.theilslopes(floors, places).slope * places)
    ranks -= ranks.mean()
    power = float(ranks @ ranks) or 1.0
    excess = 0.0
    for lag in range(1, _LAG + 1):
        likeness = float(ranks[lag:] @ ranks[:-lag]) / power
        if abs(likeness) > _CORRELATED / np.sqrt(n):
            excess += (n - lag) * (n - lag - 1) * (n - lag - 2) * likeness
    # With strong negative correlations the sum would make the variance negative, which the method leaves open.
    correction = max(1 + 2 * excess / (n * (n - 1) * (n - 2)), 1 / n)
    return float((score - np.sign(score)) / np.sqrt(variance * correction))
