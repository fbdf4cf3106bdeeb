"""Captures on suspicion: of a service that climbs more censuses and sooner, until what grows has a name.

Where they have none, the allocations of one worker are traced for a while; and once more with the calls that led to them,
where the lines that this finds are among what grows.
"""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

from floodmark_sidecar.assess import Assessment
from floodmark_sidecar.errors import FloodmarkError
from floodmark_sidecar.units import format_duration

SOONER: Final = 6
"""How many times as often as by the clock a service that climbs is looked at."""

_MOST: Final = 6
"""Censuses on one suspicion: with these, what grows all the time is told from what swings; more only cost the service."""

_FEWEST: Final = 3
"""Censuses of which the first names may come: of fewer, what swings may have risen by chance."""

_DEEPER: Final = 8
"""Calls kept of each allocation in the second trace window: enough to come from a library to who called it. The first keeps
one: code that does nothing but allocate takes 9 times as long with one as untraced, and 26 times with ten.
"""

_OF_WHAT_WAS_SEEN: Final = 0.1
"""The longest window, as a share of the time that was judged: its readings are not, and a climb that half of the time does
not show is no longer one.
"""

_NAMED: Final = 0.6
"""Share of a climb that culprits with a name explain, where no more censuses are needed."""


class Takes(Protocol):
    """Takes captures of a service."""

    async def take(self, service: str, *, trace: float | None = None, frames: int = 1, trigger: str) -> Sequence[Any]:
        """Take one census of every worker of *service*, or trace one of them for *trace* seconds, with so many *frames*."""


class Suspicions:
    """Looks at the verdict of each service and takes what is due; *trace* is a window's seconds, None for no window.

    A window lasts a tenth of the time that was judged at most. Owned by the event loop.
    """

    def __init__(
        self,
        *,
        captures: Takes,
        assess: Callable[[str], Awaitable[Assessment]],
        services: Callable[[], Sequence[str]],
        on_event: Callable[[str, str, str | None], None],
        trace: float | None,
    ) -> None:
        self._captures = captures
        self._assess = assess
        self._services = services
        self._on_event = on_event
        self._trace = trace
        self._taken: dict[str, int] = {}

    async def repeat(self, every: float) -> None:
        """Look each *every* seconds, until cancelled."""
        while True:
            await asyncio.sleep(every)
            await self.look()

    async def look(self) -> None:
        """Take a census of every service that climbs and has no name for it; of one that has had enough, a trace window.

        A service that no longer climbs is suspected anew the next time that it does.
        """
        for service in self._services():
            try:
                await self._look_at(service)
            except (FloodmarkError, OSError, sqlite3.Error) as error:
                self._on_event("suspicion", f"{service} could not be looked at: {error}", service)

    async def _look_at(self, service: str) -> None:
        assessment = await self._assess(service)
        if assessment.verdict.verdict != "climbing":
            self._taken.pop(service, None)
            return
        taken = self._taken.get(service, 0)
        traced = [culprit for culprit in assessment.culprits if culprit.kind == "line"]
        again = taken == _MOST + 1 and bool(traced)
        if not again and (taken > _MOST or (taken >= _FEWEST and named(assessment) >= _NAMED)):
            return
        trace, frames, told = None, 1, f"{service} climbs: up to {_MOST} censuses until what grows has a name"
        window = self._trace and min(self._trace, _OF_WHAT_WAS_SEEN * assessment.verdict.coverage.span)
        if again:
            trace, frames = window, _DEEPER
            told = (
                f"{service} climbs, and lines that allocate are among what grows: one worker is traced for "
                f"{format_duration(trace or 0.0)} with {_DEEPER} calls of each allocation"
            )
        elif taken == _MOST:
            trace = window
            told = (
                f"{service} climbs, and {_MOST} censuses have no name for most of it: one worker is traced for "
                f"{format_duration(trace or 0.0)}"
            )
        if trace is None and taken >= _MOST:
            return
        self._taken[service] = taken + 1
        if not await self._captures.take(service, trace=trace, frames=frames, trigger="suspicion"):
            # No worker has an agent: nothing was taken, and there is nothing to tell.
            self._taken[service] = taken
        elif not taken or trace is not None:
            self._on_event("suspicion", told, service)


def named(assessment: Assessment) -> float:
    """Return the share of a climb that its culprits explain, 1 at most; those without a share explain none."""
    return min(1.0, sum(culprit.share or 0.0 for culprit in assessment.culprits))
