"""Sizes of maps for charts, summed over workers; where a worker that has a map is silent, its sum is not made up."""

import math
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from floodmark_sidecar.store._reader import Reader
from floodmark_sidecar.store._rows import DeclaredMap
from floodmark_sidecar.store._series import affordable

_LOOKS_BACK: Final = 4
"""Instants before a silent one that are searched for what a worker told last."""


@dataclass(frozen=True, slots=True)
class MapSeries:
    """One map, summed over the workers that have it, at the times of its `MapChart`; None is "not known".

    `workers` has the entries of each at the last of the times at which any has the map. `bounds` are their declared
    bounds then: None is unbounded, an empty mapping is that no worker has the map at any of the times.
    """

    name: str
    kind: str
    ttl: float | None
    entries: tuple[int | None, ...]
    bytes: tuple[int | None, ...]
    workers: Mapping[str, int | None]
    bounds: Mapping[str, int | None]

    @property
    def maxsize_per_worker(self) -> int | None:
        """The largest bound that the map has in any of `workers`; None where one has none."""
        bounds = self.bounds.values()
        return max((bound for bound in bounds if bound is not None), default=None) if None not in bounds else None

    @property
    def maxsize_sum(self) -> int | None:
        """The sum of the bounds over `workers`, which is the bound of `entries`; None where one has none."""
        bounds = [bound for bound in self.bounds.values() if bound is not None]
        return sum(bounds) if bounds and len(bounds) == len(self.bounds) else None


@dataclass(frozen=True, slots=True)
class MapChart:
    """Every map of a service over the same times."""

    t: tuple[float, ...]
    maps: tuple[MapSeries, ...]


def map_series(
    reader: Reader,
    service: str,
    *,
    since: float | None = None,
    until: float | None = None,
    points: int,
    carry: float = 60.0,
) -> MapChart:
    """Return the size of every map of a service at no more than *points* instants.

    A worker is silent at an instant at which its agent told nothing. A map that it has then counts with what it told
    last, if that is at most *carry* seconds old and of the same life; else the sums of that instant are not known.
    """
    width = reader.width(service, since=since, until=until)[1]
    times = reader.ticks(service, since=since, until=until, at_most=affordable(width, points))
    readings = list(
        reader.at(
            times,
            "SELECT t, map_id, entries, bytes FROM map_readings WHERE service_id = ? AND t IN ({times}) ORDER BY t, map_id",
            service,
        )
    )
    declared = {one.id: one for one in reader.declared("id", {map_id for _, map_id, *_ in readings})}
    # What was deleted between two questions is gone from the answer as a whole.
    told = {(t, declared[map_id].life_id) for t, map_id, *_ in readings if map_id in declared}
    sizes = [(t, declared[i], entries, size) for t, i, entries, size in readings if i in declared]
    silent = _silent(reader, service, times, told, {one.life_id: one for one in declared.values()})
    sizes += _carried(reader, service, silent, carry)
    place = {t: index for index, t in enumerate(times)}
    lines: dict[str, _Line] = {}
    for t, one, entries, size in sizes:
        if one.name not in lines:
            lines[one.name] = _Line(len(times))
        lines[one.name].add(place[t], one, entries, size)
    return MapChart(tuple(times), tuple(lines[name].series(name) for name in sorted(lines)))


def _silent(
    reader: Reader,
    service: str,
    times: Sequence[float],
    told: Collection[tuple[float, int]],
    spoke: Mapping[int, DeclaredMap],
) -> dict[float, list[int]]:
    """Return the lives that were there at each of *times* and told nothing; *spoke* are those that did at some."""
    silent: dict[float, list[int]] = {}
    seen = set()
    for t, life_id, has_numbers in reader.at(
        times,
        """SELECT t, life_id, python_blocks IS NOT NULL FROM readings
        WHERE service_id = ? AND t IN ({times}) ORDER BY t, life_id""",
        service,
    ):
        seen.add((t, life_id))
        if not has_numbers and (t, life_id) not in told:
            silent.setdefault(t, []).append(life_id)
    # A process that only its agent can read has no row at all while that is silent.
    for life_id, one in spoke.items():
        for t in times[bisect_left(times, one.started) : bisect_left(times, one.ended or math.inf)]:
            if (t, life_id) not in seen:
                silent.setdefault(t, []).append(life_id)
    return silent


def _carried(
    reader: Reader, service: str, silent: Mapping[float, Sequence[int]], carry: float
) -> Iterator[tuple[float, DeclaredMap, int | None, int | None]]:
    """Yield each map of each silent life at each time, with what it told last if that is not too old, else None."""
    maps: dict[int, dict[str, list[DeclaredMap]]] = {}
    for one in reader.declared("life_id", {life for lives in silent.values() for life in lives}):
        maps.setdefault(one.life_id, {}).setdefault(one.name, []).append(one)
    for t, lives in silent.items():
        of_lives = [same for life in lives for same in maps.get(life, {}).values()]
        ids = ", ".join(str(one.id) for same in of_lives for one in same)
        earlier = reader.before(service, t, within=carry, at_most=_LOOKS_BACK) if ids else []
        latest = {
            map_id: (then, entries, size)
            for then, map_id, entries, size in reader.at(
                earlier,
                f"""SELECT t, map_id, entries, bytes FROM map_readings
                WHERE service_id = ? AND t IN ({{times}}) AND map_id IN ({ids}) ORDER BY t""",  # noqa: S608 - our own ids
                service,
            )
        }
        for same in of_lives:
            one = max(same, key=lambda one: (latest.get(one.id, (0.0,))[0], one.id))
            _, entries, size = latest.get(one.id, (0.0, None, None))
            yield t, one, entries, size


class _Line:
    """One map while its readings are added up."""

    def __init__(self, length: int) -> None:
        self._entries: list[int | None] = [None] * length
        self._sizes: list[int | None] = [None] * length
        self._unknown: set[int] = set()
        self._last = -1
        self._newest: DeclaredMap | None = None
        self._workers: dict[str, int | None] = {}
        self._bounds: dict[str, int | None] = {}

    def add(self, index: int, one: DeclaredMap, entries: int | None, size: int | None) -> None:
        """Add one worker's map at one instant, in any order; *entries* of None are not known."""
        if index > self._last:
            self._last, self._newest, self._workers, self._bounds = index, one, {}, {}
        if index == self._last:
            self._workers[one.worker] = entries
            self._bounds[one.worker] = one.maxsize
        if entries is None:
            self._unknown.add(index)
            return
        self._entries[index] = (self._entries[index] or 0) + entries
        if size is not None:
            self._sizes[index] = (self._sizes[index] or 0) + size

    def series(self, name: str) -> MapSeries:
        for index in self._unknown:
            self._entries[index] = self._sizes[index] = None
        return MapSeries(
            name=name,
            kind=self._newest.kind if self._newest else "",
            ttl=self._newest.ttl if self._newest else None,
            entries=tuple(self._entries),
            bytes=tuple(self._sizes),
            workers=dict(sorted(self._workers.items())),
            bounds=dict(sorted(self._bounds.items())),
        )
