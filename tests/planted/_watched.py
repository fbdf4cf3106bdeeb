"""A service, a process of its own, beside the parts of a sidecar as `floodmark serve` puts them together."""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from floodmark_sidecar.agent import environment
from floodmark_sidecar.captures import Captures
from floodmark_sidecar.errors import FloodmarkError
from floodmark_sidecar.intake import Intake
from floodmark_sidecar.probe import Probe
from floodmark_sidecar.sampler import Sampler
from floodmark_sidecar.store import Store

_PATIENCE: Final = 60.0
_LOOK_EVERY: Final = 0.025
_LOG: Final = "log"
_TAIL: Final = 2000


class DriveError(FloodmarkError):
    """Raised when a service did not run or could not be looked at."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """How a service is started, and by what beginning of a line of its output it is known to be ready."""

    name: str
    words: Sequence[str]
    cwd: Path
    ready: str
    env: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Watched:
    """A running service: what it said when it was ready, after `ready`, and what takes its captures."""

    said: str
    captures: Captures


@contextlib.asynccontextmanager
async def watched(
    command: Command, *, folder: Path, socket: Path, read_every: float, events: list[str]
) -> AsyncIterator[Watched]:
    """Start *command* and watch it into `history.db` and `captures` of *folder*, until the end of the block.

    What the sidecar has to tell goes to *events*. *socket* is where its agents connect: a short path. What the service
    starts with, imports included, is no part of the history. Raises `DriveError` where the service is not ready in time
    or ends before the block does.
    """

    def on_event(_kind: str, text: str, _service: str | None) -> None:
        events.append(text)

    with Store(folder / "history.db") as store:
        intake = Intake(socket, read_every=read_every, on_event=on_event)
        intake.bind()
        sampler = Sampler(
            store=store,
            probe=Probe(),
            agents=lambda: intake.agents,
            masks=lambda service, since: captures.masks(service, since=since),
            on_event=on_event,
            read_every=read_every,
        )
        captures = Captures(workers=sampler.workers, store=store, folder=folder / "captures")
        await intake.start()
        log = folder / _LOG
        process = _start(command, socket, log)
        try:
            await _until(lambda: _said(command, log) is not None, process, log)
            sampler.watch(command.name, process.pid, command.cwd)
            reading = asyncio.create_task(sampler.run())
            try:
                await _until(lambda: sampler.workers(command.name), process, log)
                yield Watched(_said(command, log) or "", captures)
                await _until(lambda: process.poll() is None, process, log)
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
        finally:
            await intake.stop()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _start(command: Command, socket: Path, log: Path) -> "subprocess.Popen[bytes]":
    base = {**os.environ, **(command.env or {})}
    env = {key: value for key, value in base.items() if not key.startswith("FLOODMARK_")}
    with log.open("wb") as output:
        return subprocess.Popen(
            list(command.words),
            env=environment(socket=socket, service=command.name, base=env),
            cwd=command.cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


async def _until(condition: Callable[[], object], process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until *condition* is true; raises `DriveError` when the service ends first, or time is up."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _PATIENCE
    while not condition():
        code = process.poll()
        if code is not None or loop.time() > until:
            msg = (
                f"the service was not seen within {_PATIENCE:g} s" if code is None else f"the service ended with {code}"
            )
            raise DriveError(msg, hint=_output(log)[-_TAIL:])
        await asyncio.sleep(_LOOK_EVERY)


def _said(command: Command, log: Path) -> str | None:
    """Return the rest of the first whole line that says the service is ready, None if there is none."""
    lines = _output(log).splitlines(keepends=True)
    found = (line for line in lines if line.startswith(command.ready) and line.endswith("\n"))
    return next((line.removeprefix(command.ready).strip() for line in found), None)


def _output(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")
