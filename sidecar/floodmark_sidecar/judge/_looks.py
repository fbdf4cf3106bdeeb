"""Looks at a run before its end: when they are due, and what growth must show to fail the run at one.

A test that is made again and again errs ever more often. So a look asks for far more than the end does, and the end keeps
its own level (Haybittle and Peto): all looks together add next to nothing to what it errs. No look ever passes a run.
"""

from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Final

import numpy as np

from floodmark_sidecar.judge._finding import Finding
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._holm import z_score
from floodmark_sidecar.judge._ranks import rise
from floodmark_sidecar.units import format_duration

_LOOKS: Final = tuple(hour / 24 for hour in range(10, 23))
"""Shares of a run at which it is looked at: hourly in a day, from the tenth hour on. Warm-up aside, a third of the run has
been seen by then.
"""

SHORTEST: Final = 600.0
"""Seconds that a look must have seen: before, an allocator is still finding its reserve."""

_LEVEL: Final = 1e-4
"""One-sided, of one look: thirteen of them add .0013 at most, whatever they have to do with each other."""

_SURE: Final = NormalDist().inv_cdf(1 - _LEVEL)

_TIMES: Final = 3.0
"""Growth must be above so many δ at that level: what fills looks like a leak until its end has been seen, and it is seldom so
steep. Of 40 seeds of each family without a leak none failed at 3δ, and one of the cache fills would have at 1.5δ.
"""

_NEARLY: Final = 0.95
"""Share of a length that counts as all of it: readings begin a little late and end a little early."""

_SINCE: Final = 0.2
"""Share of the run for which growth that began late must go on: a job of an hour grows, too."""

_TOO_EARLY: Final = "before the end of a run only growth beyond doubt counts"
_COPIES: Final = "workers write to pages that they had in common, and growth ends once each has its own"
_NO_LOAD: Final = "nothing in the trace tells of the load"
_UNSEEN: Final = f"{_NO_LOAD}, and growth may come with the hour of the day"
_ROSE: Final = "requests came ever faster, and growth may be what they hold"

_LEVEL_LOAD: Final = 1.05
"""By so many times requests may come faster in the last third of what was seen than in the first."""


def looks(planned: float) -> tuple[float, ...]:
    """Return the seconds after which a run of *planned* seconds is looked at, its end aside; none for one of minutes."""
    return tuple(share * planned for share in _LOOKS if share * planned >= SHORTEST)


@dataclass(frozen=True)
class Look:
    """A look at the first `seen` seconds of a run that takes `planned`.

    `of_all` says in words what else may be behind whatever grew, `of_memory` what else behind memory; nothing if nothing.
    """

    seen: float
    planned: float
    of_all: str = ""
    of_memory: str = ""

    @classmethod
    def at(cls, frame: Frame, planned: float | None, memory: Finding) -> "Look | None":
        """Return the look at *frame*, whose memory shows *memory*, None where it is all of a run of *planned* seconds."""
        if planned is None or frame.span >= _NEARLY * planned:
            return None
        copies = _COPIES if _only_copies(frame, memory) else ""
        return cls(frame.span, planned, _doubt_of_load(frame, start=memory.start), copies)

    @property
    def due(self) -> bool:
        """Whether so much has been seen that the run may fail."""
        return self.seen >= self.first

    @property
    def first(self) -> float:
        """Seconds that the first look must have seen; of a run that has none, nearly all."""
        return _NEARLY * next(iter(looks(self.planned)), self.planned)

    @property
    def left(self) -> float:
        """Seconds until the run ends."""
        return self.planned - self.seen

    def weigh(self, finding: Finding) -> Finding:
        """Return *finding*, undecided where it says that something grows and does not show it beyond doubt."""
        if finding.state != "climbing" and not finding.doubts:
            return finding
        doubt = self.of_all
        begun = finding.onset is not None and finding.end - finding.start < _SINCE * self.planned
        if finding.state != "climbing" or begun or not self.due or not _beyond_doubt(finding):
            doubt = _TOO_EARLY
        return replace(finding, state="inconclusive", doubts=(*finding.doubts, doubt)) if doubt else finding

    def weigh_memory(self, finding: Finding) -> Finding:
        """Return the same for the service's memory, or one worker's."""
        found = self.weigh(finding)
        if found.state != "climbing" or not self.of_memory:
            return found
        return replace(found, state="inconclusive", doubts=(*found.doubts, self.of_memory))

    def only_waits(self, finding: Finding) -> bool:
        """Say whether *finding* was a climb until it was weighed: nothing but how early it is speaks against it."""
        beside = set(finding.doubts) - {_TOO_EARLY, self.of_all, self.of_memory}
        return bool(finding.doubts) and not beside

    @property
    def said_of_limits(self) -> str:
        """Say from when a limit that is passed counts; nothing where it does."""
        why = "what a service takes while it starts it may give back"
        return "" if self.due else f"a limit that is passed counts from {format_duration(self.first)} on: {why}"

    @property
    def said(self) -> str:
        """Say how much of the run there is, and from when growth counts where it does not yet."""
        counts = "" if self.due else f"; growth counts from {format_duration(self.first)} on"
        if self.of_all == _UNSEEN or not looks(self.planned):
            why = f", as {_NO_LOAD}" if self.of_all == _UNSEEN else ""
            counts = f"; growth counts only at its end{why}"
        return f"the run is not over: {format_duration(self.seen)} of {format_duration(self.planned)} seen{counts}"


def _beyond_doubt(finding: Finding) -> bool:
    return z_score(finding.slope, above=_TIMES * finding.delta) > _SURE


def _only_copies(frame: Frame, memory: Finding) -> bool:
    """Say whether pages that workers had in common may be all that grew.

    A forked worker that writes to a page gets its own; what is resident stays as it is. That ends once all are copied,
    yet may take a day. False where resident bytes were not measured.
    """
    resident = frame.joined(frame.column("rss_bytes"))
    if resident is None:
        return False
    swapped = frame.joined(frame.column("swap_bytes"))
    whole = resident if swapped is None else resident + swapped
    return rise(whole[frame.x >= memory.start]) < memory.rise / 2


def _doubt_of_load(frame: Frame, *, start: float) -> str:
    """Return in words why the load may be behind growth after *start* seconds. Where sessions were counted, what they
    hold is judged by them, as at a run's end.
    """
    if np.isfinite(frame.column("sessions")).any():
        return ""
    requests = frame.joined(frame.column("requests_total"))
    if requests is None:
        return _UNSEEN
    first, second, third, last = np.interp(np.linspace(start, frame.span, 4), frame.x, requests).tolist()
    return _ROSE if last - third > _LEVEL_LOAD * (second - first) else ""
