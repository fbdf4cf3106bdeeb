"""Runs the application on a socket that was bound before: a taken port is known before anything else begins."""

import asyncio
import contextlib
import errno
import ipaddress
import socket
from collections.abc import Generator

import uvicorn
from fastapi import FastAPI

from floodmark_sidecar.errors import UsageError


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to *host* and *port* (0: any free one); raises `UsageError` when that cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError):
        msg = f"{host!r} is no address of this machine"
        raise UsageError(msg) from None
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(128)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            msg = f"port {port} of {host} is taken"
            raise UsageError(msg, hint="choose another --port, or 0 for any free one") from None
        msg = f"cannot listen on {host} port {port}: {error.strerror or error}"
        raise UsageError(msg) from None
    return bound


def is_loopback(bound: socket.socket) -> bool:
    """Say whether only this machine can reach the socket."""
    return ipaddress.ip_address(bound.getsockname()[0]).is_loopback


def url(bound: socket.socket) -> str:
    """Return where the socket is reached."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class HttpServer(uvicorn.Server):
    """uvicorn without its own handling of signals: the sidecar decides when everything ends, and in which order."""

    def __init__(self, app: FastAPI, bound: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            access_log=False,
            log_config=None,
            lifespan="off",
            server_header=False,
            date_header=False,  # the application writes it
            timeout_graceful_shutdown=2,
        )
        super().__init__(config)
        self._bound = bound
        self._ready = asyncio.Event()
        self._stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave all signals as they are."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept, then say so."""
        await super().startup(sockets)
        self._ready.set()

    async def main_loop(self) -> None:
        """Wait for `stop`. uvicorn looks for it ten times a second: four fifths of what a sidecar takes that only reads."""
        await self.on_tick(0)
        await self._stopping.wait()

    async def run_until_stopped(self) -> None:
        """Serve until `stop`, then finish the requests under way."""
        await self.serve(sockets=[self._bound])

    async def ready(self) -> None:
        """Wait until requests are accepted."""
        await self._ready.wait()

    def stop(self, *, at_once: bool = False) -> None:
        """Begin to end; requests under way have two seconds to finish, or none."""
        self.should_exit = True
        self.force_exit = at_once
        self._stopping.set()
