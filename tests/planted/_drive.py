"""Runs one planted service beside a real sidecar for a few seconds, and returns what is said of it."""

import asyncio
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from floodmark_sidecar.assess import assess
from floodmark_sidecar.culprits import Culprit
from floodmark_sidecar.store import Reader
from tests.planted._slowly import SlowReader
from tests.planted._truth import READY
from tests.planted._watched import Command, DriveError, watched

__all__ = ["DriveError", "Said", "drive", "said_of", "shown"]

ROOT: Final = Path(__file__).resolve().parents[2]
"""Where the services run, and what their lines are written relative to."""

SECONDS: Final = 7.5
CONTROL_SECONDS: Final = 14.0
"""It takes longer to show that nothing grows than that something does."""
CENSUSES: Final = 5
WINDOW: Final = 1.5
"""Seconds of a trace window after the last census."""
PATIENCE: Final = 4
"""How many times its length a run may take in which something is waited for."""
STRETCH: Final = 30
"""A judge wants minutes: the run is assessed as if time had gone so much more slowly."""

_READ_EVERY: Final = 0.1
_SERVICE: Final = "planted"


@dataclass(frozen=True)
class Said:
    """What the sidecar says of one service; `captures` counts the files it is taken from."""

    judged: str
    growth_class: str
    culprits: tuple[Culprit, ...]
    captures: int
    notes: tuple[str, ...]
    reasons: tuple[str, ...] = ()


def drive(
    name: str,
    *,
    seconds: float,
    censuses: int = CENSUSES,
    window: float | None = WINDOW,
    until: Callable[[Said], object] | None = None,
) -> Said:
    """Run the planted service *name* and return what is said of it; blocks that long.

    Over *seconds* so many *censuses* are taken, then a trace window, if any, where the sidecar has such. The service is
    a process of its own, gone when this returns. What is said is the sidecar's own assessment, of slowed time.

    A machine that stalls has fewer readings in that time than a judge wants. With *until* the service is watched on,
    with a census now and then, until that holds of what is said or `PATIENCE` times *seconds* are over; what is said
    last is returned. It is for leaks in the tests alone: a control could be watched until it happens to pass, and the
    bench tells what is known after so long.
    """
    return asyncio.run(_drive(name, seconds, censuses, window, until))


async def _drive(
    name: str, seconds: float, censuses: int, window: float | None, until: Callable[[Said], object] | None
) -> Said:
    words = [sys.executable, "-m", "tests.planted.services", name]
    command = Command(name=_SERVICE, words=words, cwd=ROOT, ready=READY)
    with tempfile.TemporaryDirectory(prefix="fm-", ignore_cleanup_errors=True) as name_of_folder:
        folder = Path(name_of_folder)
        events: list[str] = []
        async with watched(
            command, folder=folder, socket=folder / "s", read_every=_READ_EVERY, events=events
        ) as service:
            loop = asyncio.get_running_loop()
            start, step = loop.time(), seconds / (censuses - 1)
            for number in range(censuses):
                await asyncio.sleep(start + number * step - loop.time())
                await service.captures.take(_SERVICE)
            if window is not None:
                await service.captures.take(_SERVICE, trace=window)
            if until is not None:
                deadline = start + PATIENCE * seconds
                # In a thread of its own: the service is read on meanwhile.
                while loop.time() < deadline:
                    if until(said := await asyncio.to_thread(_say, folder, events)):
                        return said
                    await asyncio.sleep(step)
                    await service.captures.take(_SERVICE)
        return _say(folder, events)


def _say(folder: Path, events: Sequence[str]) -> Said:
    with SlowReader(folder / "history.db", _SERVICE, stretch=STRETCH) as reader:
        return said_of(reader, _SERVICE, cwd=ROOT, events=events)


def said_of(reader: Reader, service: str, *, cwd: Path, events: Sequence[str]) -> Said:
    """Assess *service* by its history, and return what is said of it."""
    taken = reader.captures(service)
    found = assess(reader, service, cwd=cwd)
    refused = {row.refused for row in taken if row.refused}
    return Said(
        judged=found.verdict.verdict,
        growth_class=found.verdict.growth_class,
        culprits=found.culprits,
        captures=sum(row.path is not None for row in taken),
        notes=(*found.notes, *sorted(refused), *events),
        reasons=tuple(found.verdict.reasons),
    )


def shown(culprits: Sequence[Culprit]) -> list[dict[str, Any]]:
    """Return *culprits* in a few words each, for people who look at a miss."""
    keys = ("rank", "kind", "name", "path", "where", "bytes_per_hour", "entries_per_hour")
    return [{key: culprit.as_dict()[key] for key in keys} for culprit in culprits]
