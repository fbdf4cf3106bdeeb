"""A run: how long it is, when it is read, and how its growth is measured."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
IntArray: TypeAlias = npt.NDArray[np.int64]
Numbers: TypeAlias = npt.NDArray[Any]

KIB: Final = 1 << 10
MIB: Final = 1 << 20
MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 86_400.0

SHORTEST: Final = 10.0
LONGEST: Final = 366 * DAY
"""Seconds of a run. Nothing shorter has a shape."""

FEWEST: Final = 100
MOST: Final = 2_000_000
"""Readings of one worker in one trace."""

_READINGS: Final = 280
_QUICKEST: Final = 0.5
_USUAL: Final = 15.0


def reading_interval(duration: float) -> float:
    """Return the seconds between readings of a run of *duration* seconds that says nothing of them."""
    return round(min(max(duration / _READINGS, _QUICKEST), _USUAL), 3)


@dataclass(frozen=True)
class Run:
    """A run of `duration` seconds, read every `every` seconds from its first second on."""

    duration: float
    every: float

    @classmethod
    def checked(cls, duration: float, every: float | None) -> "Run":
        """Return a run; without *every* it is read as often as a soak of its length. Raises `ValueError` for nonsense."""
        if not (math.isfinite(duration) and SHORTEST <= duration <= LONGEST):
            msg = f"a run must be from {SHORTEST:g} s to {LONGEST / DAY:g} days long (got {duration!r} s)"
            raise ValueError(msg)
        chosen = reading_interval(duration) if every is None else every
        # Times are written to the millisecond.
        if not (math.isfinite(chosen) and chosen >= 0.001 and FEWEST <= duration / chosen <= MOST):
            msg = (
                f"a run of {duration:g} s needs from {FEWEST} to {MOST} readings, a millisecond apart or more "
                f"(got one every {chosen!r} s)"
            )
            raise ValueError(msg)
        return cls(float(duration), float(chosen))

    @cached_property
    def t(self) -> FloatArray:
        """Seconds since the first reading."""
        times: FloatArray = np.round(np.arange(int(np.ceil(self.duration / self.every - 1e-9))) * self.every, 3)
        return times

    @cached_property
    def u(self) -> FloatArray:
        """The same as shares of the run: 0 at the first reading, just under 1 at the last."""
        return self.t / self.duration

    @cached_property
    def half(self) -> int:
        """Index of the first reading of the second half."""
        return int(np.searchsorted(self.t, self.duration / 2))

    def since(self, share: float) -> FloatArray:
        """Return 0 before *share* of the run, and 1 from there on."""
        return (self.u >= share).astype(np.float64)

    @property
    def zeros(self) -> FloatArray:
        """Nothing, at every reading."""
        return np.zeros(len(self.t))

    def clipped(self, seconds: float, share: float, *, least: float = 2.0) -> float:
        """Return *seconds*, but no more than *share* of the run and no less than *least* readings."""
        return max(min(seconds, share * self.duration), least * self.every)

    def growing(self, shape: FloatArray, rate: float) -> FloatArray:
        """Return *shape* scaled so that its mean growth over the second half is *rate* a second, and from 0 on.

        A shape that has none there, as of requests that did not come, is taken for a straight line.
        """
        shape = shape if shape[-1] > shape[self.half] else self.u
        rise = float(shape[-1] - shape[self.half])
        seconds = float(self.t[-1] - self.t[self.half])
        grown: FloatArray = (shape - shape[0]) * (rate * seconds / rise)
        return grown
