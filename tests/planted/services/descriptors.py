"""What the kernel keeps for a service: files, sockets, children."""

import os
import shutil
import socket

from tests.planted._truth import leak

connections: list[socket.socket] = []  # planted: sockets
_TRUE = shutil.which("true") or "/bin/true"


@leak("fd", "line", named=r".*descriptors\.py|file", growth_class="fds")
def files(tick: int) -> None:
    """A file is opened by its number, and the number is lost."""
    os.open(__file__, os.O_RDONLY)  # planted: files


@leak("fd", "container", "line", named="socket|connections", growth_class="fds")
def sockets(tick: int) -> None:
    """Connections are kept and never closed."""
    connections.extend(socket.socketpair())  # planted: sockets


@leak("process", "line", named="true", growth_class="processes")
def zombies(tick: int) -> None:
    """Children end and nobody asks how."""
    if tick % 4 == 0:
        os.posix_spawn(_TRUE, ["true"], {})  # planted: zombies
