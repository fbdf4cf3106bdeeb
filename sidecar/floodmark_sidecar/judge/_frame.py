"""A trace made ready to judge: masked instants left out, time without the pauses between segments, lives found."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from floodmark_sidecar.judge._lives import Life, join, rises_of, split_lives, start_of_lives
from floodmark_sidecar.judge._trace import Trace
from floodmark_sidecar.judge._types import FloatArray, IntArray, Json

_GAP: Final = 3.0
"""Reading intervals without a reading that make a gap."""


@dataclass(frozen=True)
class Coverage:
    """How much of a run its readings cover."""

    readings: int
    masked: int
    span: float
    interval: float
    largest_gap: float
    share: float
    judged_share: float

    def as_dict(self) -> Json:
        """Return it as in a result."""
        return {
            "readings": self.readings,
            "masked": self.masked,
            "span_seconds": self.span,
            "read_every_seconds": self.interval,
            "largest_gap_seconds": self.largest_gap,
            "share": round(self.share, 4),
            "judged_share": round(self.judged_share, 4),
        }


class Frame:
    """The judged instants of a trace. `x` are seconds from the first one, pauses between segments taken out.

    An instant at which any worker is masked is left out for all: a sum needs every part.
    """

    def __init__(self, trace: Trace) -> None:
        used = trace.column("uss_bytes") + np.nan_to_num(trace.column("swap_bytes"))
        masked = np.unique(trace.t[trace.masked])
        measured = np.isfinite(used)
        rows = np.flatnonzero(measured & ~np.isin(trace.t, masked))
        self.trace = trace
        self._rows = rows
        self._masked = len(masked)
        self.t, self._instant = np.unique(trace.t[rows], return_inverse=True)
        self.interval = float(np.median(np.diff(self.t))) if len(self.t) > 1 else 0.0
        self.x = self._running_time(trace.segment[rows])
        self.memory = used[rows]
        key = trace.life[rows] + trace.segment[rows] * len(trace.lives)
        self.slots = split_lives(trace.worker[rows], key, self.x[self._instant], late=2.5 * self.interval)
        self.life_start, self.lives_slacken = start_of_lives(self.slots, self.memory)

    @property
    def span(self) -> float:
        """Seconds from the first to the last instant."""
        return float(self.x[-1]) if len(self.x) else 0.0

    @property
    def recycled(self) -> bool:
        """Whether any worker had more than one life."""
        return any(len(lives) > 1 for lives in self.slots)

    @property
    def longest_life(self) -> float | None:
        """Seconds of the longest life seen."""
        return max((life.seconds for lives in self.slots for life in lives), default=None)

    def column(self, name: str) -> FloatArray:
        """Return a column at the judged rows."""
        return self.trace.column(name)[self._rows]

    def joined(self, values: FloatArray, *, slot: int | None = None) -> FloatArray | None:
        """Return the sum over workers of *values* (by judged row) at every instant, lives joined; one slot's if given.

        None where nothing was measured.
        """
        total = None
        for lives in self.slots:
            if slot is None or lives[0].slot == slot:
                part = self._join(lives, values)
                if part is not None:
                    total = part[0] if total is None else total + part[0]
        return total

    def rises(self, values: FloatArray) -> FloatArray:
        """Return by how much *values* (by judged row) rose within each life that is long enough to say."""
        return rises_of(self.slots, values)

    def present(self, values: FloatArray) -> FloatArray:
        """Return the plain sum of *values* over the workers there were at each instant, whatever their lives."""
        sums = np.bincount(self._instant, weights=np.nan_to_num(values), minlength=len(self.t))
        return sums.astype(np.float64)

    def highest(self, values: FloatArray) -> FloatArray:
        """Return the largest of *values* among the workers at each instant."""
        result = np.zeros(len(self.t))
        np.maximum.at(result, self._instant, np.nan_to_num(values))
        return result

    def coverage(self) -> Coverage:
        """Return how much of the run the readings cover; O(n log n).

        A masked instant was read: it is not judged, and it is no gap.
        """
        masked = np.setdiff1d(self.trace.t[self.trace.masked], self.t)
        between = np.diff(np.searchsorted(masked, self.t))
        steps = np.maximum(np.diff(self.x) - between * self.interval, 0.0)
        gaps = steps[steps > _GAP * self.interval]
        used = sum(part[1] for lives in self.slots if (part := self._join(lives, self.memory)) is not None)
        return Coverage(
            len(self.t),
            self._masked,
            self.span,
            self.interval,
            float(steps.max()) if len(steps) else 0.0,
            1 - float(gaps.sum()) / self.span if self.span else 0.0,
            used / len(self._rows) if len(self._rows) else 0.0,
        )

    def _join(self, lives: tuple[Life, ...], values: FloatArray) -> tuple[FloatArray, int] | None:
        return join(lives, values, start=self.life_start, x=self.x)

    def _running_time(self, segment: IntArray) -> FloatArray:
        if not len(self.t):
            return self.t
        of_instant = np.zeros(len(self.t), np.intp)
        of_instant[self._instant] = segment
        steps = np.diff(self.t)
        steps[np.diff(of_instant) != 0] = self.interval
        return np.concatenate([[0.0], np.cumsum(steps)])
