"""δ, the smallest growth of interest, and the detection limit, the smallest growth a run could have told from noise."""

import math
from dataclasses import dataclass
from typing import Final, Protocol

MIB: Final = 1 << 20
DAY: Final = 86_400.0
"""Seconds."""

ERRORS: Final = 5.0
"""k: where nothing else is asked for, δ is at least so many standard errors of the slope. With 3, one leak of 2δ in ten of
some families stays undecided in runs of minutes, as noise of that size looks like a few jumps; with 4, one in twenty; with 5,
one in thirty.
"""

FOUND: Final = 2.0
"""Standard errors from which growth shows in two runs of three: its lower limit is above nothing at all."""

_ARENA: Final = 0.29 * MIB
"""The standard error of a rise over any run, whatever its noise: each worker's allocator takes a MiB at a time, so that
its level is off by 1 MiB / √12.
"""


class Ruler(Protocol):
    """Says what counts as growth of one series; all per second."""

    def delta(self, error: float) -> float:
        """Return δ for a slope of this standard error."""
        ...

    def detectable(self, error: float) -> float:
        """Return the detection limit for a slope of this standard error."""
        ...


@dataclass(frozen=True)
class MemoryRuler:
    """δ for bytes of `workers` processes at once. `level` is the median of the run, `span` its length in seconds, `limit`
    the plan's own δ, `life` how long the longest worker lived, where workers are replaced.
    """

    level: float
    span: float
    limit: float | None = None
    workers: int = 1
    life: float | None = None

    @property
    def interest(self) -> float:
        """2 MiB or 1 % a day: δ of a run that is long and quiet enough, where no plan has its own; per second."""
        return max(2 * MIB, 0.01 * self.level) / DAY

    def delta(self, error: float) -> float:
        """Return the plan's limit, else 2 MiB or 1 % a day, more where the run is too noisy for that, yet never so much
        that a short run's real climb would pass: 1 MiB or 2 % over the whole run is the most that is added, over a life where
        none lasts for the run: no worker ever grows by more.
        """
        if self.limit is not None:
            return self.limit
        cap = max(MIB, 0.02 * self.level) / (self.life or self.span)
        return max(self.interest, min(ERRORS * self._error(error), cap))

    def detectable(self, error: float) -> float:
        """Return the growth that this run would have shown in two of three cases."""
        return FOUND * self._error(error)

    def _error(self, error: float) -> float:
        return max(error, math.sqrt(self.workers) * _ARENA / self.span)


@dataclass(frozen=True)
class KnownRuler:
    """A ruler for a part of what was judged: δ is known from the whole; per second."""

    known: float

    def delta(self, error: float) -> float:
        """Return δ of the whole run."""
        del error
        return self.known

    def detectable(self, error: float) -> float:
        """Return the growth that this part would have shown in two of three cases."""
        return FOUND * error


@dataclass(frozen=True)
class CountRuler:
    """δ for counts: a rise of `least` or of the share `share` of the median `level` over `span` seconds, the larger."""

    level: float
    span: float
    least: float
    share: float = 0.05

    @property
    def rise(self) -> float:
        """The rise over the run that δ stands for."""
        return max(self.least, self.share * self.level)

    def delta(self, error: float) -> float:
        """Return δ; a noisy count has no larger one, it stays undecided."""
        del error
        return self.rise / self.span

    def detectable(self, error: float) -> float:
        """Return the growth that this run would have shown in two of three cases."""
        return FOUND * error
