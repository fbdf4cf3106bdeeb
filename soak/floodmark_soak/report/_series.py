"""What a report draws: series of a trace, summed over workers and thinned to what a chart can show."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from floodmark_sidecar.judge import Trace
from floodmark_soak.report._record import Record

Floats: TypeAlias = npt.NDArray[np.float64]

_MEMORY: Final = "Memory of the service: unique and swapped bytes of all its processes"
_MOST_DECISIVE: Final = 3


@dataclass(frozen=True)
class Series:
    """Sizes at times; times are seconds since the run's first reading, NaN sizes are gaps."""

    t: Floats
    sizes: Floats

    def __bool__(self) -> bool:
        return bool(np.isfinite(self.sizes).any())


@dataclass(frozen=True)
class Small:
    """One small chart: a registered map over its readings, or a found container over the captures."""

    title: str
    subtitle: str
    series: Series
    bound: Series | None
    measured: str
    """`entries` or `bytes`."""
    rank: int | None
    """The culprit's rank, None where this is none."""


@dataclass(frozen=True)
class Picture:
    """A large chart: memory or what decided instead, its floors, the part that was judged and the line through it."""

    memory: Series
    floors: Series
    warmup: tuple[float, float] | None
    window: tuple[float, float] | None
    slope: tuple[float, float, float] | None
    """Bytes a second: low, estimate, high."""
    captures: tuple[float, ...]
    masked: tuple[tuple[float, float], ...]
    measured: str = "bytes"
    """`bytes`, or what is counted."""
    caption: str = ""


def pictures(record: Record, *, most: int) -> list[Picture]:
    """Return the large charts of *record*, each with at most some *most* points: memory as a whole, and before it what decided
    where that did not.
    """
    trace, origin = record.trace, start_of(record)
    told = f"{_MEMORY}, which by itself is no climb" if record.decisive else _MEMORY
    if len(trace.segments) > 1:
        told = f"{told}; the floors of each segment continue those of the one before"
    whole = {**record.result, "slope": [record.slope(part) for part in ("low", "estimate", "high")], "caption": told}
    found = []
    for each in record.decisive[:_MOST_DECISIVE]:
        values, measured = _values(trace, each)
        slope = [(each.get("slope_per_hour") or {}).get(part) for part in ("low", "estimate", "high")]
        series, caption = without_masked(summed(trace, values, origin), trace), record.told(each)
        if each["kind"] == "worker" and (record.workers.get(each["name"]) or {}).get("lives", 1) > 1:
            # What lives that are put end to end gained was never there at once: of those only floors are known.
            floors = np.array(each["floors"], dtype=np.float64).reshape(-1, 2)
            series, caption = Series(floors[:, 0] - origin, floors[:, 1]), f"{caption}, its lives put end to end"
        judged = {**each, "slope": slope, "caption": caption}
        found.append(_picture(record, judged, series, measured, most))
    memory = without_masked(summed(trace, _used(trace), origin), trace)
    return [*found, _picture(record, whole, memory, "bytes", most)]


def _used(trace: Trace) -> Floats:
    return np.nan_to_num(trace.column("swap_bytes")) + trace.column("uss_bytes")


def _values(trace: Trace, decisive: dict[str, Any]) -> tuple[Floats, str]:
    """Return what is drawn of a series that decided, by row, and in what it is measured."""
    match decisive["kind"]:
        case "worker":
            names = np.array(trace.workers)
            return np.where(names[trace.worker] == decisive["name"], _used(trace), np.nan), "bytes"
        case "map":
            return trace.column(f"map.{decisive['name']}.entries"), "entries"
    if decisive["name"] == "processes":
        return np.ones(len(trace)), "processes"
    return trace.column(decisive["name"]), decisive["name"]


def _picture(record: Record, judged: dict[str, Any], memory: Series, measured: str, most: int) -> Picture:
    """Return the chart of *memory*, or what is drawn as it, whose verdict is *judged*: its window, floors, slope an hour and caption."""
    trace, origin, window = record.trace, start_of(record), judged.get("window")
    low, estimate, high = judged["slope"]
    floors = np.array(judged.get("floors") or np.empty((0, 2)), dtype=np.float64)
    times = [capture["t"] - origin for capture in record.captures if capture.get("t") and not capture.get("refused")]
    first = float(memory.t[0]) if len(memory.t) else 0.0
    return Picture(
        memory=thinned(with_gaps(memory), most),
        floors=Series(floors[:, 0] - origin, floors[:, 1]),
        warmup=(first, window[0] - origin) if window and window[0] - origin > first else None,
        window=(window[0] - origin, window[1] - origin) if window else None,
        slope=None if low is None or estimate is None or high is None else (low / 3600, estimate / 3600, high / 3600),
        captures=tuple(sorted(times)),
        masked=_spans(trace, origin),
        measured=measured,
        caption=judged["caption"],
    )


def smalls(record: Record, *, most: int) -> list[Small]:
    """Return the small charts of *record*, culprits first, each with at most some *most* points."""
    origin, found = start_of(record), []
    ranks = {culprit["name"]: culprit["rank"] for culprit in record.culprits if culprit["kind"] == "map"}
    states = record.result.get("maps") or {}
    for name in record.trace.map_names:
        series = summed(record.trace, record.trace.column(f"map.{name}.entries"), origin)
        bound = summed(record.trace, record.trace.column(f"map.{name}.maxsize"), origin)
        if series:
            state = (states.get(name) or {}).get("state")
            about = ["registered", *([state] if state else []), *([] if bound else ["no bound"])]
            found.append(
                Small(
                    title=name,
                    subtitle=", ".join(about),
                    series=thinned(with_gaps(series), most),
                    bound=thinned(bound, most) if bound else None,
                    measured="entries",
                    rank=ranks.get(name),
                )
            )
    for culprit in record.culprits:
        points = np.array(culprit.get("points") or [], dtype=np.float64).reshape(-1, 2)
        told = culprit["kind"] == "map" and culprit["name"] in record.trace.map_names
        if len(points) and not told:
            found.append(
                Small(
                    title=culprit["name"],
                    subtitle=culprit.get("path") or culprit.get("where") or "found by its growth",
                    series=Series(points[:, 0] - origin, points[:, 1]),
                    bound=None,
                    measured=culprit.get("measured") or "entries",
                    rank=culprit["rank"],
                )
            )
    return sorted(found, key=lambda small: (small.rank is None, small.rank or 0, small.title))


def start_of(record: Record) -> float:
    """Return the time of the first reading, from which a report counts."""
    return float(record.trace.t[0]) if len(record.trace) else 0.0


def summed(trace: Trace, values: Floats, origin: float) -> Series:
    """Return the sum of *values* over the workers at each instant at which one was measured."""
    measured = np.isfinite(values)
    instants, index = np.unique(trace.t[measured], return_inverse=True)
    return Series(instants - origin, np.bincount(index, values[measured], len(instants)).astype(np.float64))


def without_masked(series: Series, trace: Trace) -> Series:
    """Return *series*, summed from *trace*, with a NaN at every masked instant.

    While a census runs its child shares the worker's pages, and the worker's own memory reads low: a dip that is none.
    """
    masked = np.unique(trace.t[trace.masked]) - (trace.t[0] if len(trace) else 0.0)
    return Series(series.t, np.where(np.isin(series.t, masked), np.nan, series.sizes))


def with_gaps(series: Series) -> Series:
    """Return *series* with a NaN wherever readings are missing, so that no line is drawn across."""
    if len(series.t) < 3:
        return series
    steps = np.diff(series.t)
    after = np.flatnonzero(steps > 5 * np.median(steps)) + 1
    return Series(np.insert(series.t, after, series.t[after - 1]), np.insert(series.sizes, after, np.nan))


def thinned(series: Series, most: int) -> Series:
    """Return *series* with the lowest and highest of each stretch kept, so that no spike is lost."""
    if len(series.t) <= most:
        return series
    kept: set[int] = {0, len(series.t) - 1}
    edges = np.linspace(0, len(series.t), max(most // 3, 1) + 1).astype(int)
    for start, end in pairwise(edges):
        part = series.sizes[start:end]
        gaps = np.flatnonzero(np.isnan(part))
        kept.update(int(start + gap) for gap in gaps[:1])
        if len(gaps) < len(part):
            kept.update((int(start + np.nanargmin(part)), int(start + np.nanargmax(part))))
    order = sorted(kept)
    return Series(series.t[order], series.sizes[order])


def _spans(trace: Trace, origin: float) -> tuple[tuple[float, float], ...]:
    """Return the stretches of time whose readings are masked."""
    instants, index = np.unique(trace.t, return_inverse=True)
    masked = np.bincount(index, weights=trace.masked, minlength=len(instants)) > 0
    edges = np.flatnonzero(np.diff(np.concatenate(([False], masked, [False]))))
    last = len(instants) - 1
    return tuple(
        (float(instants[max(start - 1, 0)]) - origin, float(instants[min(end, last)]) - origin)
        for start, end in zip(edges[::2], edges[1::2], strict=True)
    )
