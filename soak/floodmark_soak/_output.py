"""The output folder of a run: made once, refused if it holds anything, every result in it written whole or not at all."""

import contextlib
import errno
import fcntl
import os
import shutil
from pathlib import Path
from typing import Final

from floodmark_sidecar.errors import FloodmarkError, UsageError
from floodmark_sidecar.units import format_bytes

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LOW_WATER: Final = 1 << 20
_NEW: Final = "--output names another; a new or empty one is needed"


class NoRoomError(FloodmarkError):
    """Raised when the disk of the output folder is full."""


class Output:
    """The folder of one run and the names of what is in it, for one process at a time until `release`."""

    def __init__(self, path: Path, *, resume: bool = False) -> None:
        """Make *path* and its subfolders, or with *resume* take up the run that is in it.

        Raises `UsageError` if it cannot be written to, if another process has it, and, where none is to be resumed, if
        it is not empty.
        """
        self.path = path.absolute()
        self.story = self.path / "run.json"
        self.result = self.path / "result.json"
        self.report = self.path / "report.html"
        self.summary = self.path / "summary.md"
        self.junit = self.path / "junit.xml"
        self.readings = self.path / "readings.csv"
        self.service_log = self.path / "service.log"
        self.sidecar_log = self.path / "sidecar.log"
        self.store = self.path / "store.sqlite"
        self.tools = self.path / "tools.csv"
        self.load = self.path / "load"
        self.captures = self.path / "captures"
        self._resumed = resume
        self._made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        self._lock = -1
        try:
            if resume and not self.path.is_dir():
                msg = f"there is no run to go on with: there is no folder {self.path}"
                raise UsageError(msg, hint="leave out --resume to begin one, or name the folder of one with --output")
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.path)
            if not resume and any(self.path.iterdir()):
                what = "has a run in it" if self.story.exists() else "is not empty"
                hint = (
                    "--resume goes on with it, or --output names a new or empty folder" if self.story.exists() else _NEW
                )
                self.release()
                msg = f"the output folder {self.path} {what}"
                raise UsageError(msg, hint=hint)
            if not resume or self.story.exists():
                self.load.mkdir(exist_ok=resume)
                self.captures.mkdir(exist_ok=resume)
        except (FileExistsError, NotADirectoryError):
            self.release()
            msg = f"the output folder {self.path} cannot be made: a file is in the way"
            raise UsageError(msg) from None
        except OSError as error:
            self.discard()
            msg = f"the output folder {self.path} cannot be written to: {error.strerror}"
            raise UsageError(msg) from None

    def load_of(self, segment: int) -> Path:
        """Return the folder of the load of a segment; it is there from the moment at which that begins."""
        return self.load / f"segment-{segment}"

    def release(self) -> None:
        """Let others have the folder; idempotent."""
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1

    def discard(self) -> None:
        """Remove what was made and release the folder: for a run that was never started. What was there before stays."""
        self.release()
        if self._resumed:
            return
        if self.path in self._made:
            shutil.rmtree(self.path, ignore_errors=True)
        else:
            for entry in (self.load, self.captures):
                shutil.rmtree(entry, ignore_errors=True)
            for file in (self.service_log, self.sidecar_log, self.story):
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
        _settle(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if error.errno in _NO_ROOM:
            raise NoRoomError(_no_room(path, error.strerror)) from None
        msg = f"{path} cannot be written: {error.strerror}"
        raise FloodmarkError(msg) from None


def _settle(folder: Path) -> None:
    """Have the names in *folder* survive a power cut, as what the files hold does."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _locked(folder: Path) -> int:
    """Return a descriptor that holds *folder* for this process until it is closed, also by the process's end."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        msg = f"another floodmark is at work in the output folder {folder}"
        raise UsageError(msg, hint="wait for its end, or name another folder with --output") from None
    except OSError:
        # Some file systems of networks have no locks: there nobody can be told apart.
        return held
    return held


def _no_room(path: Path, detail: str | None) -> str:
    return f"there is no room on the disk of {path} ({detail})"
