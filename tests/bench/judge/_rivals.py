"""Baselines from published leak detectors, written from their descriptions. Pure: a series in, whether it climbs out."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

from tests.bench.judge._series import Series
from tests.bench.judge._types import FloatArray

_CRITICAL: Final = 7 * 86_400.0
_FIT: Final = 0.8
_SHORTEST: Final = 4
"""A trend spans at least the fourth part of a run: six hours of a day."""

_HEADROOM: Final = 2.0
_TRIES: Final = 37
_UNUSUAL: Final = 3.5

_RETRIES: Final = 10
_LONGER: Final = 1.5
_FEWEST: Final = 4
_WARMUP: Final = 0.1

_LEAKY: Final = 0.95
_GREW: Final = 0.01


def backward_regression(series: Series) -> bool:
    """Say whether, looking back from the end, some stretch is a line that reaches 100 % soon.

    Thresholds: r² ≥ 0.8, a stretch of at least a fourth of the run (6 h of a day), full within 7 days. 100 % is twice the
    run's median, as if the service had a limit of double its use: the original reads the share of a whole machine's memory,
    which a trace of one service has not. Smoothing and stretches scale with the run, the 7 days do not. Source: Jindal and
    others, arXiv 2106.08938.
    """
    y = series.smoothed
    starts = np.unique(np.linspace(0, len(y) - len(y) // _SHORTEST, _TRIES).astype(int))[::-1]
    every = series.span / max(1, len(y))
    full = _HEADROOM * float(np.median(series.y))
    return any(trend is not None and trend.fills(full) for trend in (_trend(y[start:], every) for start in starts))


def precog(series: Series) -> bool:
    """Say whether the run's second half has a trend that its first half never had.

    A trend begins at a change point (modified z-score of a first difference above 3.5) or the beginning, and goes to the
    end of its half; it counts with r² ≥ 0.8 over at least a fourth of a run. The second half climbs if it sets a new high,
    and a trend of it fills memory as LBR's does and is steeper than every trend of the first half, which stands for the
    history that Precog learns from. Source: Jindal and others, arXiv 2101.09799 and 2106.08938.
    """
    y = series.smoothed
    every = series.span / max(1, len(y))
    half = len(y) // 2
    history, now = y[:half], y[half:]
    if not len(history) or now.max() <= history.max():
        return False
    shortest = len(y) // _SHORTEST
    steepest = max((trend.slope for trend in _trends(history, every, shortest)), default=0.0)
    full = _HEADROOM * float(np.median(series.y))
    return any(trend.slope > steepest and trend.fills(full) for trend in _trends(now, every, shortest))


def psleak(series: Series) -> bool:
    """The rule of psleak: say whether growth keeps exceeding that of the stretch before, each half as long again.

    Thresholds: tolerance 0 bytes, up to 10 retries, each 50 % longer, fewer where the first stretch would have under four
    readings; the first tenth of the run is warm-up. In the original a stretch is so many calls of a function. Source: the
    documentation of psleak 0.1.
    """
    y = series.y[int(_WARMUP * len(series.y)) :]
    retries = _RETRIES
    while retries > 1 and len(y) / _stretches(retries).sum() < _FEWEST:
        retries -= 1
    ends = np.cumsum(_stretches(retries))
    at = np.append(0, np.round(ends / ends[-1] * (len(y) - 1)).astype(int))
    grown = np.diff(y[at])
    return bool(grown[0] > 0 and np.all(np.diff(grown) > 0))


def scalene(series: Series) -> bool | None:
    """Say whether, by Scalene's leak score with maps in the place of lines, some map hardly ever lets go of an entry.

    Thresholds: 1 - (removes + 1) / (adds - removes + 2) ≥ 0.95, and memory grew by 1 % or more over the run. None where no
    map tells what came and went. Source: Scalene (OSDI 2023), its leak analysis by the rule of succession.
    """
    if not series.maps:
        return None
    tenth = max(1, len(series.y) // 10)
    grown = float(np.median(series.y[-tenth:]) / np.median(series.y[:tenth])) - 1
    return grown >= _GREW and any(leak_score(churn.adds, churn.removes) >= _LEAKY for churn in series.maps)


def leak_score(adds: float, removes: float) -> float:
    """Return Scalene's score of a line with so many allocations and frees."""
    return 1 - (removes + 1) / max(adds - removes + 2, 1)


@dataclass(frozen=True)
class _Trend:
    """A line that fits: bytes a second, and where it is at the end."""

    slope: float
    end: float

    def fills(self, full: float) -> bool:
        """Say whether it goes from its end to *full* bytes within the critical time."""
        return self.slope > 0 and (full - self.end) / self.slope <= _CRITICAL


def _trend(y: FloatArray, every: float) -> _Trend | None:
    if len(y) < _FEWEST or y.min() == y.max():
        return None
    line = stats.linregress(np.arange(len(y)) * every, y)
    if line.rvalue**2 < _FIT:
        return None
    return _Trend(float(line.slope), float(line.intercept + line.slope * every * (len(y) - 1)))


def _trends(y: FloatArray, every: float, shortest: int) -> list[_Trend]:
    """Return the lines that fit from each change point of *y*, or its beginning, to its end."""
    changes = np.diff(y)
    off = np.abs(changes - np.median(changes))
    usual = float(np.median(off))
    points = np.flatnonzero(0.6745 * off > _UNUSUAL * usual) + 1 if usual > 0 else np.empty(0, int)
    starts = [0, *(int(point) for point in points if len(y) - point >= shortest)]
    found = (_trend(y[start:], every) for start in starts)
    return [trend for trend in found if trend is not None]


def _stretches(retries: int) -> FloatArray:
    """Return how long each stretch is, in the first one's lengths."""
    return np.asarray(_LONGER ** np.arange(retries + 1), np.float64)
