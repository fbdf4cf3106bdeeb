"""The file of a unix socket: where it may be, whose it is, and that it goes when its owner goes."""

import contextlib
import errno
import os
import socket
import stat
from pathlib import Path
from typing import Final

from floodmark_sidecar.errors import UsageError

_MAX_PATH_BYTES: Final = 107
"""The kernel's limit on the path of a unix socket."""


class SocketFile:
    """A listening socket's place in the file system; only its own user may connect unless *open_to_others*."""

    def __init__(self, path: Path, *, open_to_others: bool) -> None:
        self._path = path
        self._open_to_others = open_to_others
        self._made: list[Path] = []
        self._identity: os.stat_result | None = None

    def bind(self) -> socket.socket:
        """Return a bound, non-blocking socket; raises `UsageError` when the path is too long, not safe, or taken."""
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self._prepare_folder()
            _clear_stale(self._path)
            bound.bind(str(self._path))
            self._path.chmod(0o666 if self._open_to_others else 0o600)
            self._identity = self._path.stat()
        except OSError as error:
            bound.close()
            self.remove()
            msg = f"the socket {self._path} cannot be made: {error.strerror or error}"
            raise UsageError(msg) from None
        except UsageError:
            bound.close()
            self.remove()
            raise
        return bound

    def remove(self) -> None:
        """Remove the file, if it is still ours, and the folders that were made for it; idempotent."""
        with contextlib.suppress(OSError):
            if self._identity is not None and os.path.samestat(self._identity, self._path.stat()):
                self._path.unlink()
        self._identity = None
        while self._made:
            with contextlib.suppress(OSError):
                self._made.pop().rmdir()

    def _prepare_folder(self) -> None:
        """Make the socket's folder, and those around it, if there is none; one that others may write to is refused.

        Whoever can put a socket there could pose as the sidecar and tell agents where to write files.
        """
        folder = self._path.parent
        try:
            missing = [one for one in (folder, *folder.parents) if not one.exists()]
            for one in reversed(missing):
                one.mkdir(mode=0o711 if self._open_to_others else 0o700)
                self._made.append(one)
            found = folder.stat()
        except OSError as error:
            msg = f"the socket's folder {folder} cannot be used: {error.strerror or error}"
            raise UsageError(msg) from None
        if found.st_mode & 0o022 or found.st_uid not in {0, os.geteuid()}:
            msg = f"the socket's folder {folder} can be written to by others (mode {stat.S_IMODE(found.st_mode):04o})"
            raise UsageError(msg, hint="give the socket a folder of its own, with mode 0700")


def _clear_stale(path: Path) -> None:
    """Remove a socket that nobody serves any more; refuses one that is served, and anything that is no socket."""
    length = len(os.fsencode(path))
    if length > _MAX_PATH_BYTES:
        msg = f"the socket path {path} is {length} bytes long; the kernel takes at most {_MAX_PATH_BYTES}"
        raise UsageError(msg, hint="use a shorter one, such as /run/floodmark/agent.sock")
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        msg = f"{path} exists and is no socket"
        raise UsageError(msg)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        code = probe.connect_ex(str(path))
    if code not in {errno.ECONNREFUSED, errno.ENOENT}:
        msg = f"another sidecar serves the socket {path}"
        raise UsageError(msg, hint="stop it, or use another path")
    path.unlink(missing_ok=True)
