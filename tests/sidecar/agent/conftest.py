"""Scenario scripts run in interpreters of their own, and a sidecar to talk to: nothing here forks the test process."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest

import floodmark_caches
import floodmark_sidecar
from floodmark_sidecar import wire


def _works(python: str, version: str) -> bool:
    found = subprocess.run(
        [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True, check=False
    )
    return found.returncode == 0 and found.stdout.strip() == version


def find_interpreter(version: str) -> str | None:
    """Return a Python of *version* that runs; a version manager's shim may be there and not run."""
    python = shutil.which(f"python{version}")
    return python if python is not None and _works(python, version) else None


THIS = f"{sys.version_info[0]}.{sys.version_info[1]}"


def _interpreters() -> list[str]:
    others = [find_interpreter(version) for version in ("3.12", "3.13") if version != THIS]
    return [sys.executable, *(python for python in others if python is not None)]


INTERPRETERS = _interpreters()


@pytest.fixture(params=INTERPRETERS, ids=lambda python: Path(python).name)
def python(request: pytest.FixtureRequest) -> str:
    """Each CPython the agent supports that is on this machine."""
    return str(request.param)


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with floodmark's packages and nothing else, whichever way they are installed."""
    folder = tmp_path_factory.mktemp("packages")
    for package in (floodmark_sidecar, floodmark_caches):
        (folder / package.__name__).symlink_to(Path(str(package.__file__)).resolve().parent)
    return folder


class Run(Protocol):
    """Runs a script to its end and returns what it printed."""

    def __call__(
        self, source: str, *, python: str = ..., flags: tuple[str, ...] = ..., env: Mapping[str, str] | None = ...
    ) -> str:
        """Run *source* under *python*, with interpreter *flags* and more environment."""


_COMPILED = tempfile.TemporaryDirectory(prefix="fm-compiled-")


def clean_environment() -> dict[str, str]:
    """The test process's environment without what would reach into a script; byte code goes to a folder of its own."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "FLOODMARK_", "COV_"))}
    return {**own, "PYTHONPYCACHEPREFIX": _COMPILED.name}


@pytest.fixture
def run(tmp_path: Path, packages: Path) -> Run:
    """Run scripts with the agent's package on their path; one that fails or prints to stderr fails the test."""

    def run(
        source: str,
        *,
        python: str = sys.executable,
        flags: tuple[str, ...] = (),
        env: Mapping[str, str] | None = None,
    ) -> str:
        script = tmp_path / "scenario.py"
        script.write_text(textwrap.dedent(source))
        done = subprocess.run(
            [python, *flags, str(script)],
            env={**clean_environment(), "PYTHONPATH": str(packages), **(env or {})},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    return run


@pytest.fixture
def containers(run: Run, tmp_path: Path) -> Callable[..., dict[str, dict[str, Any]]]:
    """Run a script, capture its process at the end, and return the containers by name."""

    def containers(source: str, *, python: str = sys.executable) -> dict[str, dict[str, Any]]:
        capture = tmp_path / "capture.json"
        capture.unlink(missing_ok=True)
        run(
            textwrap.dedent(source)
            + textwrap.dedent(f"""
            from floodmark_sidecar.agent import capture
            told = capture.take({str(capture)!r}, service="web", stall_limit=10.0)
            assert "refused" not in told, told
            """),
            python=python,
        )
        rows = json.loads(capture.read_text())["containers"]
        return {row["name"]: row for row in reversed(rows) if row["name"] is not None}

    return containers


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose path is short enough for a unix socket, whatever the test is called."""
    with tempfile.TemporaryDirectory(prefix="fm-") as folder:
        yield Path(folder)


class Sidecar:
    """A real unix socket server that welcomes every agent and keeps what they say."""

    def __init__(self, path: Path, *, read_every: float = 0.1, version: int = wire.VERSION) -> None:
        self.path, self._read_every, self._version = path, read_every, version
        self.messages: list[dict[str, Any]] = []
        self._changed = threading.Condition()
        self._connections: dict[int, socket.socket] = {}
        self._threads: list[threading.Thread] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._spawn(self._accept)

    def _spawn(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        decoder = wire.Decoder()
        with connection:
            while data := self._receive(connection):
                for message in decoder.feed(data):
                    if message["type"] == "hello":
                        welcome = {"type": "welcome", "version": self._version, "read_every": self._read_every}
                        # Who said hello may be gone already: a process that took its agent back, or died.
                        with contextlib.suppress(OSError):
                            connection.sendall(wire.encode(welcome))
                        self._connections[message["pid"]] = connection
                    with self._changed:
                        self.messages.append(message)
                        self._changed.notify_all()

    @staticmethod
    def _receive(connection: socket.socket) -> bytes:
        try:
            return connection.recv(1 << 16)
        except OSError:
            return b""

    def send(self, pid: int, message: wire.Message) -> None:
        """Send *message* to the agent of process *pid*."""
        self._connections[pid].sendall(wire.encode(message))

    def hang_up(self, pid: int) -> None:
        """Break the connection of process *pid*, as the end of a sidecar does; it may come back at once."""
        self._connections[pid].shutdown(socket.SHUT_RDWR)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the messages of one type so far."""
        return [message for message in list(self.messages) if message["type"] == kind]

    def wait(self, condition: Callable[["Sidecar"], Any], timeout: float = 15.0) -> Any:
        """Wait until *condition* of this sidecar is true, and return what it gave."""
        until = time.monotonic() + timeout
        with self._changed:
            while not (found := condition(self)):
                left = until - time.monotonic()
                assert left > 0, f"did not happen; heard {[message['type'] for message in self.messages]}"
                self._changed.wait(min(left, 0.5))
        return found

    def close(self) -> None:
        """Vanish, as a sidecar that was killed."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections.values():
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        for thread in self._threads:
            thread.join(5)
        self.path.unlink(missing_ok=True)


@pytest.fixture
def sidecar(short_path: Path) -> Iterator[Sidecar]:
    """A sidecar at `short_path / "s"`."""
    server = Sidecar(short_path / "s")
    yield server
    server.close()


class Service(Protocol):
    """Starts a script that goes on running, and gives its process."""

    def __call__(
        self, source: str, *, python: str = ..., flags: tuple[str, ...] = ..., env: Mapping[str, str] | None = ...
    ) -> "subprocess.Popen[str]":
        """Start *source* under *python*, with interpreter *flags* and more environment."""


@pytest.fixture
def service(tmp_path: Path, packages: Path) -> Iterator[Service]:
    """Start scripts with the agent's package on their path; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def service(
        source: str,
        *,
        python: str = sys.executable,
        flags: tuple[str, ...] = (),
        env: Mapping[str, str] | None = None,
    ) -> "subprocess.Popen[str]":
        script = tmp_path / f"service{len(started)}.py"
        script.write_text(textwrap.dedent(source))
        process = subprocess.Popen(
            [python, *flags, str(script)],
            env={**clean_environment(), "PYTHONPATH": str(packages), **(env or {})},
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield service
    for process in started:
        process.kill()
        process.communicate()
