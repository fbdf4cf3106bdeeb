"""The judge: a trace in, a verdict out. Pure: no clock, no files, no shared randomness."""

from dataclasses import replace
from typing import Final

import numpy as np

from floodmark_sidecar.judge._account import account
from floodmark_sidecar.judge._beside import examine_beside
from floodmark_sidecar.judge._counts import processes
from floodmark_sidecar.judge._crew import climbers
from floodmark_sidecar.judge._delta import MemoryRuler
from floodmark_sidecar.judge._evidence import Case, Evidence, weigh
from floodmark_sidecar.judge._finding import FEWEST_READINGS, SHORTEST, Finding, Shape, State, examine
from floodmark_sidecar.judge._frame import Coverage, Frame
from floodmark_sidecar.judge._held import Count, Rest, rest_of
from floodmark_sidecar.judge._in_use import BY_REQUEST, BY_USE, confirmed, in_levels
from floodmark_sidecar.judge._last_lives import judge_last_lives
from floodmark_sidecar.judge._ledger import growth_class, ledger
from floodmark_sidecar.judge._load import by_requests, came_again, load_doubts
from floodmark_sidecar.judge._longer import seconds_longer
from floodmark_sidecar.judge._looks import Look
from floodmark_sidecar.judge._maps import bounded
from floodmark_sidecar.judge._next import next_step
from floodmark_sidecar.judge._ranks import rise
from floodmark_sidecar.judge._requests import slope_per_request
from floodmark_sidecar.judge._settings import Settings
from floodmark_sidecar.judge._trace import Trace
from floodmark_sidecar.judge._unlabelled import judge_as_restarts
from floodmark_sidecar.judge._verdict import Verdict
from floodmark_sidecar.judge._wave import wave_period
from floodmark_sidecar.judge._workers import without_jumps
from floodmark_sidecar.units import format_duration

_MOSTLY: Final = 0.5
"""Share of growth that is in use from which what is in use tells what sessions hold."""

_BROUGHT: Final = 256 << 10
"""Bytes that a descriptor or a task may bring with it: the buffers of a socket, what a task holds on its stack."""


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
    return replace(_conclude(found, weigh(found)), longest_life_seconds=whole.longest_life_seconds)


def _judge_all(trace: Trace, settings: Settings) -> Verdict:
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
        ruler,
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
        return coverage.problem or "no reading is left to judge: all are masked or without uss_bytes"
    if coverage.readings < FEWEST_READINGS:
        return f"too few readings: {coverage.readings} of at least {FEWEST_READINGS}"
    if coverage.span < SHORTEST:
        return f"too short a run: {format_duration(coverage.span)} of at least {format_duration(SHORTEST)}"
    if coverage.judged_share == 0:
        return "no worker lives long enough to say how its memory grows"
    return coverage.problem


def _conclude(evidence: Evidence, case: Case) -> Verdict:
    memory, frame, state = evidence.memory, evidence.frame, case.state
    rows = ledger(frame, start=memory.start)
    wave, longer = None, None
    if state == "inconclusive" and not evidence.departed and not evidence.restarts.unclear:
        wave = wave_period(frame.x, evidence.rest.values) if memory.state == "inconclusive" else None
        longer = seconds_longer(evidence, wave=wave)
    kind = _class(state, evidence, rows)
    full = _seconds_to_limit(state, evidence)
    growing = list(climbers(evidence.workers))
    return Verdict(
        verdict=state,
        shape=_shape(state, evidence),
        growth_class=kind,
        reasons=tuple(account(case, evidence, wave=wave, longer=longer, full=full)),
        next=next_step(state, evidence, kind, wave=wave, longer=longer),
        notes=frame.trace.notes,
        window=(float(frame.t[np.searchsorted(frame.x, memory.start)]), float(frame.t[-1])),
        hours_to_limit=None if full is None else full / 3600,
        hours_to_decide=None if longer is None else longer / 3600,
        worker=growing[0] if len(growing) == 1 else None,
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
        next="",
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


def _seconds_to_limit(state: State, evidence: Evidence) -> float | None:
    """Return when the plan's memory is used up at the rate of a climb, also of one that is too early to be sure of."""
    limit, memory, frame, look = evidence.settings.memory, evidence.memory, evidence.frame, evidence.look
    climbs = state == "climbing" or (look is not None and look.only_waits(memory))
    if limit is None or not climbs or memory.slope.low <= 0:
        return None
    now = float(frame.present(frame.used)[-1])
    wait = max(0.0, limit - now) / memory.slope.estimate
    # A worker that is replaced before that gives it all back.
    replaced = frame.recycled and wait > (frame.longest_life or 0.0)
    return None if replaced or (wait > 0 and evidence.hides) else wait


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
    if evidence.memory.state == "climbing" or climbers(evidence.workers):
        return growth_class(evidence.frame, rows, start=evidence.memory.start)
    if kinds:
        return next(iter(kinds))
    return "logical" if any(found.climbs or found.over_limit for found in evidence.maps) else "unknown"


def _points(frame: Frame, memory: Finding) -> tuple[tuple[float, float], ...]:
    floors = memory.as_read(memory.floors)
    times = np.interp(floors.x, frame.x, frame.t)
    return tuple(zip(times.tolist(), floors.y.tolist(), strict=True))
