"""The verdict: what the judge says of a trace."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from floodmark_sidecar.errors import ExitCode
from floodmark_sidecar.judge._case import Case
from floodmark_sidecar.judge._decisive import Decisive, decisive
from floodmark_sidecar.judge._evidence import Evidence
from floodmark_sidecar.judge._finding import Finding, Shape, State
from floodmark_sidecar.judge._frame import Coverage
from floodmark_sidecar.judge._maps import MapFinding
from floodmark_sidecar.judge._slope import Slope, slope_dict
from floodmark_sidecar.judge._types import Json
from floodmark_sidecar.judge._workers import WorkerFinding

_EXIT: Final = {
    "steady": ExitCode.STEADY,
    "climbing": ExitCode.CLIMBING,
    "inconclusive": ExitCode.INCONCLUSIVE,
}


@dataclass(frozen=True)
class Verdict:
    """What a trace shows. `window` is the judged part in epoch seconds, `worker` the slot that grows alone, if one does. `next`
    says what to do about it, empty where that is nothing.

    `memory` holds the evidence on the service's memory, `evidence` all there was and `case` what was made of it; None
    where there was too little to look at. `per_request` is its slope in bytes a request, None where requests were not counted.
    """

    verdict: State
    shape: Shape
    growth_class: str
    reasons: tuple[str, ...]
    next: str
    notes: tuple[str, ...]
    window: tuple[float, float] | None
    hours_to_limit: float | None
    hours_to_decide: float | None
    worker: str | None
    coverage: Coverage
    longest_life_seconds: float | None
    memory: Finding | None
    per_request: Slope | None
    workers: tuple[WorkerFinding, ...]
    maps: tuple[MapFinding, ...]
    ledger: tuple[tuple[str, float], ...]
    floors: tuple[tuple[float, float], ...]
    evidence: Evidence | None = field(default=None, repr=False, compare=False)
    case: Case = field(default_factory=Case, repr=False, compare=False)

    @property
    def exit_code(self) -> ExitCode:
        """What a command says of this verdict with its exit status."""
        return _EXIT[self.verdict]

    @cached_property
    def decisive(self) -> tuple[Decisive, ...]:
        """The series beside memory that the reasons name as what climbs, where memory itself does not."""
        return () if self.evidence is None else decisive(self.evidence, self.reasons)

    def as_dict(self) -> Json:
        """Return the verdict as result.json has it, culprits aside; unknown numbers are None."""
        memory = self.memory
        return {
            "verdict": self.verdict,
            "exit_code": int(self.exit_code),
            "shape": self.shape,
            "growth_class": self.growth_class,
            "slope_bytes_per_hour": slope_dict(memory.slope if memory else None, 3600),
            "slope_bytes_per_request": slope_dict(self.per_request, 1),
            "delta_bytes_per_hour": memory.delta * 3600 if memory else None,
            "detectable_bytes_per_hour": memory.detectable * 3600 if memory else None,
            "longest_life_seconds": self.longest_life_seconds,
            "hours_to_limit": self.hours_to_limit,
            "hours_to_decide": self.hours_to_decide,
            "worker": self.worker,
            "decisive": [] if self.evidence is None else [each.as_dict(self.evidence.frame) for each in self.decisive],
            "reasons": list(self.reasons),
            "next": self.next or None,
            "notes": list(self.notes),
            "warmup_seconds": memory.start if memory else None,
            "window": list(self.window) if self.window else None,
            "coverage": self.coverage.as_dict(),
            "ledger": [{"row": row, "bytes": round(size)} for row, size in self.ledger],
            "workers": {worker.name: worker.as_dict() for worker in self.workers},
            "maps": {found.name: found.as_dict() for found in self.maps},
            "floors": [list(point) for point in self.floors],
        }
