"""A service, a sidecar and a load of a made-up world: a day of it passes in seconds, and all that judges it is real."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from floodmark_sidecar.judge import Verdict
from floodmark_sidecar.readings import WorkerReading
from floodmark_sidecar.store import Life, Sample, Store
from floodmark_soak._interrupts import Interrupts
from floodmark_soak._load import LoadResult, result_in
from floodmark_soak._load_stats import History
from floodmark_soak._load_stats import Sample as LoadSample
from floodmark_soak._output import Output
from floodmark_soak._service import ServiceError
from floodmark_soak.plan import Plan

MIB = 1 << 20
START = 1_800_000_000.0
_HEADER = "Timestamp,User Count,Name,Total Request Count,Total Failure Count\n"
_LOAD_EVERY = 60.0


def memory(*, leak: float, warmup: float = 600.0) -> Callable[[float], int]:
    """Return the bytes of a process by its age in seconds: a warm-up, a sawtooth of requests, and *leak* MiB an hour."""

    def of(age: float) -> int:
        warm = 20 * MIB * (1 - math.exp(-age / warmup))
        tooth = 3 * MIB * (age * 7919.0 % 1000.0) / 1000.0
        return int(180 * MIB + warm + tooth + leak * MIB * age / 3600)

    return of


@dataclass
class Clock:
    """A clock that stands until somebody waits."""

    now: float = START

    def time(self) -> float:
        """Return epoch seconds."""
        return self.now

    def monotonic(self) -> float:
        """Return seconds."""
        return self.now - START + 5


class Waiting(Interrupts):
    """Waits that take no time: what passes is the world's."""

    def __init__(self, parts: "SimulatedParts") -> None:
        super().__init__()
        self._parts = parts

    def pause(self, seconds: float) -> None:
        """Let so many seconds pass in the world, or up to its next event."""
        self._parts.pass_by(max(seconds, 0.001))

    def wait_until(self, done: Callable[[], bool], seconds: float) -> bool:
        """Wait until *done* is true."""
        until = self._parts.clock.now + seconds
        while not done():
            if self._parts.clock.now >= until:
                return False
            self.pause(1.0)
        return True


@dataclass
class Done:
    """A verdict that is there at once."""

    value: Verdict
    done: bool = True

    def result(self) -> Verdict:
        """Return it."""
        return self.value


@dataclass
class SimulatedParts:
    """The world of one run: *of* is the memory of the service by its age. It is a service of one worker, and its own sidecar."""

    plan: Plan
    of: Callable[[float], int]
    clock: Clock = field(default_factory=Clock)
    dies_at: float = math.inf
    """Seconds of age at which the service dies."""

    hangs_at: float = math.inf
    """Seconds of age of the service at which the sidecar takes no readings any more."""

    starts: int = 0
    pid: int = 100
    cut_bytes: int = 0

    def __post_init__(self) -> None:
        self.interrupts = Waiting(self)
        self._store: Store | None = None
        self._born = self._read_at = self._load_at = 0.0
        self._folder: Path | None = None
        self._history: History | None = None
        self._requests = 0

    def check(self, log: Path | None = None) -> Any:
        """All can be started, and is well unless the service is dead; the load has its latest sample."""
        if log is None and self.clock.now - self._born >= self.dies_at:
            msg = "the service died under load (signal SIGKILL)"
            raise ServiceError(msg)
        return self._history.refresh() if log is None and self._history is not None else None

    def service(self, runtime: Path, log: Path) -> "SimulatedParts":
        """Start the service: one process, as old as it is."""
        assert runtime.is_dir()
        log.touch()
        self.starts += 1
        self._born = self.clock.now
        return self

    def sidecar(self, service: object, runtime: Path, output: Output) -> "SimulatedParts":
        """Open the store as a sidecar does."""
        assert service is self
        assert runtime.is_dir()
        self._store = Store(output.store)
        self._store.put_service(self.plan.name)
        self._read_at = self.clock.now
        return self

    def load(self, folder: Path, before: float) -> "SimulatedParts":
        """Begin to write what locust writes."""
        assert before >= 0
        self._folder, self._requests, self._load_at = folder, 0, self.clock.now
        self._history = History(folder)
        (folder / "locust_stats_history.csv").write_text(_HEADER)
        self._count()
        return self

    def tools(self, path: Path, sidecar: object, load: object) -> "SimulatedParts":
        """They take nothing."""
        assert (sidecar, load, path.name) == (self, self, "tools.csv")
        return self

    def read(self, t: float) -> None:
        """Nothing."""

    def background(self, call: Callable[[], Verdict]) -> Done:
        """Judge at once: the world waits."""
        return Done(call())

    def wait_ready(self) -> None:
        """It is."""

    def capture(self) -> tuple[str, ...]:
        """There are no agents here."""
        return ()

    trim = capture

    def result(self) -> LoadResult:
        """Return what the load came to."""
        assert self._folder is not None
        assert self._history is not None
        self._history.refresh()
        return result_in(self._folder, self._history, failure_budget=self.plan.load.failure_budget)

    def end(self) -> bool:
        """End whichever part it is; the store is written by then."""
        store, self._store = self._store, None
        if store is not None:
            store.close()
        return True

    def pass_by(self, seconds: float) -> None:
        """Let *seconds* pass: readings are taken and requests counted meanwhile."""
        until = self.clock.now + seconds
        while min(self._read_at, self._load_at) <= until and self._store is not None:
            if self._read_at <= self._load_at:
                self.clock.now = max(self.clock.now, self._read_at)
                self._read()
            else:
                self.clock.now = max(self.clock.now, self._load_at)
                self._count()
        self.clock.now = until

    def _read(self) -> None:
        assert self._store is not None
        life = Life("web-0", self.starts, 100 + self.starts, self._born, self._born)
        reading = WorkerReading("web-0", self.starts, uss_bytes=self.of(self.clock.now - self._born), swap_bytes=0)
        if self.clock.now - self._born < self.hangs_at:
            self._store.put_sample(Sample(self.plan.name, self.clock.now, ((life, reading),))).result(30)
        self._read_at += self.plan.soak.read_every

    def _count(self) -> None:
        if self._folder is not None:
            self._requests += 600
            sample = LoadSample(self.clock.now, self.plan.load.users, self._requests, 0)
            with (self._folder / "locust_stats_history.csv").open("a") as file:
                file.write(f"{sample.t},{sample.users},Aggregated,{sample.requests},{sample.failures}\n")
        self._load_at += _LOAD_EVERY
