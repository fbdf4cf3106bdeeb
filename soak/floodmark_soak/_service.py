"""The service under test: started with the agent on its path, known to be ready by its own HTTP answer."""

import http.client
import os
import shutil
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from floodmark_sidecar.agent import environment
from floodmark_sidecar.errors import ExitCode, FloodmarkError, UsageError
from floodmark_sidecar.units import format_duration
from floodmark_soak._background import Background
from floodmark_soak._child import Child, read_tail
from floodmark_soak._interrupts import Interrupts
from floodmark_soak._orphans import orphans
from floodmark_soak.plan import ServicePlan

GRACE: Final = 10.0
"""Seconds between SIGTERM and SIGKILL: what uvicorn and gunicorn need to finish their requests."""

_PROBE_TIMEOUT: Final = 5.0
_PROBE_EVERY: Final = 0.1
_LOG_CAP: Final = 64 << 20
_LOG_KEPT: Final = 16 << 20
_FOREGROUND: Final = "the service's command must stay in the foreground: a daemon cannot be watched or ended"


class ServiceError(FloodmarkError):
    """Raised when the service ended before its run did, or never became ready."""

    exit_code = ExitCode.SERVICE_DIED


def check_command(service: ServicePlan, base: Mapping[str, str]) -> None:
    """Raise `UsageError` if the command of *service* (placeholders replaced) is not there to be started."""
    path = {**base, **service.env}.get("PATH", os.defpath)
    program = service.command[0]
    named = service.cwd / program if "/" in program else Path(program)
    if shutil.which(named, path=path) is None:
        command = " ".join(service.command)
        there = "/" in program and named.is_file()
        why = f"{program!r} is not executable" if there else f"there is no command {program!r}"
        msg = f"the service cannot be started: {why} (in {command!r}, run in {service.cwd})"
        raise UsageError(msg, hint="command, python and cwd in [service] say what is started, and where")


def check_port(service: ServicePlan) -> None:
    """Raise `UsageError` if somebody already answers where the service is to listen: it would be loaded in its place."""
    host, port = _address(service.ready)
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return
    msg = f"{host}:{port} (from ready) is already in use, and the service is to listen there"
    raise UsageError(msg, hint="end what listens there, or write {port} in the plan for a free one")


def free_port() -> int:
    """Return a TCP port that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class Service:
    """The service of one run. *agent_socket* is where its agents find the sidecar."""

    def __init__(
        self,
        plan: ServicePlan,
        *,
        name: str,
        base: Mapping[str, str],
        agent_socket: Path,
        log: Path,
        interrupts: Interrupts,
    ) -> None:
        self._plan = plan
        self._interrupts = interrupts
        self.log = log
        self.cut_bytes = 0
        env = environment(socket=agent_socket, service=name, base={**base, **plan.env})
        marker = f"FLOODMARK_SOCKET={agent_socket}"
        self._child = Child("the service", plan.command, env=env, cwd=plan.cwd, log=log, marker=marker)

    @property
    def pid(self) -> int:
        """The root of the service's process tree."""
        return self._child.pid

    def wait_ready(self) -> None:
        """Wait for a 2xx answer; raises `ServiceError` when it dies first or the plan's `start_timeout` is over."""
        deadline = time.monotonic() + self._plan.start_timeout
        answer = "nothing was asked"
        while time.monotonic() < deadline:
            answer = self._ask(deadline)
            if not self._child.alive:
                msg = f"the service ended before it was ready ({self._child.ending})"
                raise ServiceError(self._child.with_output(msg), hint=self._hint())
            if answer.startswith("2"):
                return
            self._interrupts.pause(min(_PROBE_EVERY, max(0.0, deadline - time.monotonic())))
        limit = format_duration(self._plan.start_timeout)
        msg = f"the service was not ready after {limit} (GET {self._plan.ready}: {answer})"
        raise ServiceError(self._child.with_output(msg), hint="start_timeout in [service] gives it longer")

    def check(self) -> None:
        """Raise `ServiceError` if the service has ended; keep its log within bounds."""
        if not self._child.alive:
            msg = f"the service died under load ({self._child.ending})"
            raise ServiceError(self._child.with_output(msg), hint=self._hint())
        orphans.reap()
        self.cut_bytes += cut_log(self.log)

    def end(self) -> bool:
        """End the service's whole tree; True when nothing of it is left."""
        return self._child.end(
            grace=GRACE,
            pause=self._interrupts.pause,
            hurried=lambda: self._interrupts.hurried,
            also=orphans.find,
        )

    def _hint(self) -> str:
        return _FOREGROUND if self._child.ending == "exit code 0" else ""

    def _ask(self, deadline: float) -> str:
        probe = Background(lambda: _status(self._plan.ready))
        self._interrupts.wait_until(lambda: probe.done or not self._child.alive, deadline - time.monotonic())
        return probe.result() if probe.done else "no answer"


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _status(url: str) -> str:
    """Return the status line of GET *url*, or why there is none. Asks directly, whatever proxy the environment names."""
    parts = urlsplit(url)
    host, port = _address(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(host, port, timeout=_PROBE_TIMEOUT)
    try:
        connection.request("GET", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        response = connection.getresponse()
    except (OSError, http.client.HTTPException) as error:
        return getattr(error, "strerror", None) or str(error) or type(error).__name__
    else:
        return f"{response.status} {response.reason}"
    finally:
        connection.close()


def cut_log(log: Path, *, cap: int = _LOG_CAP, kept: int = _LOG_KEPT) -> int:
    """Cut *log* to its last *kept* bytes if it has more than *cap*; return the bytes cut.

    The service appends (O_APPEND), so the file can be cut below it. What it writes in the moment of the cut stays, at
    worst before the older lines.
    """
    size = log.stat().st_size
    if size <= cap:
        return 0
    tail = read_tail(log, kept).partition("\n")[2].encode()
    with log.open("ab") as file:
        file.truncate(0)
        file.write(b"floodmark: the beginning of this log was cut\n" + tail)
    return size - len(tail)
