"""What a ranking says of one culprit."""

from dataclasses import dataclass
from typing import Any

from floodmark_sidecar.culprits._fix import Fix
from floodmark_sidecar.culprits._retainers import Retainer


@dataclass(frozen=True, slots=True)
class Culprit:
    """Something that keeps growing: what it is, where it is made and how much of the growth it explains.

    `kind` is `map` (registered), `container` (found), `type` or `line` (whose allocations stay); `native` for what
    grows outside Python's objects; `thread`, `task`, `fd` or `process` for what grows in number, with the name of the
    group. `path` is its owner in dotted form, `where` the line of source that makes it. `share` is its part of the
    growth of the service's memory, `worker` the slot if one of several alone grows. What is not known is None. Rates are
    those of the service: the sum over its workers. `points` are (epoch second, size) as captures or readings saw it
    grow, where size is what was `measured`: `entries`, `instances` or `bytes`. `fix` is what would bound it, if a map would;
    `retainers` is the way that leads to the container, none where it is not known.
    """

    rank: int
    kind: str
    name: str
    where: str | None
    path: str | None
    worker: str | None
    share: float | None
    bytes_per_hour: float | None
    entries_per_hour: float
    measured: str
    points: tuple[tuple[float, float], ...]
    evidence: str
    fix: Fix | None = None
    retainers: tuple[Retainer, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the culprit as results and the HTTP interface write it."""
        return {
            "rank": self.rank,
            "kind": self.kind,
            "name": self.name,
            "where": self.where,
            "path": self.path,
            "worker": self.worker,
            "share": self.share,
            "bytes_per_hour": None if self.bytes_per_hour is None else round(self.bytes_per_hour, 1),
            "entries_per_hour": round(self.entries_per_hour, 1),
            "evidence": self.evidence,
            "retainers": [step.as_dict() for step in self.retainers],
            "fix": None if self.fix is None else self.fix.as_dict(),
            "measured": self.measured,
            "points": [[round(t, 3), round(size, 1)] for t, size in self.points],
        }
