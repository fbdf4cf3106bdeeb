"""The sidecar of one run: `floodmark serve` in a process of its own, spoken to over loopback HTTP."""

import http.client
import json
import re
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from floodmark_sidecar.errors import ExitCode, FloodmarkError
from floodmark_sidecar.units import format_duration
from floodmark_soak._background import Background
from floodmark_soak._child import Child
from floodmark_soak._interrupts import Interrupts

_SERVE: Final = (sys.executable, "-P", "-m", "floodmark_sidecar.cli", "serve")
_READY: Final = re.compile(r"^floodmark: serving http://127\.0\.0\.1:(\d+)", re.MULTILINE)
_READY_TIMEOUT: Final = 30.0
_CAPTURE_TIMEOUT: Final = 300.0
_GRACE: Final = 10.0


class SidecarError(FloodmarkError):
    """Raised when the sidecar is not there: no more readings, so the run cannot go on."""

    exit_code = ExitCode.INTERNAL


@dataclass(frozen=True, kw_only=True)
class Watch:
    """What the sidecar of a run is to do: whom to watch, how often (seconds), and where to keep it."""

    service: str
    pid: int
    cwd: Path
    socket: Path
    store: Path
    captures: Path
    read_every: float
    census_every: float | None
    trace_window: float | None

    def arguments(self) -> list[str]:
        """Return the options of `floodmark serve`."""
        census, window = (
            "off" if each is None else f"{round(each * 1000)}ms" for each in (self.census_every, self.trace_window)
        )
        arguments = ["--socket", str(self.socket), "--store", str(self.store), "--captures", str(self.captures)]
        arguments += ["--host", "127.0.0.1", "--port", "0"]
        arguments += ["--watch", f"{self.service}={self.pid}:{self.cwd}"]
        arguments += ["--census-every", census, "--trace-window", window]
        return [*arguments, "--read-every", f"{round(self.read_every * 1000)}ms"]


class Sidecar:
    """The running sidecar. Not thread-safe."""

    def __init__(self, watch: Watch, *, base: Mapping[str, str], log: Path, interrupts: Interrupts) -> None:
        self._watch = watch
        self._interrupts = interrupts
        self._token = secrets.token_urlsafe(32)
        self._port = 0
        env = {name: value for name, value in base.items() if not name.startswith("FLOODMARK_")}
        env |= {"FLOODMARK_TOKEN": self._token, "PYTHONUNBUFFERED": "1"}
        command = [*_SERVE, *watch.arguments()]
        self._child = Child("the sidecar", command, env=env, cwd=log.parent, log=log)

    @property
    def pid(self) -> int:
        """Of the sidecar."""
        return self._child.pid

    def wait_ready(self) -> None:
        """Wait until the sidecar serves; raises `SidecarError` if it does not."""

        def serving() -> bool:
            self.check()
            found = _READY.search(self._child.tail(4096))
            if found:
                self._port = int(found[1])
            return found is not None

        if not self._interrupts.wait_until(serving, _READY_TIMEOUT):
            limit = format_duration(_READY_TIMEOUT)
            raise SidecarError(self._child.with_output(f"the sidecar did not serve within {limit}"))

    def check(self) -> None:
        """Raise `SidecarError` if the sidecar has ended."""
        if not self._child.alive:
            msg = f"the sidecar ended before the run did ({self._child.ending})"
            raise SidecarError(self._child.with_output(msg))

    def capture(self) -> tuple[str, ...]:
        """Have a census taken of every worker, one after the other; return what was refused, in words.

        A census that fails is a note and not an error: the verdict does not rest on it.
        """
        return self._asked("census", {})

    def trim(self) -> tuple[str, ...]:
        """Have the allocator of every worker give back what nothing uses; return what was refused, in words.

        Only for after the last reading that counts: memory is lower afterwards.
        """
        return self._asked("trim", {"trim": True})

    def end(self) -> bool:
        """End the sidecar, which completes its store; True when nothing of it is left."""
        return self._child.end(grace=_GRACE, pause=self._interrupts.pause, hurried=lambda: self._interrupts.hurried)

    def _asked(self, what: str, fields: Mapping[str, object]) -> tuple[str, ...]:
        call = Background(partial(self._post_capture, fields))

        def finished() -> bool:
            self.check()
            return call.done

        if not self._interrupts.wait_until(finished, _CAPTURE_TIMEOUT):
            return (f"the last {what} was given up after {format_duration(_CAPTURE_TIMEOUT)}",)
        try:
            answer = call.result()
        except (OSError, ValueError, http.client.HTTPException) as error:
            return (f"the last {what} failed: {error}",)
        captures = answer.get("captures", [])
        refused = (f"{c.get('worker')}: no {what} ({c['refused']})" for c in captures if c.get("refused"))
        return tuple(refused) if captures else (f"no worker could be asked for a {what}: no agent was connected",)

    def _post_capture(self, fields: Mapping[str, object]) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_CAPTURE_TIMEOUT)
        try:
            headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
            connection.request(
                "POST", "/api/v1/captures", json.dumps({"service": self._watch.service, **fields}), headers
            )
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status >= 300:
            msg = f"the sidecar answered {response.status}: {body[:200].decode(errors='replace')}"
            raise ValueError(msg)
        answer = json.loads(body)
        if not isinstance(answer, dict):
            msg = "the sidecar answered no object"
            raise ValueError(msg)  # noqa: TRY004 -- one kind of error for whatever the other end says wrong
        return answer
