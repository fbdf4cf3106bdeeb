"""The judge: a trace in, a verdict out. Pure: no clock, no files, no shared randomness."""

from typing import Final

import numpy as np

from floodmark_sidecar.judge import _reasons as say
from floodmark_sidecar.judge._beside import examine_beside
from floodmark_sidecar.judge._counts import processes, rise
from floodmark_sidecar.judge._delta import MemoryRuler
from floodmark_sidecar.judge._evidence import Case, Evidence, weigh
from floodmark_sidecar.judge._finding import FEWEST_READINGS, SHORTEST, Finding, Shape, State, examine
from floodmark_sidecar.judge._frame import Coverage, Frame
from floodmark_sidecar.judge._held import Count, Rest, rest_of
from floodmark_sidecar.judge._in_use import BY_REQUEST, BY_USE, confirmed, in_levels
from floodmark_sidecar.judge._ledger import growth_class, ledger
from floodmark_sidecar.judge._load import by_requests, came_again, load_doubts
from floodmark_sidecar.judge._looks import Look
from floodmark_sidecar.judge._maps import bounded
from floodmark_sidecar.judge._requests import slope_per_request
from floodmark_sidecar.judge._settings import Settings
from floodmark_sidecar.judge._trace import Trace
from floodmark_sidecar.judge._verdict import Verdict
from floodmark_sidecar.judge._workers import without_jumps
from floodmark_sidecar.units import format_bytes, format_duration

_MOSTLY: Final = 0.5
"""Share of growth that is in use from which what is in use tells what sessions hold."""

_BROUGHT: Final = 256 << 10
"""Bytes that a descriptor or a task may bring with it: the buffers of a socket, what a task holds on its stack."""

_MOST_LONGER: Final = 20.0
"""The longest run that noise alone ever asks for, in lengths of this one."""

_LONGEST: Final = 3650 * 86_400.0
"""Seconds: ten years, the longest run that is ever asked for."""

_LEAST_DELTA: Final = 1e-9
"""Bytes per second: a plan's own δ may be nothing at all, which no run is long enough for."""


def judge(trace: Trace, settings: Settings = Settings()) -> Verdict:  # noqa: B008 -- frozen, and made of defaults only
    """Return whether the service of *trace* is steady, climbing or neither, and why.

    Never raises on a trace that could be built. Time grows linearly with the readings, the workers and the maps.
    """
    frame = Frame(trace)
    coverage = frame.coverage()
    missing = _missing(frame, coverage)
    if missing:
        return _nothing(frame, coverage, missing)
    ruler = MemoryRuler(
        float(np.median(frame.present(frame.used))),
        frame.span,
        settings.growth,
        max(1, round(float(np.median(processes(frame))))),
        frame.longest_life if frame.recycled else None,
    )
    counts = _counted(frame, settings)
    rows = frame.in_use()
    used = rest_of(frame, rows, counts) if np.isfinite(rows).any() else None
    rest = rest_of(frame, frame.memory, counts, used=used)
    memory = examine(frame.x, rest.values, ruler, warmup=settings.warmup, care=rest.care)
    if memory is None:
        return _nothing(frame, coverage, "too little of the run is left after warm-up to judge")
    live = None
    if used is not None and memory.state != "climbing":
        live = examine(frame.x, used.values, ruler, warmup=memory.start, care=used.care)
        since = live.start if live else memory.start
        memory = confirmed(memory, live, start=since, why=BY_USE, within=rest.care.within)
    if memory.state == "inconclusive" and memory.doubts and came_again(frame, start=memory.start):
        values = (rest if used is None else used).values
        by = by_requests(frame, values, ruler, start=memory.start)
        memory = confirmed(memory, by, start=memory.start, why=BY_REQUEST, within=rest.care.within)
    start = memory.start
    look = Look.at(frame, settings.planned, memory)
    if look is not None:
        memory = look.weigh_memory(memory)
    beside = examine_beside(frame, settings, memory, rest.rows, look)
    calmed, levels = None, False
    if memory.state == "climbing":
        levels = in_levels(frame, memory, rest.values, None if used is None else used.values)
        if len(frame.slots) > 1 and not frame.many_lives:
            calmed = examine(frame.x, without_jumps(frame, rest.rows, start=start), ruler, warmup=start)
    evidence = Evidence(
        frame,
        settings,
        coverage,
        memory,
        beside.workers,
        beside.maps,
        beside.counts,
        calmed,
        levels,
        live if live is not None and live.state == "climbing" and memory.state == "steady" else None,
        float(frame.present(frame.copies)[-1]),
        load_doubts(frame, start=start, may_hold=_may_hold(rest, used, memory), growth=memory.rise),
        rest,
        memory.state == "steady" and bool(rest.held) and _steady_by_request(frame, rest, ruler, start=start),
        beside.chance,
        look,
        slope_per_request(frame, memory),
    )
    return _conclude(evidence, weigh(evidence))


def _may_hold(rest: Rest, used: Rest | None, memory: Finding) -> float:
    """Return the most that a session may hold: by what is in use, which knows it best, if that is what grew."""
    if used is None or rise(used.values) < _MOSTLY * memory.rise:
        return rest.most_each
    return used.most_each


def _steady_by_request(frame: Frame, rest: Rest, ruler: MemoryRuler, *, start: float) -> bool:
    finding = by_requests(frame, rest.values, ruler, start=start)
    return finding is not None and finding.state == "steady"


def _counted(frame: Frame, settings: Settings) -> list[Count]:
    """Return the counts that may hold memory without being a leak."""
    sessions = frame.joined(frame.column("sessions"))
    found = [] if sessions is None else [Count("sessions", "sessions", sessions)]
    return [*found, *bounded(frame, settings)]


def _missing(frame: Frame, coverage: Coverage) -> str:
    """Return in words why the trace cannot be judged at all, or nothing."""
    if not len(frame.trace):
        return "there are no readings"
    if not coverage.readings:
        return "no reading is left to judge: all are masked or without uss_bytes"
    if coverage.readings < FEWEST_READINGS:
        return f"too few readings: {coverage.readings} of at least {FEWEST_READINGS}"
    if coverage.span < SHORTEST:
        return f"too short a run: {format_duration(coverage.span)} of at least {format_duration(SHORTEST)}"
    if coverage.judged_share == 0:
        return "no worker lives long enough to say how its memory grows"
    return ""


def _conclude(evidence: Evidence, case: Case) -> Verdict:
    memory, frame, state = evidence.memory, evidence.frame, case.state
    rows = ledger(frame, start=memory.start)
    longer = _longer(evidence) if state == "inconclusive" else None
    growing = [worker.name for worker in evidence.workers if worker.state == "climbing"]
    return Verdict(
        verdict=state,
        shape=_shape(state, evidence),
        growth_class=_class(state, evidence, rows),
        reasons=tuple(_reasons(case, evidence, longer)),
        notes=frame.trace.notes,
        window=(float(frame.t[np.searchsorted(frame.x, memory.start)]), float(frame.t[-1])),
        hours_to_limit=_hours_to_limit(state, evidence),
        hours_to_decide=None if longer is None else longer / 3600,
        worker=growing[0] if len(growing) == 1 and len(evidence.workers) > 1 else None,
        coverage=evidence.coverage,
        longest_life_seconds=frame.longest_life,
        memory=memory,
        per_request=evidence.per_request,
        workers=evidence.workers,
        maps=evidence.maps,
        ledger=tuple(rows.items()),
        floors=_points(frame, memory),
        evidence=evidence,
        case=case,
    )


def _nothing(frame: Frame, coverage: Coverage, missing: str) -> Verdict:
    return Verdict(
        verdict="inconclusive",
        shape="unclear",
        growth_class="unknown",
        reasons=(missing,),
        notes=frame.trace.notes,
        window=None,
        hours_to_limit=None,
        hours_to_decide=None,
        worker=None,
        coverage=coverage,
        longest_life_seconds=frame.longest_life,
        memory=None,
        per_request=None,
        workers=(),
        maps=(),
        ledger=(),
        floors=(),
    )


def _reasons(case: Case, evidence: Evidence, longer: float | None) -> list[str]:
    memory, span = evidence.memory, evidence.coverage.span
    reasons = [*case.climbs] or [*case.missing, *case.doubts]
    if case.state == "steady":
        reasons.append(say.steadiness(memory))
    if case.state == "climbing" and evidence.look is not None:
        reasons.append(evidence.look.said)
    if case.state == "climbing" and memory.state != "climbing":
        reasons.append(say.beside(memory))
    if memory.jumps and case.state != "climbing":
        sizes = ", ".join(format_bytes(jump.size) for jump in memory.jumps)
        reasons.append(f"isolated jumps are not counted as growth ({sizes})")
    if evidence.copied:
        reasons.append(say.copied(evidence.copied))
    reasons += [say.held(held) for held in evidence.rest.held]
    if longer is not None:
        reasons.append(f"a run some {format_duration(longer)} longer should decide")
    reasons.append(say.limits(memory, planned=evidence.settings.growth is not None))
    longest = evidence.frame.longest_life
    if longest is not None and longest < 0.9 * span:
        reasons.append(f"the longest life was {format_duration(longest)} of {format_duration(span)}")
    return reasons


def _longer(evidence: Evidence) -> float:
    """Return how many seconds more would have decided: noise falls with time to the power of 3/2, a fill ends.

    Of a run that is not over, its end decides.
    """
    if evidence.look is not None:
        return evidence.look.left
    memory = evidence.memory
    span = memory.end - memory.start
    waits = [found.seconds_to_bound for found in evidence.maps if found.state == "filling"]
    filling = [wait + span for wait in waits if wait is not None]
    if filling:
        return min(max(filling), _MOST_LONGER * span)
    if evidence.settings.growth is not None and memory.detectable > memory.delta:
        return min(span * (1.2 * memory.detectable / max(memory.delta, _LEAST_DELTA) - 1), _LONGEST)
    if memory.doubts or memory.hidden or memory.state != "inconclusive":
        return span
    unsure = max(memory.detectable, (memory.slope.high - memory.slope.low) / 2) / memory.delta
    times = max(1.5, 1.2 * float(unsure ** (2 / 3)))
    return span * (min(times, _MOST_LONGER) - 1)


def _hours_to_limit(state: State, evidence: Evidence) -> float | None:
    limit, memory, frame = evidence.settings.memory, evidence.memory, evidence.frame
    if limit is None or state != "climbing" or memory.slope.low <= 0:
        return None
    now = float(frame.present(frame.used)[-1])
    wait = max(0.0, limit - now) / memory.slope.estimate
    # A worker that is replaced before that gives it all back.
    return None if frame.recycled and wait > (frame.longest_life or 0.0) else wait / 3600


def _shape(state: State, evidence: Evidence) -> Shape:
    memory = evidence.memory
    if state == "climbing" and memory.state != "climbing":
        others = [count.finding for count in evidence.counts]
        others += [found.finding for found in evidence.maps if found.climbs and found.finding is not None]
        others += [worker.finding for worker in evidence.workers if worker.finding and worker.state == "climbing"]
        return others[0].shape if others else memory.shape
    if state == "inconclusive" and memory.state != "inconclusive":
        return "saturating" if any(found.state == "filling" for found in evidence.maps) else "unclear"
    return memory.shape


def _class(state: State, evidence: Evidence, rows: dict[str, float]) -> str:
    if state != "climbing":
        return "none" if state == "steady" else "unknown"
    kinds = {count.kind: count.finding for count in evidence.counts}
    # Threads and processes bring their memory with them; descriptors and tasks do where they are enough for it.
    for kind, finding in kinds.items():
        if kind in {"threads", "processes"} or evidence.memory.rise < _BROUGHT * finding.rise:
            return kind
    if evidence.memory.state == "climbing":
        return growth_class(evidence.frame, rows, start=evidence.memory.start)
    if kinds:
        return next(iter(kinds))
    return "logical" if any(found.climbs or found.over_limit for found in evidence.maps) else "unknown"


def _points(frame: Frame, memory: Finding) -> tuple[tuple[float, float], ...]:
    times = np.interp(memory.floors.x, frame.x, frame.t)
    return tuple(zip(times.tolist(), memory.floors.y.tolist(), strict=True))
