"""What to do next: where to look for what climbs, or what a trace should have to be decided."""

from typing import Final

import numpy as np

from floodmark_sidecar.judge._case import LARGEST_GAP
from floodmark_sidecar.judge._evidence import Evidence
from floodmark_sidecar.judge._finding import State
from floodmark_sidecar.judge._maps import MapFinding
from floodmark_sidecar.judge._reasons import per_hour, short
from floodmark_sidecar.judge._reasons_beside import unknown_maps
from floodmark_sidecar.judge._wave import about_a_day, moves_with_requests

_COUNTS: Final = {
    "threads": "see what starts threads and never ends them",
    "processes": "see what starts processes and never waits for them",
    "fds": "see what opens files or sockets and never closes them",
    "tasks": "see what starts tasks that never end",
}
_CLASSES: Final = {
    "python": "Python objects grow: `floodmark soak` names their types, and the code that holds them",
    "native": "malloc's memory outside Python's objects grows: look at buffers, and at extensions in C",
    "retention": "freed memory that malloc keeps: try fewer arenas (MALLOC_ARENA_MAX=2), or another allocator",
    "mmap": "large blocks that malloc maps one by one grow: look at big buffers, arrays and images",
}
_TELLING: Final = ("python_blocks", "heap_used_bytes")
_MOST_MAPS: Final = 3


def next_step(state: State, evidence: Evidence, kind: str, *, wave: float | None, longer: float | None) -> str:
    """Return what to do after a verdict of *state*, as a clause; empty where there is nothing but to wait, or nothing at all.

    *kind* is the class of growth, *wave* the period of one that memory follows, *longer* the seconds more that should decide.
    """
    if state == "climbing":
        return _of_climb(evidence, kind)
    if state != "inconclusive" or evidence.look is not None:
        return ""
    if evidence.coverage.doubt:
        return "multiply uss_bytes by 1,024 if it is in KiB; round it to whole KiB if it is in bytes"
    if evidence.departed.gone and not evidence.departed.successors and not evidence.restarts.unclear:
        return "judge by itself what ran since, in a trace that begins there; or run it with as many workers throughout"
    if unknown_maps(evidence):
        return "correct the names in `[maps]` of the plan, or take them out"
    return _of_doubt(evidence, wave=wave, longer=longer)


def _of_climb(evidence: Evidence, kind: str) -> str:
    maps = [found for found in evidence.maps if found.climbs or found.over_limit]
    if maps:
        return _of_maps(maps)
    kinds = [count.kind for count in evidence.counts]
    if kinds:
        return _COUNTS[kind if kind in kinds else kinds[0]]
    if evidence.memory.state != "climbing" and all(worker.state != "climbing" for worker in evidence.workers):
        return "have the service hold less, or raise `[limits] memory` of the plan"
    missing = [column for column in _TELLING if not np.isfinite(evidence.frame.column(column)).any()]
    if kind not in _CLASSES and missing:
        return f"add {' or '.join(missing)}, which tell what grows; `floodmark soak` names the code that holds it"
    return _CLASSES.get(kind, "`floodmark soak` names what grows, and the code that holds it")


def _of_maps(maps: list[MapFinding]) -> str:
    largest = sorted(maps, key=lambda found: -found.entries_rise)
    names = ", ".join(short(found.name) for found in largest[:_MOST_MAPS])
    names = f"{'map' if len(maps) == 1 else 'maps'} {names}{' and others' if len(maps) > _MOST_MAPS else ''}"
    if all(found.heavier for found in maps):
        return f"see what makes the values in {names} grow"
    return f"give {names} a bound or a TTL, or see what adds entries and never removes them"


def _of_doubt(evidence: Evidence, *, wave: float | None, longer: float | None) -> str:
    frame, memory = evidence.frame, evidence.memory
    if evidence.restarts.unclear or evidence.departed.successors:
        return "add the column `life`, which counts the restarts of a worker that keeps its name"
    fell = bool(evidence.load.of_steady) and not evidence.steady_by_request
    blurred = memory.state == "inconclusive" and not memory.doubts
    waves = (wave is not None and about_a_day(wave)) or (blurred and moves_with_requests(frame, evidence.rest.values))
    if (waves or fell) and not np.isfinite(frame.column("sessions")).any():
        return "add the column `sessions`: it tells what comes and goes with the load"
    if fell:
        return "run it under a load that goes on"
    return "" if longer is not None else _of_blur(evidence, blurred=blurred)


def _of_blur(evidence: Evidence, *, blurred: bool) -> str:
    """Return what to do where time does not help: the memory is *blurred*, or there is a gap."""
    frame, memory, coverage = evidence.frame, evidence.memory, evidence.coverage
    if coverage.largest_gap > LARGEST_GAP * coverage.span:
        return "judge by itself what ran before the gap, or after it, each in a trace of its own"
    if memory.state == "climbing" and frame.recycled and frame.lives_slacken:
        return "let a worker live longer: its life ends before it shows whether memory levels off"
    if not blurred or memory.detectable <= memory.delta:
        return ""
    if frame.recycled:
        return "let the run see more lives: those that it saw grow at different rates"
    return f"let a plan's `[limits] growth` ask for no less than {per_hour(1.5 * memory.detectable)}, or find what moves memory so"
