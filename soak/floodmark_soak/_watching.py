"""One segment of a run, from the first check to the last census; whatever was started is ended on the way out."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final

from floodmark_sidecar.errors import FloodmarkError
from floodmark_sidecar.units import format_bytes, format_duration
from floodmark_soak._early import Early, Pending
from floodmark_soak._interrupts import InterruptedRunError, Interrupts
from floodmark_soak._keeper import keeper
from floodmark_soak._load import LOG
from floodmark_soak._outcome import look
from floodmark_soak._output import Output
from floodmark_soak._parts import ALoad, AService, ASidecar, Parts
from floodmark_soak._progress import Moment, Reporter
from floodmark_soak._readings import last_reading, latest_memory
from floodmark_soak._story import Ending, Story
from floodmark_soak.plan import Plan

_TICK: Final = 0.25
_LOOK_EVERY: Final = 1.0
_FIRST_REQUEST: Final = 10.0
_SILENT_AT_LEAST: Final = 120.0
_SILENT_READINGS: Final = 10
"""A sidecar that takes no reading for so many seconds, and so many times its interval, hangs."""

_SOCKET_PATH_LIMIT: Final = 100


class Watching:
    """Watches one more segment of the run that *story* tells, into *output*; `story` has it from its beginning on.

    The segment ends with the run, after *longest* seconds under load if given, and, unless *to_the_end*, with growth beyond doubt.
    Call `run` once, in the main thread.
    """

    def __init__(
        self,
        plan: Plan,
        output: Output,
        story: Story,
        *,
        parts: Parts,
        reporter: Reporter,
        interrupts: Interrupts,
        longest: float | None = None,
        to_the_end: bool = False,
    ) -> None:
        self.story = story
        self._plan, self._output, self._parts, self._clock = plan, output, parts, parts.clock
        self._reporter, self._interrupts = reporter, interrupts
        self._before = story.seconds
        self._left = min(story.remaining, longest or story.remaining)
        self._to_the_end = to_the_end
        self._early = Early(self._begin_look, planned=story.planned, seen=self._before)
        self._notes: list[str] = []

    def run(self, machine: str) -> None:
        """Watch the segment on *machine*. Each phase raises what stands in its way, `UsageError` only before there is a segment."""
        with _runtime_folder() as runtime, ExitStack() as started:
            started.callback(lambda: self._tell(notes=tuple(self._notes)))
            try:
                self._phases(machine, runtime, started)
            except InterruptedRunError:
                self._reporter.phase("interrupted: ending the run (once more ends it at once)")
                raise
            # Callbacks run next, before any judging: nothing of the run is alive while floodmark computes.
            self._reporter.phase("ending the service")

    def _phases(self, machine: str, runtime: Path, started: ExitStack) -> None:
        self._reporter.phase("checking the plan")
        self._output.check_room()
        self._parts.check(self._output.load / LOG)
        self._reporter.phase("starting the service")
        service = self._parts.service(runtime, self._output.service_log)
        started.callback(self._end_service, service)
        self.story = self.story.begun(machine, self._clock.time())
        self._save()
        sidecar = self._parts.sidecar(service, runtime, self._output)
        started.callback(self._end, sidecar, "the sidecar")
        self._reporter.phase("waiting for the service to be ready")
        service.wait_ready()
        sidecar.wait_ready()
        self._reporter.phase("starting the load")
        folder = self._output.load_of(self.story.last.number)
        folder.mkdir(parents=True, exist_ok=True)
        load = self._parts.load(folder, self._before)
        started.callback(self._end, load, "locust")
        self._await_first_request(service, load)
        self._reporter.phase("under load")
        ended = self._soak(service, sidecar, load)
        self._reporter.phase("taking the last census")
        self._notes += sidecar.capture()
        if self._plan.soak.trim and ended != "segment":
            self._reporter.phase("asking the allocator for what it kept")
            self._notes += sidecar.trim()
        service.check()
        load.result().check()
        self._tell(ended=ended)

    def _await_first_request(self, service: AService, load: ALoad) -> None:
        """The run begins with the first request that is counted: readiness under load."""

        def requested() -> bool:
            service.check()
            latest = load.check()
            return latest is not None and latest.requests > 0

        patience = max(_FIRST_REQUEST, self._plan.service.start_timeout)
        if not self._interrupts.wait_until(requested, patience):
            load.result().check()

    def _soak(self, service: AService, sidecar: ASidecar, load: ALoad) -> Ending:
        """Wait for the end of the segment, with an eye on its parts; return which end it is."""
        began, planned, every = self._clock.monotonic(), self.story.planned, self._plan.soak.read_every
        self._tell(since=self._clock.time())
        memory, looked, requests = None, 0.0, 0
        tools = self._parts.tools(self._output.tools, sidecar, load)
        try:
            while (elapsed := self._clock.monotonic() - began) < self._left:
                self._interrupts.check()
                service.check()
                sidecar.check()
                latest = load.check()
                if elapsed - looked >= max(_LOOK_EVERY, every):
                    looked = elapsed
                    self._output.check_room()
                    tools.read(self._clock.time())
                    memory = self._memory(every) or memory
                requests = latest.requests if latest else 0
                self._reporter.advance(Moment(self._before + elapsed, planned, memory, requests))
                if self._is_beyond_doubt(self._before + elapsed):
                    return "early"
                self._interrupts.pause(min(_TICK, self._left - elapsed))
            self._reporter.advance(Moment(self._before + self._left, planned, memory, requests))
        finally:
            self._tell(until=self._clock.time())
        return "whole" if self._before + self._left >= planned else "segment"

    def _memory(self, every: float) -> int | None:
        """Return the service's memory in the last readings; raises `FloodmarkError` where there is none for very long."""
        now, store, name = self._clock.time(), self._output.store, self.story.name
        patience = max(_SILENT_AT_LEAST, _SILENT_READINGS * every)
        since = max(self.story.last.since, now - 2 * patience)
        last = last_reading(store, name, since=since, until=now)
        if now - last > patience:
            msg = f"the sidecar has taken no reading for {format_duration(now - last)}"
            raise FloodmarkError(
                msg, hint="what it saw until then is kept, and --resume goes on; sidecar.log may say why"
            )
        return latest_memory(store, name, since=now - 3 * every)

    def _is_beyond_doubt(self, elapsed: float) -> bool:
        found = self._early.found(elapsed)
        if found is None:
            return False
        self._notes.append(f"{found}; the run went on all the same" if self._to_the_end else found)
        self._reporter.note(self._notes[-1])
        return not self._to_the_end

    def _begin_look(self) -> Pending:
        return self._parts.background(partial(look, self.story, self._output))

    def _end(self, part: ASidecar | ALoad, what: str) -> None:
        if not part.end():
            self._notes.append(f"a process of {what} could not be ended, even by SIGKILL")

    def _end_service(self, service: AService) -> None:
        if not service.end():
            self._notes.append("a process of the service could not be ended, even by SIGKILL")
        if service.cut_bytes:
            self._notes.append(f"the oldest {format_bytes(service.cut_bytes)} of service.log were cut")

    def _tell(self, **changes: Any) -> None:
        if self.story.segments:
            self.story = self.story.told(**changes)
            self._save()

    def _save(self) -> None:
        self.story.save(self._output.story)


@contextlib.contextmanager
def _runtime_folder() -> Iterator[Path]:
    """A private folder for the agents' socket, gone afterwards; the kernel allows a socket's path some 100 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="floodmark-"))
    if len(bytes(folder / "agent.sock")) > _SOCKET_PATH_LIMIT:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="floodmark-", dir="/tmp"))
    keeper.remove(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
