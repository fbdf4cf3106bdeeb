"""Everything that was found in one trace, as the verdict is made of it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from floodmark_sidecar.judge._beginnings import rise_of_beginnings
from floodmark_sidecar.judge._counts import CountClimb
from floodmark_sidecar.judge._delta import MemoryRuler
from floodmark_sidecar.judge._departures import Departures, departures
from floodmark_sidecar.judge._filled import Filled, filled
from floodmark_sidecar.judge._finding import Finding
from floodmark_sidecar.judge._frame import Coverage, Frame
from floodmark_sidecar.judge._held import Rest
from floodmark_sidecar.judge._load import LoadDoubts
from floodmark_sidecar.judge._looks import Look
from floodmark_sidecar.judge._maps import MapFinding
from floodmark_sidecar.judge._restarts import Restarts
from floodmark_sidecar.judge._settings import Settings
from floodmark_sidecar.judge._slope import Slope, theil_sen
from floodmark_sidecar.judge._workers import WorkerFinding

_NEAR_LIMIT: Final = 0.95
"""Share of the plan's limit on memory: what processes have for themselves is not all that is counted against it."""


@dataclass(frozen=True)
class Evidence:
    """Everything that was found in one trace.

    Of the service: `memory` is what its memory shows, measured by `ruler`, without what sessions and bounded maps hold where
    it follows them (`rest`); `per_request` its slope by request, where requests were counted; `copied` the bytes at the end
    that are copies of a master's pages; `in_use` what is in use, where that climbs and memory does not.

    Beside it: `workers`, `maps` and `counts`; `chance` says which of them climb, yet no more surely than one of so many may.

    What speaks against a verdict: `calmed` is memory without the isolated jumps of each worker, where that matters, and
    `levels` says that a few levels explain its climb better; `load` is what the load has against either verdict, and
    `steady_by_request` says that memory is steady over requests, too, which answers a load that fell. `look` is there where
    the run is not over, `restarts` says which lives all this is of.
    """

    frame: Frame
    settings: Settings
    coverage: Coverage
    memory: Finding
    ruler: MemoryRuler
    rest: Rest
    per_request: Slope | None
    copied: float
    in_use: Finding | None
    workers: tuple[WorkerFinding, ...]
    maps: tuple[MapFinding, ...]
    counts: tuple[CountClimb, ...]
    chance: str
    calmed: Finding | None
    levels: bool
    load: LoadDoubts
    steady_by_request: bool
    look: Look | None
    restarts: Restarts

    @property
    def stays_at(self) -> float:
        """The bytes that the service had nearly all the time in the last quarter of the judged part."""
        quarter = (self.frame.span - self.memory.start) / 4
        return float(np.quantile(self.frame.present(self.frame.used)[self.frame.x >= self.frame.span - quarter], 0.1))

    @property
    def hides(self) -> bool:
        """Whether workers are replaced before their growth shows in the sum."""
        replaced = self.frame.recycled or bool(self.departed.successors)
        return replaced and _slope_in_sum(self.frame) < self.memory.slope.estimate / 2

    @cached_property
    def departed(self) -> Departures:
        """The workers that ended for good."""
        return departures(self.frame, self.workers)

    @cached_property
    def begins_higher(self) -> float:
        """The bytes by which later lives begin above earlier ones, where that would be a climb within them; else 0."""
        rise = rise_of_beginnings(self.frame) if self.frame.recycled else 0.0
        return rise if rise > self.memory.delta * self.frame.span else 0.0

    @cached_property
    def filled(self) -> Filled | None:
        """The growth that ended before the judged part."""
        return filled(self.frame, self.memory)

    @property
    def filled_to_limit(self) -> Filled | None:
        """The growth that ended before the judged part, where the plan's limit may have ended it."""
        limit = self.settings.memory
        return self.filled if limit is not None and self.stays_at >= _NEAR_LIMIT * limit else None


def _slope_in_sum(frame: Frame) -> float:
    """Return the slope per second of the plain sum over workers, whatever their lives."""
    present = frame.present(frame.used)
    points = np.unique(np.linspace(0, len(present) - 1, 48).astype(np.intp))
    return theil_sen(frame.x[points], present[points])
