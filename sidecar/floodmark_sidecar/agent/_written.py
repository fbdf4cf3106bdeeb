"""The file of a capture: there only when it is whole and on disk, readable by its owner alone."""

import json
import os
import platform
import time
from collections.abc import Mapping
from typing import Any, Final

_FORMAT: Final = 1


def head(service: str, pid: int, *, how: str = "fork") -> dict[str, Any]:
    """Return what every capture begins with; *how* is where it was taken, in a forked child or in the process itself."""
    return {
        "floodmark_capture": _FORMAT,
        "service": service,
        "pid": pid,
        "t": time.time(),
        "python": platform.python_version(),
        "how": how,
    }


def partial(path: str) -> str:
    """Return the name under which this process writes the file *path*."""
    return f"{path}.{os.getpid()}.part"


def write(partial_path: str, path: str, content: Mapping[str, Any]) -> None:
    """Write *content* to *partial_path*, which must be new, and move it to *path*; raises OSError."""
    data = memoryview(json.dumps(content, separators=(",", ":")).encode())
    fd = os.open(partial_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        while data:
            data = data[os.write(fd, data) :]
        os.fsync(fd)
        os.rename(partial_path, path)  # noqa: PTH104  see `_files`
    finally:
        os.close(fd)


def remove(path: str) -> None:
    """Remove what is left of a file that was not written to its end, if it can be."""
    try:
        os.unlink(path)  # noqa: PTH108  see `_files`
    except OSError:
        return
