"""What of a plan decides the verdict: it goes with the run, so that whoever has its folder can judge it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from floodmark_sidecar.judge import Settings
from floodmark_soak.plan import Plan


@dataclass(frozen=True)
class Judging:
    """The limits of a plan, the budget of its load, and the folder that lines of source are relative to."""

    path: str
    cwd: str
    growth: float | None
    memory: int | None
    maps: Mapping[str, int]
    warmup: float | None
    failure_budget: float

    @classmethod
    def of(cls, plan: Plan) -> "Judging":
        """Return what *plan* says."""
        return cls(
            path=str(plan.path),
            cwd=str(plan.service.cwd),
            growth=plan.limits.growth,
            memory=plan.limits.memory,
            maps=dict(plan.maps),
            warmup=plan.soak.warmup,
            failure_budget=plan.load.failure_budget,
        )

    @property
    def folder(self) -> Path:
        """The service's folder."""
        return Path(self.cwd)

    def settings(self, *, planned: float | None) -> Settings:
        """Return the judge's settings; *planned* is the length of a run (seconds) of which more is to come."""
        return Settings(growth=self.growth, memory=self.memory, maps=self.maps, warmup=self.warmup, planned=planned)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON, of which the constructor takes the keys again."""
        return asdict(self)
