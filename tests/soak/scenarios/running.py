"""The bundled service in a process of its own, and waiting for what it does."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

import floodmark_soak

SCENARIOS = Path(floodmark_soak.__file__).parent / "scenarios"


def wait_until(true: Callable[[], bool], what: str, *, deadline: float = 10.0) -> None:
    """Return when `true()` is; fail with `what` after `deadline` seconds."""
    end = time.monotonic() + deadline
    while not true():
        assert time.monotonic() < end, f"not within {deadline} s: {what}"
        time.sleep(0.01)


def free_port() -> int:
    """A port of the loopback interface that was free just now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Running:
    """A started service: its process, its work folders and a client."""

    def __init__(self, process: subprocess.Popen[str], client: httpx.Client, temporary: Path) -> None:
        self.process = process
        self.client = client
        self.temporary = temporary

    def post(self, task_id: str, filename: str, *, event: bool, content: bytes = b"image") -> httpx.Response:
        """Send an image."""
        return self.client.post(
            f"/tasks/{task_id}/images/{filename}", params={"event": int(event)}, content=content, timeout=10
        )

    def state(self) -> dict[str, Any]:
        """The answer of ``/sizes``."""
        answer: dict[str, Any] = self.client.get("/sizes", timeout=10).json()
        return answer

    def wait_for(self, true: Callable[[dict[str, Any]], bool], what: str, *, deadline: float = 10.0) -> dict[str, Any]:
        """Return the first state of which `true` holds."""
        state: dict[str, Any] = {}

        def look() -> bool:
            state.clear()
            state.update(self.state())
            return true(state)

        try:
            wait_until(look, what, deadline=deadline)
        except AssertionError as error:
            error.add_note(f"last seen: {state}")
            raise
        return state

    def folders(self) -> list[Path]:
        """The work folders there are."""
        return sorted(self.temporary.glob("image-pipeline-*"))

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send the signal to the process group and wait for its end."""
        os.killpg(self.process.pid, number)
        self.process.wait(10)


@contextmanager
def running(
    variant: str, temporary: Path, *options: str, scenarios: Path = SCENARIOS, python: str = sys.executable
) -> Iterator[Running]:
    """The service with these options, its work folders below `temporary`; killed at the end if it still runs."""
    port = free_port()
    command = [python, "-m", "image_pipeline", "--variant", variant, "--port", str(port), *options]
    environ = os.environ | {"TMPDIR": str(temporary)}
    with (
        (temporary / "service.log").open("a+") as log,
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as client,
        subprocess.Popen(
            command, cwd=scenarios, env=environ, stdout=log, stderr=log, text=True, start_new_session=True
        ) as process,
    ):
        try:
            wait_until(lambda: _ready(process, client, log.name), "the service answers", deadline=20)
            yield Running(process, client, temporary)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def _ready(process: subprocess.Popen[str], client: httpx.Client, log: str) -> bool:
    assert process.poll() is None, Path(log).read_text()
    try:
        return client.get("/healthz").is_success
    except httpx.TransportError:
        return False
