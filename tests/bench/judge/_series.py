"""What a rule without floors, lives or load sees of a trace: one line of memory, and what came and went in each map."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from floodmark_sidecar.judge import Trace
from tests.bench.judge._types import FloatArray


@dataclass(frozen=True)
class Churn:
    """Entries that were put into a map and taken out of it over a run, all workers and lives together."""

    name: str
    adds: float
    removes: float


@dataclass(frozen=True, eq=False)
class Series:
    """The service's memory `y` in bytes at the seconds `x` since the first reading; masked instants are left out.

    `delta` is the smallest growth of interest in bytes a second that our judge had for the trace, for rules that want one.
    """

    x: FloatArray
    y: FloatArray
    delta: float = 0.0
    maps: tuple[Churn, ...] = ()

    @classmethod
    def of(cls, trace: Trace, *, delta: float) -> "Series":
        """Return the sum of memory and swap over the workers there were at each instant of *trace*."""
        used = trace.column("uss_bytes") + np.nan_to_num(trace.column("swap_bytes"))
        out = np.isin(trace.t, np.unique(trace.t[trace.masked | ~np.isfinite(used)]))
        t, instant = np.unique(trace.t[~out], return_inverse=True)
        y = np.bincount(instant, weights=used[~out], minlength=len(t)).astype(np.float64)
        x = t - t[0] if len(t) else t
        churns = (_churn(trace, name) for name in trace.map_names)
        return cls(x, y, delta, tuple(churn for churn in churns if churn is not None))

    @property
    def span(self) -> float:
        """Seconds from the first reading to the last."""
        return float(self.x[-1]) if len(self.x) else 0.0

    def blocks(self, count: int) -> list[slice]:
        """Return where the readings of each of *count* equal stretches of time are, empty ones left out."""
        ends = np.searchsorted(self.x, np.linspace(0.0, self.span, count + 1)[1:-1]).tolist()
        starts = [0, *ends]
        return [slice(i, j) for i, j in zip(starts, [*ends, len(self.x)], strict=True) if j > i]

    @cached_property
    def floors(self) -> tuple[FloatArray, FloatArray]:
        """The lowest reading of each of 24 blocks, the hours of a day, and the block's mean time before it."""
        blocks = self.blocks(24)
        times = np.array([self.x[block].mean() for block in blocks])
        return times, np.array([self.y[block].min() for block in blocks])

    @cached_property
    def smoothed(self) -> FloatArray:
        """Medians of 288 blocks (five minutes of a day), under a running median of 12 of them (an hour)."""
        medians = np.array([np.median(self.y[block]) for block in self.blocks(288)])
        if len(medians) < 12:
            return medians
        running: FloatArray = np.median(np.lib.stride_tricks.sliding_window_view(medians, 12), axis=1)
        return running


def _churn(trace: Trace, name: str) -> Churn | None:
    """Return the churn of one map, None where the trace does not tell; counters begin anew with each life."""
    totals = []
    for column in ("adds", "removes"):
        values = trace.column(f"map.{name}.{column}")
        told = np.isfinite(values)
        if not told.any():
            return None
        life = trace.worker[told] * len(trace.lives) + trace.life[told]
        last = dict(zip(life.tolist(), values[told].tolist(), strict=True))
        totals.append(sum(last.values()))
    return Churn(name, *totals)
