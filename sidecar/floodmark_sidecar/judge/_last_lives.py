"""The last lives of a service by themselves: what runs now decides where a few restarts made the whole undecided.

A leak that comes or goes with a deploy makes lives that differ, and then the whole tells nothing for long. Yet last lives
may differ from those before by nothing but their age: they count for what those before did not do at the same age.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from floodmark_sidecar.judge._case import weigh
from floodmark_sidecar.judge._delta import DAY
from floodmark_sidecar.judge._evidence import Evidence
from floodmark_sidecar.judge._finding import Finding
from floodmark_sidecar.judge._frame import Frame
from floodmark_sidecar.judge._reasons import band, per_hour
from floodmark_sidecar.judge._restarts import Restarts
from floodmark_sidecar.judge._trace import Trace
from floodmark_sidecar.judge._verdict import Verdict
from floodmark_sidecar.judge._warmup import LEAST
from floodmark_sidecar.units import format_duration

_ByItself = Callable[[Trace], Verdict]
"""Judges a part of a trace as if it were all of it."""

_SHARE: Final = 1 / 3
"""Share of a run from which lives that are steady speak for the service; a day is enough in any run: all that it brings has
been seen.
"""

_AS_LONG: Final = 0.95
"""Share of a length that counts as all of it."""

_ALIKE: Final = 0.5
"""A life that grew at more than this share of another's rate did the same at that age."""


@dataclass(frozen=True)
class _LastLives:
    """The processes that a service had since its last restart, `since` seconds into the run, judged by themselves: `last`
    is their verdict, and `memory` and `evidence` are its. `before` is the verdict of the time of the longest life that
    ended before, of `longest` seconds, and `young` that of as much of this time as the last lives have had.
    """

    last: Verdict
    memory: Finding
    evidence: Evidence
    before: Verdict
    young: Verdict
    longest: float
    since: float
    span: float

    @property
    def age(self) -> float:
        """How many seconds the last lives took."""
        return self.span - self.since

    @property
    def alike(self) -> bool:
        """Whether the life before grew much like the last ones when it was as old."""
        young = self.young.memory
        return young is not None and young.slope.estimate > _ALIKE * self.memory.slope.estimate

    @property
    def climb(self) -> bool:
        """Whether memory climbs since the restart, and did not at that age before."""
        return self.last.verdict == self.memory.state == "climbing" and not self.alike

    @property
    def calm(self) -> bool:
        """Whether neither the last lives nor those before climb by themselves: each slackens, or is steady."""
        before = self.before.memory
        return before is not None and _calm(self.last, self.memory) and _calm(self.before, before)

    @property
    def wait(self) -> float:
        """Seconds until the last lives, if they are steady, can speak for the service.

        They must be a good part of the run, and have outlived the growth before: be as old as the longest life was, or
        steady at an age at which it climbed.
        """
        wait = 0.0
        if self.age < _AS_LONG * min(_SHARE * self.span, DAY):
            wait = min((_SHARE * self.span - self.age) / (1 - _SHARE), DAY - self.age)
        if self.age < _AS_LONG * self.longest and self.young.verdict != "climbing":
            wait = max(wait, self.longest - self.age)
        return wait

    def conclude(self, whole: Evidence, *, open_questions: bool) -> Evidence:
        """Return what to conclude from where *whole* decides nothing: the last lives' evidence if they do, else *whole*.

        *open_questions* says whether more than growth forbids `steady` on the whole.
        """
        steady = self.last.verdict == "steady"
        if self.climb or (steady and not self.wait and not open_questions):
            onset = self.memory.onset
            memory = replace(self.memory, onset=None if onset is None else onset + self.since)
            said = f"only what ran since {self._restart} was judged; before it, {_did(self.before)}"
            return replace(self.evidence, memory=memory, restarts=Restarts(said))
        return replace(whole, restarts=replace(whole.restarts, said=self._said(), wait=self._decides()))

    def steady_now(self) -> str:
        """Return in words that a climb ended with the restart, as far as the last lives tell; else nothing."""
        return f"since {self._restart} memory is steady by itself" if self.last.verdict == "steady" else ""

    @property
    def _restart(self) -> str:
        return f"the restart {format_duration(self.since)} into the run"

    def _said(self) -> str:
        """Say why the last lives decide nothing."""
        if self.last.verdict == "climbing" and self.alike:
            rate = per_hour(self.memory.slope.estimate)
            return f"since {self._restart} memory grows by {rate}, much as it did in the life before at that age"
        if self.last.verdict == "steady" and self.wait:
            age = format_duration(self.age)
            return f"since {self._restart} memory is steady, yet {age} are too short to tell: before it, {_did(self.before)}"
        return ""

    def _decides(self) -> float | None:
        """Return after how many seconds more the last lives should decide; None where nobody knows."""
        if self.last.verdict == "steady":
            return self.wait or None
        own = self.last.hours_to_decide
        return None if own is None else max(self.wait, own * 3600)


def judge_last_lives(whole: Verdict, by_itself: _ByItself) -> Evidence | None:
    """Return what to conclude from instead of the evidence of *whole*, None where restarts change nothing: there is none,
    or so many that all lives are looked at together.
    """
    evidence = whole.evidence
    if evidence is None or evidence.look is not None:
        return None
    found = _last_lives(evidence.frame, by_itself)
    # One life of three that leaks hardly moves the slope of all.
    if found is None or (whole.verdict == "steady" and not found.climb):
        return None
    if whole.verdict == "climbing":
        doubted = replace(evidence, restarts=Restarts(calm=True))
        if not found.calm or weigh(doubted).state == "climbing":
            said = found.steady_now()
            return replace(evidence, restarts=Restarts(said)) if said else None
        evidence = doubted
    return found.conclude(evidence, open_questions=bool(whole.case.missing))


def _last_lives(frame: Frame, by_itself: _ByItself) -> _LastLives | None:
    replaced = [lives for lives in frame.slots if len(lives) > 1]
    if not replaced or frame.many_lives:
        return None
    starts = [float(lives[-1].at[0]) for lives in replaced]
    since = max(starts)
    # What is younger is still starting by the measure of this run; a worker that is gone by then is another service's.
    if frame.span - since < LEAST * frame.span or any(lives[-1].at[-1] <= since for lives in frame.slots):
        return None
    last = by_itself(_part(frame, since, frame.span))
    if last.evidence is None or last.memory is None:
        return None
    longest = max((life for lives in replaced for life in lives[:-1]), key=lambda life: life.seconds)
    begin = float(longest.at[0])
    end = min(float(longest.at[-1]), min(starts) - frame.interval)
    before = young = by_itself(_part(frame, begin, end))
    if end - begin > frame.span - since:
        young = by_itself(_part(frame, begin, begin + frame.span - since))
    return _LastLives(last, last.memory, last.evidence, before, young, longest.seconds, since, frame.span)


def _calm(verdict: Verdict, memory: Finding) -> bool:
    return verdict.verdict == "steady" or (memory.state != "climbing" and memory.saturating)


def _did(before: Verdict) -> str:
    memory = before.memory
    if memory is None:
        return "there was too little to judge"
    if memory.state == "climbing":
        return f"memory climbed by {per_hour(memory.slope.estimate)}"
    if memory.state == "steady":
        return "memory was steady"
    return f"memory was neither steady nor climbing, its slope between {band(memory)}"


def _part(frame: Frame, begin: float, end: float) -> Trace:
    """Return the rows of the trace from *begin* to *end*, both in seconds since the first reading."""
    trace = frame.trace
    first, last = (float(frame.t[np.searchsorted(frame.x, x)]) for x in (begin, max(begin, end)))
    return trace.part((trace.t >= first) & (trace.t <= last))
