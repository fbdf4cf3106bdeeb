"""What a trace's parts say for and against a verdict, in sentences. The verdict only counts what is here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from floodmark_sidecar.judge import _reasons as say
from floodmark_sidecar.judge._counts import CountClimb
from floodmark_sidecar.judge._finding import Finding, State
from floodmark_sidecar.judge._frame import Coverage, Frame
from floodmark_sidecar.judge._ledger import growth_class, ledger
from floodmark_sidecar.judge._load import Held, LoadDoubts
from floodmark_sidecar.judge._maps import MapFinding
from floodmark_sidecar.judge._settings import Settings
from floodmark_sidecar.judge._slope import theil_sen
from floodmark_sidecar.judge._workers import WorkerFinding
from floodmark_sidecar.units import format_bytes, format_duration

_COVERED_TO_CLIMB: Final = 0.5
_COVERED_TO_BE_STEADY: Final = 0.8
_LARGEST_GAP: Final = 0.2
_OF_LONG_LIVES: Final = 0.33
"""Shares of the run."""

_MINUTES: Final = 1800.0
"""Seconds of a run up to which an allocator may still be finding the reserve that a service's bursts need."""

_OF_SESSIONS: Final = {"threads": 2.0, "fds": 3.0, "tasks": 3.0}
"""How many of a count one session may have of its own: a socket, a pipe to what serves it, a task for either direction."""

_GONE_BYTES: Final = 0.2
"""Share of the service's memory that a worker had which is gone: what is left is another service."""


@dataclass(frozen=True)
class Evidence:
    """Everything that was found in one trace. `calmed` is its memory with every worker's isolated jumps taken out, where
    that matters. `held` is what sessions hold, where memory follows them: then all else is of memory without that.
    `steady_by_request` says that it fell with the load, and is steady over requests, too.
    """

    frame: Frame
    settings: Settings
    coverage: Coverage
    memory: Finding
    workers: tuple[WorkerFinding, ...]
    maps: tuple[MapFinding, ...]
    counts: tuple[CountClimb, ...]
    calmed: Finding | None
    load: LoadDoubts
    held: Held | None
    steady_by_request: bool


@dataclass
class Case:
    """What says `climbing`, what speaks against a climb, and what is missing for `steady`; each a sentence."""

    climbs: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def state(self) -> State:
        """The verdict that follows."""
        if self.climbs:
            return "climbing"
        return "inconclusive" if self.doubts or self.missing else "steady"


def weigh(evidence: Evidence) -> Case:
    """Return the case that *evidence* makes."""
    case = Case()
    parts: tuple[Callable[[Case, Evidence], None], ...] = (_memory, _limits, _resources, _workers, _coverage)
    for part in parts:
        part(case, evidence)
    return case


def _memory(case: Case, evidence: Evidence) -> None:
    memory, frame = evidence.memory, evidence.frame
    load = evidence.load
    fills = [say.map_fills(found) for found in evidence.maps if found.excuses(memory.rise)]
    if not evidence.steady_by_request:
        case.missing += load.of_steady
    if memory.state == "steady" and evidence.held is not None and not evidence.held.returned:
        case.missing += load.of_climbing
    if memory.state == "inconclusive":
        case.doubts += [*say.undecided(memory), *fills]
    if memory.state != "climbing":
        return
    doubts = fills if evidence.held is not None else fills + load.of_climbing
    if frame.recycled and frame.lives_slacken:
        doubts.append("memory grows within each life, yet ever less as the life goes on, as a cache that fills does")
    if evidence.calmed is not None and evidence.calmed.slope.estimate <= evidence.calmed.delta / 2:
        doubts.append("a few jumps in each worker may be all there is to it")
    if (
        frame.span < _MINUTES
        and growth_class(frame, ledger(frame, start=memory.start), start=memory.start) == "retention"
    ):
        doubts.append(
            "most of it is free memory that malloc keeps, and a run of minutes cannot tell whether that has an end"
        )
    if doubts:
        case.doubts += [
            f"memory grew by {say.per_hour(memory.slope.estimate)}, yet that may not last: {doubts[0]}",
            *doubts[1:],
        ]
        return
    case.climbs.append(say.climb(memory))
    if frame.recycled and _slope_in_sum(frame) < memory.slope.estimate / 2:
        lives = max(len(lives) for lives in frame.slots)
        case.climbs.append(
            f"recycling hides it: with up to {lives} lives in a slot, workers are replaced before the sum shows it"
        )


def _slope_in_sum(frame: Frame) -> float:
    present = frame.present(frame.memory)
    points = np.unique(np.linspace(0, len(present) - 1, 48).astype(np.intp))
    return theil_sen(frame.x[points], present[points])


def _limits(case: Case, evidence: Evidence) -> None:
    case.climbs += [say.map_over(found) for found in evidence.maps if found.over_limit]
    limit, frame = evidence.settings.memory, evidence.frame
    if limit is None:
        return
    quarter = (frame.span - evidence.memory.start) / 4
    low = float(np.quantile(frame.present(frame.memory)[frame.x >= frame.span - quarter], 0.1))
    if low > limit:
        case.climbs.append(f"the service stays at {format_bytes(low)}, the plan allows {format_bytes(limit)}")


def _resources(case: Case, evidence: Evidence) -> None:
    sessions = evidence.load.sessions_rise
    for count in evidence.counts:
        if count.kind in _OF_SESSIONS and count.finding.rise <= _OF_SESSIONS[count.kind] * sessions:
            case.doubts.append(say.count_of_sessions(count))
        else:
            case.climbs.append(say.count_climb(count))
    case.climbs += [say.map_climb(found) for found in evidence.maps if found.climbs]
    case.missing += [say.map_waits(found) for found in evidence.maps if found.waits]


def _workers(case: Case, evidence: Evidence) -> None:
    memory, frame = evidence.memory, evidence.frame
    level = max(1.0, float(np.median(frame.present(frame.memory))))
    for worker in evidence.workers:
        if worker.gone and worker.last_bytes > _GONE_BYTES * level:
            since = format_duration(frame.span - float(worker.lives[-1].at[-1]))
            case.missing.append(
                f"worker {worker.name} is gone since {since}: what is left is not the service that began"
            )
        if memory.state == "climbing" or worker.finding is None or worker.state != "climbing":
            continue
        rate = say.per_hour(worker.finding.slope.estimate)
        if memory.slope.estimate > memory.delta / 2 and not memory.saturating:
            case.climbs.append(f"worker {worker.name} climbs by {rate}, which the noise of the others hides in the sum")
        else:
            case.missing.append(f"worker {worker.name} climbs by {rate} while the others give back as much")


def _coverage(case: Case, evidence: Evidence) -> None:
    coverage = evidence.coverage
    if coverage.share < _COVERED_TO_BE_STEADY:
        case.missing.append(f"readings cover only {coverage.share:.0%} of the run")
    if coverage.largest_gap > _LARGEST_GAP * coverage.span:
        case.missing.append(f"a gap of {format_duration(coverage.largest_gap)} is too long to judge across")
    if coverage.masked > coverage.readings:
        case.missing.append(f"{coverage.masked} readings are masked, and only {coverage.readings} are left to judge")
    if coverage.judged_share < _OF_LONG_LIVES:
        case.missing.append(f"only {coverage.judged_share:.0%} of the readings are of lives long enough to judge")
    if coverage.share < _COVERED_TO_CLIMB:
        case.doubts += case.climbs
        case.climbs.clear()
