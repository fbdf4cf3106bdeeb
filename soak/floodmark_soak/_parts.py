"""What a segment is made of: a service, its sidecar and its load; real ones here, and whatever else behaves like them.

A run asks these and nothing else of the world, its clock included, so that a day of it can be told in seconds.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from floodmark_sidecar.judge import Verdict
from floodmark_soak._background import Background
from floodmark_soak._early import Pending
from floodmark_soak._interrupts import Interrupts
from floodmark_soak._load import Load, LoadResult, preflight
from floodmark_soak._load_stats import Sample
from floodmark_soak._output import Output
from floodmark_soak._service import Service, check_command, check_port
from floodmark_soak._sidecar import Sidecar, Watch
from floodmark_soak._tools import LOCUST, Tools
from floodmark_soak.plan import Plan


class AService(Protocol):
    """The service under test."""

    cut_bytes: int

    @property
    def pid(self) -> int:
        """The root of its process tree."""

    def wait_ready(self) -> None:
        """Wait until it answers; raises `ServiceError` if it does not."""

    def check(self) -> None:
        """Raise `ServiceError` if it has ended."""

    def end(self) -> bool:
        """End it; True when nothing of it is left."""


class ASidecar(Protocol):
    """Who reads the service."""

    @property
    def pid(self) -> int:
        """Of its process."""

    def wait_ready(self) -> None:
        """Wait until it serves."""

    def check(self) -> None:
        """Raise `SidecarError` if it has ended."""

    def capture(self) -> tuple[str, ...]:
        """Have a census taken; return what was refused."""

    def trim(self) -> tuple[str, ...]:
        """Have the allocators trimmed; return what was refused."""

    def end(self) -> bool:
        """End it, its store completed; True when nothing of it is left."""


class ALoad(Protocol):
    """Who asks the service."""

    @property
    def pid(self) -> int:
        """Of its process, of which others may be children."""

    def check(self) -> Sample | None:
        """Return the latest sample; raises `LoadError` if it has ended or stopped."""

    def result(self) -> LoadResult:
        """Return what it has come to."""

    def end(self) -> bool:
        """End it; True when nothing of it is left."""


class ATools(Protocol):
    """Who reads the tools."""

    def read(self, t: float) -> None:
        """Read them all at *t* (epoch seconds)."""


class Clock(Protocol):
    """The time: `time` in epoch seconds, `monotonic` in seconds that no one sets back."""

    def time(self) -> float:
        """Return UTC epoch seconds."""

    def monotonic(self) -> float:
        """Return seconds since some moment."""


class Parts(Protocol):
    """Starts the parts of a segment."""

    @property
    def clock(self) -> Clock:
        """The time that they live in."""

    def check(self, log: Path) -> None:
        """Raise `UsageError` if they could not be started; *log* takes what locust says."""

    def service(self, runtime: Path, log: Path) -> AService:
        """Start the service, whose agents find the sidecar in *runtime*."""

    def sidecar(self, service: AService, runtime: Path, output: Output) -> ASidecar:
        """Start the sidecar of *service*."""

    def load(self, folder: Path, before: float) -> ALoad:
        """Start the load, *before* seconds into the run, which writes into *folder*."""

    def tools(self, path: Path, sidecar: ASidecar, load: ALoad) -> ATools:
        """Begin to read the tools of the run into *path*."""

    def background(self, call: Callable[[], Verdict]) -> Pending:
        """Begin *call* beside all else."""


@dataclass(frozen=True)
class RealParts:
    """Processes of this machine, as *plan* (placed) says, under the environment *base*."""

    plan: Plan
    base: Mapping[str, str]
    interrupts: Interrupts
    clock: Clock = time

    def check(self, log: Path) -> None:
        """See `Parts`."""
        check_command(self.plan.service, self.base)
        check_port(self.plan.service)
        preflight(self.plan.load, base=self.base, log=log, interrupts=self.interrupts)

    def service(self, runtime: Path, log: Path) -> Service:
        """See `Parts`."""
        return Service(
            self.plan.service,
            name=self.plan.name,
            base=self.base,
            agent_socket=runtime / "agent.sock",
            log=log,
            interrupts=self.interrupts,
        )

    def sidecar(self, service: AService, runtime: Path, output: Output) -> Sidecar:
        """See `Parts`."""
        watch = Watch(
            service=self.plan.name,
            pid=service.pid,
            cwd=self.plan.service.cwd,
            socket=runtime / "agent.sock",
            store=output.store,
            captures=output.captures,
            read_every=self.plan.soak.read_every,
            census_every=self.plan.soak.census_every,
            trace_window=self.plan.soak.trace_window,
        )
        return Sidecar(watch, base=self.base, log=output.sidecar_log, interrupts=self.interrupts)

    def load(self, folder: Path, before: float) -> Load:
        """See `Parts`."""
        return Load(
            self.plan.load,
            host=self.plan.service.host,
            duration=self.plan.soak.duration,
            base=self.base,
            folder=folder,
            interrupts=self.interrupts,
            before=before,
        )

    def tools(self, path: Path, sidecar: ASidecar, load: ALoad) -> Tools:
        """See `Parts`."""
        return Tools(path, {LOCUST: load.pid, "sidecar": sidecar.pid, "runner": os.getpid()})

    def background(self, call: Callable[[], Verdict]) -> Background[Verdict]:
        """See `Parts`."""
        return Background(call)
