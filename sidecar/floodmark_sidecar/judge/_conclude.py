"""From the evidence and the case it makes to the verdict: its shape, its growth class, when the limit is reached."""

from typing import Final

import numpy as np

from floodmark_sidecar.judge._account import account
from floodmark_sidecar.judge._case import Case
from floodmark_sidecar.judge._climbers import climbers
from floodmark_sidecar.judge._evidence import Evidence
from floodmark_sidecar.judge._finding import Finding, Shape, State
from floodmark_sidecar.judge._frame import Coverage, Frame
from floodmark_sidecar.judge._highs import latest_high
from floodmark_sidecar.judge._ledger import growth_class, ledger
from floodmark_sidecar.judge._longer import seconds_longer
from floodmark_sidecar.judge._next import next_step
from floodmark_sidecar.judge._reasons_beside import unknown_maps
from floodmark_sidecar.judge._verdict import Verdict
from floodmark_sidecar.judge._wave import wave_period

_BROUGHT: Final = 256 << 10
"""Bytes that a descriptor or a task may bring with it: the buffers of a socket, what a task holds on its stack."""


def conclude(evidence: Evidence, case: Case) -> Verdict:
    """Return the verdict on *evidence* that follows from *case*."""
    memory, frame, state = evidence.memory, evidence.frame, case.state
    rows = ledger(frame, start=memory.start)
    wave, longer, doubt = None, None, evidence.coverage.doubt
    if state == "inconclusive" and not evidence.departed and not evidence.restarts.unclear and not doubt:
        wave = wave_period(frame.x, evidence.rest.values) if memory.state == "inconclusive" else None
        longer = seconds_longer(evidence, wave=wave)
    kind = _class(state, evidence, rows)
    full = _seconds_to_limit(state, evidence)
    growing = list(climbers(evidence.workers))
    notes = (*frame.trace.notes, *(unknown_maps(evidence) if state == "climbing" else ()))
    return Verdict(
        verdict=state,
        shape=_shape(state, evidence),
        growth_class=kind,
        reasons=tuple(account(case, evidence, wave=wave, longer=longer, full=full)),
        next=next_step(state, evidence, kind, wave=wave, longer=longer),
        notes=(*notes, doubt) if doubt and state == "climbing" else notes,
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


def nothing_judged(frame: Frame, coverage: Coverage, missing: str) -> Verdict:
    """Return the verdict on a trace that cannot be judged, because of what is *missing*."""
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
    wait = max(0.0, limit - latest_high(frame, memory)) / memory.slope.estimate
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
