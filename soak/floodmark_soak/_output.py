"""The output folder of a run: made once, refused if it holds anything, every result in it written whole or not at all."""

import contextlib
import errno
import os
import shutil
from pathlib import Path
from typing import Final

from floodmark_sidecar.errors import FloodmarkError, UsageError
from floodmark_sidecar.units import format_bytes

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LOW_WATER: Final = 1 << 20


class NoRoomError(FloodmarkError):
    """Raised when the disk of the output folder is full."""


class Output:
    """The folder of one run and the names of what is in it."""

    def __init__(self, path: Path) -> None:
        """Make *path* and its subfolders; raises `UsageError` if it is not empty or cannot be written to."""
        self.path = path.absolute()
        self.result = self.path / "result.json"
        self.report = self.path / "report.html"
        self.summary = self.path / "summary.md"
        self.junit = self.path / "junit.xml"
        self.readings = self.path / "readings.csv"
        self.service_log = self.path / "service.log"
        self.sidecar_log = self.path / "sidecar.log"
        self.store = self.path / "store.sqlite"
        self.load = self.path / "load"
        self.captures = self.path / "captures"
        self._made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if any(self.path.iterdir()):
                msg = f"the output folder {self.path} is not empty"
                raise UsageError(msg, hint="--output names another; a new or empty one is needed")
            self.load.mkdir()
            self.captures.mkdir()
        except (FileExistsError, NotADirectoryError):
            msg = f"the output folder {self.path} cannot be made: a file is in the way"
            raise UsageError(msg) from None
        except OSError as error:
            self.discard()
            msg = f"the output folder {self.path} cannot be written to: {error.strerror}"
            raise UsageError(msg) from None

    def discard(self) -> None:
        """Remove what was made: for a run that was never started."""
        if self.path in self._made:
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            for entry in (self.load, self.captures):
                shutil.rmtree(entry, ignore_errors=True)
            for file in (self.service_log, self.sidecar_log):
                file.unlink(missing_ok=True)
        for folder in self._made[1:]:
            with contextlib.suppress(OSError):
                folder.rmdir()

    def check_room(self) -> None:
        """Raise `NoRoomError` if the disk is about to be full, while there is room to say so."""
        status = os.statvfs(self.path)
        free = status.f_bavail * status.f_frsize
        if free < _LOW_WATER:
            raise NoRoomError(_no_room(self.path, f"{format_bytes(free)} left"))


def write_whole(path: Path, text: str) -> None:
    """Write *text* to *path* so that it is there whole or not at all; raises `NoRoomError` or `FloodmarkError`."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if error.errno in _NO_ROOM:
            raise NoRoomError(_no_room(path, error.strerror)) from None
        msg = f"{path} cannot be written: {error.strerror}"
        raise FloodmarkError(msg) from None


def _no_room(path: Path, detail: str | None) -> str:
    return f"there is no room on the disk of {path} ({detail})"
