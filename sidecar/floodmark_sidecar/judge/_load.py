"""What the load says of growth: sessions that came and stayed, requests that fell away."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from floodmark_sidecar.judge._delta import Ruler
from floodmark_sidecar.judge._finding import Finding, examine
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._ranks import means, rise
from floodmark_sidecar.judge._types import FloatArray

_FELL: Final = 0.5
_ROSE: Final = 1.15

_VARIED: Final = 0.05
"""Share of all requests by which those that came must once be ahead of time, or behind: else the load was even."""

_PARTS: Final = 10
"""Parts of the judged time whose requests are compared."""

_AGAIN: Final = 1.15
"""By how many times there must be more of them before a trough and after it."""

_THEIRS: Final = 0.3
"""Share of the growth that sessions must be able to hold at the most before it may be theirs."""

_FASTER: Final = 1.3
"""By how many times requests come faster in the last third than in the first where the load rose."""

_BLOCKS: Final = 48
_BETTER: Final = 0.5
"""Memory follows the rate of requests where that leaves so much less of it than time does, or all requests so far."""

_HOURS: Final = 0.05
"""Share of time in the request axis, so that it goes on where no requests come."""


@dataclass(frozen=True)
class LoadDoubts:
    """In words, what the load has against either verdict, and how many sessions came and stayed.

    What sessions have against a climb is answered where memory was judged without what they hold, what the `rate` of
    requests has is not.
    """

    of_climbing: list[str]
    rate: list[str]
    of_steady: list[str]
    sessions_rise: float


def by_requests(frame: Frame, series: FloatArray, ruler: Ruler, *, start: float) -> Finding | None:
    """Return what *series* shows over requests instead of over time, from *start* on; None where requests tell nothing
    else than time.

    The axis is as long as the run and in seconds, so that slopes are those of the mean load. A load that falls away hides
    what each request leaves, and one that comes in waves makes waves of it.
    """
    requests = frame.joined(frame.column("requests_total"))
    if requests is None or requests[-1] <= requests[0]:
        return None
    done = np.maximum.accumulate(requests - requests[0]) / (requests[-1] - requests[0])
    if np.max(np.abs(done - frame.x / frame.span)) < _VARIED:
        return None
    axis = (1 - _HOURS) * done * frame.span + _HOURS * frame.x
    return examine(axis, series, ruler, warmup=float(np.interp(start, frame.x, axis)))


def came_again(frame: Frame, *, start: float) -> bool:
    """Say whether the load fell and rose again after *start*: with one that only falls, or only rises, what slackens over
    time, as a fill does, may be straight over requests.
    """
    requests = frame.joined(frame.column("requests_total"))
    if requests is None:
        return False
    rates = np.diff(np.interp(np.linspace(start, frame.span, _PARTS + 1), frame.x, requests))
    return any(min(rates[:i].max(), rates[i + 1 :].max()) > _AGAIN * rates[i] for i in range(1, _PARTS - 1))


def follows_rate(frame: Frame, values: FloatArray, *, start: float) -> bool:
    """Say whether *values*, at every instant, rose after *start* seconds as the rate of requests did: what requests hold while
    they are served is given back as they end.

    A leak by request follows all requests so far instead, one by the hour time.
    """
    requests = frame.joined(frame.column("requests_total"))
    edges = np.linspace(start, frame.span, _BLOCKS + 1)
    at = np.searchsorted(frame.x, edges)
    if requests is None or np.any(np.diff(at) < 1):
        return False
    done = np.interp(edges, frame.x, requests)
    rate, third = np.diff(done), _BLOCKS // 3
    if rate[-third:].sum() <= _FASTER * rate[:third].sum():
        return False
    y = means(values[: at[-1]], at[:-1].tolist())
    of_rate, of_time, of_all = (_left(each, y) for each in (rate, edges[:-1], done[:-1] + rate / 2))
    return of_rate < _BETTER * min(of_time, of_all)


def _left(x: FloatArray, y: FloatArray) -> float:
    """Return the sum of squares that a line over *x* leaves of *y*."""
    design = np.column_stack([np.ones(len(x)), x / max(float(np.max(x)), 1e-9)])
    rest = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return float(rest @ rest)


def load_doubts(frame: Frame, values: FloatArray, *, start: float, may_hold: float, growth: float) -> LoadDoubts:
    """Return what requests and sessions after *start* seconds say against a climb of *values*, the memory at every instant,
    by *growth* bytes or against steadiness.

    *may_hold* is the most bytes that one session may have.
    """
    of_climbing, rate, of_steady, sessions_rise = [], [], [], 0.0
    thirds = np.linspace(start, frame.span, 4)
    requests = frame.joined(frame.column("requests_total"))
    if requests is not None:
        first, second, third, last = np.interp(thirds, frame.x, requests).tolist()
        if second > first and last - third < _FELL * (second - first):
            of_steady.append(
                "the load fell to less than half during the judged part: what memory would have done under it is not known"
            )
    if follows_rate(frame, values, start=start):
        rate.append("requests came ever faster, and memory follows their rate: it may be what they hold")
    sessions = frame.column("sessions")
    if np.isfinite(sessions).any():
        counts = frame.present(sessions)
        early, late = counts[(frame.x >= start) & (frame.x < thirds[1])], counts[frame.x >= thirds[2]]
        if len(early) and len(late):
            sessions_rise = float(np.median(late) - np.median(early))
            if np.median(late) > _ROSE * np.median(early) and may_hold * sessions_rise > _THEIRS * growth:
                of_climbing.append("sessions grew as well and did not fall again: the memory may be theirs")
        # Each new worker gets its sessions anew, and their descriptors with them.
        joined = frame.joined(sessions) if frame.recycled else None
        if joined is not None:
            sessions_rise = max(sessions_rise, rise(joined[frame.x >= start]))
    return LoadDoubts(of_climbing, rate, of_steady, sessions_rise)
