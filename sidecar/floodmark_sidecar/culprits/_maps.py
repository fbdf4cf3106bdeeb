"""Registered maps that grow, from their readings. Pure."""

from collections.abc import Collection, Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from floodmark_sidecar.culprits._findings import Finding
from floodmark_sidecar.culprits._growth import Growth, growth
from floodmark_sidecar.culprits._tracks import Track
from floodmark_sidecar.judge import Trace
from floodmark_sidecar.units import format_duration

_Rows: TypeAlias = npt.NDArray[np.bool_]

_BLOCKS: Final = 12
"""The readings of a map are cut into this many blocks; their medians are judged as captures are."""


def from_trace(
    trace: Trace,
    since: float | None,
    tracks: Sequence[Track],
    names: Sequence[str | None],
    climbing: Collection[str],
) -> Iterator[Finding]:
    """Yield the registered maps of *trace* that grow after *since*; those in *climbing* were judged to.

    What holds a map, and what its entries cost, is told by those of *tracks* that are its inside (*names*).
    """
    insides = _insides(tracks, names)
    judged = ~trace.masked & (trace.t >= (-np.inf if since is None else since))
    for worker_index, worker in enumerate(trace.workers):
        of_worker = judged & (trace.worker == worker_index)
        lives = {life: of_worker & (trace.life == index) for index, life in enumerate(trace.lives)}
        seconds = {life: float(np.ptp(trace.t[rows])) for life, rows in lives.items() if rows.any()}
        for life, span in seconds.items():
            rows = lives[life]
            for name in trace.map_names:
                grown = _growth(trace, f"map.{name}.entries", rows, known=name in climbing)
                found = grown or _growth(trace, f"map.{name}.bytes", rows)
                if found is None:
                    continue
                own = insides.get((name, worker, life))
                inside = own or insides.get((name, "", ""))
                yield Finding(
                    key=("map", name),
                    name=name,
                    worker=worker,
                    life=life,
                    growth=found,
                    weight=span / sum(seconds.values()),
                    observed=f"{format_duration(_told(trace, name, rows))} of readings",
                    swells=grown is None,
                    bytes_per_entry=inside.bytes_per_entry() if inside else _bytes_per_entry(trace, name, rows),
                    container=inside.named if inside else None,
                    bound=_last(trace, f"map.{name}.maxsize", rows),
                    seen=tuple(own.seen) if own else (),
                    owned=inside.owned() if inside else None,
                    near_bytes_per_entry=inside.near_bytes_per_entry() if inside else None,
                )


def _insides(tracks: Sequence[Track], names: Sequence[str | None]) -> dict[tuple[str, str, str], Track]:
    """Return the dearest container of each map by (map, worker, life), and by (map, "", "") for lives without one."""
    insides: dict[tuple[str, str, str], Track] = {}
    for track, name in zip(tracks, names, strict=True):
        if name is not None:
            for key in ((name, track.worker, str(track.life)), (name, "", "")):
                if key not in insides or track.bytes_per_entry() > insides[key].bytes_per_entry():
                    insides[key] = track
    return insides


def _growth(trace: Trace, column: str, rows: _Rows, *, known: bool = False) -> Growth | None:
    values = trace.column(column)
    kept = rows & ~np.isnan(values)
    if np.count_nonzero(kept) < 2:
        return None
    blocks = min(_BLOCKS, int(np.count_nonzero(kept)))
    times = [float(np.median(part)) for part in np.array_split(trace.t[kept], blocks)]
    sizes = [float(np.median(part)) for part in np.array_split(values[kept], blocks)]
    return growth(times, sizes, known=known)


def _told(trace: Trace, name: str, rows: _Rows) -> float:
    """Return the seconds from the first reading of the map to its last: a life may be older than what is told of it."""
    unknown = np.isnan(trace.column(f"map.{name}.entries")) & np.isnan(trace.column(f"map.{name}.bytes"))
    return float(np.ptp(trace.t[rows & ~unknown]))


def _bytes_per_entry(trace: Trace, name: str, rows: _Rows) -> float | None:
    """Return what an entry costs by the map's own account, if it keeps one."""
    size, entries = _last(trace, f"map.{name}.bytes", rows), _last(trace, f"map.{name}.entries", rows)
    return size / entries if size and entries else None


def _last(trace: Trace, column: str, rows: _Rows) -> float | None:
    values = trace.column(column)[rows]
    known = values[~np.isnan(values)]
    return float(known[-1]) if len(known) else None
