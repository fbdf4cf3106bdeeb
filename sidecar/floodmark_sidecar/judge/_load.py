"""What the load says of growth: sessions that came and stayed, requests that fell away."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from floodmark_sidecar.judge._frame import Frame

_FELL: Final = 0.5
_ROSE: Final = 1.15


@dataclass(frozen=True)
class LoadDoubts:
    """In words, what the load has against either verdict, and how many sessions came and stayed."""

    of_climbing: list[str]
    of_steady: list[str]
    sessions_rise: float


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
        if len(early) and len(late) and np.median(late) > _ROSE * np.median(early):
            of_climbing.append("sessions grew as well and were not returned: memory may be theirs")
            sessions_rise = float(np.median(late) - np.median(early))
    return LoadDoubts(of_climbing, of_steady, sessions_rise)
