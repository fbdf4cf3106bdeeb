"""A soak run from the first check to the last line: start, load, watch, judge, write, and leave nothing behind."""

import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from floodmark_sidecar.errors import FloodmarkError, UsageError
from floodmark_sidecar.units import format_bytes, format_duration
from floodmark_soak._about import about
from floodmark_soak._holders import drawn
from floodmark_soak._interrupts import InterruptedRunError, Interrupts
from floodmark_soak._load import Load, preflight
from floodmark_soak._load_stats import RequestCounter
from floodmark_soak._outcome import Outcome, Seen, conclude
from floodmark_soak._output import Output, write_whole
from floodmark_soak._progress import Moment, Reporter
from floodmark_soak._readings import latest_memory, tidy
from floodmark_soak._service import Service, check_command, check_port, free_port
from floodmark_soak._sidecar import Sidecar, Watch
from floodmark_soak.plan import Plan

if TYPE_CHECKING:
    from floodmark_soak.report import Record

_TICK: Final = 0.25
_LOOK_EVERY: Final = 1.0
_FIRST_REQUEST: Final = 10.0
_SOCKET_PATH_LIMIT: Final = 100


class Run:
    """One run of one plan into *folder*, under the environment *base*. Call `run` once, in the main thread."""

    def __init__(
        self, plan: Plan, folder: Path, *, reporter: Reporter, interrupts: Interrupts, base: Mapping[str, str]
    ) -> None:
        self._plan = plan.placed(free_port() if plan.uses_port else 0)
        self._folder = folder
        self._reporter = reporter
        self._interrupts = interrupts
        self._base = {name: value for name, value in base.items() if name != "FLOODMARK_TOKEN"}
        self._seen = Seen(started=time.time())

    def run(self) -> "tuple[Outcome, Record]":
        """Return the outcome, which is written by then, and its record for a report over several runs.

        Raises `UsageError` where nothing could be started; then nothing is left of the output folder either.
        """
        output = Output(self._folder)
        try:
            with _runtime_folder() as runtime:
                self._watch(output, runtime)
        except UsageError:
            output.discard()
            raise
        except FloodmarkError as error:
            self._seen.problems.append(error)
        return self._finish(output)

    def _watch(self, output: Output, runtime: Path) -> None:
        """Everything from the checks to the last census, in order; each phase raises what stands in its way.

        Whatever was started is ended on the way out, the load first.
        """
        with ExitStack() as started:
            try:
                self._phases(output, runtime, started)
            except InterruptedRunError:
                self._reporter.phase("interrupted: ending the run (once more ends it at once)")
                raise
            # Callbacks run next, before any judging: nothing of the run is alive while floodmark computes.
            self._reporter.phase("ending the service")

    def _phases(self, output: Output, runtime: Path, started: ExitStack) -> None:
        self._check(output)
        self._reporter.phase("starting the service")
        service = self._start_service(output, runtime)
        started.callback(self._end_service, service)
        sidecar = self._start_sidecar(output, runtime, service)
        started.callback(self._end_sidecar, sidecar)
        self._reporter.phase("waiting for the service to be ready")
        service.wait_ready()
        sidecar.wait_ready()
        self._reporter.phase("starting the load")
        load = self._start_load(output)
        started.callback(self._end_load, load)
        self._await_first_request(service, load)
        self._reporter.phase("under load")
        self._soak(output, service, sidecar, load)
        self._reporter.phase("taking the last census")
        self._seen.notes += sidecar.capture()
        if self._plan.soak.trim:
            self._reporter.phase("asking the allocator for what it kept")
            self._seen.notes += sidecar.trim()
        service.check()
        load.result().check()

    def _check(self, output: Output) -> None:
        self._reporter.phase("checking the plan")
        check_command(self._plan.service, self._base)
        check_port(self._plan.service)
        output.check_room()
        preflight(self._plan.load, base=self._base, log=output.load / "locust.log", interrupts=self._interrupts)

    def _start_service(self, output: Output, runtime: Path) -> Service:
        return Service(
            self._plan.service,
            name=self._plan.name,
            base=self._base,
            agent_socket=runtime / "agent.sock",
            log=output.service_log,
            interrupts=self._interrupts,
        )

    def _start_sidecar(self, output: Output, runtime: Path, service: Service) -> Sidecar:
        watch = Watch(
            service=self._plan.name,
            pid=service.pid,
            cwd=self._plan.service.cwd,
            socket=runtime / "agent.sock",
            store=output.store,
            captures=output.captures,
            read_every=self._plan.soak.read_every,
            census_every=self._plan.soak.census_every,
            trace_window=self._plan.soak.trace_window,
        )
        return Sidecar(watch, base=self._base, log=output.sidecar_log, interrupts=self._interrupts)

    def _start_load(self, output: Output) -> Load:
        return Load(
            self._plan.load,
            host=self._plan.service.host,
            duration=self._plan.soak.duration,
            base=self._base,
            folder=output.load,
            interrupts=self._interrupts,
        )

    def _await_first_request(self, service: Service, load: Load) -> None:
        """The run begins with the first request that is counted: readiness under load."""

        def requested() -> bool:
            service.check()
            latest = load.check()
            return latest is not None and latest.requests > 0

        patience = max(_FIRST_REQUEST, self._plan.service.start_timeout)
        if not self._interrupts.wait_until(requested, patience):
            load.result().check()

    def _soak(self, output: Output, service: Service, sidecar: Sidecar, load: Load) -> None:
        plan, seen = self._plan, self._seen
        began = time.monotonic()
        seen.since = time.time()
        memory, looked, requests = None, 0.0, 0
        try:
            while (elapsed := time.monotonic() - began) < plan.soak.duration:
                self._interrupts.check()
                service.check()
                sidecar.check()
                latest = load.check()
                if elapsed - looked >= max(_LOOK_EVERY, plan.soak.read_every):
                    looked = elapsed
                    output.check_room()
                    memory = latest_memory(output.store, plan.name, since=time.time() - 3 * plan.soak.read_every)
                requests = latest.requests if latest else 0
                self._reporter.advance(Moment(elapsed, plan.soak.duration, memory, requests))
                self._interrupts.pause(min(_TICK, plan.soak.duration - elapsed))
            self._reporter.advance(Moment(plan.soak.duration, plan.soak.duration, memory, requests))
        finally:
            seen.until = time.time()

    def _end_load(self, load: Load) -> None:
        self._note_unless(load.end(), "locust")
        self._seen.load = load.result()
        self._seen.requests = RequestCounter(load.history.samples)
        self._seen.notes += self._seen.load.notes

    def _end_sidecar(self, sidecar: Sidecar) -> None:
        self._note_unless(sidecar.end(), "the sidecar")

    def _end_service(self, service: Service) -> None:
        self._note_unless(service.end(), "the service")
        if service.cut_bytes:
            self._seen.notes.append(f"the oldest {format_bytes(service.cut_bytes)} of service.log were cut")

    def _note_unless(self, ended: bool, what: str) -> None:
        if not ended:
            self._seen.notes.append(f"a process of {what} could not be ended, even by SIGKILL")

    def _finish(self, output: Output) -> "tuple[Outcome, Record]":
        """Judge and write; once more if the operator interrupts meanwhile, so that the files say so too."""
        while True:
            interrupted = self._interrupts.count
            if interrupted:
                self._note_interrupt()
            self._reporter.phase("judging")
            outcome = conclude(self._plan, output.store, self._seen)
            tidy(output.store)
            record = self._record(outcome)
            try:
                self._write(output, outcome, record)
            except FloodmarkError as error:
                self._seen.problems.append(error)
                outcome = conclude(self._plan, output.store, self._seen)
                with contextlib.suppress(FloodmarkError):
                    write_whole(output.result, _json(outcome))
                return outcome, self._record(outcome)
            if bool(self._interrupts.count) == bool(interrupted):
                return outcome, record

    def _note_interrupt(self) -> None:
        """Say how far the run came, in place of the bare signal."""
        problems = [problem for problem in self._seen.problems if not isinstance(problem, InterruptedRunError)]
        seconds, planned = self._seen.seconds, self._plan.soak.duration
        if not self._seen.since:
            msg = "the run was interrupted before the service was under load"
        elif seconds < planned:
            msg = f"the run was interrupted after {format_duration(seconds)} of {format_duration(planned)} under load"
        else:
            msg = "the run was interrupted after its whole time under load"
        self._seen.problems = [InterruptedRunError(msg), *problems]

    def _record(self, outcome: Outcome) -> "Record":
        from floodmark_soak.report import Record  # noqa: PLC0415 -- a failing check must not wait for the charts

        picture, why_none = drawn(outcome.result["culprits"])
        return Record(
            name=self._plan.name,
            title=self._plan.name,
            result=outcome.result,
            trace=outcome.trace,
            about=about(self._plan, started=self._seen.started, captures=outcome.result["captures"]),
            load=outcome.result["load"],
            captures=outcome.captures,
            notes=outcome.result["notes"],
            holders=picture,
            no_holders=why_none,
        )

    def _write(self, output: Output, outcome: Outcome, record: "Record") -> None:
        write_whole(output.result, _json(outcome))
        write_whole(output.readings, outcome.readings)
        if self._interrupts.hurried:
            return
        self._reporter.phase("writing the report")
        from floodmark_soak.report import render_html, render_junit, render_summary  # noqa: PLC0415 -- as above

        write_whole(output.summary, render_summary([record]))
        write_whole(output.junit, render_junit([record]))
        write_whole(output.report, render_html([record]))


@contextlib.contextmanager
def _runtime_folder() -> Iterator[Path]:
    """A private folder for the agents' socket, gone afterwards; the kernel allows a socket's path some 100 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="floodmark-"))
    if len(bytes(folder / "agent.sock")) > _SOCKET_PATH_LIMIT:
        folder.rmdir()
        folder = Path(tempfile.mkdtemp(prefix="floodmark-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _json(outcome: Outcome) -> str:
    return json.dumps(outcome.result, indent=2, allow_nan=False) + "\n"
