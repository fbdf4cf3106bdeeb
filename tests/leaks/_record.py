"""Runs one side of a case beside a sidecar, and keeps what was seen; judging comes later, as often as one likes."""

import asyncio
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from floodmark_sidecar.store import Reader
from tests.leaks._cases import Side
from tests.leaks._environments import Environment
from tests.leaks._load import Load, Pace
from tests.planted._drive import Said, said_of
from tests.planted._watched import Command, DriveError, watched

SECONDS: Final = 75.0
"""How long a side runs where nothing else is asked for."""
TIMES: Final = 4
"""So many times the triggers that show the leak are run in so long; a longer run has more, and sees slower leaks."""
CENSUSES: Final = 11
"""One at the start and at every tenth of the run, as a soak takes them."""
WINDOW: Final = 0.1
"""The part of the run that a trace window after it lasts."""

_READ_EVERY: Final = 0.25
_SERVICE: Final = "case"
_RUN: Final = "run.json"
_SERVER: Final = Path(__file__).with_name("_serve.py")


@dataclass(frozen=True)
class Run:
    """How a side was run: for so many *seconds*, of how many triggers after the warm-up, with which packages, where."""

    seconds: float
    triggered: int
    installed: tuple[str, ...]
    events: tuple[str, ...]
    commit: str
    date: str


def recorded(folder: Path) -> Run | None:
    """Return how the side in *folder* was run, None if it was not, or not to its end."""
    try:
        kept = json.loads((folder / _RUN).read_bytes())
    except FileNotFoundError:
        return None
    return Run(**{**kept, "installed": tuple(kept["installed"]), "events": tuple(kept["events"])})


def record(
    side: Side, environment: Environment, folder: Path, *, seconds: float, commit: str, censuses: int = CENSUSES
) -> Run:
    """Run *side* for *seconds* and keep its history in *folder*, in place of what is there; blocks that long.

    Its service is a process of its own, gone when this returns. Raises `DriveError` where it fails.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    events: list[str] = []
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    triggered = asyncio.run(_record(side, environment, folder, seconds=seconds, censuses=censuses, events=events))
    run = Run(seconds, triggered, environment.installed, tuple(events), commit, date)
    (folder / _RUN).write_text(json.dumps(asdict(run), indent=1), encoding="utf-8")
    return run


def judged(side: Side, folder: Path, run: Run) -> Said:
    """Say what the sidecar says of the side that was recorded in *folder*."""
    with Reader(folder / "history.db") as reader:
        return said_of(reader, _SERVICE, cwd=side.case.folder, events=run.events)


async def _record(
    side: Side, environment: Environment, folder: Path, *, seconds: float, censuses: int, events: list[str]
) -> int:
    case = side.case
    words = [environment.python, _SERVER, case.folder, case.warm, 3 * seconds + 120]
    command = Command(
        name=_SERVICE,
        words=[str(word) for word in words],
        cwd=case.folder,
        ready="serving on ",
        # The folder of cases is not ours to write to.
        env={"PYTHONDONTWRITEBYTECODE": "1"},
    )
    with tempfile.TemporaryDirectory(prefix="fm-") as short:
        async with watched(
            command, folder=folder, socket=Path(short, "s"), read_every=_READ_EVERY, events=events
        ) as service:
            load = Load(int(service.said), Pace(TIMES * case.triggers, SECONDS))
            loading = asyncio.create_task(load.run())
            try:
                loop = asyncio.get_running_loop()
                start = loop.time()
                for number in range(censuses):
                    await asyncio.sleep(start + number * seconds / (censuses - 1) - loop.time())
                    await service.captures.take(_SERVICE)
                await service.captures.take(_SERVICE, trace=WINDOW * seconds)
            finally:
                loading.cancel()
                (failure,) = await asyncio.gather(loading, return_exceptions=True)
            if isinstance(failure, DriveError):
                raise failure
    return load.triggered
