"""The JSON API: `/api/v1/…`."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from floodmark_sidecar.assess import trims_of
from floodmark_sidecar.captures import NO_FOLDER, CaptureError
from floodmark_sidecar.compare import compare
from floodmark_sidecar.culprits import graph
from floodmark_sidecar.errors import FloodmarkError, UsageError
from floodmark_sidecar.graphviz import draw
from floodmark_sidecar.http._security import READ_ONLY
from floodmark_sidecar.http._state import State
from floodmark_sidecar.store import CaptureRow, Reader, map_series, worker_series
from floodmark_sidecar.trims import said
from floodmark_sidecar.units import parse_duration

router = APIRouter(prefix="/api/v1")

MAX_POINTS: Final = 600
_CARRIED_INTERVALS: Final = 4
"""How long a silent worker's maps count with what it told last: an agent that backs off reads that rarely."""

Service = Annotated[str | None, Query(description="which service; may be left out when there is only one")]
Time = Annotated[float | None, Query(ge=0, allow_inf_nan=False, description="UTC epoch seconds")]
Points = Annotated[int, Query(ge=2, le=MAX_POINTS, description="at most this many instants, evenly spread")]
Taken = Annotated[float, Query(ge=0, allow_inf_nan=False)]
_SAME_MOMENT: Final = 0.001
"""Seconds by which the start of a capture may be given too early or too late: whoever shows times rounds them."""


class CaptureRequest(BaseModel):
    """The body of `POST /api/v1/captures`."""

    model_config = ConfigDict(extra="forbid")
    service: str = Field(max_length=64)
    worker: str | None = Field(None, max_length=80, description="this one alone (web-0)")
    trace: str | None = Field(
        None, max_length=40, description="trace allocations for so long (30s) in one worker, instead of a census of all"
    )
    native: str | None = Field(
        None,
        max_length=40,
        description="have memray note for so long (30s) in one worker what C code asks for, instead",
    )
    trim: bool = Field(default=False, description="have malloc give back what nothing uses, instead of a census")
    frames: int = Field(1, ge=1, le=16, description="how many frames of each allocation to keep; more cost more")


@router.get("/services")
def services(request: Request) -> dict[str, Any]:
    """Every service with history, and how many workers of it run now."""
    state = _state(request)
    latest, roots = state.seen.latest, state.seen.roots
    with state.reader() as reader:
        found = []
        for name in reader.services():
            span, root = reader.span(name), roots.get(name)
            sample = latest.get(name)
            running = (
                {life.worker for life, _ in sample.rows} - {life.worker for life in sample.ended} if sample else ()
            )
            found.append(
                {
                    "name": name,
                    "cwd": None if (cwd := reader.cwd(name)) is None else str(cwd),
                    "root_pid": root[0] if root else None,
                    "running": root[1] if root else None,
                    "workers": len(running),
                    "first_reading": span[0] if span else None,
                    "last_reading": span[1] if span else None,
                }
            )
    return {"services": found}


@router.get("/workers")
def workers(request: Request, service: Service = None) -> dict[str, Any]:
    """The newest life of every worker slot, with its numbers of the newest reading while it runs."""
    state = _state(request)
    with state.reader() as reader:
        name = _chosen(reader, service)
        lives = {life.worker: life for life in reader.lives(name)}
    sample = state.seen.latest.get(name)
    numbers = {(life.worker, life.life): reading for life, reading in sample.rows} if sample else {}
    listed = []
    for life in sorted(lives.values(), key=lambda life: (len(life.worker), life.worker)):
        reading = numbers.get((life.worker, life.life)) if life.ended is None else None
        measured = asdict(reading) if reading else {}
        maps = measured.pop("maps", ())
        listed.append({**asdict(life), **measured, "maps": len(maps)})
    return {"service": name, "t": sample.t if sample else None, "workers": listed}


@router.get("/growth")
def growth(
    request: Request, service: Service = None, since: Time = None, until: Time = None, points: Points = MAX_POINTS
) -> dict[str, Any]:
    """Memory (USS + swap) of each worker and of all together over time."""
    _check(since, until)
    with _state(request).reader() as reader:
        name = _chosen(reader, service)
        series = worker_series(reader, name, since=since, until=until, points=points)
    measured = [total for total in series.total if total is not None]
    return {
        "service": name,
        "t": series.t,
        "masked": series.masked,
        "workers": series.workers,
        "total_bytes": series.total,
        "change_bytes": measured[-1] - measured[0] if measured else None,
    }


@router.get("/maps")
def maps(
    request: Request, service: Service = None, since: Time = None, until: Time = None, points: Points = MAX_POINTS
) -> dict[str, Any]:
    """Entries and bytes of every registered map over time, summed over the workers that have it.

    A worker whose agent tells nothing at an instant counts with what it told last, for up to four reading intervals
    and never beyond the life of its process. After that, and before it has told anything, `entries` and `bytes` of its
    maps are `null` at that instant: a sum that lacks a worker is not known. `workers` has the entries of each worker
    at the last instant, `null` for one that is silent. `maxsize_per_worker` is the bound that the map has in each
    worker (the largest, where they differ), `maxsize_sum` that bound over all `workers`, which `entries` can reach;
    both are `null` where a worker's map has no bound.
    """
    _check(since, until)
    state = _state(request)
    with state.reader() as reader:
        name = _chosen(reader, service)
        chart = map_series(
            reader, name, since=since, until=until, points=points, carry=_CARRIED_INTERVALS * state.read_every
        )
    listed = [
        {
            "name": line.name,
            "kind": line.kind,
            "maxsize_per_worker": line.maxsize_per_worker,
            "maxsize_sum": line.maxsize_sum,
            "ttl_seconds": line.ttl,
            "entries": line.entries,
            "bytes": line.bytes,
            "workers": line.workers,
        }
        for line in chart.maps
    ]
    return {"service": name, "t": chart.t, "maps": listed}


@router.get("/verdict")
async def verdict(request: Request, service: Service = None) -> dict[str, Any]:
    """Whether the service's memory is steady, climbing or neither, judged over the last day."""
    name = _named(request, service)
    assessment = await _state(request).assessments.get(name)
    return {"service": name, **assessment.as_dict()}


@router.get("/culprits")
async def culprits(request: Request, service: Service = None) -> dict[str, Any]:
    """What grows, what costs most first."""
    name = _named(request, service)
    assessment = await _state(request).assessments.get(name)
    return {
        "service": name,
        "verdict": assessment.verdict.verdict,
        "culprits": [culprit.as_dict() for culprit in assessment.culprits],
    }


@router.get("/retainers.svg", response_class=Response)
async def retainers(request: Request, service: Service = None) -> Response:
    """Who holds what grows, as a picture; needs graphviz beside the sidecar."""
    name = _named(request, service)
    assessment = await _state(request).assessments.get(name)
    ways = graph([culprit.as_dict() for culprit in assessment.culprits])
    if ways is None:
        raise HTTPException(404, "there is no picture: of nothing that grows is it known who holds it")
    try:
        picture = await asyncio.to_thread(draw, ways)
    except FloodmarkError as error:
        raise HTTPException(501, f"{error.message}{error.hint and f': {error.hint}'}") from None
    return Response(picture, media_type="image/svg+xml")


@router.get("/captures")
def captures(request: Request, service: Service = None) -> dict[str, Any]:
    """The newest censuses and trace windows that were asked for, newest first, and how each went; then older ones whose
    file is kept.

    `bytes` is the size of a capture's file, `null` where there is none, or none any more. `trigger` is `asked`,
    `clock` or `suspicion`. `kept` is what the folder holds, of all services, and its limits. `unavailable` says why no capture can be
    asked for here, `null` where one can.
    """
    state = _state(request)
    with state.reader() as reader:
        name = _chosen(reader, service)
        taken = _taken(state, reader, name)
    outcome = Counter("refused" if row.refused else "written" for row in taken)
    return {
        "service": name,
        "captures": [_listed(row) for row in taken],
        "kept": _kept(state),
        "unavailable": _unavailable(state),
        **dict(outcome),
    }


@router.get("/diff")
def diff(
    request: Request,
    first: Annotated[Taken, Query(alias="from")],
    second: Annotated[Taken, Query(alias="to")],
    service: Service = None,
    limit: Annotated[
        int, Query(ge=1, le=MAX_POINTS, description="at most this many rows of types, of containers and of lines")
    ] = 100,
) -> dict[str, Any]:
    """What grew and what shrank between two stored captures, of any workers and lives of the service.

    `from` and `to` are the start of a capture, as `t` of `/api/v1/captures` has it, or its place in that list: 0 is the
    newest. Types are the rows of pympler's summaries, containers those that either capture has found; of two trace windows
    there are `lines` instead. The largest growth comes first. What a capture does not list is `null`.
    """
    state = _state(request)
    with state.reader() as reader:
        name = _chosen(reader, service)
        taken = _taken(state, reader, name)
        cwd = reader.cwd(name)
    rows = [_picked(taken, when, name) for when in (first, second)]
    paths = [Path(row.path or "") for row in rows]
    try:
        found = compare(*paths, cwd=cwd, at_most=limit).as_dict()
    except UsageError as error:
        raise HTTPException(404 if not all(path.exists() for path in paths) else 422, error.message) from None
    for side, row, path in zip(("from", "to"), rows, paths, strict=True):
        found[side] = {"file": str(path), **found[side], "worker": row.worker, "life": row.life}
    return {**found, "service": name}


@router.post("/captures")
async def capture(request: Request, body: CaptureRequest) -> dict[str, Any]:
    """Take a census of every worker of the service that has an agent, one after the other; answers when done.

    With `worker`, of that one alone. With `trace`, one worker notes for so long where it allocates, which slows it several
    times, and what is alive at the end is written by line; the next request takes another worker. With `native`, memray notes
    for so long which C functions ask one worker for memory. With `trim`, the workers' allocators give back what nothing uses:
    what comes back is no leak, and `notes` says how much it was.
    """
    name = _named(request, body.service)
    try:
        trace, native = (None if text is None else parse_duration(text) for text in (body.trace, body.native))
        taken = await _state(request).captures.take(
            name, worker=body.worker, trace=trace, frames=body.frames, native=native, trim=body.trim
        )
    except UsageError as error:
        raise HTTPException(400, f"{'trace' if body.native is None else 'native'}: {error.message}") from None
    except CaptureError as error:
        raise HTTPException(409, f"{error.message}: {error.hint}") from None
    _state(request).assessments.forget(name)
    answer: dict[str, Any] = {"service": name, "captures": [_listed(row) for row in taken]}
    if body.trim:
        trims, unread = trims_of(taken)
        answer["trims"], answer["notes"] = [trim.as_dict() for trim in trims], [*unread, *said(trims)]
    return answer


@router.get("/events")
def events(request: Request, service: Service = None) -> dict[str, Any]:
    """The newest events of the service and of the sidecar, newest first."""
    with _state(request).reader() as reader:
        name = _chosen(reader, service) if service else None
        found = reader.events(name, at_most=MAX_POINTS)
    return {"service": name, "events": [asdict(event) for event in reversed(found)]}


def _state(request: Request) -> State:
    state: State = request.app.state.floodmark
    return state


def _named(request: Request, service: str | None) -> str:
    with _state(request).reader() as reader:
        return _chosen(reader, service)


def _chosen(reader: Reader, service: str | None) -> str:
    known = reader.services()
    if service is None and len(known) == 1:
        return known[0]
    if service in known and service is not None:
        return service
    names = ", ".join(known) or "none yet"
    if service is None:
        raise HTTPException(400 if known else 404, f"service is missing; services with history: {names}")
    raise HTTPException(404, f"there is no service {service!r:.80}; services with history: {names}")


def _taken(state: State, reader: Reader, service: str) -> list[CaptureRow]:
    """Return what `/api/v1/captures` lists: the first census of a worker that has run for long is told, too."""
    rows = reader.captures(service)[::-1]
    older = rows[MAX_POINTS:]
    retention = state.captures.retention
    kept = retention.paths() if older and retention is not None else frozenset()
    return [*rows[:MAX_POINTS], *(row for row in older if row.path in kept)]


def _picked(taken: Sequence[CaptureRow], when: float, service: str) -> CaptureRow:
    """Return the one of *taken*, newest first, that began at *when* or has that place; one without a file is refused."""
    if when < MAX_POINTS and when == int(when):
        found = taken[int(when) : int(when) + 1]
        which = f"a place {when:.0f} in its list"
    else:
        found = sorted((row for row in taken if abs(row.t - when) <= _SAME_MOMENT), key=lambda row: abs(row.t - when))
        which = f"one that began at {when:.3f}"
    if not found:
        raise HTTPException(404, f"of {len(taken)} captures of {service} there is not {which}; see /api/v1/captures")
    if found[0].path is None:
        raise HTTPException(404, f"no capture was taken of {found[0].worker} then: {found[0].refused}")
    return found[0]


def _listed(row: CaptureRow) -> dict[str, Any]:
    """Return *row* with the size of its file; a file that cannot be looked at counts as gone."""
    size = None
    if row.path is not None:
        with contextlib.suppress(OSError):
            size = Path(row.path).stat().st_size
    return {**asdict(row), "bytes": size}


def _kept(state: State) -> dict[str, Any] | None:
    retention = state.captures.retention
    if retention is None:
        return None
    return {**asdict(retention.status), "most_files": retention.most_files, "most_bytes": retention.most_bytes}


def _unavailable(state: State) -> str | None:
    if state.captures.retention is None:
        return f"{NO_FOLDER}: start it with --captures DIR"
    return READ_ONLY if state.token is None else None


def _check(since: float | None, until: float | None) -> None:
    if since is not None and until is not None and since > until:
        raise HTTPException(400, f"since ({since:g}) is after until ({until:g})")
