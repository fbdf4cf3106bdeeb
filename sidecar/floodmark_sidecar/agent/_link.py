"""The agent's end of the connection: never blocks, never grows, comes back by itself when the sidecar does."""

import errno
import os
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from floodmark_sidecar import wire
from floodmark_sidecar.agent._originals import Socket, poll

LONGEST_PATH: Final = 107
"""Bytes of a unix socket's path that the kernel takes."""

MOST_FRAMES: Final = 480
MOST_BYTES: Final = 4 << 20
_FIRST_WAIT: Final = 0.25
_LONGEST_WAIT: Final = 15.0
_UNANSWERED: Final = 10.0
"""Seconds the sidecar has to say welcome."""


def refusal(path: str) -> str | None:
    """Return why *path* cannot be a unix socket's, or None."""
    if not path:
        return "no socket path was given"
    if "\0" in path:
        return "the socket path holds a zero byte"
    length = len(os.fsencode(path))
    if length > LONGEST_PATH:
        return f"the socket path is {length} bytes long, and a unix socket takes {LONGEST_PATH}: {path}"
    return None


class Link:
    """One connection after another to the sidecar at *path*, and the messages that wait for it.

    Owned by the agent thread; only `close` may be called from another, once that thread is gone. Messages beyond
    `MOST_FRAMES` or `MOST_BYTES` push out the oldest, which are counted in `lost`.
    """

    def __init__(self, path: str, service: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._service, self._clock = path, service, clock
        self._socket: Socket | None = None
        self._decoder = wire.Decoder()
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._sent = 0
        self._greeting = b""
        self._greeted_at = 0.0
        self._failures = 0
        self._retry_at = 0.0
        self.welcomed = False
        self.lost = 0
        self.breaks = 0
        """How many connections have ended: whatever one of them asked for, nobody waits for any more."""

    def push(self, message: wire.Message) -> None:
        """Queue *message*; one that is too large or cannot be written as JSON is counted as lost."""
        try:
            frame = wire.encode(message)
        except (wire.WireError, ValueError, TypeError):
            self.lost += 1
            return
        self._waiting.append(frame)
        self._bytes += len(frame)
        while len(self._waiting) > MOST_FRAMES or self._bytes > MOST_BYTES:
            # The oldest may be half sent, and the sidecar then needs its rest.
            index = 1 if self._sent else 0
            self._bytes -= len(self._waiting[index])
            del self._waiting[index]
            self.lost += 1

    def wait(self, seconds: float, wake: int) -> list[dict[str, Any]]:
        """Send, receive and reconnect for at most *seconds*; return what arrived, early if something did.

        Returns early too when file descriptor *wake* can be read, and when the connection breaks.
        """
        until = self._clock() + seconds
        breaks = self.breaks
        while True:
            now = self._clock()
            if self._socket is None and now >= self._retry_at:
                self._connect()
            arrived = self._exchange(max(0.0, min(until, self._next_look(until)) - self._clock()), wake)
            if arrived is None:
                return []
            if arrived or self._clock() >= until or self.breaks != breaks:
                return arrived

    def close(self) -> None:
        """Close the connection; what waits stays for the next one, from its beginning."""
        if self._socket is not None:
            self._socket.close()
            self.breaks += 1
        self._socket = None
        self.welcomed = False
        self._sent = 0

    def _next_look(self, until: float) -> float:
        if self._socket is None:
            return self._retry_at
        return until if self.welcomed else self._greeted_at + _UNANSWERED

    def _connect(self) -> None:
        fresh = Socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            fresh.connect(self._path)
        except (OSError, ValueError):
            fresh.close()
            self._back_off()
            return
        self._socket = fresh
        self._decoder = wire.Decoder()
        self._greeted_at = self._clock()
        python = "{}.{}.{}".format(*sys.version_info[:3])
        hello = {"type": "hello", "version": wire.VERSION, "service": self._service, "pid": os.getpid()}
        self._greeting = wire.encode({**hello, "python": python, "can": ["trace", "native", "trim"]})

    def _back_off(self) -> None:
        """Close, and come back after a wait that grows with each failure, and differs from worker to worker."""
        self.close()
        longest = min(_FIRST_WAIT * 2 ** min(self._failures, 16), _LONGEST_WAIT)
        self._failures += 1
        self._retry_at = self._clock() + longest * (0.5 + int.from_bytes(os.urandom(2), "big") / (1 << 17))

    def _exchange(self, seconds: float, wake: int) -> list[dict[str, Any]] | None:
        """Wait once for the socket or *wake* and do what can be done; None if it was *wake*."""
        poller = poll()
        poller.register(wake, select.POLLIN)
        current = self._socket
        if current is not None:
            wants = bool(self._greeting or (self.welcomed and self._waiting))
            poller.register(current, select.POLLIN | (select.POLLOUT if wants else 0))
        ready = dict(poller.poll(seconds * 1000 + 1))
        if wake in ready:
            return None
        if current is None:
            return []
        event = ready.get(current.fileno(), 0)
        try:
            if event & select.POLLOUT:
                self._send(current)
            if event & ~select.POLLOUT:
                return self._receive(current)
        except (OSError, wire.WireError):
            self._back_off()
        if not event and not self.welcomed and self._clock() >= self._greeted_at + _UNANSWERED:
            self._back_off()
        return []

    def _send(self, current: Socket) -> None:
        try:
            if self._greeting:
                self._greeting = self._greeting[current.send(self._greeting, socket.MSG_NOSIGNAL) :]
            while self.welcomed and self._waiting:
                frame = self._waiting[0]
                self._sent += current.send(memoryview(frame)[self._sent :], socket.MSG_NOSIGNAL)
                if self._sent < len(frame):
                    return
                self._waiting.popleft()
                self._bytes -= len(frame)
                self._sent = 0
        except BlockingIOError:
            return

    def _receive(self, current: Socket) -> list[dict[str, Any]]:
        data = current.recv(1 << 16)
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, "the sidecar closed the connection")
        arrived = []
        for message in self._decoder.feed(data):
            if message["type"] == "welcome":
                if message.get("version") != wire.VERSION:
                    self._failures = 16
                    msg = "the sidecar speaks another version"
                    raise wire.WireError(msg)
                self.welcomed = True
                self._failures = 0
            arrived.append(message)
        return arrived
