"""Ranks what grows by what it costs. Pure."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from floodmark_sidecar.culprits._candidates import Candidate, merged, ranked
from floodmark_sidecar.culprits._capture import Capture, Container, Owner
from floodmark_sidecar.culprits._culprit import Culprit
from floodmark_sidecar.culprits._evidence import INCONCLUSIVE, OVERLAP, evidence
from floodmark_sidecar.culprits._explained import share, together
from floodmark_sidecar.culprits._findings import from_tracks, lives_of, map_names, tracks_of, without_holders
from floodmark_sidecar.culprits._fix import fix
from floodmark_sidecar.culprits._lines import Window, with_lines
from floodmark_sidecar.culprits._living import living
from floodmark_sidecar.culprits._maps import from_trace
from floodmark_sidecar.culprits._native import with_native
from floodmark_sidecar.culprits._native_windows import NativeWindow
from floodmark_sidecar.culprits._resources import placed, resource_culprits
from floodmark_sidecar.culprits._types import behind_holders, from_types, unexplained
from floodmark_sidecar.judge import Trace, Verdict


def rank(
    captures: Sequence[Capture],
    trace: Trace | None,
    verdict: Verdict | None,
    *,
    locate: Callable[[Owner], str | None],
    registered: Mapping[tuple[str, int], Mapping[int, str]] | None = None,
    windows: Sequence[Window] = (),
    natives: Sequence[NativeWindow] = (),
    shown: Callable[[str], str] = str,
) -> tuple[Culprit, ...]:
    """Return what goes on growing, what grows most bytes an hour first; nothing if *verdict* is `steady`.

    What grows in number alone comes after, or before where it is what climbs; see `placed`.

    *trace* tells of the registered maps, *captures* of every big container. *registered* gives, for each (worker, life),
    the ids of the containers inside registered maps and the maps' names: such a container is shown as its map.
    *locate* finds the line of source of an owner. *windows* say which lines allocate what stays, where the others leave
    much of a climb without a name, and *natives* which functions of C do; *shown* writes the path of a file as *locate*
    does. Of a service with several workers, the sums are ranked.
    """
    if verdict is not None and verdict.verdict == "steady":
        return ()
    since = None if verdict is None or verdict.window is None else verdict.window[0]
    judged = {} if verdict is None else verdict.as_dict()
    lives = lives_of(captures, since)
    tracks = tracks_of(lives)
    names = map_names(tracks, registered or {})
    found = [] if trace is None else [*from_trace(trace, since, tracks, names, _climbing_maps(judged))]
    # Where there are readings of a map, they say more of it than captures of the container inside.
    told = set() if trace is None else set(trace.map_names)
    found += [finding for finding in from_tracks(lives, tracks, names) if not (finding.is_map and finding.name in told)]
    found = without_holders(found)
    workers = {capture.worker for capture in captures} | set(() if trace is None else trace.workers)
    alive = living(captures, trace)
    candidates = merged(found)
    candidates += unexplained(merged([*from_types(lives)]), candidates, climb=_slope(judged))
    several = len(workers) > 1
    notes = [INCONCLUSIVE] if judged.get("verdict") == "inconclusive" else []
    if notes:
        # In a few captures chance makes lists and numbers grow as well, and without a place they are no help.
        candidates = [each for each in candidates if each.can_be_found]
    ordered = behind_holders(ranked(candidates))
    named = sum(each.near_bytes_per_hour for each in ordered)
    culprits = _culprits(ordered, _slope(judged), living=alive, several=several, locate=locate, notes=notes)
    estimate = judged.get("slope_bytes_per_hour", {}).get("estimate")
    counted = resource_culprits(lives, verdict, living=alive, several=several, locate=locate)
    # What stays of a window is also what is under way: beside what surely grows, it is asked of a climb only.
    asked = windows if not counted or judged.get("verdict") == "climbing" else ()
    culprits = with_lines(
        culprits,
        asked,
        slope=estimate,
        climbs=None if verdict is None else verdict.verdict == "climbing",
        risen=None if trace is None else _risen(trace),
        since=since,
        shown=shown,
        notes=notes,
        growing=ordered,
        # A type of the interpreter's has no place: who makes its instances is still to be told.
        named=sum(each.near_bytes_per_hour for each in ordered if each.can_be_found),
    )
    fresh = [window for window in natives if since is None or window.t >= since]
    culprits = with_native(culprits, judged, named=named, windows=fresh, shown=shown)
    return placed(culprits, counted, verdict, held=named)


def _culprits(
    candidates: Sequence[Candidate],
    slope: float | None,
    *,
    living: Collection[tuple[str, str]],
    several: bool,
    locate: Callable[[Owner], str | None],
    notes: Sequence[str],
) -> tuple[Culprit, ...]:
    named = together(candidates)
    # Sizes are sampled and may overlap: what they add up to beyond the growth seen would be shares of nothing.
    overlap = [OVERLAP] if slope is not None and named > 1.1 * slope else []
    culprits = []
    for number, candidate in enumerate(candidates, start=1):
        first, held, size = candidate.findings[0], candidate.container, candidate.bytes_per_hour
        workers = {finding.worker for finding in candidate.findings}
        alone = next(iter(workers)) if several and len(workers) == 1 else None
        culprits.append(
            Culprit(
                rank=number,
                kind=first.kind,
                name=first.name or _described(held),
                where=next((line for line in map(locate, candidate.places) if line), None),
                path=held.path if held is not None else first.name if first.kind == "type" else None,
                worker=alone,
                share=None if slope is None or size is None else share(size, max(slope, named)),
                bytes_per_hour=size,
                entries_per_hour=candidate.entries_per_hour,
                measured="bytes" if first.swells else first.unit,
                points=candidate.points(living),
                evidence=evidence(candidate.findings, living, alone, [*notes, *(overlap if number == 1 else [])]),
                fix=fix(candidate),
                retainers=() if held is None else held.retainers,
            )
        )
    return tuple(culprits)


def _slope(judged: Mapping[str, Any]) -> float | None:
    """Return the growth of the service's memory in bytes an hour, if it is known and is one."""
    estimate = judged.get("slope_bytes_per_hour", {}).get("estimate")
    return float(estimate) if estimate is not None and estimate > 0 else None


def _risen(trace: Trace) -> float | None:
    """Return what memory rose by in bytes an hour, from the first to the last reading of each life; None of too few."""
    rates = []
    for life in np.unique(trace.life):
        rows = np.flatnonzero((trace.life == life) & ~trace.masked & (trace.used > 0))
        seconds = float(np.ptp(trace.t[rows])) if len(rows) else 0.0
        if seconds > 0:
            rates.append(float(trace.used[rows[-1]] - trace.used[rows[0]]) / seconds * 3600)
    return sum(rates) if rates else None


def _climbing_maps(judged: Mapping[str, Any]) -> set[str]:
    """Return the maps whose entries were judged to climb: they are named whatever a coarser look says."""
    return {name for name, found in judged.get("maps", {}).items() if found["climbing"]}


def _described(held: Container | None) -> str:
    """Return what stands for the name of a container that nothing with a name holds."""
    if held is None:
        return "container"
    return f"{held.kind} in {held.chain}" if held.chain else held.kind
