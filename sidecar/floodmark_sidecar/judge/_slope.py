"""The slope of floors and how far it can be off: Theil-Sen, and a moving-block bootstrap of residuals."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from floodmark_sidecar.judge._curve import Curve, fit_line
from floodmark_sidecar.judge._ranks import median, quantile, row_medians
from floodmark_sidecar.judge._types import FloatArray, IntArray, Json

_SEED: Final = 20_011
"""Fixed: the same trace has the same verdict, to the last digit."""

DRAWS: Final = 299

_AT_ONCE: Final = 1 << 16
"""Slopes that are held at a time; those of all draws do not fit a processor's cache, which takes twice as long."""

LEVEL: Final = 0.05
"""One-sided level of the interval's either end, so that the interval covers 90 %."""


@dataclass(frozen=True)
class Slope:
    """A slope per second with its interval; `se` is its standard error."""

    estimate: float
    low: float
    high: float
    se: float


def slope_dict(slope: Slope | None, times: int) -> Json:
    """Return *slope* as in a result, *times* over: 3600 makes it one per hour; nulls for None."""
    if slope is None:
        return {"estimate": None, "low": None, "high": None}
    return {"estimate": slope.estimate * times, "low": slope.low * times, "high": slope.high * times}


def theil_sen(x: FloatArray, y: FloatArray) -> float:
    """Return the median slope over all pairs of points, 0 for fewer than two. O(n²), for floors and not for readings."""
    if len(x) < 2:
        return 0.0
    first, second = _pairs(len(x))
    return median((y[second] - y[first]) / (x[second] - x[first]))


def measure_slope(x: FloatArray, y: FloatArray, curve: Curve, *, draws: int = DRAWS) -> Slope:
    """Return the Theil-Sen slope of *y* over *x*.

    Its interval comes from residuals about *curve*, not about a line: curvature is not noise. Blocks of residuals are
    drawn, as neighbours are alike; where few floors are too few for that, the error of an AR(1) noise is a lower limit.
    """
    estimate = theil_sen(x, y)
    n = len(x)
    span = float(x[-1] - x[0])
    r = curve.autocorrelation
    block = int(np.clip(np.ceil(2 * (1 + r) / (1 - r)), 3, max(3, n // 4)))
    rng = np.random.default_rng(_SEED)
    starts = rng.integers(0, n - block + 1, size=(draws, -(-n // block)))
    index = (starts[:, :, None] + np.arange(block)).reshape(draws, -1)[:, :n]
    noise = curve.residuals[index]
    rows = max(1, _AT_ONCE // len(_pairs(n)[0]))
    errors = np.concatenate([_theil_sens(x, noise[begin : begin + rows]) for begin in range(0, draws, rows)])
    errors -= median(errors)
    drawn = float(np.std(errors))
    expected = float(np.sqrt(_error(curve, span) * _error(fit_line(x, y), span)))
    widen = max(curve.inflation, expected / drawn if drawn > 0 else 1.0)
    down, up = (quantile(errors, share) * widen for share in (LEVEL, 1 - LEVEL))
    return Slope(estimate, estimate - up, estimate - down, drawn * widen)


def _error(curve: Curve, span: float) -> float:
    """Return the standard error of a line's slope in the AR(1) noise about *curve*."""
    alike = (1 + curve.autocorrelation) / (1 - curve.autocorrelation)
    return float(curve.sigma * np.sqrt(12 / len(curve.residuals) * alike) / span)


def _theil_sens(x: FloatArray, rows: FloatArray) -> FloatArray:
    """Return the median slope of each of *rows* over *x*."""
    first, second = _pairs(len(x))
    slopes = rows.take(second, axis=1)
    slopes -= rows.take(first, axis=1)
    slopes /= x[second] - x[first]
    return row_medians(slopes)


@lru_cache(maxsize=64)
def _pairs(n: int) -> tuple[IntArray, IntArray]:
    return np.triu_indices(n, 1)
