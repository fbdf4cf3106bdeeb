"""What the load says of growth: what sessions hold, whether they came and stayed, and requests that fell away."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from floodmark_sidecar.judge._delta import Ruler
from floodmark_sidecar.judge._finding import Care, Finding, examine
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._slope import theil_sen
from floodmark_sidecar.judge._types import FloatArray
from floodmark_sidecar.judge._warmup import LEAST

_FELL: Final = 0.5
_ROSE: Final = 1.15

_CERTAIN: Final = 4.0
"""Standard errors from which memory is taken to follow sessions at all."""

_LEVELS: Final = 48
_POINTS: Final = 600
"""Blocks of readings that are looked at."""

_RETURNED: Final = 0.33
"""Share of their range that sessions must have given back at a time: memory was seen to follow them downwards, too."""

_HOURS: Final = 0.05
"""Share of time in the request axis, so that it goes on where no requests come."""


@dataclass(frozen=True)
class Held:
    """What sessions hold: `each` bytes of one, `error` its standard error, and `series`, the memory without them.

    `trend` is that of the sessions, per second; `returned` says that many of them were seen to end.
    """

    each: float
    error: float
    series: FloatArray
    trend: float
    returned: bool

    @property
    def care(self) -> Care:
        """How a look at `series` must be widened: the error in what one session holds, times how sessions trend."""
        return Care(error=self.error * abs(self.trend))


@dataclass(frozen=True)
class LoadDoubts:
    """In words, what the load has against either verdict, and how many sessions came and stayed."""

    of_climbing: list[str]
    of_steady: list[str]
    sessions_rise: float


def held_by_sessions(frame: Frame, series: FloatArray) -> Held | None:
    """Return what sessions hold of *series*, the memory at each instant; None where it does not follow them."""
    sessions = frame.joined(frame.column("sessions"))
    if sessions is None or len(frame.x) < 8 or np.ptp(sessions) <= 0:
        return None
    settled = np.flatnonzero(frame.x >= LEAST * frame.span)  # at its start everything grows at once
    blocks = np.array_split(settled, min(len(settled), _POINTS))
    x, y, s = (np.array([float(values[block].mean()) for block in blocks]) for values in (frame.x, series, sessions))
    u = (x - x[0]) / (x[-1] - x[0])
    base = np.column_stack([np.ones(len(u)), u])
    basis = np.linalg.qr(base)[0]
    alone, rest = (values - basis @ (basis.T @ values) for values in (s, y))
    power = float(alone @ alone)
    if power <= 1e-9 * float(s @ s):
        return None
    each = float(alone @ rest) / power
    left = rest - each * alone
    alike = float(np.clip(float(left[1:] @ left[:-1]) / max(float(left @ left), 1e-9), 0.0, 0.98))
    spread = float(left @ left) / (len(u) - base.shape[1] - 1) * (1 + alike) / (1 - alike)
    error = float(np.sqrt(spread / power))
    if each <= _CERTAIN * error:
        return None
    points = np.unique(np.linspace(0, len(x) - 1, 64).astype(np.intp))
    usual = np.array([float(np.median(s[part])) for part in np.array_split(np.arange(len(s)), min(len(s), _LEVELS))])
    fall = float(np.max(np.maximum.accumulate(usual) - usual))
    return Held(
        each,
        error,
        series - each * (sessions - float(sessions.mean())),
        theil_sen(x[points], s[points]),
        fall >= _RETURNED * float(np.ptp(usual)),
    )


def steady_by_request(frame: Frame, series: FloatArray, ruler: Ruler, *, start: float) -> bool:
    """Say whether *series* is steady over requests as well as over time: a load that falls away hides what each leaves."""
    requests = frame.joined(frame.column("requests_total"))
    if requests is None or requests[-1] <= requests[0]:
        return False
    done = np.maximum.accumulate(requests - requests[0]) / (requests[-1] - requests[0])
    axis = (1 - _HOURS) * done * frame.span + _HOURS * frame.x
    finding: Finding | None = examine(axis, series, ruler, warmup=float(np.interp(start, frame.x, axis)))
    return finding is not None and finding.state == "steady"


def load_doubts(frame: Frame, *, start: float) -> LoadDoubts:
    """Return what requests and sessions after *start* seconds say against a climb or against steadiness."""
    of_climbing, of_steady, sessions_rise = [], [], 0.0
    thirds = np.linspace(start, frame.span, 4)
    requests = frame.joined(frame.column("requests_total"))
    if requests is not None:
        first, second, third, last = np.interp(thirds, frame.x, requests).tolist()
        if second > first and last - third < _FELL * (second - first):
            of_steady.append(
                "the load fell to less than half during the judged part: what it would have done is not known"
            )
    sessions = frame.column("sessions")
    if np.isfinite(sessions).any():
        counts = frame.present(sessions)
        early, late = counts[(frame.x >= start) & (frame.x < thirds[1])], counts[frame.x >= thirds[2]]
        if len(early) and len(late):
            sessions_rise = float(np.median(late) - np.median(early))
            if np.median(late) > _ROSE * np.median(early):
                of_climbing.append("sessions grew as well and were not returned: memory may be theirs")
    return LoadDoubts(of_climbing, of_steady, sessions_rise)
