"""What the evidence says for and against a verdict, in sentences. The verdict only counts what is here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from floodmark_sidecar.judge import _reasons as say
from floodmark_sidecar.judge import _reasons_beside as beside
from floodmark_sidecar.judge._climbers import climbers, who_climbs
from floodmark_sidecar.judge._evidence import Evidence
from floodmark_sidecar.judge._finding import State
from floodmark_sidecar.judge._in_use import LEVELS, MINUTES, fell_back
from floodmark_sidecar.judge._ledger import growth_class, ledger
from floodmark_sidecar.units import format_bytes, format_duration

COVERED_TO_CLIMB: Final = 0.5
COVERED_TO_BE_STEADY: Final = 0.8
LARGEST_GAP: Final = 0.2
OF_LONG_LIVES: Final = 0.33
MEASURED: Final = 0.5
"""Shares of the run, and of its readings."""

_OF_SESSIONS: Final = {"threads": 2.0, "fds": 3.0, "tasks": 3.0}
"""How many of a count one session may have of its own: a socket, a pipe to what serves it, a task for either direction."""

_KEPT: Final = 0.5
"""Share of what workers grow by that the service must grow by: else the others give it back."""


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
    parts: tuple[Callable[[Case, Evidence], None], ...] = (
        _unfinished,
        _memory,
        _limits,
        _resources,
        _workers,
        _coverage,
    )
    for part in parts:
        part(case, evidence)
    return case


def _unfinished(case: Case, evidence: Evidence) -> None:
    if evidence.look is not None:
        case.missing.append(evidence.look.said)


def _memory(case: Case, evidence: Evidence) -> None:
    memory, frame, load = evidence.memory, evidence.frame, evidence.load
    sessions = evidence.rest.sessions
    if not evidence.steady_by_request:
        case.missing += load.of_steady
    if memory.state == "steady" and sessions is not None and not sessions.returned:
        case.missing += load.of_climbing
    if evidence.restarts.unclear:
        case.missing.append(evidence.restarts.said)
    if evidence.in_use is not None:
        case.missing.append(say.grows_within(evidence.in_use))
    if memory.state == "steady" and evidence.begins_higher:
        case.missing.append(say.begins_higher(evidence.begins_higher))
    if memory.state == "inconclusive":
        case.doubts += [*say.undecided(memory), *_fills(evidence)]
    if memory.state != "climbing":
        return
    doubts = _doubts_of_climb(evidence)
    if doubts:
        case.doubts += [
            f"memory grew by {say.per_hour(memory.slope.estimate)}, yet that may not last: {doubts[0]}",
            *doubts[1:],
        ]
        return
    case.climbs.append(say.climb(memory, evidence.per_request, joined=frame.recycled))
    if frame.recycled and evidence.hides:
        lives = max(len(lives) for lives in frame.slots)
        case.climbs.append(say.recycled(memory, evidence.per_request, lives=lives))


def _doubts_of_climb(evidence: Evidence) -> list[str]:
    """Return in words what may be all there is to a climb of memory."""
    memory, frame = evidence.memory, evidence.frame
    doubts = _fills(evidence)
    if evidence.rest.sessions is None:
        doubts += evidence.load.of_climbing
    doubts += evidence.load.rate
    if evidence.levels:
        doubts.append(LEVELS)
    if frame.recycled and frame.lives_slacken:
        doubts.append("memory grows within each life, yet ever less as the life goes on, as a cache that fills does")
    if evidence.restarts.calm:
        doubts.append("no life climbs by itself, neither the last nor the longest before it")
    if evidence.calmed is not None and evidence.calmed.slope.estimate <= evidence.calmed.delta / 2:
        doubts.append("a few jumps in each worker may be all there is to it")
    short = "a run of minutes" if evidence.look is None else "a look before the end"
    if frame.span >= MINUTES and evidence.look is None:
        return doubts
    if growth_class(frame, ledger(frame, start=memory.start), start=memory.start) == "retention":
        doubts.append(f"most of it is free memory that malloc keeps, and {short} cannot tell whether that has an end")
    elif fell_back(frame, memory):
        doubts.append(
            f"what was in use fell back meanwhile, and {short} cannot tell whether what is kept free has an end"
        )
    return doubts


def _fills(evidence: Evidence) -> list[str]:
    """Return in words which maps were filling meanwhile, those aside whose entries are taken out."""
    taken = {held.name for held in evidence.rest.held if held.kind == "map"}
    rise = evidence.memory.rise
    return [beside.map_fills(found) for found in evidence.maps if found.excuses(rise) and found.name not in taken]


def _limits(case: Case, evidence: Evidence) -> None:
    case.climbs += [beside.map_over(found) for found in evidence.maps if found.over_limit]
    case.missing += beside.unknown_maps(evidence)
    limit, low = evidence.settings.memory, evidence.stays_at
    before = evidence.filled_to_limit
    if limit is not None and before is not None:
        case.missing.append(say.at_limit(before, low, limit))
    if limit is not None and low > limit:
        case.climbs.append(f"the service is at {format_bytes(low)} and more, the plan allows {format_bytes(limit)}")


def _resources(case: Case, evidence: Evidence) -> None:
    sessions = evidence.load.sessions_rise
    for count in evidence.counts:
        if count.kind in _OF_SESSIONS and count.finding.rise <= _OF_SESSIONS[count.kind] * sessions:
            case.doubts.append(beside.count_of_sessions(count))
        else:
            case.climbs.append(beside.count_climb(count))
    case.climbs += [beside.map_climb(found) for found in evidence.maps if found.climbs]
    case.missing += [beside.map_waits(found) for found in evidence.maps if found.waits]
    case.missing += [evidence.chance] if evidence.chance else []


def _workers(case: Case, evidence: Evidence) -> None:
    memory, workers = evidence.memory, evidence.workers
    case.missing += evidence.departed.said
    found = climbers(workers)
    if memory.state == "climbing" or not found:
        return
    together = sum(finding.slope.estimate for finding in found.values())
    said = who_climbs(workers)
    if memory.slope.estimate < _KEPT * together:
        case.missing.append(f"{said}: the service as a whole does not grow by as much")
    elif memory.saturating:
        case.missing.append(f"{said}, yet the growth of the service slackens, as a cache that fills does")
    elif doubts := _doubts_of_climb(evidence):
        case.doubts += [f"{said}, yet that may not last: {doubts[0]}", *doubts[1:]]
    else:
        least, all_least = min(finding.delta for finding in found.values()), memory.delta
        case.climbs.append(
            f"{said}; growth from {say.per_hour(least)} on matters in one worker, "
            f"from {say.per_hour(all_least)} on in all together"
        )


def _coverage(case: Case, evidence: Evidence) -> None:
    coverage = evidence.coverage
    if coverage.doubt:
        case.missing.append(coverage.doubt)
    if coverage.share < COVERED_TO_BE_STEADY:
        case.missing.append(f"readings cover only {coverage.share:.0%} of the run")
    if coverage.largest_gap > LARGEST_GAP * coverage.span:
        case.missing.append(f"a gap of {format_duration(coverage.largest_gap)} is too long to judge across")
    if coverage.masked > coverage.readings:
        case.missing.append(f"{coverage.masked} readings are masked, and only {coverage.readings} are left to judge")
    if coverage.measured_share < MEASURED:
        whose = f" of worker {say.short(coverage.least_measured)}" if len(evidence.frame.trace.workers) > 1 else ""
        case.missing.append(f"memory is known in only {coverage.measured_share:.0%} of the readings{whose}")
    if coverage.judged_share < OF_LONG_LIVES:
        case.missing.append(f"only {coverage.judged_share:.0%} of the readings are of lives long enough to judge")
    too_early = evidence.look is not None and not evidence.look.due
    if coverage.share < COVERED_TO_CLIMB or too_early:
        case.doubts += case.climbs
        case.climbs.clear()
