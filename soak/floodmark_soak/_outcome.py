"""What a run came to: readings judged, culprits ranked, problems told, in the words and numbers of `result.json`."""

import re
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from floodmark_sidecar.assess import Assessment, assess
from floodmark_sidecar.errors import ExitCode, FloodmarkError, first_of
from floodmark_sidecar.judge import Settings, Trace, format_csv, judge
from floodmark_sidecar.store import CaptureRow
from floodmark_soak._load import LoadResult
from floodmark_soak._load_stats import RequestCounter
from floodmark_soak._readings import RunReader
from floodmark_soak.plan import Plan


@dataclass
class Seen:
    """What a run has gathered when it ends, however it ends. Times are UTC epoch seconds; `since` 0 = never loaded."""

    started: float
    since: float = 0.0
    until: float = 0.0
    load: LoadResult | None = None
    requests: RequestCounter = field(default_factory=lambda: RequestCounter(()))
    problems: list[FloodmarkError] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long the service was watched under load."""
        return max(0.0, self.until - self.since) if self.since else 0.0


@dataclass(frozen=True)
class Outcome:
    """A judged run: what `result.json` and `readings.csv` hold, and what the report draws beside it."""

    result: dict[str, Any]
    readings: str
    trace: Trace
    captures: list[dict[str, object]]

    @property
    def exit_code(self) -> ExitCode:
        """What the command ends with."""
        return ExitCode(self.result["exit_code"])

    @property
    def verdict(self) -> str:
        """`steady`, `climbing` or `inconclusive`."""
        return str(self.result["verdict"])


def conclude(plan: Plan, store: Path, seen: Seen) -> Outcome:
    """Judge what *store* holds of the run. A trace is written and read back without loss, so `floodmark judge` on the
    readings returned here comes to the same verdict.
    """
    rows, captures, assessment = _assess(plan, store, seen)
    judged = assessment.as_dict()
    code = first_of([judged["exit_code"], *(problem.exit_code for problem in seen.problems)])
    result = {
        **judged,
        "exit_code": int(code),
        "reasons": [*(_sentence(problem) for problem in seen.problems), *judged["reasons"]],
        "interrupted": code is ExitCode.INTERRUPTED,
        "duration_seconds": round(seen.seconds, 3),
        "plan": {"name": plan.name, "path": str(plan.path), "duration_seconds": plan.soak.duration},
        "load": None if seen.load is None else seen.load.as_dict(),
        "captures": _cost(captures),
        "problems": [{"exit_code": int(p.exit_code), "message": p.message, "hint": p.hint} for p in seen.problems],
        "notes": [*judged["notes"], *seen.notes],
    }
    readings = "".join(format_csv(rows))
    return Outcome(result, readings, assessment.trace, [asdict(capture) for capture in captures])


def _assess(plan: Plan, store: Path, seen: Seen) -> tuple[list[dict[str, object]], list[CaptureRow], Assessment]:
    """Return the rows of the run, its censuses and what they come to."""
    settings = Settings(growth=plan.limits.growth, memory=plan.limits.memory, maps=plan.maps, warmup=plan.soak.warmup)
    if seen.since:
        try:
            with RunReader(store, since=seen.since, until=seen.until, requests=seen.requests) as reader:
                assessment = assess(reader, plan.name, settings=settings, cwd=plan.service.cwd)
                return list(reader.rows(plan.name)), reader.captures(plan.name), assessment
        except (FloodmarkError, sqlite3.Error) as error:
            seen.since = 0.0
            msg = f"the readings of the run are lost: {error}"
            seen.problems.append(FloodmarkError(msg))
    nothing = Trace.from_rows(())
    return [], [], Assessment(judge(nothing, settings), (), nothing)


def _cost(captures: Iterable[CaptureRow]) -> dict[str, object]:
    """Return how many censuses and windows were taken, why others were not, and the longest that one held a worker."""
    captures = [capture for capture in captures if capture.kind != "trim"]
    stalls = [capture.stall_seconds for capture in captures if capture.stall_seconds is not None]
    return {
        "taken": sum(capture.refused is None for capture in captures),
        "refused": sorted({capture.refused for capture in captures if capture.refused is not None}),
        "worst_stall_seconds": max(stalls, default=None),
    }


def _sentence(problem: FloodmarkError) -> str:
    """Return *problem* for a list of reasons, which has no room for the output that its message may carry."""
    text = re.sub(r"; it(s last output:| printed nothing)$", "", problem.message.partition("\n")[0])
    return f"{text[0].upper()}{text[1:]}."
