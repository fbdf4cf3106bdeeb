"""A process that is there for one case: this one is killed, and what it had started would go on for ever.

Run as `python -P -m floodmark_soak._keeper`: it reads from its standard input what there is to end, and ends it when that closes
without a word of farewell.
"""

import contextlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Final

import psutil

from floodmark_soak._members import members_of
from floodmark_soak._orphans import orphans

_GRACE: Final = 10.0
"""Seconds between SIGTERM and SIGKILL: the sidecar completes its store, and the service its requests."""

_TICK: Final = 0.1
_FAREWELL: Final = "done\n"


class Keeper:
    """The keeper of this process, once it was started. Whatever it cannot be told changes nothing. Not thread-safe."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> int:
        """Start it and return its pid. It leads a session of its own, so that no Ctrl-C reaches it."""
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "floodmark_soak._keeper"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        return self._process.pid

    def watch(self, pid: int, marker: str) -> None:
        """Have the session that *pid* leads ended, and whatever has *marker* (`NAME=value`) in its environment."""
        self._tell(json.dumps({"pid": pid, "marker": marker}))

    def forget(self, pid: int) -> None:
        """Leave the session of *pid* alone: it has ended, and its number may be another's."""
        self._tell(json.dumps({"pid": pid}))

    def remove(self, folder: Path) -> None:
        """Have *folder* removed after all else."""
        self._tell(json.dumps({"folder": str(folder)}))

    def stop(self) -> None:
        """End it, and nothing else; idempotent."""
        process, self._process = self._process, None
        if process is None or process.stdin is None:
            return
        with contextlib.suppress(OSError, ValueError):
            process.stdin.write(_FAREWELL)
        with contextlib.suppress(OSError):
            process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)

    def _tell(self, line: str) -> None:
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                self._process.stdin.write(f"{line}\n")
                self._process.stdin.flush()


keeper: Final = Keeper()
"""The one of this process."""


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Have a keeper for as long as this lasts."""
    orphans.spare(keeper.start())
    try:
        yield
    finally:
        keeper.stop()


def keep(told: IO[str], *, grace: float = _GRACE) -> None:
    """Read what is *told* to its end, and unless that is a farewell, end what is left of it."""
    watched: dict[int, str] = {}
    folders = []
    for line in told:
        if line == _FAREWELL:
            return
        word = json.loads(line)
        if "folder" in word:
            folders.append(word["folder"])
            continue
        watched.pop(word["pid"], None)
        if "marker" in word:
            watched[word["pid"]] = word["marker"]
    end_all(watched, grace=grace)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def end_all(watched: Mapping[int, str], *, grace: float = _GRACE) -> bool:
    """End the sessions and marked processes in *watched* (markers by pid, empty ones are none); True if all are gone."""
    deadline = time.monotonic() + grace
    asked: set[psutil.Process] = set()
    while (left := set(_left(watched))) and time.monotonic() < deadline:
        for process in left - asked:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        asked |= left
        time.sleep(_TICK)
    deadline = time.monotonic() + grace
    while left and time.monotonic() < deadline:
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        time.sleep(_TICK)
        left = set(_left(watched))
    return not left


def _left(watched: Mapping[int, str]) -> Iterator[psutil.Process]:
    for pid, marker in watched.items():
        yield from members_of(pid, marker)


if __name__ == "__main__":
    keep(sys.stdin)
