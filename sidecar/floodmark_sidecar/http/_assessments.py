"""Verdicts and culprits for whoever asks over HTTP: computed off the event loop, one at a time, kept for a moment."""

import asyncio
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from floodmark_sidecar.assess import Assessment, assess
from floodmark_sidecar.source import SourceLocator
from floodmark_sidecar.store import Reader

FRESH_SECONDS: Final = 5.0
WINDOW_SECONDS: Final = 86400.0
"""How far back a verdict looks: floors of one day decide, and the cost stays the same however old the store is."""

_INSTANTS: Final = 5760
"""A day of readings at the default interval; of faster ones that many, evenly spread, are judged."""

_CELLS: Final = 300_000
"""Readings of workers and maps behind one assessment: services with very many are judged by fewer instants."""

_FEWEST: Final = 240
_SHARE: Final = 0.1
"""What judging may take of the time, however often it is asked for."""


@dataclass(frozen=True, slots=True)
class _Kept:
    assessment: Assessment
    made: float
    took: float


class Assessments:
    """The newest assessment of each service. Owned by the event loop; `cached` may be read from any thread."""

    def __init__(self, store_path: Path) -> None:
        self._store_path = store_path
        self._cached: dict[str, _Kept] = {}
        self._locators: dict[Path | None, SourceLocator] = {}
        # One at a time for all services: judging is what costs the sidecar most, and it must stay small.
        self._turn = asyncio.Lock()

    def cached(self, service: str) -> Assessment | None:
        """Return the newest assessment of *service*, however old, or None if nobody has asked yet."""
        found = self._cached.get(service)
        return found.assessment if found else None

    async def get(self, service: str, *, max_age: float = FRESH_SECONDS) -> Assessment:
        """Return an assessment of *service* that is at most *max_age* seconds old; older if it takes long to make."""
        async with self._turn:
            found = self._cached.get(service)
            if found is None or time.monotonic() - found.made > max(max_age, found.took / _SHARE):
                began = time.monotonic()
                assessment = await asyncio.to_thread(self._assess, service)
                made = time.monotonic()
                found = self._cached[service] = _Kept(assessment, made=made, took=made - began)
            return found.assessment

    def forget(self, service: str) -> None:
        """Let the next assessment of *service* be made anew: there is more to know of it than at the last."""
        found = self._cached.get(service)
        if found is not None:
            self._cached[service] = replace(found, made=-math.inf)

    def _assess(self, service: str) -> Assessment:
        with Reader(self._store_path) as reader:
            cwd = reader.cwd(service)
            span = reader.span(service)
            locate = self._locators.setdefault(cwd, SourceLocator(cwd))
            since = span[1] - WINDOW_SECONDS if span else None
            at_most = max(_FEWEST, min(_INSTANTS, _CELLS // max(1, sum(reader.width(service, since=since)))))
            return assess(reader, service, cwd=cwd, since=since, at_most=at_most, locate=locate)
