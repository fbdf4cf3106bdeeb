"""Real processes to watch, a client that speaks the wire as an agent does, and a sidecar in a process of its own."""

import asyncio
import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from floodmark_sidecar import wire

WAIT_SECONDS = 20.0
T = TypeVar("T")


def eventually(condition: Callable[[], Any], *, within: float = WAIT_SECONDS) -> Any:
    """Return the first true value of *condition*; fails when there is none in time."""
    deadline = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        select.select([], [], [], 0.02)
    return value


class Peer:
    """A process' end of the socket, as an agent has it."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(WAIT_SECONDS)
        self.socket.connect(str(path))
        self._decoder = wire.Decoder()
        self._inbox: list[dict[str, Any]] = []

    def send(self, **message: Any) -> None:
        """Send one message."""
        self.socket.sendall(wire.encode(message))

    def hello(self, service: str = "web", *, version: object = wire.VERSION, **more: Any) -> dict[str, Any]:
        """Say hello and return the welcome."""
        self.send(type="hello", version=version, service=service, pid=os.getpid(), python="3.11.7", **more)
        return self.receive()

    def receive(self) -> dict[str, Any]:
        """Return the next message; raises `EOFError` when the sidecar has hung up."""
        while not self._inbox:
            data = self.socket.recv(65536)
            if not data:
                raise EOFError
            self._inbox += self._decoder.feed(data)
        return self._inbox.pop(0)

    def hung_up(self) -> bool:
        """Wait for the other end to hang up; false if it says something instead."""
        try:
            self.receive()
        except (EOFError, ConnectionError):
            return True
        return False

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


class Serving:
    """`floodmark serve` in a process of its own."""

    def __init__(self, folder: Path, *arguments: str, token: str | None = "secret") -> None:  # noqa: S107 - no secret at all
        self.folder = folder
        self.socket = folder / "agent.sock"
        self.store = folder / "history.db"
        self.captures = folder / "captures"
        self.token = token
        env = {name: value for name, value in os.environ.items() if not name.startswith("FLOODMARK_")}
        if token is not None:
            env["FLOODMARK_TOKEN"] = token
        command = [sys.executable, "-m", "floodmark_sidecar.cli", "serve", "--socket", str(self.socket)]
        command += ["--store", str(self.store), "--captures", str(self.captures), "--port", "0"]
        command += ["--read-every", "100ms", "--census-every", "off", *arguments]
        self.process = subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
        )
        self.url = ""
        self.output = ""

    def ready(self) -> "Serving":
        """Wait for the line that says where it serves."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.fullmatch(r"floodmark: serving (http://\S+)\n", line)
        assert found, line + self.finish()[1]
        self.url = found[1]
        return self

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON answer to a GET."""
        return httpx.get(f"{self.url}{path}", params=parameters, timeout=WAIT_SECONDS).raise_for_status().json()

    def post(self, path: str, body: Any, *, token: str | None = None) -> httpx.Response:
        """Return the answer to a POST with the token."""
        headers = {"Authorization": f"Bearer {self.token if token is None else token}"}
        return httpx.post(f"{self.url}{path}", json=body, headers=headers, timeout=WAIT_SECONDS)

    def finish(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End the process with signal *number*; return its exit code and what it said on stderr."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=WAIT_SECONDS)
        return self.process.returncode, errors


Serve = Callable[..., Serving]
Connect = Callable[[Path], Peer]
Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a path short enough for a socket, for this user alone."""
    with tempfile.TemporaryDirectory(prefix="fm-", ignore_cleanup_errors=True) as name:
        yield Path(name)


class Loop:
    """An event loop in a thread of its own, as the sidecar has one, so that a test may block on the other end."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run *coroutine* on the loop and return what it returns."""
        return self.start(coroutine).result(WAIT_SECONDS)

    def start(self, coroutine: Coroutine[Any, Any, T]) -> "Future[T]":
        """Begin to run *coroutine* on the loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop)

    def close(self) -> None:
        """Stop the loop."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A running event loop."""
    one = Loop()
    yield one
    one.close()


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connect to sockets as an agent does; all connections end with the test."""
    peers: list[Peer] = []

    def start(path: Path) -> Peer:
        peers.append(Peer(path))
        return peers[-1]

    yield start
    for peer in peers:
        peer.close()


@pytest.fixture
def serve(folder: Path) -> Iterator[Serve]:
    """Start sidecars in *folder*; whatever still runs at the end is killed."""
    started: list[Serving] = []

    def start(*arguments: str, **settings: Any) -> Serving:
        started.append(Serving(folder, *arguments, **settings))
        return started[-1]

    yield start
    for one in started:
        one.finish(signal.SIGKILL)


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start Python programs that print a line when they are ready; all of them, and what they start, end with the test."""
    started: list[subprocess.Popen[str]] = []

    def start(program: str, *arguments: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=env,
        )
        started.append(process)
        assert process.stdout is not None
        process.stdout.readline()
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


SLEEPER = "import time; print('ready', flush=True); time.sleep(600)"
ENDING = """
import subprocess, sys, time
children = [subprocess.Popen([sys.executable, "-c", ""]) for _ in range(int(sys.argv[1]))]
print("ready", flush=True)
time.sleep(600)
"""
"""A parent that never asks how its children ended."""

PARENT = """
import subprocess, sys
children = [subprocess.Popen([sys.executable, "-c", "print('ready', flush=True); import time; time.sleep(600)"], stdout=subprocess.PIPE)
            for _ in range(int(sys.argv[1]))]
for child in children:
    child.stdout.readline()
print("ready", flush=True)
for line in sys.stdin:
    pass
import time
time.sleep(600)
"""
