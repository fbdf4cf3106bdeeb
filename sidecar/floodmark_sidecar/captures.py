"""Asks agents for censuses, windows and trims: by the clock or on demand, one at a time over a service, with a deadline."""

import asyncio
import contextlib
import math
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from floodmark_sidecar.capturefile import CaptureFile
from floodmark_sidecar.errors import FloodmarkError, UsageError
from floodmark_sidecar.intake import Agent
from floodmark_sidecar.readings import Captured
from floodmark_sidecar.retention import DEFAULT_BYTES, DEFAULT_FILES, Retention
from floodmark_sidecar.store import CaptureRow, Life, Store

DEADLINE_SECONDS: Final = 120.0
"""A capture that has not answered by now (after its window) is given up; its worker is not asked again until it has answered or gone."""

MOST_TRACE_SECONDS: Final = 600.0
"""The longest trace or native window; the agent has the same limit."""

NO_FOLDER: Final = "this sidecar has no folder for captures"

_NO_SUCH: Final = {
    "trace": "its agent is of an older version, which takes no trace windows",
    "native": "its agent is of an older version, which takes no native windows",
    "trim": "its agent is of an older version, which does not trim",
}

Workers = Callable[[str], Sequence[tuple[Life, Agent]]]


class CaptureError(FloodmarkError):
    """Raised when no census can be taken at all."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is asked for: a kind, of a window its length in seconds, and of a trace window the frames of each allocation."""

    kind: str = "census"
    seconds: float = 0.0
    frames: int = 1

    @property
    def fields(self) -> dict[str, object]:
        """What the message says of it."""
        if self.kind == "trace":
            return {"kind": self.kind, "seconds": self.seconds, "frames": self.frames}
        if self.kind == "native":
            return {"kind": self.kind, "seconds": self.seconds}
        return {} if self.kind == "census" else {"kind": self.kind}


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A capture that has not ended: of which worker, its kind and beginning (epoch seconds), and a window's length."""

    worker: str
    kind: str
    started: float
    seconds: float | None


class Captures:
    """Takes the captures of all services. Owned by the event loop; `masks` may be asked from any thread.

    *workers* returns the workers of a service that have an agent, as they are now. Files go to *folder*, named by
    worker, life and time; raises `UsageError` when it cannot be made or written to. At most *most_files* of *most_bytes*
    are kept there; *on_problem* is told where that cannot be had.
    """

    def __init__(
        self,
        *,
        workers: Workers,
        store: Store,
        folder: Path | None,
        deadline: float = DEADLINE_SECONDS,
        clock: Callable[[], float] = time.time,
        most_files: int = DEFAULT_FILES,
        most_bytes: int = DEFAULT_BYTES,
        on_problem: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._workers = workers
        self._store = store
        self._folder = folder and _prepared(folder.absolute())
        self.retention = (
            None
            if self._folder is None
            else Retention(self._folder, most_files=most_files, most_bytes=most_bytes, on_problem=on_problem)
        )
        self._deadline = deadline
        self._clock = clock
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._under_way: dict[str, UnderWay] = {}
        self._ended: dict[str, float] = {}
        self._traced: dict[tuple[str, str], float] = {}
        self._counts: Counter[tuple[str, str, str]] = Counter()

    @property
    def counts(self) -> Mapping[tuple[str, str, str], int]:
        """How many captures there were since the start, by service, kind and outcome: `written` or `refused`; a copy."""
        return dict(self._counts)

    @property
    def under_way(self) -> Mapping[str, "UnderWay"]:
        """The capture of each service that is being taken; a copy."""
        return dict(self._under_way)

    def masks(self, service: str, *, since: float) -> bool:
        """Say whether a capture of *service* is under way, or was after *since* (monotonic seconds).

        While its child lives, a worker's private memory reads low: pages are shared that were its own. While it traces
        its allocations, it reads high by the tables of the traces.
        """
        return service in self._under_way or self._ended.get(service, -math.inf) >= since

    async def tidy(self) -> None:
        """Bring the folder within its limits, as every round does when it ends."""
        if self.retention is not None:
            await asyncio.to_thread(self.retention.apply)

    async def take(
        self,
        service: str,
        *,
        worker: str | None = None,
        trace: float | None = None,
        frames: int = 1,
        native: float | None = None,
        trim: bool = False,
        trigger: str = "asked",
    ) -> list[CaptureRow]:
        """Take one census of every connected worker of *service*, in turn, or of *worker* alone; store how each went.

        With *trace*, a window of so many seconds in one worker instead: the one whose last window is longest ago.
        *frames* is how many of each allocation are kept; more cost the worker more. With *native*, a window of so many
        seconds in one worker in which memray notes what C code asks for. With *trim*, instead of a census the allocator of
        every worker, or of *worker*, gives back what nothing uses. *trigger* says on whose account.
        Waits for a round that is already under way. Raises `CaptureError` when there is no folder for files, or no such
        worker with an agent, and `UsageError` when no window is so long or two things are asked for at once.
        """
        wanted = _wanted(trace, frames, native, trim=trim)
        if self._folder is None:
            raise CaptureError(NO_FOLDER, hint="start it with --captures DIR")
        folder = self._folder
        async with self._turns[service]:
            rows = []
            found = self._asked(service, worker)
            for life, agent in self._next_to_trace(service, found) if wanted.seconds else found:
                row = replace(await self._one(service, life, agent, folder, wanted), trigger=trigger)
                rows.append(row)
                self._counts[service, row.kind, "written" if row.refused is None else "refused"] += 1
                with contextlib.suppress(FloodmarkError):
                    await asyncio.wrap_future(self._store.put_capture(service, row))
            await self.tidy()
            return rows

    async def repeat(self, every: float, services: Callable[[], Sequence[str]]) -> None:
        """Take a round of every service, services side by side, each *every* seconds, until cancelled."""
        while True:
            await asyncio.sleep(every)
            await asyncio.gather(*(self.take(service, trigger="clock") for service in services()))

    def _asked(self, service: str, worker: str | None) -> Sequence[tuple[Life, Agent]]:
        found = self._workers(service)
        if worker is None:
            return found
        named = [each for each in found if each[0].worker == worker]
        if not named:
            msg = f"{service} has no worker {worker!r:.80} with an agent that is connected"
            raise CaptureError(
                msg, hint=f"those that have one: {', '.join(life.worker for life, _ in found) or 'none'}"
            )
        return named

    def _next_to_trace(self, service: str, workers: Sequence[tuple[Life, Agent]]) -> Sequence[tuple[Life, Agent]]:
        """Return the one of *workers* to trace, if there is any."""
        found = sorted(workers, key=lambda each: self._traced.get((service, each[0].worker), -math.inf))
        for life, _ in found[:1]:
            self._traced[service, life.worker] = time.monotonic()
        return found[:1]

    async def _one(self, service: str, life: Life, agent: Agent, folder: Path, wanted: _Wanted) -> CaptureRow:
        why = None
        if agent.capturing is not None:
            why = "its last capture has not ended"
        elif wanted.kind not in {"census", *agent.can}:
            why = _NO_SUCH[wanted.kind]
        if why is not None:
            return CaptureRow(self._clock(), life.worker, life.life, refused=why, kind=wanted.kind)
        started = self._clock()
        path = folder / CaptureFile.at(life.worker, life.life, started, kind=wanted.kind).name
        self._under_way[service] = UnderWay(life.worker, wanted.kind, started, wanted.seconds or None)
        try:
            answer = await self._answer(agent, path, wanted)
        finally:
            self._ended[service] = time.monotonic()
            del self._under_way[service]
        return CaptureRow(
            t=started,
            worker=life.worker,
            life=life.life,
            # Only a file that was asked for is ever read, whatever path an answer names.
            path=str(path) if answer.refused is None else None,
            refused=answer.refused,
            seconds=answer.seconds,
            stall_seconds=answer.stall_seconds,
            kind=wanted.kind,
        )

    async def _answer(self, agent: Agent, path: Path, wanted: _Wanted) -> Captured:
        capture_id = path.stem
        deadline = self._deadline + wanted.seconds
        try:
            async with asyncio.timeout(deadline):
                answer = await agent.capture(capture_id, path, wanted.fields)
        except TimeoutError:
            return _refused(capture_id, f"no answer within {deadline:g} s")
        except OSError as error:
            return _refused(capture_id, str(error))
        return _checked(answer, path)


def _wanted(trace: float | None, frames: int, native: float | None, *, trim: bool) -> _Wanted:
    windows = {"trace": trace, "native": native}
    asked = [kind for kind, seconds in windows.items() if seconds is not None] + ["trim"] * trim
    if len(asked) > 1:
        names = ["a trim" if kind == "trim" else f"a {kind} window" for kind in asked]
        msg = f"{' and '.join(names)} are {len(names)} captures: ask for one at a time"
        raise UsageError(msg)
    for kind, seconds in windows.items():
        if seconds is not None and not 0 < seconds <= MOST_TRACE_SECONDS:
            msg = f"a {kind} window lasts more than 0 s and up to {MOST_TRACE_SECONDS:g} s (got {seconds:g} s)"
            raise UsageError(msg)
    kind = asked[0] if asked else "census"
    return _Wanted(kind, windows.get(kind) or 0.0, frames)


def _prepared(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        msg = f"the folder for captures {folder} cannot be made: {error.strerror or error}"
        raise UsageError(msg) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        msg = f"the folder for captures {folder} cannot be written to"
        raise UsageError(msg)
    return folder


def _checked(answer: Captured, path: Path) -> Captured:
    if answer.refused is None and not path.is_file():
        return _refused(answer.id, "the agent says it has written a file, but there is none")
    return answer


def _refused(capture_id: str, why: str) -> Captured:
    return Captured(id=capture_id, refused=why, seconds=None, stall_seconds=None)
