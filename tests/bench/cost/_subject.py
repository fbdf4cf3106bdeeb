"""What is compared: the same service with nothing beside it, with floodmark, and with what else is used for the purpose."""

import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from tests.bench.cost._load import Client
from tests.bench.cost._service import NAME

_START: Final = 180.0
"""Seconds that five million objects may take to make under memray."""


@dataclass(frozen=True)
class Way:
    """One way to run the service. `command` is what runs its module; a `sidecar` reads it every so often."""

    name: str
    about: str
    sidecar: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = ("-m",)


OFF: Final = Way("off", "nothing beside the service")
AGAIN: Final = Way("off again", "the same once more: how far two equal things differ here")
READINGS: Final = Way("floodmark", "the agent and a sidecar that reads, at their default settings", sidecar=True)
TRACEMALLOC: Final = Way("tracemalloc", "tracemalloc always on, one frame", environment={"PYTHONTRACEMALLOC": "1"})
MEMRAY: Final = Way(
    "memray", "memray always on", command=("-m", "memray", "run", "--quiet", "-o", "{folder}/memray.bin", "-m")
)
WAYS: Final = (OFF, AGAIN, READINGS, TRACEMALLOC, MEMRAY)


@dataclass(frozen=True)
class Used:
    """Seconds of processor time: of the service and its children, of the agent's thread in it, and of the sidecar."""

    service: float
    agent: float
    sidecar: float

    @property
    def total(self) -> float:
        """What the service takes with everything that watches it."""
        return self.service + self.sidecar


class Subject:
    """One running service, and its sidecar where it has one. Ends both at its exit."""

    def __init__(self, way: Way, service: psutil.Process, port: int, sidecar: "Sidecar | None") -> None:
        self.way, self.port, self.sidecar = way, port, sidecar
        self._service = service
        self._client = Client(port)

    def used(self) -> Used:
        """Return the seconds of processor time since it was started."""
        used = self._client.told("GET", "/bench/usage")
        beside = 0.0 if self.sidecar is None else sum(self.sidecar.process.cpu_times()[:2])
        return Used(float(used["own"]) + float(used["children"]), float(used["agent"]), beside)

    def memory(self) -> int:
        """Return the bytes that the service alone has of its own, those of its sidecar aside."""
        return int(self._service.memory_full_info().uss)

    def watch_stalls(self) -> None:
        """Begin to look for stalls of the event loop."""
        self._client.ask("POST", "/bench/stalls")

    def worst_stall(self) -> float:
        """Return the longest stall since it was watched, in seconds, and stop watching."""
        return float(self._client.told("GET", "/bench/stalls")["worst"])

    def summarise(self) -> None:
        """Have the service summarise its objects with pympler, in process."""
        self._client.ask("POST", "/bench/summary")

    def grown(self) -> None:
        """Have the service ask objgraph what grew and who holds it, in process."""
        self._client.ask("POST", "/bench/growth")

    def ready(self) -> bool:
        """Say whether it answers."""
        try:
            self._client.ask("GET", "/healthz")
        except OSError:
            return False
        return True


class Sidecar:
    """The sidecar of one service."""

    def __init__(self, process: psutil.Process, port: int, token: str) -> None:
        self.process = process
        self._client = Client(port, token=token)

    def capture(self, *, trace: str | None = None, native: str | None = None) -> None:
        """Take a census, or a window that traces for so long; raises `RuntimeError` where it was refused."""
        windows = {"trace": trace, "native": native}
        asked = {"service": NAME, **{kind: length for kind, length in windows.items() if length is not None}}
        (one,) = self._client.told("POST", "/api/v1/captures", asked)["captures"]
        if one["refused"]:
            msg = f"the capture was refused: {one['refused']}"
            raise RuntimeError(msg)

    def ready(self) -> bool:
        """Say whether the service's agent has connected, by the census that it then takes: the first is none like others."""
        try:
            return bool(self._client.told("POST", "/api/v1/captures", {"service": NAME})["captures"])
        except (OSError, RuntimeError):
            return False

    def memory(self) -> int:
        """Return the bytes that it has of its own."""
        return int(self.process.memory_full_info().uss)


@contextmanager
def running(way: Way, objects: int) -> Iterator[Subject]:
    """Run the service in one way over so many objects, until the context ends."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="floodmark-cost-")))
        port, path = _free_port(), folder / "agent.sock"
        command = [sys.executable, *(part.format(folder=folder) for part in way.command), "tests.bench.cost._service"]
        command += [f"--port={port}", f"--objects={objects}"]
        command += [f"--socket={path}"] if way.sidecar else []
        service = stack.enter_context(_process(command, way.environment, folder / "service.log"))
        sidecar = None
        if way.sidecar:
            sidecar = stack.enter_context(_sidecar(folder, path, service.pid))
        subject = Subject(way, service, port, sidecar)
        _wait(subject.ready, service, folder / "service.log")
        if sidecar is not None:
            _wait(sidecar.ready, sidecar.process, folder / "sidecar.log")
        yield subject


@contextmanager
def _sidecar(folder: Path, path: Path, pid: int) -> Iterator[Sidecar]:
    port, token = _free_port(), secrets.token_hex(16)
    command = [
        sys.executable,
        "-m",
        "floodmark_sidecar.cli",
        "serve",
        f"--socket={path}",
        f"--store={folder / 'store.sqlite'}",
    ]
    command += [f"--captures={folder / 'captures'}", f"--watch={NAME}={pid}", f"--port={port}", "--census-every=off"]
    with _process(command, {"FLOODMARK_TOKEN": token}, folder / "sidecar.log") as process:
        yield Sidecar(process, port, token)


@contextmanager
def _process(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[psutil.Process]:
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env={**os.environ, **environment}, stdout=output, stderr=output) as process,
    ):
        try:
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(ready: Callable[[], bool], process: psutil.Process, log: Path) -> None:
    until = time.monotonic() + _START
    while not ready():
        if process.status() == psutil.STATUS_ZOMBIE or time.monotonic() > until:
            msg = f"{log.stem} does not answer; it said: {log.read_text(errors='replace')[-2000:]}"
            raise RuntimeError(msg)
        time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
