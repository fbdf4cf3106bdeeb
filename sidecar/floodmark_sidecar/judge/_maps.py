"""Registered maps: they name growth, climb by their entries where nothing bounds them, and excuse next to nothing."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from floodmark_sidecar.judge._counts import examine_count
from floodmark_sidecar.judge._delta import KnownRuler
from floodmark_sidecar.judge._finding import QUICK, SLACKENS, Finding, examine
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._held import Count
from floodmark_sidecar.judge._ranks import median, quantile, rise
from floodmark_sidecar.judge._settings import Settings
from floodmark_sidecar.judge._types import BoolArray, FloatArray, Json

LEAST_ENTRIES: Final = 128.0
"""δ of entries: a smaller rise over the judged part is of no interest, nor is one under 5 % of the median."""

_FULL: Final = 0.98
_ENTRY_BYTES: Final = 64.0
"""What an entry takes at the least, where nobody measured it: a slot of the table, a key and a value."""

_STILL: Final = 0.5
"""A map without a bound that grows ever more slowly still grows while its last third has so much of δ."""

_NEARLY: Final = 0.9
_FILLED_EARLY: Final = 0.4
"""Share of the judged part: what was full before has left enough of it to see what grows besides."""

_ROOM: Final = 64 << 20
"""Without a memory limit a bound may take this much, or as much as the service has."""

_OVER: Final = 1.05
"""By how many times a map must be over its own bound for that to be said: one that is full may be, between two readings."""


@dataclass(frozen=True)
class MapFinding:
    """What the trace tells of one map, summed over workers; rates per second.

    `state` is `growing`, `filling` (below a bound that it may reach), `at bound` or `flat`; `finding` is there where the
    entries rose at all. `limit` is the plan's, and `most` what is held against it. `raised` says that its bound was raised
    while it was watched: such a bound ends nothing. `entries_rise`, `late_rise` (in the last third) and `bytes_rise` are over
    the judged part, of `seconds`; `bytes_rise` is None where bytes were not measured. `values` is what its bytes show beside
    its entries: that each grows. `filled` is the share of the judged part after which it had nearly all that it got, `room`
    the bytes that a map may take.
    """

    name: str
    state: Literal["growing", "filling", "at bound", "flat"]
    entries: float
    maxsize: float | None
    ttl: float | None
    limit: int | None
    most: float
    entries_rise: float
    late_rise: float
    bytes_rise: float | None
    seconds: float
    finding: Finding | None
    raised: bool
    values: Finding | None
    filled: float
    room: float

    @property
    def over_limit(self) -> bool:
        """Whether one worker's map stayed above the plan's limit in the last quarter of the run."""
        return self.limit is not None and self.most > self.limit

    @property
    def over_bound(self) -> bool:
        """Whether it holds clearly more than the bound it tells of: that bounds nothing."""
        return self.maxsize is not None and self.entries > _OVER * self.maxsize

    @property
    def climbs(self) -> bool:
        """Whether this map is a climb of its own: its entries grow, and no bound or TTL will end it, or its values do."""
        if self.heavier:
            return True
        if self.state != "growing" or self.finding is None or self._young:
            return False
        return self.finding.state == "climbing" or self.endless

    @property
    def heavier(self) -> bool:
        """Whether its values grow: a bound on entries does not bound bytes."""
        return self.values is not None and self.values.state == "climbing"

    @property
    def climb(self) -> Finding | None:
        """What shows its climb: its values, where they grow, else its entries."""
        return self.values if self.heavier else self.finding

    @property
    def endless(self) -> bool:
        """Whether entries come ever more slowly, yet still do, and nothing will end it.

        A cache that fills slackens too; but it has a bound. A map that has none, nor a ttl, is no cache.
        """
        found = self.finding
        if found is None or self.maxsize is not None or self.ttl is not None:
            return False
        slows_only = found.state == "inconclusive" and found.doubts == (SLACKENS,)
        return slows_only and self.late_rise > _STILL * found.delta * self.seconds / 3

    @property
    def waits(self) -> bool:
        """Whether entries climb that a TTL may yet end: none of them has had the time to expire."""
        return self.state == "growing" and self.finding is not None and self.finding.state == "climbing" and self._young

    @property
    def _young(self) -> bool:
        return self.ttl is not None and self.seconds < 1.5 * self.ttl

    @property
    def seconds_to_bound(self) -> float | None:
        """Seconds until the map is full at its present rate."""
        if self.maxsize is None or self.entries_rise <= 0:
            return None
        return max(0.0, self.maxsize - self.entries) * self.seconds / self.entries_rise

    def excuses(self, memory_rise: float) -> bool:
        """Say whether filling up to its bound may be all there is to *memory_rise* bytes in the judged part."""
        if self.maxsize is None or self.entries_rise < 0.05 * self.maxsize or self.filled < _FILLED_EARLY:
            return False
        if self.maxsize * memory_rise > self.room * self.entries_rise:
            return False  # if it were all, the full map would not fit
        if self.bytes_rise is not None:
            return self.bytes_rise > memory_rise / 2 and self.state != "growing"
        return self.state != "growing"

    def as_dict(self) -> Json:
        """Return it as in a result."""
        rate = (
            self.finding.slope.estimate if self.finding else self.entries_rise / self.seconds if self.seconds else 0.0
        )
        return {
            "state": self.state,
            "entries": self.entries,
            "maxsize": self.maxsize,
            "ttl_seconds": self.ttl,
            "at_bound": self.state == "at bound",
            "entries_per_hour": rate * 3600,
            "climbing": self.climbs,
            "limit": self.limit,
            "over_limit": self.over_limit,
        }


def examine_maps(frame: Frame, settings: Settings, *, memory: Finding) -> tuple[MapFinding, ...]:
    """Return what every map of the trace shows in the time for which *memory* is judged; δ of bytes is memory's."""
    start = memory.start
    judged = frame.x >= start
    found = []
    for name in frame.trace.map_names:
        entries = frame.column(f"map.{name}.entries")
        series = frame.joined(entries)
        if series is None or not judged.any():
            continue
        found.append(_examine(frame, settings, name, entries, series, judged=judged, memory=memory))
    return tuple(found)


def bounded(frame: Frame, settings: Settings) -> tuple[Count, ...]:
    """Return the entries of every map whose declared bound held all through the trace and was not raised in it.

    One entry may take what the bound leaves it of the limit.
    """
    found = []
    for name in frame.trace.map_names:
        entries, maxsize = (frame.column(f"map.{name}.{field}") for field in ("entries", "maxsize"))
        series = frame.joined(entries)
        bound = float(frame.present(maxsize)[-1])
        if series is None or bound <= 0 or np.any(entries > maxsize) or _raised(frame.highest(maxsize)):
            continue
        sizes = frame.joined(frame.column(f"map.{name}.bytes"))
        known = None if sizes is None else median(sizes / np.maximum(series, 1.0))
        found.append(Count("map", name, series, _room(frame, settings) / bound, known))
    return tuple(found)


def _room(frame: Frame, settings: Settings) -> float:
    """Return how many bytes a map may take."""
    if settings.memory is not None:
        return settings.memory
    return max(_ROOM, median(frame.present(frame.used)))


def _examine(
    frame: Frame,
    settings: Settings,
    name: str,
    entries: FloatArray,
    series: FloatArray,
    *,
    judged: BoolArray,
    memory: Finding,
) -> MapFinding:
    x = frame.x
    start = float(x[judged][0])
    now = float(frame.present(entries)[-1])
    maxsize = frame.column(f"map.{name}.maxsize")
    bound = float(frame.present(maxsize)[-1]) or None
    ttl = frame.column(f"map.{name}.ttl")
    sizes = frame.joined(frame.column(f"map.{name}.bytes"))
    grown = rise(series[judged])
    third = x >= x[-1] - (x[-1] - start) / 3
    bytes_rise = None if sizes is None else rise(sizes[judged])
    finding = examine_count(x, series, start=start, least=LEAST_ENTRIES)
    room = _room(frame, settings)
    share = max(bytes_rise or 0.0, 0.0) / grown if grown > 0 else 0.0
    state: Literal["growing", "filling", "at bound", "flat"] = "flat"
    raised = _raised(frame.highest(maxsize)[judged])
    if bound is not None and now >= _FULL * bound and not (raised and finding is not None and grown > 0):
        state = "at bound"
    elif finding is not None and grown > 0:
        fits = bound is not None and not raised and bound * max(share, _ENTRY_BYTES) <= room
        state = "filling" if fits else "growing"
    return MapFinding(
        name,
        state,
        now,
        bound,
        float(ttl[np.isfinite(ttl)][-1]) if np.isfinite(ttl).any() else None,
        settings.maps.get(name),
        quantile(frame.highest(entries)[x >= x[-1] - (x[-1] - start) / 4], 0.1),
        grown,
        rise(series[third]),
        bytes_rise,
        float(x[-1]) - start,
        finding,
        raised,
        None if sizes is None else _values(frame, series, sizes, start=start, delta=memory.delta),
        _filled(x[judged], series[judged], grown),
        room,
    )


def _values(frame: Frame, entries: FloatArray, sizes: FloatArray, *, start: float, delta: float) -> Finding | None:
    """Return what the bytes of a map show that its entries do not explain, at what an entry took at first."""
    judged = frame.x >= start
    early = np.flatnonzero(judged)[: max(1, np.count_nonzero(judged) // 10)]
    each = median(sizes[early] / np.maximum(entries[early], 1.0))
    beside = sizes - each * entries
    if rise(beside[judged]) < delta * (float(frame.x[-1]) - start) / 2:
        return None
    return examine(frame.x, beside, KnownRuler(delta), warmup=start, care=QUICK)


def _filled(x: FloatArray, entries: FloatArray, grown: float) -> float:
    """Return after what share of the time *x* nearly all of what it has *grown* by was there."""
    tenth = max(1, len(entries) // 10)
    nearly = np.flatnonzero(entries >= median(entries[:tenth]) + _NEARLY * grown)
    return float((x[nearly[0]] - x[0]) / (x[-1] - x[0])) if grown > 0 and len(nearly) and x[-1] > x[0] else 0.0


def _raised(bounds: FloatArray) -> bool:
    """Say whether one worker's bound was raised: it is what somebody who lifts a full map's bound does, again and again."""
    known = bounds[bounds > 0]
    return bool(len(known) and known[-1] > known[0])
