"""What of a judged trace is drawn, in a terminal and in a picture alike. Pure; times in seconds from the first reading."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from floodmark_sidecar.judge import Decisive, Finding, Trace, Verdict
from floodmark_sidecar.judge._curve import Step
from floodmark_sidecar.judge._frame import GAP, Frame
from floodmark_sidecar.units import format_between, format_bytes, format_rate

Points: TypeAlias = npt.NDArray[np.float64]
Curve: TypeAlias = tuple[Points, Points]

_START: Final = 0.02
"""Share of readings that may lie under what is shown, if none of them was judged."""


@dataclass(frozen=True, eq=False)
class Fit:
    """The judged part: the line of the slope over `x` with its band, and what growth by δ from its start would be.

    Isolated jumps and falls that were taken out are in all of them, so that they lie where the readings do.
    """

    x: Points
    line: Points
    low: Points
    high: Points
    delta: Points


@dataclass(frozen=True, eq=False)
class Shown:
    """The readings, their floors and what was made of them; `fit` is None where nothing could be judged.

    `jumps` are those taken out, `maps` the entries of each map that climbs or is over its limit, the largest rise first.
    `breaks` are the readings before which no line is drawn: there was a gap, or the life before them ended. `finding` is what they
    show, and `joined` says that lives are put end to end.

    `decisive` are the series that decided where this one, memory of the whole service, did not: each with its `name`, such as
    `worker w4`, and `counted` where it is no memory. Maps among them are not in `maps`.
    """

    readings: Curve
    floors: Curve
    fit: Fit | None
    jumps: tuple[tuple[float, float], ...]
    maps: tuple[tuple[str, Curve], ...]
    breaks: tuple[int, ...] = ()
    finding: Finding | None = None
    decisive: tuple["Shown", ...] = ()
    name: str = ""
    counted: bool = False
    joined: bool = False

    @property
    def extent(self) -> tuple[float, float]:
        """The sizes to show, from lowest to highest: all that was judged, and of a start that was far lower its end."""
        x, y = self.readings
        if not len(y):
            return 0.0, 1.0
        low, high = float(np.quantile(y, _START)), float(y.max())
        if self.fit is not None:
            judged = y[x >= self.fit.x[0]]
            line = self.fit.line
            low, high = min(low, float(judged.min()), float(line.min())), max(high, float(line.max()))
        # A quiet trace fills a picture with its own noise; a twentieth of its level at least keeps it quiet.
        room = max((high - low) * 1.08, high * 0.05, 1.0) - (high - low)
        return max(0.0, low - room / 2), high + room / 2


def shown(trace: Trace, verdict: Verdict) -> Shown:
    """Return what to draw of *trace* and its *verdict*; O(n log n)."""
    evidence = verdict.evidence
    if evidence is None:
        x, y = _unjudged(trace)
        return Shown((x, y), (np.empty(0), np.empty(0)), None, (), (), _gaps(x))
    frame, memory = evidence.frame, evidence.memory
    whole = {each.name for each in verdict.decisive if each.kind == "map"}
    climbing = [found for found in evidence.maps if (found.climbs or found.over_limit) and found.name not in whole]
    maps = []
    for found in sorted(climbing, key=lambda found: -found.entries_rise):
        entries = frame.joined(frame.column(f"map.{found.name}.entries"))
        if entries is not None:
            maps.append((found.name, (frame.x, entries)))
    return Shown(
        (frame.x, evidence.rest.values),
        _floors(memory),
        _fit(memory),
        _jumps(memory),
        tuple(maps),
        tuple(sorted({*_gaps(frame.x), *_new_lives(frame)})),
        memory,
        tuple(_by_itself(each) for each in verdict.decisive),
        name=f"memory of all {len(frame.slots):,} workers together" if len(frame.slots) > 1 else "memory",
        joined=frame.recycled,
    )


def heading(what: Shown) -> str:
    """Return what *what* is, and how fast it grows: `worker w4: climbing, +339 KiB/h, between 332 and 345 KiB/h; δ …`."""
    finding = what.finding
    if finding is None:
        return what.name
    estimate, low, high = (rate * 3600 for rate in (finding.slope.estimate, finding.slope.low, finding.slope.high))
    if what.counted:
        ends = _number(low), _number(high)
        between = "" if ends[0] == ends[1] else f", between {' and '.join(ends)}"
        rate = f"+{_number(estimate)} an hour{between}; δ {_number(finding.delta * 3600)} an hour"
    else:
        between = format_between(low, high, "/h")
        rate = f"{format_rate(finding.slope.estimate)}, {between}; δ {format_bytes(finding.delta * 3600)}/h"
    # Entries that come ever more slowly may climb all the same: their state is not the verdict on them.
    state = f"{finding.state}, " if not what.counted or finding.state == "climbing" else ""
    return f"{what.name}: {state}{rate}"


def _number(rate: float) -> str:
    return f"{rate:,.0f}" if abs(rate) >= 10 else f"{rate:.2g}"


def _by_itself(series: Decisive) -> Shown:
    found = series.finding
    later = {int(np.searchsorted(series.x, life.at[0])) for life in series.lives[1:]}
    return Shown(
        (series.x, series.y),
        _floors(found),
        _fit(found),
        _jumps(found),
        (),
        tuple(sorted({*_gaps(series.x), *later})),
        found,
        name=series.name if series.kind == "count" else f"{series.kind} {series.name}",
        counted=series.kind != "worker",
        joined=bool(later),
    )


def _jumps(found: Finding) -> tuple[tuple[float, float], ...]:
    return tuple((jump.time, jump.size) for jump in _taken_out(found))


def _taken_out(memory: Finding) -> tuple[Step, ...]:
    """Return the jumps that are no part of the slope. A climb may have been measured with its jumps left in."""
    return () if memory.state == "climbing" else memory.jumps


def _gaps(x: Points) -> tuple[int, ...]:
    """Return the first reading after each gap."""
    between = np.diff(x)
    return tuple((np.flatnonzero(between > GAP * np.median(between)) + 1).tolist()) if len(between) else ()


def _new_lives(frame: Frame) -> tuple[int, ...]:
    """Return the first reading of each later life of a service that has one worker; in a sum, one worker's is no end."""
    if len(frame.slots) != 1:
        return ()
    return tuple(int(np.searchsorted(frame.x, life.at[0])) for life in frame.slots[0][1:])


def _floors(memory: Finding) -> Curve:
    """Return the floors that were judged, and before them those that the warm-up was measured on."""
    floors, window = memory.as_read(memory.floors), memory.as_read(memory.window)
    before = floors.x < memory.start
    return np.concatenate([floors.x[before], window.x]), np.concatenate([floors.y[before], window.y])


def _fit(memory: Finding) -> Fit:
    window, slope = memory.as_read(memory.window), memory.slope
    jumps = [*_taken_out(memory), *(fall for fall in memory.falls if fall.time > memory.start)]
    corners = [memory.start, memory.end, (memory.start + memory.end) / 2]
    x = np.sort(np.array(corners + [jump.time + side for jump in jumps for side in (0.0, 1e-6)]))
    steps, taken = np.zeros(len(x)), np.zeros(len(window))
    for jump in jumps:
        steps += jump.size * (x > jump.time)
        taken += jump.size * (window.x >= jump.time)
    base = float(np.median(window.y - taken - slope.estimate * (window.x - memory.start)))
    line = base + slope.estimate * (x - memory.start)
    middle = corners[2]
    off = x - middle
    ends = np.stack([line + (rate - slope.estimate) * off for rate in (slope.low, slope.high)])
    return Fit(
        x,
        line + steps,
        ends.min(axis=0) + steps,
        ends.max(axis=0) + steps,
        base + memory.delta * (x - memory.start) + steps,
    )


def _unjudged(trace: Trace) -> Curve:
    used = trace.used
    known = np.isfinite(used)
    t, at = np.unique(trace.t[known], return_inverse=True)
    if not len(t):
        return np.empty(0), np.empty(0)
    return t - t[0], np.bincount(at, weights=used[known]).astype(np.float64)
