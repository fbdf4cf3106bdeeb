"""One writer a file: a lock beside it that the kernel drops when its holder dies, however it dies."""

import fcntl
import os
from pathlib import Path

from floodmark_sidecar.errors import UsageError


class FileLock:
    """An exclusive lock on *path* + `-lock`; raises `UsageError` when another process (or object) holds it.

    The lock has a file of its own because closing any descriptor of the database would drop SQLite's own locks.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}-lock")
        self._fd: int | None = None
        while self._fd is None:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(fd)
                msg = f"another sidecar is writing to {path}"
                raise UsageError(msg, hint="give each sidecar a store of its own") from None
            # The holder before us may have removed the file between our open and our lock: that lock guards nothing.
            if self._is_current(fd):
                self._fd = fd
            else:
                os.close(fd)

    def _is_current(self, fd: int) -> bool:
        try:
            return os.path.samestat(os.fstat(fd), self._path.stat())
        except FileNotFoundError:
            return False

    def release(self) -> None:
        """Remove the file and let go; idempotent."""
        if self._fd is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = None
