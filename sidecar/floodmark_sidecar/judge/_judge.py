"""The judge: a trace in, a verdict out. Pure: no clock, no files, no shared randomness."""

from typing import Final

import numpy as np

from floodmark_sidecar.judge import _reasons as say
from floodmark_sidecar.judge._counts import climbing_counts, processes
from floodmark_sidecar.judge._delta import MemoryRuler
from floodmark_sidecar.judge._evidence import Case, Evidence, weigh
from floodmark_sidecar.judge._finding import FEWEST_READINGS, Care, Finding, Shape, State, examine
from floodmark_sidecar.judge._frame import Coverage, Frame
from floodmark_sidecar.judge._ledger import growth_class, ledger
from floodmark_sidecar.judge._load import held_by_sessions, load_doubts, steady_by_request
from floodmark_sidecar.judge._maps import examine_maps
from floodmark_sidecar.judge._settings import Settings
from floodmark_sidecar.judge._trace import Trace
from floodmark_sidecar.judge._verdict import Verdict
from floodmark_sidecar.judge._workers import examine_workers, without_jumps
from floodmark_sidecar.units import format_bytes, format_duration

SHORTEST: Final = 60.0
"""Seconds of readings below which nothing is judged."""

_MOST_LONGER: Final = 20.0
"""The longest run that noise alone ever asks for, in lengths of this one."""


def judge(trace: Trace, settings: Settings = Settings()) -> Verdict:  # noqa: B008 -- frozen, and made of defaults only
    """Return whether the service of *trace* is steady, climbing or neither, and why.

    Never raises on a trace that could be built. Time grows linearly with the readings, the workers and the maps.
    """
    frame = Frame(trace)
    coverage = frame.coverage()
    missing = _missing(frame, coverage)
    series = None if missing else frame.joined(frame.memory)
    if series is None:
        return _nothing(frame, coverage, missing)
    ruler = MemoryRuler(
        float(np.median(frame.present(frame.memory))),
        frame.span,
        settings.growth,
        max(1, round(float(np.median(processes(frame))))),
    )
    held = held_by_sessions(frame, series)
    if held is not None:
        series = held.series
    care = Care() if held is None else held.care
    memory = examine(frame.x, series, ruler, warmup=settings.warmup, care=care)
    if memory is None:
        return _nothing(frame, coverage, "too little of the run is left after warm-up to judge")
    start = memory.start
    calmed = None
    if memory.state == "climbing" and len(frame.slots) > 1:
        calmed = examine(frame.x, without_jumps(frame, start=start), ruler, warmup=start)
    evidence = Evidence(
        frame,
        settings,
        coverage,
        memory,
        examine_workers(frame, memory),
        examine_maps(frame, settings, start=start, memory_rise=memory.rise),
        climbing_counts(frame, start=start),
        calmed,
        load_doubts(frame, start=start),
        held,
        memory.state == "steady" and held is not None and steady_by_request(frame, series, ruler, start=start),
    )
    return _conclude(evidence, weigh(evidence))


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
        workers=evidence.workers,
        maps=evidence.maps,
        ledger=tuple(rows.items()),
        floors=_points(frame, memory),
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
    if case.state == "climbing" and memory.state != "climbing":
        reasons.append(say.beside(memory))
    if memory.jumps and case.state != "climbing":
        sizes = ", ".join(format_bytes(jump.size) for jump in memory.jumps)
        reasons.append(f"isolated jumps are not counted as growth ({sizes})")
    if evidence.held is not None:
        reasons.append(say.held_by_sessions(evidence.held.each))
    if longer is not None:
        reasons.append(f"a run some {format_duration(longer)} longer should decide")
    reasons.append(say.limits(memory, planned=evidence.settings.growth is not None))
    longest = evidence.frame.longest_life
    if longest is not None and longest < 0.9 * span:
        reasons.append(f"the longest life was {format_duration(longest)} of {format_duration(span)}")
    return reasons


def _longer(evidence: Evidence) -> float:
    """Return how many seconds more would have decided: noise falls with time to the power of 3/2, a fill ends."""
    memory = evidence.memory
    span = memory.end - memory.start
    waits = [found.seconds_to_bound for found in evidence.maps if found.state == "filling"]
    filling = [wait + span for wait in waits if wait is not None]
    if filling:
        return min(max(filling), _MOST_LONGER * span)
    if evidence.settings.growth is not None and memory.detectable > memory.delta:
        return span * (1.2 * memory.detectable / memory.delta - 1)
    if memory.doubts or memory.hidden or memory.state != "inconclusive":
        return span
    unsure = max(memory.detectable, (memory.slope.high - memory.slope.low) / 2) / memory.delta
    times = max(1.5, 1.2 * float(unsure ** (2 / 3)))
    return span * (min(times, _MOST_LONGER) - 1)


def _hours_to_limit(state: State, evidence: Evidence) -> float | None:
    limit, memory, frame = evidence.settings.memory, evidence.memory, evidence.frame
    if limit is None or state != "climbing" or memory.slope.low <= 0:
        return None
    now = float(frame.present(frame.memory)[-1])
    return max(0.0, limit - now) / memory.slope.estimate / 3600


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
    kinds = [count.kind for count in evidence.counts]
    # Threads and processes bring their memory with them; of descriptors and tasks memory says more.
    for kind in ("threads", "processes"):
        if kind in kinds:
            return kind
    if evidence.memory.state == "climbing":
        return growth_class(evidence.frame, rows, start=evidence.memory.start)
    if kinds:
        return kinds[0]
    return "logical" if any(found.climbs or found.over_limit for found in evidence.maps) else "unknown"


def _points(frame: Frame, memory: Finding) -> tuple[tuple[float, float], ...]:
    times = np.interp(memory.floors.x, frame.x, frame.t)
    return tuple(zip(times.tolist(), memory.floors.y.tolist(), strict=True))
