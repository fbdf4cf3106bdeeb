"""The judge: a trace in, a verdict out. Pure: no clock, no files, no shared randomness."""

from dataclasses import replace
from typing import Final

import numpy as np

from floodmark_sidecar.judge._beside import examine_beside
from floodmark_sidecar.judge._case import weigh
from floodmark_sidecar.judge._conclude import conclude, nothing_judged
from floodmark_sidecar.judge._counts import workers
from floodmark_sidecar.judge._delta import MemoryRuler
from floodmark_sidecar.judge._evidence import Evidence
from floodmark_sidecar.judge._finding import FEWEST_READINGS, SHORTEST, Finding, examine
from floodmark_sidecar.judge._frame import Coverage, Frame
from floodmark_sidecar.judge._held import Count, Rest, rest_of
from floodmark_sidecar.judge._in_use import BY_HEAP, BY_REQUEST, BY_USE, MINUTES, climbs_in_levels, confirmed
from floodmark_sidecar.judge._last_lives import judge_last_lives
from floodmark_sidecar.judge._load import by_requests, came_again, load_doubts
from floodmark_sidecar.judge._looks import Look
from floodmark_sidecar.judge._maps import bounded
from floodmark_sidecar.judge._ranks import rise
from floodmark_sidecar.judge._requests import slope_per_request
from floodmark_sidecar.judge._restarts import Restarts
from floodmark_sidecar.judge._settings import Settings
from floodmark_sidecar.judge._trace import Trace
from floodmark_sidecar.judge._types import FloatArray
from floodmark_sidecar.judge._unlabelled import judge_as_restarts
from floodmark_sidecar.judge._verdict import Verdict
from floodmark_sidecar.judge._workers import without_jumps
from floodmark_sidecar.units import format_duration

_MOSTLY: Final = 0.5
"""Share of growth that is in use from which what is in use tells what sessions hold."""


def judge(trace: Trace, settings: Settings = Settings()) -> Verdict:  # noqa: B008 -- frozen, and made of defaults only
    """Return whether the service of *trace* is steady, climbing or neither, and why.

    Never raises on a trace that could be built. Time grows linearly with the readings, the workers and the maps.
    """
    whole = _judge_all(trace, settings)
    found = judge_as_restarts(whole, lambda lives: judge(lives, settings))
    if found is None:
        found = judge_last_lives(whole, lambda part: _judge_all(part, replace(settings, planned=None)))
    if found is None:
        return whole
    return replace(conclude(found, weigh(found)), longest_life_seconds=whole.longest_life_seconds)


def _judge_all(trace: Trace, settings: Settings) -> Verdict:
    """Return the verdict on *trace* as it is, with the lives that it tells of, each as good as any other."""
    frame = Frame(trace)
    coverage = frame.coverage()
    missing = _missing(frame, coverage)
    if missing:
        return nothing_judged(frame, coverage, missing)
    ruler = MemoryRuler(
        level=float(np.median(frame.present(frame.used))),
        span=frame.span,
        limit=settings.growth,
        workers=max(1, round(float(np.median(workers(frame))))),
        life=frame.longest_life if frame.recycled else None,
    )
    counts = _counted(frame, settings)
    rows = frame.in_use()
    used = rest_of(frame, rows, counts) if np.isfinite(rows).any() else None
    rest = rest_of(frame, frame.memory, counts, used=used)
    found = _memory(frame, settings, ruler, rest, used)
    if found is None:
        return nothing_judged(frame, coverage, "too little of the run is left after warm-up to judge")
    memory, live = found
    if memory.state == "inconclusive" and used is not None and frame.span > MINUTES:
        heap = rest_of(frame, frame.in_use(free=True), counts, used=used)
        grown = examine(frame.x, heap.values, ruler, warmup=memory.start, care=heap.care)
        memory = confirmed(memory, grown, start=memory.start, why=BY_HEAP, within=rest.care.within)
    if used is None and memory.state == "steady":
        live = _told_in_part(frame, ruler, memory)
    start = memory.start
    look = Look.at(frame, settings.planned, memory)
    if look is not None:
        memory = look.weigh_memory(memory)
    beside = examine_beside(frame, settings, memory, rest.rows, look)
    calmed, levels = None, False
    if memory.state == "climbing":
        levels = climbs_in_levels(frame, memory, rest.values, None if used is None else used.values)
        if len(frame.slots) > 1 and not frame.many_lives:
            calmed = examine(frame.x, without_jumps(frame, rest.rows, start=start), ruler, warmup=start)
    evidence = Evidence(
        frame,
        settings,
        coverage,
        memory=memory,
        ruler=ruler,
        rest=rest,
        per_request=slope_per_request(frame, memory),
        copied=float(frame.present(frame.copies)[-1]),
        in_use=live if live is not None and live.state == "climbing" and memory.state == "steady" else None,
        workers=beside.workers,
        maps=beside.maps,
        counts=beside.counts,
        chance=beside.chance,
        calmed=calmed,
        levels=levels,
        load=load_doubts(
            frame, _followed(frame, rest), start=start, may_hold=_may_hold(rest, used, memory), growth=memory.rise
        ),
        steady_by_request=memory.state == "steady"
        and bool(rest.held)
        and _steady_by_request(frame, rest, ruler, start=start),
        look=look,
        restarts=Restarts(),
    )
    return conclude(evidence, weigh(evidence))


def _memory(
    frame: Frame, settings: Settings, ruler: MemoryRuler, rest: Rest, used: Rest | None
) -> tuple[Finding, Finding | None] | None:
    """Return what the service's memory shows, and what is in use, where that was asked; None where too little is left.

    Where memory decides nothing, what is *used* may show that it climbs, or growth by request.
    """
    memory = examine(frame.x, rest.values, ruler, warmup=settings.warmup, care=rest.care)
    if memory is None:
        return None
    live = None
    if used is not None and memory.state != "climbing":
        live = examine(frame.x, used.values, ruler, warmup=memory.start, care=used.care)
        since = live.start if live else memory.start
        memory = confirmed(memory, live, start=since, why=BY_USE, within=rest.care.within)
    if memory.state == "inconclusive" and memory.doubts and came_again(frame, start=memory.start):
        values = (rest if used is None else used).values
        by = by_requests(frame, values, ruler, start=memory.start)
        memory = confirmed(memory, by, start=memory.start, why=BY_REQUEST, within=rest.care.within)
    return memory, live


def _told_in_part(frame: Frame, ruler: MemoryRuler, memory: Finding) -> Finding | None:
    """Return the climb of what Python or malloc alone has in use, where the trace does not tell all that is."""
    for rows in frame.in_use_apart():
        values = frame.joined(rows)
        found = None if values is None else examine(frame.x, values, ruler, warmup=memory.start)
        if found is not None and found.state == "climbing":
            return found
    return None


def _followed(frame: Frame, rest: Rest) -> FloatArray:
    """Return the memory that may follow the rate of requests: all of it where what sessions hold of it is only half known."""
    whole = frame.joined(frame.memory) if rest.sessions is not None and not rest.sessions.returned else None
    return rest.values if whole is None else whole


def _may_hold(rest: Rest, used: Rest | None, memory: Finding) -> float:
    """Return the most that a session may hold: by what is in use, which knows it best, if that is what grew."""
    if used is None or rise(used.values) < _MOSTLY * memory.rise:
        return rest.most_each
    return used.most_each


def _steady_by_request(frame: Frame, rest: Rest, ruler: MemoryRuler, *, start: float) -> bool:
    """Say whether memory is steady over requests after *start* seconds."""
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
    if coverage.mixed or not coverage.readings:
        return coverage.mixed or coverage.problem or "no reading is left to judge: all are masked or without uss_bytes"
    if coverage.readings < FEWEST_READINGS:
        return f"too few readings: {coverage.readings} of at least {FEWEST_READINGS}"
    if coverage.span < SHORTEST:
        return f"too short a run: {format_duration(coverage.span)} of at least {format_duration(SHORTEST)}"
    if coverage.judged_share == 0:
        return "no worker lives long enough to say how its memory grows"
    return coverage.problem
