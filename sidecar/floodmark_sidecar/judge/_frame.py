"""A trace made ready to judge: masked instants left out, time without the pauses between segments, lives found."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from floodmark_sidecar.judge._ageing import lives_slacken, start_of_lives
from floodmark_sidecar.judge._copies import copies
from floodmark_sidecar.judge._lives import MANY, Life, join, split_lives
from floodmark_sidecar.judge._ranks import median
from floodmark_sidecar.judge._rounds import rounds
from floodmark_sidecar.judge._sizes import sizes_doubt, sizes_problem
from floodmark_sidecar.judge._trace import Trace
from floodmark_sidecar.judge._types import FloatArray, IntArray, Json
from floodmark_sidecar.judge._within import Within, within_lives

_BLOCK: Final = 80.0
"""Bytes of one of Python's blocks on the whole, which nobody measures: growth in use is not reported, only looked at."""

GAP: Final = 3.0
"""Reading intervals without a reading that make a gap."""

_BRIEF: Final = 1 / 32
"""Share of a run that may be masked at once and is no gap: no more than a floor or two are found in so short a time."""

_ENOUGH: Final = 24
"""Readings of a worker from which on it counts how many of them know its memory: one that ends may be missed once."""


@dataclass(frozen=True)
class Coverage:
    """How much of a run its readings cover; `span` is from the first reading to the last one, masked or not. `measured_share` is the share of readings in which memory is known, of the worker
    of which least is, `least_measured`; `problem` says why the sizes cannot be bytes, if they cannot, `doubt` that they may
    be none, if they may, and `mixed` that rows of several workers go by one name, if they do.
    """

    readings: int
    masked: int
    span: float
    interval: float
    largest_gap: float
    share: float
    judged_share: float
    measured_share: float
    least_measured: str
    problem: str
    doubt: str
    mixed: str

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
            "measured_share": round(self.measured_share, 4),
        }


class Frame:
    """The judged instants of a trace. `x` are seconds from the first one, pauses between segments taken out; by judged row,
    `used` is what a worker had of memory, `copies` what of that are copies, and `memory` the rest, which is judged.

    An instant is a round of readings, as `rounds` tells. One at which any worker is masked is left out for all: a sum needs
    every part.
    """

    def __init__(self, trace: Trace) -> None:
        used = trace.used
        at = rounds(trace.t, trace.worker)
        self._masked = np.unique(at[trace.masked])
        # No process has nothing: 0 is what a zombie shows, and what a gap is often filled with.
        self._measured = measured = used > 0
        rows = np.flatnonzero(measured & ~np.isin(at, self._masked) if len(self._masked) else measured)
        self.trace = trace
        self._rows = rows
        # Rows are in order of time, so that those of an instant are beside each other.
        t = at[rows]
        begins = np.diff(t, prepend=-np.inf) > 0
        self._first = np.flatnonzero(begins)
        self._instant = np.cumsum(begins) - 1
        self.t = t[self._first]
        self.interval = float(np.median(np.diff(self.t))) if len(self.t) > 1 else 0.0
        self.x = self._running_time(trace.segment[rows])
        self.used = used[rows]
        key = trace.life[rows] + trace.segment[rows] * len(trace.lives)
        self.slots = split_lives(trace.worker[rows], key, self.x[self._instant], late=2.5 * self.interval)
        self.copies = copies(self.slots, self.column("uss_bytes"), self.column("rss_bytes"), self.in_use())
        self.memory = self.used - self.copies
        self.life_start = start_of_lives(self.slots, self.memory)

    @property
    def span(self) -> float:
        """Seconds from the first to the last instant."""
        return float(self.x[-1]) if len(self.x) else 0.0

    @property
    def recycled(self) -> bool:
        """Whether any worker had more than one life."""
        return any(len(lives) > 1 for lives in self.slots)

    @property
    def many_lives(self) -> bool:
        """Whether every worker had so many lives that a step in one of them moves nothing."""
        return bool(self.slots) and min(map(len, self.slots)) >= MANY

    @property
    def lives_slacken(self) -> bool:
        """Whether memory grows ever less as lives go on."""
        return lives_slacken(self.slots, self.memory, start=self.life_start)

    @property
    def longest_life(self) -> float | None:
        """Seconds of the longest life seen."""
        return max((life.seconds for lives in self.slots for life in lives), default=None)

    def column(self, name: str) -> FloatArray:
        """Return a column at the judged rows."""
        return self.trace.column(name)[self._rows]

    def in_use(self, *, free: bool = False) -> FloatArray:
        """Return by judged row the bytes that a worker has in use by its own account: Python's blocks, malloc's, mappings; with
        *free* also what malloc keeps free.
        """
        parts = [*self.in_use_apart(), self.column("mmap_bytes")]
        used: FloatArray = np.sum([*parts, self.column("heap_free_bytes")] if free else parts, axis=0)
        return used

    def in_use_apart(self) -> tuple[FloatArray, FloatArray]:
        """Return by judged row the bytes of Python's blocks, and those that malloc has in use."""
        return self.column("python_blocks") * _BLOCK, self.column("heap_used_bytes")

    def joined(self, values: FloatArray, *, slot: int | None = None) -> FloatArray | None:
        """Return the sum over workers of *values* (by judged row) at every instant, lives joined; one slot's if given.

        None where nothing was measured.
        """
        total = None
        for lives in self.slots:
            if slot is None or lives[0].slot == slot:
                # Memory is asked for again and again.
                part = self._memory[lives[0].slot] if values is self.memory else self._join(lives, values)
                if part is not None:
                    total = part[0] if total is None else total + part[0]
        return total

    def within(self, values: FloatArray, *, slot: int | None = None) -> Within | None:
        """Return what tells the slope of *values* (by judged row) within lives; None where no worker was replaced."""
        slots = [lives for lives in self.slots if slot is None or lives[0].slot == slot]
        if all(len(lives) < 2 for lives in slots):
            return None
        return within_lives(slots, values, start=self.life_start)

    def present(self, values: FloatArray) -> FloatArray:
        """Return the plain sum of *values* over the workers there were at each instant, whatever their lives."""
        sums = np.bincount(self._instant, weights=_known(values), minlength=len(self.t))
        return sums.astype(np.float64)

    def highest(self, values: FloatArray) -> FloatArray:
        """Return the largest of *values* among the workers at each instant."""
        return np.maximum.reduceat(_known(values), self._first)

    def coverage(self) -> Coverage:
        """Return how much of the run the readings cover; O(n log n).

        A sum needs every part: what no reading covers is time in which any worker that lives was not read. A few masked
        instants were read, and are no gap; masked at either end of the run, or for long, nobody knows what memory did.
        """
        masked = np.diff(np.searchsorted(self._masked, self.t), prepend=0, append=len(self._masked)) * self.interval
        begin, end = (float(masked[0]), float(masked[-1])) if len(self.t) else (0.0, 0.0)
        run = begin + self.span + end
        steps = np.diff(self.x)
        seen = np.maximum(steps - np.where(masked[1:-1] <= _BRIEF * run, masked[1:-1], 0.0), 0.0)
        unseen, largest = self._gaps(seen)
        used = sum(part[1] for part in self._memory.values() if part is not None)
        return Coverage(
            len(self.t),
            len(self._masked),
            run,
            self.interval,
            max(begin, end, largest),
            1 - (begin + unseen + end) / run if self.span else 0.0,
            used / len(self._rows) if len(self._rows) else 0.0,
            *self._measured_share(),
            sizes_problem(self.trace),
            sizes_doubt(self.trace),
            self.trace.mixed,
        )

    def _gaps(self, steps: FloatArray) -> tuple[float, float]:
        """Return the seconds in which a worker that lives, or every one, was not read, and the longest time without a reading;
        *steps* are those between instants.
        """
        x = np.concatenate([[0.0], np.cumsum(steps)])
        wide = np.flatnonzero(steps > GAP * self.interval)
        edges = np.zeros(len(x), np.intp)
        edges[wide] += 1
        edges[wide + 1] -= 1
        largest = float(steps.max()) if len(steps) else 0.0
        # Without labels of lives nobody knows whether a worker that was not read was there.
        for lives in self.slots if len(self.slots) > 1 and self.trace.lives_known else ():
            read = [self._instant[life.rows] for life in lives]
            own = [np.diff(x[at]) for at in read]
            between = np.concatenate(own)
            every = max(self.interval, median(between) if len(between) else 0.0)
            for at, each in zip(read, own, strict=True):
                for i in np.flatnonzero(each > GAP * every).tolist():
                    edges[at[i]] += 1
                    edges[at[i + 1]] -= 1
                    largest = max(largest, float(each[i]))
        return float(steps[np.cumsum(edges)[:-1] > 0].sum()), largest

    def _measured_share(self) -> tuple[float, str]:
        """Return the lowest share of a worker's readings with memory, and its name; workers hardly ever read aside."""
        if not len(self.trace):
            return 1.0, ""
        workers, known = self.trace.worker, self.trace.worker[self._measured]
        read = np.bincount(workers, minlength=len(self.trace.workers))
        shares = np.bincount(known, minlength=len(read)) / np.maximum(read, 1)
        shares[read < _ENOUGH] = 1.0
        least = int(np.argmin(shares))
        return float(shares[least]), self.trace.workers[least]

    @cached_property
    def _memory(self) -> dict[int, tuple[FloatArray, int] | None]:
        return {lives[0].slot: self._join(lives, self.memory) for lives in self.slots}

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


def _known(values: FloatArray) -> FloatArray:
    """Return *values* with 0 for what was not measured."""
    return np.where(np.isfinite(values), values, 0.0)
