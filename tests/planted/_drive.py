"""Runs one planted service beside a real sidecar for a few seconds, and returns what is said of it."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from floodmark_sidecar.agent import environment
from floodmark_sidecar.assess import assess
from floodmark_sidecar.captures import Captures
from floodmark_sidecar.culprits import Culprit
from floodmark_sidecar.errors import FloodmarkError
from floodmark_sidecar.intake import Intake
from floodmark_sidecar.probe import Probe
from floodmark_sidecar.sampler import Sampler
from floodmark_sidecar.store import Store
from tests.planted._slowly import SlowReader
from tests.planted._truth import READY

ROOT: Final = Path(__file__).resolve().parents[2]
"""Where the services run, and what their lines are written relative to."""

SECONDS: Final = 7.5
CONTROL_SECONDS: Final = 14.0
"""It takes longer to show that nothing grows than that something does."""
CENSUSES: Final = 5
WINDOW: Final = 1.5
"""Seconds of a trace window after the last census."""
STRETCH: Final = 30
"""A judge wants minutes: the run is assessed as if time had gone so much more slowly."""

_READ_EVERY: Final = 0.1
_PATIENCE: Final = 20.0
_SERVICE: Final = "planted"
_LOG: Final = "log"


class DriveError(FloodmarkError):
    """Raised when a planted service did not run or could not be looked at."""


@dataclass(frozen=True)
class Said:
    """What the sidecar says of one service; `captures` counts the files it is taken from."""

    judged: str
    growth_class: str
    culprits: tuple[Culprit, ...]
    captures: int
    notes: tuple[str, ...]


def drive(name: str, *, seconds: float, censuses: int = CENSUSES, window: float | None = WINDOW) -> Said:
    """Run the planted service *name* and return what is said of it; blocks that long.

    Over *seconds* so many *censuses* are taken, then a trace window, if any, where the sidecar has such. The service is
    a process of its own, gone when this returns. What is said is the sidecar's own assessment, of slowed time.
    """
    return asyncio.run(_drive(name, seconds, censuses, window))


async def _drive(name: str, seconds: float, censuses: int, window: float | None) -> Said:
    with tempfile.TemporaryDirectory(prefix="fm-", ignore_cleanup_errors=True) as folder:
        store = Path(folder, "history.db")
        events: list[str] = []
        async with _watched(name, Path(folder), store, events) as captures:
            loop = asyncio.get_running_loop()
            start = loop.time()
            for number in range(censuses):
                await asyncio.sleep(start + number * seconds / (censuses - 1) - loop.time())
                await captures.take(_SERVICE)
            if window is not None:
                await captures.take(_SERVICE, trace=window)
        with SlowReader(store, _SERVICE, stretch=STRETCH) as reader:
            taken = reader.captures(_SERVICE)
            found = assess(reader, _SERVICE, cwd=ROOT)
    refused = {row.refused for row in taken if row.refused}
    return Said(
        judged=found.verdict.verdict,
        growth_class=found.verdict.growth_class,
        culprits=found.culprits,
        captures=sum(row.path is not None for row in taken),
        notes=(*found.notes, *sorted(refused), *events),
    )


@contextlib.asynccontextmanager
async def _watched(name: str, folder: Path, path: Path, events: list[str]) -> AsyncIterator[Captures]:
    """The parts of a sidecar, as `floodmark serve` puts them together, and the service *name* below them."""

    def on_event(_kind: str, text: str, _service: str | None) -> None:
        events.append(text)

    with Store(path) as store:
        intake = Intake(folder / "s", read_every=_READ_EVERY, on_event=on_event)
        intake.bind()
        sampler = Sampler(
            store=store,
            probe=Probe(),
            agents=lambda: intake.agents,
            masks=lambda service, since: captures.masks(service, since=since),
            on_event=on_event,
            read_every=_READ_EVERY,
        )
        captures = Captures(workers=sampler.workers, store=store, folder=folder / "captures")
        await intake.start()
        process = _start(name, folder)
        try:
            log = folder / _LOG
            # What an interpreter and its imports take is no part of the run.
            await _until(lambda: _output(log).startswith(READY), process, log)
            sampler.watch(_SERVICE, process.pid, ROOT)
            reading = asyncio.create_task(sampler.run())
            try:
                await _until(lambda: sampler.workers(_SERVICE), process, log)
                yield captures
                await _until(lambda: process.poll() is None, process, log)
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
        finally:
            await intake.stop()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _start(name: str, folder: Path) -> "subprocess.Popen[bytes]":
    env = {key: value for key, value in os.environ.items() if not key.startswith("FLOODMARK_")}
    with (folder / _LOG).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.planted.services", name],
            env=environment(socket=folder / "s", service=_SERVICE, base=env),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
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
            raise DriveError(msg, hint=_output(log))
        await asyncio.sleep(_READ_EVERY / 4)


def _output(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]


def shown(culprits: Sequence[Culprit]) -> list[dict[str, Any]]:
    """Return *culprits* in a few words each, for people who look at a miss."""
    keys = ("rank", "kind", "name", "path", "where", "bytes_per_hour", "entries_per_hour")
    return [{key: culprit.as_dict()[key] for key in keys} for culprit in culprits]
