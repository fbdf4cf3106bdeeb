"""Growth within lives: the slope of workers that are replaced, from pairs of floors of one life each, lives as blocks.

Across a restart nothing is compared: what a new life begins with says nothing of a leak. So no life's growth depends on
where another one ended, and the lives of a slot are as many looks at the same growth; how they differ is its error.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from floodmark_sidecar.judge._floors import MOST, take_floors
from floodmark_sidecar.judge._lives import Life, Readings, settled_readings
from floodmark_sidecar.judge._ranks import robust_sigma
from floodmark_sidecar.judge._slope import LEVEL, Slope, theil_sen
from floodmark_sidecar.judge._types import FloatArray

Within = Callable[[float], Slope | None]
"""Returns the slope within lives from so many seconds on, None where no life is long enough to say."""

_FLOORS: Final = 16
"""Floors of one life of many; few lives share as many as a run has."""

_FEWEST_FLOORS: Final = 4

_REACH: Final = 1.5
"""The error of a line falls with its length to this power."""

_DRAWS: Final = 199
_SEED: Final = 20_021
"""Fixed: the same trace has the same verdict, to the last digit."""

_BELIEF: Final = 2.0
"""Lives by which the noise within lives counts beside how lives differ: of two or three lives the latter says little."""


@dataclass(frozen=True)
class _LifeSlopes:
    """What one life says: the slopes of all pairs of its floors, per second, the error of a line through these floors,
    and how many seconds it is long.
    """

    pairs: FloatArray
    error: float
    seconds: float


def _slope_within(slots: Iterable[list[_LifeSlopes]]) -> Slope | None:
    """Return the sum over slots of the slopes within each of *slots*; None where none tells anything.

    A slot's slope is the median over the pairs of all its lives: one life with a step in it does not move it.
    """
    pooled = [_Pooled(lives) for lives in slots if lives]
    if not pooled:
        return None
    estimate = sum(slot.estimate for slot in pooled)
    error = float(np.sqrt(sum(slot.variance for slot in pooled)))
    error *= _student(sum(slot.freedom for slot in pooled) + _BELIEF)
    beside = NormalDist().inv_cdf(1 - LEVEL) * error
    return Slope(float(estimate), float(estimate - beside), float(estimate + beside), float(error))


def within_lives(slots: Iterable[tuple[Life, ...]], values: FloatArray, *, start: float) -> Within:
    """Return what tells the slope of *values* (by judged row) within the lives of *slots*, whose starts take *start* seconds."""
    listed = tuple(slots)

    def within(since: float) -> Slope | None:
        return _slope_within([_looks(settled_readings(lives, values, start=start, since=since)) for lives in listed])

    return within


def _looks(readings: list[Readings]) -> list[_LifeSlopes]:
    """Return what each life of a slot says; O(n)."""
    most = max(_FLOORS, MOST // max(1, len(readings)))
    floors = [take_floors(at, own, most=most) for at, own in readings]
    return [_look(one.x, one.y) for one in floors if len(one) >= _FEWEST_FLOORS]


def _look(x: FloatArray, y: FloatArray) -> _LifeSlopes:
    first, second = np.triu_indices(len(x), 1)
    return _LifeSlopes((y[second] - y[first]) / (x[second] - x[first]), _error_of_line(x, y), float(x[-1] - x[0]))


class _Pooled:
    """The lives of one slot together, each with the weight that the error of a line has by its length.

    `freedom` are the lives there would be if all had the same, less one.
    """

    def __init__(self, lives: list[_LifeSlopes]) -> None:
        slopes = np.concatenate([life.pairs for life in lives])
        owner = np.repeat(np.arange(len(lives)), [len(life.pairs) for life in lives])
        order = np.argsort(slopes)
        self._slopes, self._owner = slopes[order], owner[order]
        self._errors = np.array([life.error for life in lives])
        self._weights = np.array([life.seconds for life in lives]) ** _REACH
        self._each = self._weights / np.array([len(life.pairs) for life in lives])
        self.freedom = float(np.sum(self._weights) ** 2 / np.sum(self._weights**2)) - 1

    @property
    def estimate(self) -> float:
        """The median over all pairs."""
        return float(self._medians(np.ones((1, len(self._weights))))[0])

    @property
    def variance(self) -> float:
        """That between lives where they are many, that of the noise within one where they are few."""
        usual = float(np.median(self._weights * self._errors))
        noise = usual**2 / float(np.sum(self._weights**2))
        count = len(self._weights)
        if count < 2:
            return noise
        # Weights drawn anew for whole lives say how far the median moves with them; of few lives they say too little.
        drawn = np.random.default_rng(_SEED).exponential(size=(_DRAWS, count))
        between = float(np.var(self._medians(drawn))) * (count + 1) / (count - 1)
        return (_BELIEF * noise + self.freedom * between) / (_BELIEF + self.freedom)

    def _medians(self, shares: FloatArray) -> FloatArray:
        """Return the median slope for each row of the lives' *shares*."""
        below = np.cumsum((shares * self._each)[:, self._owner], axis=1)
        middle = np.count_nonzero(below < below[:, -1:] / 2, axis=1)
        medians: FloatArray = self._slopes[np.minimum(middle, len(self._slopes) - 1)]
        return medians


def _error_of_line(x: FloatArray, y: FloatArray) -> float:
    """Return the standard error of a line's slope through *y*, in noise whose neighbours are alike."""
    n, slope = len(x), theil_sen(x, y)
    left = y - slope * x
    left = left - float(np.median(left))
    power = float(np.sum(left**2))
    if power <= 0:
        return 0.0
    alike = float(np.sum(left[1:] * left[:-1])) / power
    # In short series neighbours look less alike than they are.
    alike = float(np.clip(alike + (1 + 3 * max(alike, 0.0)) / n, 0.0, 0.9))
    sigma = robust_sigma(left)
    return float(
        max(sigma, np.sqrt(power / (n - 2)) / 2) * np.sqrt(12 / n * (1 + alike) / (1 - alike)) / (x[-1] - x[0])
    )


def _student(freedom: float) -> float:
    """Return by what factor an interval from an error of so few degrees of freedom is wider: Student's t over normal's."""
    z = NormalDist().inv_cdf(1 - LEVEL)
    return 1 + (z**2 + 1) / (4 * freedom) + (5 * z**4 + 16 * z**2 + 3) / (96 * freedom**2)
