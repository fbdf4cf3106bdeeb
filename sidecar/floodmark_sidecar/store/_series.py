"""Downsampled series for charts: a bounded number of instants, picked by index searches, whatever history holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from floodmark_sidecar.store._reader import Reader

_ROWS: Final = 30_000
"""Rows behind one answer; services with very many maps get fewer instants rather than slower answers."""


@dataclass(frozen=True, slots=True)
class WorkerSeries:
    """Memory (USS + swap, bytes) of each worker slot and of all together at the times `t`; None is "not measured"."""

    t: tuple[float, ...]
    masked: tuple[bool, ...]
    workers: Mapping[str, tuple[int | None, ...]]
    total: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class MapSeries:
    """One map, summed over the workers that have it, at the times of its `MapChart`."""

    name: str
    kind: str
    maxsize: int | None
    ttl: float | None
    entries: tuple[int | None, ...]
    bytes: tuple[int | None, ...]
    workers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class MapChart:
    """Every map of a service over the same times; `MapSeries.workers` are the entries at the last of them."""

    t: tuple[float, ...]
    maps: tuple[MapSeries, ...]


def worker_series(
    reader: Reader, service: str, *, since: float | None = None, until: float | None = None, points: int
) -> WorkerSeries:
    """Return the memory of a service's workers at no more than *points* instants."""
    times = reader.ticks(service, since=since, until=until, at_most=_affordable(reader.width(service)[0], points))
    place = {t: index for index, t in enumerate(times)}
    masked = [False] * len(times)
    workers: dict[str, list[int | None]] = {}
    total: list[int | None] = [None] * len(times)
    for t, worker, memory, mask in reader.at(
        times,
        """SELECT r.t, l.worker, r.uss_bytes + ifnull(r.swap_bytes, 0), k.masked FROM readings r
        JOIN lives l ON l.id = r.life_id JOIN ticks k ON k.service_id = r.service_id AND k.t = r.t
        WHERE r.service_id = ? AND r.t IN ({times}) ORDER BY l.worker""",
        service,
    ):
        index = place[t]
        masked[index] = bool(mask)
        workers.setdefault(worker, [None] * len(times))[index] = memory
        if memory is not None:
            total[index] = (total[index] or 0) + memory
    return WorkerSeries(
        tuple(times), tuple(masked), {name: tuple(line) for name, line in workers.items()}, tuple(total)
    )


def map_series(
    reader: Reader, service: str, *, since: float | None = None, until: float | None = None, points: int
) -> MapChart:
    """Return the size of every map of a service at no more than *points* instants."""
    times = reader.ticks(service, since=since, until=until, at_most=_affordable(reader.width(service)[1], points))
    place = {t: index for index, t in enumerate(times)}
    found: dict[str, _Line] = {}
    for t, name, worker, kind, maxsize, ttl, entries, size in reader.at(
        times,
        """SELECT m.t, d.name, l.worker, d.kind, d.maxsize, d.ttl, m.entries, m.bytes FROM map_readings m
        JOIN maps d ON d.id = m.map_id JOIN lives l ON l.id = d.life_id
        WHERE m.service_id = ? AND m.t IN ({times}) ORDER BY m.t, d.name, l.worker""",
        service,
    ):
        line = found.setdefault(name, _Line([None] * len(times), [None] * len(times)))
        line.add(place[t], worker=worker, kind=kind, maxsize=maxsize, ttl=ttl, entries=entries, size=size)
    return MapChart(tuple(times), tuple(found[name].series(name) for name in sorted(found)))


class _Line:
    def __init__(self, entries: list[int | None], sizes: list[int | None]) -> None:
        self._entries = entries
        self._sizes = sizes
        self._last = -1
        self._workers: dict[str, int] = {}
        self._kind = ""
        self._ttl: float | None = None
        self._bounds: list[int | None] = []

    def add(
        self,
        index: int,
        *,
        worker: str,
        kind: str,
        maxsize: int | None,
        ttl: float | None,
        entries: int,
        size: int | None,
    ) -> None:
        """Add one worker's map at one instant; instants come in order."""
        if index != self._last:
            self._last, self._workers, self._bounds = index, {}, []
        self._workers[worker] = self._workers.get(worker, 0) + entries
        self._kind, self._ttl = kind, ttl
        self._bounds.append(maxsize)
        self._entries[index] = (self._entries[index] or 0) + entries
        if size is not None:
            self._sizes[index] = (self._sizes[index] or 0) + size

    def series(self, name: str) -> MapSeries:
        bounds = [bound for bound in self._bounds if bound is not None]
        return MapSeries(
            name=name,
            kind=self._kind,
            # The bound of a sum is the sum of the bounds, if every part has one.
            maxsize=sum(bounds) if len(bounds) == len(self._bounds) else None,
            ttl=self._ttl,
            entries=tuple(self._entries),
            bytes=tuple(self._sizes),
            workers=self._workers,
        )


def _affordable(rows: int, points: int) -> int:
    return max(2, min(points, _ROWS // max(1, rows)))
