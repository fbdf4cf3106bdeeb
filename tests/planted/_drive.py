"""Runs one planted service beside a real sidecar for a few seconds, and returns what is said of it."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from floodmark_sidecar.agent import environment
from floodmark_sidecar.assess import assess
from floodmark_sidecar.captures import Captures
from floodmark_sidecar.culprits import Culprit
from floodmark_sidecar.errors import FloodmarkError
from floodmark_sidecar.intake import Intake
from floodmark_sidecar.judge import Trace, judge
from floodmark_sidecar.probe import Probe
from floodmark_sidecar.sampler import Sampler
from floodmark_sidecar.store import Reader, Store
from tests.planted._truth import READY

ROOT: Final = Path(__file__).resolve().parents[2]
"""Where the services run, and what their lines are written relative to."""

SECONDS: Final = 8.0
CENSUSES: Final = 6
STRETCH: Final = 30
"""A judge wants a minute at least; a run of seconds is judged as one of minutes, at the same number of readings."""

_READ_EVERY: Final = 0.1
_PATIENCE: Final = 20.0
_SERVICE: Final = "planted"
_LOG: Final = "log"


class DriveError(FloodmarkError):
    """Raised when a planted service did not run or could not be looked at."""


@dataclass(frozen=True)
class Said:
    """What the sidecar says of one service. `judged` and `growth_class` are of the stretched readings."""

    judged: str
    growth_class: str
    culprits: tuple[Culprit, ...]
    censuses: int
    notes: tuple[str, ...]


def drive(name: str, *, seconds: float = SECONDS, censuses: int = CENSUSES) -> Said:
    """Run the planted service *name* for some *seconds* and return what is said of it; blocks that long.

    The service is a process of its own, gone when this returns. Culprits are those of the sidecar's own assessment.
    """
    return asyncio.run(_drive(name, seconds, censuses))


async def _drive(name: str, seconds: float, censuses: int) -> Said:
    with tempfile.TemporaryDirectory(prefix="fm-", ignore_cleanup_errors=True) as folder:
        store = Path(folder, "history.db")
        events: list[str] = []
        async with _watched(name, Path(folder), store, events) as (sampler, captures):
            loop = asyncio.get_running_loop()
            start = await _leaking(sampler, Path(folder, _LOG))
            for number in range(censuses):
                await asyncio.sleep(start + number * seconds / (censuses - 1) - loop.time())
                await captures.take(_SERVICE)
        with Reader(store) as reader:
            taken = reader.captures(_SERVICE)
            found = assess(reader, _SERVICE, cwd=ROOT)
    refused = {row.refused for row in taken if row.refused}
    verdict = judge(_stretched(found.trace))
    return Said(
        judged=verdict.verdict,
        growth_class=verdict.growth_class,
        culprits=found.culprits,
        censuses=sum(row.path is not None for row in taken),
        notes=(*found.notes, *sorted(refused), *events),
    )


@contextlib.asynccontextmanager
async def _watched(name: str, folder: Path, path: Path, events: list[str]) -> AsyncIterator[tuple[Sampler, Captures]]:
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
            sampler.watch(_SERVICE, process.pid, ROOT)
            reading = asyncio.create_task(sampler.run())
            try:
                yield sampler, captures
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
            if process.poll() is not None:
                msg = f"the service {name} ended by itself with {process.returncode}"
                raise DriveError(msg, hint=_output(folder / _LOG))
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


async def _leaking(sampler: Sampler, log: Path) -> float:
    """Wait until the service has begun and its agent is known; return the loop's time."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _PATIENCE
    while not (sampler.workers(_SERVICE) and _output(log).startswith(READY)):
        ended = not sampler.roots[_SERVICE][1]
        if ended or loop.time() > until:
            msg = "the service ended before it began" if ended else f"no leak and agent within {_PATIENCE:g} s"
            raise DriveError(msg, hint=_output(log))
        await asyncio.sleep(_READ_EVERY / 2)
    return loop.time()


def _output(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]


def _stretched(trace: Trace) -> Trace:
    """Return *trace* as if time had gone more slowly; empty ones as they are."""
    return replace(trace, t=trace.t[0] + (trace.t - trace.t[0]) * STRETCH) if len(trace) else trace


def shown(culprits: Sequence[Culprit]) -> list[dict[str, Any]]:
    """Return *culprits* in a few words each, for people who look at a miss."""
    keys = ("rank", "kind", "name", "path", "where", "bytes_per_hour", "entries_per_hour")
    return [{key: culprit.as_dict()[key] for key in keys} for culprit in culprits]
