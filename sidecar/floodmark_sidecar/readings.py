"""The numbers of one worker at one time, as they travel from agent and kernel into the store.

Whatever an agent sends is checked here, once: everything behind this module may trust types, signs and sizes.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from floodmark_sidecar.wire import WireError

MAX_MAPS: Final = 2000
"""Maps in one reading; what fits into one frame, and far more than a service that is well names."""

_MAX_NAME: Final = 200
_MAX_CONTAINERS: Final = 64
_MAX_INT: Final = 2**63 - 1
"""What SQLite can hold; no count or size of bytes is larger."""


@dataclass(frozen=True, slots=True)
class MapReading:
    """One bounded or watched map as its process counts it. `maxsize` and `ttl` (seconds) of None mean unbounded."""

    name: str
    kind: str
    entries: int
    maxsize: int | None = None
    ttl: float | None = None
    bytes: int | None = None
    adds: int | None = None
    removes: int | None = None
    removals: Mapping[str, int] = field(default_factory=dict)
    evicted_before_ttl: int | None = None
    warnings: int | None = None
    container_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentReading:
    """What the agent inside a worker measured at *t* (UTC epoch seconds); None is "not measured"."""

    t: float
    uss_bytes: int | None = None
    swap_bytes: int | None = None
    rss_bytes: int | None = None
    python_blocks: int | None = None
    heap_used_bytes: int | None = None
    heap_free_bytes: int | None = None
    mmap_bytes: int | None = None
    threads: int | None = None
    tasks: int | None = None
    requests_total: int | None = None
    lost: int | None = None
    agent_cpu_seconds: float | None = None
    maps: tuple[MapReading, ...] = ()


@dataclass(frozen=True, slots=True)
class Captured:
    """An agent's answer to a `capture`; `refused` says in words why there is no file."""

    id: str
    refused: str | None
    seconds: float | None
    stall_seconds: float | None


@dataclass(frozen=True, slots=True)
class OutsideReading:
    """What the kernel says about a process; None where it may not be asked.

    `children` are those that run, `zombies` those that ended and that it has not waited for.
    """

    uss_bytes: int | None = None
    swap_bytes: int | None = None
    rss_bytes: int | None = None
    pss_bytes: int | None = None
    fds: int | None = None
    threads: int | None = None
    children: int | None = None
    zombies: int | None = None


@dataclass(frozen=True, slots=True)
class WorkerReading:
    """One row of history: the worker, its life, and the numbers of both sides at one instant."""

    worker: str
    life: int
    uss_bytes: int | None = None
    swap_bytes: int | None = None
    rss_bytes: int | None = None
    pss_bytes: int | None = None
    fds: int | None = None
    threads: int | None = None
    children: int | None = None
    zombies: int | None = None
    python_blocks: int | None = None
    heap_used_bytes: int | None = None
    heap_free_bytes: int | None = None
    mmap_bytes: int | None = None
    tasks: int | None = None
    requests_total: int | None = None
    maps: tuple[MapReading, ...] = ()


def merge(worker: str, life: int, outside: OutsideReading, agent: AgentReading | None) -> WorkerReading:
    """Return the row of one worker: the kernel's number where there is one, else the agent's own."""
    inside = agent or AgentReading(t=0.0)

    def first(name: str) -> Any:
        seen = getattr(outside, name)
        return getattr(inside, name) if seen is None else seen

    return WorkerReading(
        worker=worker,
        life=life,
        uss_bytes=first("uss_bytes"),
        swap_bytes=first("swap_bytes"),
        rss_bytes=first("rss_bytes"),
        pss_bytes=outside.pss_bytes,
        fds=outside.fds,
        threads=first("threads"),
        children=outside.children,
        zombies=outside.zombies,
        python_blocks=inside.python_blocks,
        heap_used_bytes=inside.heap_used_bytes,
        heap_free_bytes=inside.heap_free_bytes,
        mmap_bytes=inside.mmap_bytes,
        tasks=inside.tasks,
        requests_total=inside.requests_total,
        maps=inside.maps,
    )


def parse_reading(message: Mapping[str, Any]) -> AgentReading:
    """Return the checked numbers of a `reading` message; raises `WireError` with the field that makes no sense."""
    t = _real(message, "t")
    if t is None:
        msg = "a reading has no t"
        raise WireError(msg)
    return AgentReading(
        t=t,
        uss_bytes=_count(message, "uss_bytes"),
        swap_bytes=_count(message, "swap_bytes"),
        rss_bytes=_count(message, "rss_bytes"),
        python_blocks=_count(message, "python_blocks"),
        heap_used_bytes=_count(message, "heap_used_bytes"),
        heap_free_bytes=_count(message, "heap_free_bytes"),
        mmap_bytes=_count(message, "mmap_bytes"),
        threads=_count(message, "threads"),
        tasks=_count(message, "tasks"),
        requests_total=_count(message, "requests_total"),
        lost=_count(message, "lost"),
        agent_cpu_seconds=_real(message, "agent_cpu_seconds"),
        maps=_parse_maps(message.get("maps")),
    )


def parse_captured(message: Mapping[str, Any]) -> Captured:
    """Return the checked answer in a `captured` message; raises `WireError` with the field that makes no sense."""
    refused = message.get("refused")
    started, ended = _real(message, "started"), _real(message, "ended")
    return Captured(
        id=_text(message, "id"),
        refused=None if refused is None else _text(message, "refused", longest=1000),
        seconds=None if started is None or ended is None else max(0.0, ended - started),
        stall_seconds=_real(message, "stall_seconds"),
    )


def _parse_maps(value: Any) -> tuple[MapReading, ...]:
    items = _listed(value, "maps", MAX_MAPS)
    named: dict[str, MapReading] = {}
    for item in items:
        if not isinstance(item, dict):
            msg = f"a map is {_shown(item)}, not an object"
            raise WireError(msg)
        parsed = _parse_map(item)
        known = named.get(parsed.name)
        named[parsed.name] = parsed if known is None else _joined(known, parsed)
    return tuple(named.values())


def _parse_map(item: Mapping[str, Any]) -> MapReading:
    entries = _count(item, "entries")
    if entries is None:
        msg = f"map {_shown(item.get('name'))} has no entries"
        raise WireError(msg)
    removals = item.get("removals") or {}
    if not isinstance(removals, dict) or len(removals) > 16:
        msg = f"removals of map {_shown(item.get('name'))} is {_shown(removals)}, not an object of a few causes"
        raise WireError(msg)
    ids = _listed(item.get("container_ids"), "container_ids", _MAX_CONTAINERS)
    if not all(_is_int(number) for number in ids):
        msg = f"container_ids of map {_shown(item.get('name'))} are not all integers"
        raise WireError(msg)
    return MapReading(
        name=_text(item, "name"),
        kind=_text(item, "kind"),
        entries=entries,
        maxsize=_count(item, "maxsize"),
        ttl=_real(item, "ttl_seconds"),
        bytes=_count(item, "bytes"),
        adds=_count(item, "adds"),
        removes=_count(item, "removes"),
        removals={str(cause)[:_MAX_NAME]: _count(removals, cause) or 0 for cause in removals},
        evicted_before_ttl=_count(item, "evicted_before_ttl"),
        warnings=_count(item, "warnings"),
        container_ids=tuple(ids),
    )


def _joined(one: MapReading, other: MapReading) -> MapReading:
    """Return two maps of one name in one process as one: a class with a map in each instance has one line, its sum."""
    causes = {**one.removals, **other.removals}
    return MapReading(
        name=one.name,
        kind=one.kind,
        entries=one.entries + other.entries,
        maxsize=None if one.maxsize is None or other.maxsize is None else one.maxsize + other.maxsize,
        ttl=None if one.ttl is None or other.ttl is None else max(one.ttl, other.ttl),
        bytes=_sum((one.bytes, other.bytes)),
        adds=_sum((one.adds, other.adds)),
        removes=_sum((one.removes, other.removes)),
        removals={cause: one.removals.get(cause, 0) + other.removals.get(cause, 0) for cause in causes},
        evicted_before_ttl=_sum((one.evicted_before_ttl, other.evicted_before_ttl)),
        warnings=_sum((one.warnings, other.warnings)),
        container_ids=(one.container_ids + other.container_ids)[:_MAX_CONTAINERS],
    )


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return min(sum(known), _MAX_INT) if known else None


def _count(message: Mapping[str, Any], name: str) -> int | None:
    value = message.get(name)
    if value is None:
        return None
    if not _is_int(value):
        msg = f"{name} is {_shown(value)}, not a count"
        raise WireError(msg)
    return int(value)


def _real(message: Mapping[str, Any], name: str) -> float | None:
    value = message.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_INT:
        msg = f"{name} is {_shown(value)}, not a number of seconds"
        raise WireError(msg)
    return float(value)


def _text(message: Mapping[str, Any], name: str, *, longest: int = _MAX_NAME) -> str:
    value = message.get(name)
    if not isinstance(value, str) or not value or len(value) > longest:
        msg = f"{name} is {_shown(value)}, not a text of at most {longest} characters"
        raise WireError(msg)
    # A lone surrogate is valid JSON and no valid UTF-8: neither SQLite nor an HTTP answer could carry it.
    return value.encode("utf-8", "replace").decode()


def _listed(value: Any, name: str, longest: int) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > longest:
        msg = f"{name} is {_shown(value)}, not a list of at most {longest}"
        raise WireError(msg)
    return value


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_INT


def _shown(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
