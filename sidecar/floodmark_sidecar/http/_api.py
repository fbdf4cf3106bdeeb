"""The JSON API: `/api/v1/…`."""

import asyncio
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Query, Request, Response

from floodmark_sidecar.culprits import graph
from floodmark_sidecar.errors import FloodmarkError
from floodmark_sidecar.graphviz import draw
from floodmark_sidecar.http._asked import MAX_POINTS, Service, chosen, named, state_of
from floodmark_sidecar.store import map_series, worker_series

router = APIRouter(prefix="/api/v1")

_CARRIED_INTERVALS: Final = 4
"""How long a silent worker's maps count with what it told last: an agent that backs off reads that rarely."""

Time = Annotated[float | None, Query(ge=0, allow_inf_nan=False, description="UTC epoch seconds")]
Points = Annotated[int, Query(ge=2, le=MAX_POINTS, description="at most this many instants, evenly spread")]


@router.get("/services")
def services(request: Request) -> dict[str, Any]:
    """Every service with history, and how many workers of it run now."""
    state = state_of(request)
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
    state = state_of(request)
    with state.reader() as reader:
        name = chosen(reader, service)
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
    with state_of(request).reader() as reader:
        name = chosen(reader, service)
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
    state = state_of(request)
    with state.reader() as reader:
        name = chosen(reader, service)
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
    name = named(request, service)
    assessment = await state_of(request).assessments.get(name)
    return {"service": name, **assessment.as_dict()}


@router.get("/culprits")
async def culprits(request: Request, service: Service = None) -> dict[str, Any]:
    """What grows, what costs most first."""
    name = named(request, service)
    assessment = await state_of(request).assessments.get(name)
    return {
        "service": name,
        "verdict": assessment.verdict.verdict,
        "culprits": [culprit.as_dict() for culprit in assessment.culprits],
    }


@router.get("/retainers.svg", response_class=Response)
async def retainers(request: Request, service: Service = None) -> Response:
    """Who holds what grows, as a picture; needs graphviz beside the sidecar."""
    name = named(request, service)
    assessment = await state_of(request).assessments.get(name)
    ways = graph([culprit.as_dict() for culprit in assessment.culprits])
    if ways is None:
        raise HTTPException(404, "there is no picture: of nothing that grows is it known who holds it")
    try:
        picture = await asyncio.to_thread(draw, ways)
    except FloodmarkError as error:
        raise HTTPException(501, f"{error.message}{error.hint and f': {error.hint}'}") from None
    return Response(picture, media_type="image/svg+xml")


@router.get("/events")
def events(request: Request, service: Service = None) -> dict[str, Any]:
    """The newest events of the service and of the sidecar, newest first."""
    with state_of(request).reader() as reader:
        name = chosen(reader, service) if service else None
        found = reader.events(name, at_most=MAX_POINTS)
    return {"service": name, "events": [asdict(event) for event in reversed(found)]}


def _check(since: float | None, until: float | None) -> None:
    if since is not None and until is not None and since > until:
        raise HTTPException(400, f"since ({since:g}) is after until ({until:g})")
