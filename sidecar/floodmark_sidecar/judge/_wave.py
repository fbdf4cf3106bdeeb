"""Waves: memory that comes and goes with the hour of the day, or with some period of its own, and by how much."""

from typing import Final

import numpy as np

from floodmark_sidecar.judge._delta import DAY
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._ranks import means
from floodmark_sidecar.judge._types import FloatArray
from floodmark_sidecar.judge._warmup import LEAST

_POINTS: Final = 192
_FEWEST: Final = 24
"""Blocks of readings that a wave is looked for in."""

_TWICE: Final = 2.0
"""Periods that must have been seen to know a period. Only a day is known beforehand, and then one is enough, nearly."""

_ONCE: Final = 0.9
_MOST: Final = 9.0
"""Periods in the part that is looked at, from which on they are too short to leave a run undecided."""

_TRIED: Final = 96
_EXPLAINED: Final = 0.8
_ALIKE: Final = 0.05
_PLACES: Final = 40
_LESS: Final = 0.5
"""A wave must leave less than this share of what one step or one bend leaves: a level that changed once is none."""

_ABOUT: Final = 0.1
_OF_A_DAY: Final = 0.95
"""Share of what moves about a line that a wave must explain, and one that has been seen but once: a bend is half a wave."""

_FALLS: Final = 0.1
"""Share of all that memory spans by which a wave comes down at least, but for one of a day: that is known beforehand, and growth
may outrun it.
"""

_TOGETHER: Final = 0.7
_VARIES: Final = 0.1
"""Correlation from which memory moves with requests, where these vary by so much of their mean."""


def wave_period(x: FloatArray, y: FloatArray) -> float | None:
    """Return the seconds of the wave that *y* at the times *x* follows, about a line; None where it follows none, or where
    one step or one bend would do nearly as well. O(n).
    """
    begin = int(np.searchsorted(x, x[0] + LEAST * (x[-1] - x[0])))
    if len(x) - begin < _FEWEST:
        return None
    times, values = _blocks(x[begin:], y[begin:])
    span, whole = float(times[-1] - times[0]), float(x[-1] - x[0])
    period, explained = DAY, 0.0
    if _ONCE * DAY <= whole < _TWICE * DAY:
        explained = _explained(times, values, _waves(times, DAY, harmonics=1))
    if explained < _OF_A_DAY:
        periods = np.geomspace(span / _MOST, whole / _TWICE, _TRIED).tolist()
        shares = np.array([_explained(times, values, _waves(times, each, harmonics=3)) for each in periods])
        # Two waves are one of twice the period, too.
        period, explained = periods[int(np.argmax(shares > shares.max() - _ALIKE))], float(shares.max())
        if explained < _EXPLAINED:
            return None
    if 1 - explained >= _LESS * (1 - _simpler(times, values)) or not (about_a_day(period) or _comes_down(values)):
        return None
    return period


def _comes_down(y: FloatArray) -> bool:
    """Say whether *y* falls by more than a little of all that it spans: steps that only go up are no wave."""
    return float((np.maximum.accumulate(y) - y).max()) > _FALLS * float(y.max() - y.min())


def about_a_day(period: float) -> bool:
    """Say whether *period* seconds are about a day."""
    return abs(period / DAY - 1) < _ABOUT


def moves_with_requests(frame: Frame, values: FloatArray) -> bool:
    """Say whether *values*, at every instant, rise and fall with the rate at which requests come."""
    requests = frame.joined(frame.column("requests_total"))
    if requests is None or len(frame.x) < 2 * _FEWEST:
        return False
    times, memory = _blocks(frame.x, values)
    rate = np.gradient(np.interp(times, frame.x, requests), times)
    if not np.std(rate) > _VARIES * abs(float(np.mean(rate))):
        return False
    level, load = _level(times, memory), _level(times, rate)
    power = float(np.sqrt(level @ level) * np.sqrt(load @ load))
    return power > 0 and float(level @ load) > _TOGETHER * power


def _blocks(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    starts = [int(block[0]) for block in np.array_split(np.arange(len(x)), min(len(x), _POINTS))]
    return means(x, starts), means(y, starts)


def _level(x: FloatArray, y: FloatArray) -> FloatArray:
    """Return *y* without its line over *x*."""
    design = np.column_stack([np.ones(len(x)), x])
    rest: FloatArray = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return rest


def _waves(x: FloatArray, period: float, *, harmonics: int) -> list[FloatArray]:
    turns = 2 * np.pi * (x - x[0]) / period
    return [shape(times * turns) for times in range(1, harmonics + 1) for shape in (np.sin, np.cos)]


def _simpler(x: FloatArray, y: FloatArray) -> float:
    """Return the share of what is left of *y* about a line that one step, or one bend, explains at the most."""
    places = x[np.linspace(0, len(x) - 1, _PLACES + 2)[1:-1].astype(np.intp)].tolist()
    return max(
        _explained(x, y, [term])
        for place in places
        for term in ((x > place).astype(np.float64), np.maximum(0.0, x - place))
    )


def _explained(x: FloatArray, y: FloatArray, terms: list[FloatArray]) -> float:
    """Return the share of what is left of *y* about a line that *terms* explain beside it."""
    left = _level(x, y)
    power = float(left @ left)
    design = np.column_stack([np.ones(len(x)), (x - x[0]) / (x[-1] - x[0]), *terms])
    rest = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return 1 - float(rest @ rest) / power if power > 0 else 0.0
