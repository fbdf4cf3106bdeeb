"""What goes into the store and comes out of it, besides readings."""

from dataclasses import dataclass
from typing import NamedTuple

from floodmark_sidecar.readings import WorkerReading


@dataclass(frozen=True, slots=True)
class Life:
    """One process in a worker's slot, from when it was first seen to when it was seen gone (None: still there).

    `born` is in seconds after the machine's boot, as the kernel counts it; `started` and `ended` are UTC epoch
    seconds. `agent` is `none`, `connected` or `gone`.
    """

    worker: str
    life: int
    pid: int
    born: float
    started: float
    ended: float | None = None
    parent: str = ""
    command: str = ""
    python: str | None = None
    agent: str = "none"


@dataclass(frozen=True, slots=True)
class Sample:
    """Every worker of one service at one instant *t*; `ended` are lives that this look found gone."""

    service: str
    t: float
    rows: tuple[tuple[Life, WorkerReading], ...]
    ended: tuple[Life, ...] = ()
    masked: bool = False


@dataclass(frozen=True, slots=True)
class CaptureRow:
    """One capture that was asked for: `path` of its file, or why there is none in `refused`.

    `kind` is `census`, `trace` or `native` for what is left of such a window, or `trim`. `trigger` is `clock` for one that was due, `asked`
    for one that somebody wanted, `suspicion` for one of a service that climbs, None where nobody knows.
    """

    t: float
    worker: str
    life: int
    path: str | None = None
    refused: str | None = None
    seconds: float | None = None
    stall_seconds: float | None = None
    kind: str = "census"
    trigger: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something the operator should know of; `count` adds up what happened more than once in a day."""

    t: float
    kind: str
    text: str
    count: int = 1


class DeclaredMap(NamedTuple):
    """What hardly ever changes about one map of one life; a changed bound is another one, with another `id`."""

    id: int
    life_id: int
    name: str
    kind: str
    maxsize: int | None
    ttl: float | None
    worker: str
    started: float
    ended: float | None
