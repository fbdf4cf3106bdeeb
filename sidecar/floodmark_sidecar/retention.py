"""Which capture files are kept: so many, of so many bytes, and of each process its first and its newest census longest."""

import contextlib
import stat
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from floodmark_sidecar.capturefile import CaptureFile
from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.units import format_bytes

DEFAULT_FILES: Final = 1_000
DEFAULT_BYTES: Final = 256 << 20
_LEAST_FILES: Final = 2
"""A difference needs two."""

_LEAST_BYTES: Final = 1 << 20
_CUT_OFF: Final = 3600.0
"""Seconds after which nobody writes a file any more: far longer than a capture may take."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One capture file in the folder."""

    path: Path
    place: CaptureFile
    bytes: int


@dataclass(frozen=True, slots=True)
class RetentionStatus:
    """What the folder held after the last look; `stuck` files should have made room and could not be removed.

    `problem` says so in a sentence, or why the folder cannot be looked into; None while all is well.
    """

    files: int = 0
    bytes: int = 0
    stuck: int = 0
    problem: str | None = None


def check_limits(most_files: int, most_bytes: int) -> None:
    """Raise `UsageError` for limits under which nothing could be compared."""
    if most_files < _LEAST_FILES:
        msg = f"at least {_LEAST_FILES} capture files must be kept (got {most_files})"
        raise UsageError(msg, hint="a difference needs two")
    if most_bytes < _LEAST_BYTES:
        msg = f"capture files must be given at least {format_bytes(_LEAST_BYTES)} (got {format_bytes(most_bytes)})"
        raise UsageError(msg)


class Retention:
    """The limits on the capture files in *folder*: at most *most_files*, of *most_bytes* together.

    The oldest make room first, but of the newest processes the first census and the last stay: what has grown since a
    process began is then still known. The newest file of all stays however large it is. What somebody has packed, and
    what is no capture, is neither counted nor touched. *on_problem* is told each problem once, while it stays the same.
    Thread-safe. Raises `UsageError` as `check_limits` does.
    """

    def __init__(
        self,
        folder: Path,
        *,
        most_files: int = DEFAULT_FILES,
        most_bytes: int = DEFAULT_BYTES,
        on_problem: Callable[[str], None] = lambda _: None,
    ) -> None:
        check_limits(most_files, most_bytes)
        self._folder = folder
        self.most_files = most_files
        self.most_bytes = most_bytes
        self._on_problem = on_problem
        self._turn = threading.Lock()
        self.status = RetentionStatus()

    def apply(self) -> RetentionStatus:
        """Remove what is too much, and what captures that were cut off have left; blocks. O(n log n) in the files."""
        with self._turn:
            before, self.status = self.status, self._applied()
            if self.status.problem not in (None, before.problem):
                self._on_problem(str(self.status.problem))
            return self.status

    def paths(self) -> frozenset[str]:
        """Return the paths of all that is in the folder now; of one that cannot be read, none."""
        try:
            return frozenset(str(path) for path in self._folder.iterdir())
        except OSError:
            return frozenset()

    def _applied(self) -> RetentionStatus:
        try:
            files = list(_listed(self._folder))
        except OSError as error:
            return RetentionStatus(problem=f"the folder for captures cannot be read: {error.strerror or error}")
        count, size = len(files), sum(file.bytes for file in files)
        stuck, why = 0, ""
        for file in expendable(files, most_files=self.most_files, most_bytes=self.most_bytes):
            if count <= self.most_files and size <= self.most_bytes:
                break
            try:
                file.path.unlink(missing_ok=True)
            except OSError as error:
                stuck, why = stuck + 1, error.strerror or str(error)
            else:
                count, size = count - 1, size - file.bytes
        return RetentionStatus(count, size, stuck, _problem(stuck, why))


def expendable(files: Iterable[Kept], *, most_files: int, most_bytes: int) -> list[Kept]:
    """Return all but the newest of *files*, in the order in which they make room for newer ones. Pure.

    The ends of lives come last as long as they leave half of the room to others: processes that last for minutes would
    take all of it.
    """
    by_time = sorted(files, key=lambda file: (file.place.stamp, file.path.name))
    ends: dict[Path, str] = {}
    file_room, byte_room = max(_LEAST_FILES, most_files // 2), most_bytes // 2
    for taken in _lives(by_time):
        of_life = {end.path: end for end in (taken[0], taken[-1])}
        file_room -= len(of_life)
        byte_room -= sum(end.bytes for end in of_life.values())
        if file_room < 0 or byte_room < 0:
            break
        ends |= dict.fromkeys(of_life, taken[-1].place.stamp)
    # Sorting is stable: among those that are alike the oldest comes first.
    return sorted(by_time[:-1], key=lambda file: ends.get(file.path, ""))


def _lives(by_time: Iterable[Kept]) -> list[list[Kept]]:
    """Return the censuses of each process, oldest first; the process with the newest census first."""
    lives: defaultdict[tuple[str, int], list[Kept]] = defaultdict(list)
    for file in by_time:
        # Trace windows and trims are compared with nothing.
        if file.place.kind == "census":
            lives[file.place.worker, file.place.life].append(file)
    return sorted(lives.values(), key=lambda taken: taken[-1].place.stamp, reverse=True)


def _listed(folder: Path) -> Iterator[Kept]:
    """Yield the capture files in *folder*, and remove what is left of those that were never finished."""
    for path in folder.iterdir():
        place = CaptureFile.named(path.name)
        is_ours = place is not None and place.name == path.name
        if not is_ours and not CaptureFile.is_unfinished(path.name):
            continue
        with contextlib.suppress(OSError):
            found = path.lstat()
            if not stat.S_ISREG(found.st_mode):
                continue
            if is_ours and place is not None:
                yield Kept(path, place, found.st_size)
            elif found.st_mtime < time.time() - _CUT_OFF:
                path.unlink()


def _problem(stuck: int, why: str) -> str | None:
    if not stuck:
        return None
    files = "a capture file that should make" if stuck == 1 else f"{stuck} capture files that should make"
    return f"{files} room cannot be removed: {why}"
