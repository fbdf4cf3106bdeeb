"""The JSON API of captures: `/api/v1/captures` and `/api/v1/diff`."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from floodmark_sidecar.assess import trims_of
from floodmark_sidecar.captures import NO_FOLDER, CaptureError
from floodmark_sidecar.compare import compare, heaviest_in
from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.http._asked import MAX_POINTS, Service, chosen, named, state_of
from floodmark_sidecar.http._security import READ_ONLY
from floodmark_sidecar.http._state import State
from floodmark_sidecar.store import CaptureRow, Reader
from floodmark_sidecar.trims import said
from floodmark_sidecar.units import parse_duration

router = APIRouter(prefix="/api/v1")

Taken = Annotated[float, Query(ge=0, allow_inf_nan=False)]
_SAME_MOMENT: Final = 0.001
"""Seconds by which the start of a capture may be given too early or too late: whoever shows times rounds them."""

_HEAVIEST: Final = 5


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


@router.get("/captures")
def captures(request: Request, service: Service = None) -> dict[str, Any]:
    """The newest censuses and trace windows that were asked for, newest first, and how each went; then older ones whose
    file is kept.

    `bytes` is the size of a capture's file, `null` where there is none, or none any more. `trigger` is `asked`,
    `clock` or `suspicion`. `kept` is what the folder holds, of all services, and its limits. `unavailable` says why no capture can be
    asked for here, `null` where one can. `under_way` is the capture that the next one would wait for, `null` where it would
    not: its worker, kind and beginning, and, of a window, its length.
    """
    state = state_of(request)
    with state.reader() as reader:
        name = chosen(reader, service)
        taken = _taken(state, reader, name)
    outcome = Counter("refused" if row.refused else "written" for row in taken)
    return {
        "service": name,
        "captures": [_listed(row) for row in taken],
        "kept": _kept(state),
        "unavailable": _unavailable(state),
        "under_way": state.captures.under_way.get(name),
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
    state = state_of(request)
    with state.reader() as reader:
        name = chosen(reader, service)
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
    what comes back is no leak, and `notes` says how much it was. `heaviest` is what weighs most in a capture: containers, or
    lines and C functions with what was asked for in the window and is alive at its end.
    """
    state = state_of(request)
    name = named(request, body.service)
    try:
        trace, native = (None if text is None else parse_duration(text) for text in (body.trace, body.native))
        taken = await state.captures.take(
            name, worker=body.worker, trace=trace, frames=body.frames, native=native, trim=body.trim
        )
    except UsageError as error:
        raise HTTPException(400, f"{'trace' if body.native is None else 'native'}: {error.message}") from None
    except CaptureError as error:
        raise HTTPException(409, f"{error.message}: {error.hint}") from None
    state.assessments.forget(name)
    with state.reader() as reader:
        cwd = reader.cwd(name)
    rows = [{**_listed(row), "heaviest": await asyncio.to_thread(_heaviest, row, cwd)} for row in taken]
    answer: dict[str, Any] = {"service": name, "captures": rows}
    if body.trim:
        trims, unread = trims_of(taken)
        answer["trims"], answer["notes"] = [trim.as_dict() for trim in trims], [*unread, *said(trims)]
    return answer


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


def _heaviest(row: CaptureRow, cwd: Path | None) -> list[dict[str, Any]]:
    """Return what weighs most in the capture of *row*; nothing where it cannot be read."""
    with contextlib.suppress(UsageError):
        if row.path is not None:
            return [each.as_dict() for each in heaviest_in(Path(row.path), cwd=cwd, at_most=_HEAVIEST)]
    return []


def _kept(state: State) -> dict[str, Any] | None:
    retention = state.captures.retention
    if retention is None:
        return None
    return {**asdict(retention.status), "most_files": retention.most_files, "most_bytes": retention.most_bytes}


def _unavailable(state: State) -> str | None:
    if state.captures.retention is None:
        return f"{NO_FOLDER}: start it with --captures DIR"
    return READ_ONLY if state.token is None else None
