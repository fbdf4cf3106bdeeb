"""Where agents connect: a unix stream socket, each connection on its own, nobody trusted beyond what the kernel says.

A peer that is hostile, broken or of another version loses its own connection and leaves an event; nothing else.
"""

import asyncio
import os
import re
import socket
import struct
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from floodmark_sidecar import wire
from floodmark_sidecar.readings import AgentReading, Captured, parse_captured, parse_reading
from floodmark_sidecar.socketfile import SocketFile

SERVICE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""What a service may be called: it becomes part of file names, labels and worker names."""

_CREDENTIALS: Final = struct.Struct("3i")
_MAX_CONNECTIONS: Final = 1024
_HELLO_SECONDS: Final = 5.0
_SEND_SECONDS: Final = 5.0
_CHUNK: Final = 1 << 16
_BYTES_PER_SECOND: Final = 4 << 20
"""What one peer may make the sidecar parse; a few readings of the largest size a second are far below."""


@dataclass(eq=False, slots=True)
class Agent:
    """One agent that said hello. `pid` is the kernel's word for the peer, in this sidecar's own namespace.

    `can` are the kinds of capture it takes beside a census. `capturing` is the id of the census it was last asked for, until it answers or goes: also after nobody waits for
    the answer any more.
    """

    service: str
    pid: int
    python: str | None
    can: frozenset[str] = frozenset()
    reading: AgentReading | None = None
    received: float = 0.0
    capturing: str | None = None
    _writer: asyncio.StreamWriter | None = None
    _answer: asyncio.Future[Captured] | None = None

    def fresh(self, *, now: float, within: float) -> AgentReading | None:
        """Return the newest reading if it came at most *within* seconds before *now* (monotonic)."""
        return self.reading if self.reading is not None and now - self.received <= within else None

    async def capture(self, capture_id: str, path: Path, more: Mapping[str, object]) -> Captured:
        """Ask for a census and wait for its answer, however long: the caller sets the deadline.

        *more* makes it another kind of capture, see `wire`.

        Raises `ConnectionError` when the agent goes away first.
        """
        if self._writer is None:
            msg = "the agent is not connected"
            raise ConnectionError(msg)
        self.capturing = capture_id
        self._answer = asyncio.get_running_loop().create_future()
        await _send(self._writer, {"type": "capture", "id": capture_id, "path": str(path), **more})
        return await self._answer

    def answered(self, captured: Captured) -> None:
        """Hand an answer to whoever waits for it; one that nobody waits for any more is dropped."""
        if captured.id != self.capturing:
            return
        self.capturing = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(captured)

    def gone(self) -> None:
        """The connection has ended."""
        self._writer = self.capturing = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the agent went away"))

    def hang_up(self) -> None:
        """Close the connection from this side."""
        if self._writer is not None:
            self._writer.close()


class Intake:
    """The socket of one sidecar. Everything runs on one event loop; `agents` may be copied from any thread.

    *allowed_uids* may connect besides the sidecar's own user and root. *on_event* is told (kind, text, service).
    """

    def __init__(
        self,
        path: Path,
        *,
        read_every: float,
        on_event: Callable[[str, str, str | None], None],
        allowed_uids: Collection[int] = (),
    ) -> None:
        self._file = SocketFile(path, open_to_others=bool(allowed_uids))
        self._read_every = read_every
        self._on_event = on_event
        self._uids = frozenset(allowed_uids) | {0, os.geteuid()}
        self._agents: dict[int, Agent] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._socket: socket.socket | None = None

    @property
    def agents(self) -> Mapping[int, Agent]:
        """The agents that are connected now, by pid; a copy."""
        return dict(self._agents)

    def bind(self) -> None:
        """Make the socket; raises `UsageError` when its path is too long, not safe, or another sidecar's."""
        self._socket = self._file.bind()

    async def start(self) -> None:
        """Begin to accept agents on the bound socket."""
        assert self._socket is not None, "bind() comes first"  # noqa: S101 - the order is this package's own
        self._server = await asyncio.start_unix_server(self._accept, sock=self._socket, limit=_CHUNK)

    async def stop(self) -> None:
        """Hang up on every agent and remove the socket; idempotent."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.unbind()

    def unbind(self) -> None:
        """Close the socket and remove its file; idempotent."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._file.remove()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs handlers as tasks
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            if len(self._tasks) <= _MAX_CONNECTIONS:
                await self._serve(reader, writer)
            else:
                self._on_event(
                    "agents", f"more than {_MAX_CONNECTIONS} agents want to connect; one was turned away", None
                )
        except (OSError, TimeoutError, asyncio.CancelledError):
            # A lost peer is no news. A cancelled handler ends here too, or asyncio would report it as an error.
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pid, uid = _peer(writer)
        if uid not in self._uids:
            self._on_event(
                "refused",
                f"a process of user {uid} (pid {pid}) tried to connect; users allowed: {sorted(self._uids)}",
                None,
            )
            return
        agent: Agent | None = None
        decoder = wire.Decoder()
        pace = _Pace()
        quiet = max(60.0, 20 * self._read_every)
        try:
            while True:
                async with asyncio.timeout(_HELLO_SECONDS if agent is None else quiet):
                    data = await reader.read(_CHUNK)
                if not data:
                    return
                for message in decoder.feed(data):
                    if agent is None:
                        agent = self._admit(message, pid, writer)
                        if agent is None:
                            return
                        await _send(writer, self._welcome)
                    else:
                        _take(agent, message)
                await pace.spend(len(data))
        except wire.WireError as error:
            who = f"the agent of {agent.service}" if agent else "a process that said no hello"
            self._on_event("nonsense", f"{who} (pid {pid}) was hung up on: {error}", agent.service if agent else None)
        finally:
            if agent is not None:
                agent.gone()
                if self._agents.get(agent.pid) is agent:
                    del self._agents[agent.pid]

    @property
    def _welcome(self) -> wire.Message:
        return {"type": "welcome", "version": wire.VERSION, "read_every": self._read_every}

    def _admit(self, message: Mapping[str, Any], peer_pid: int, writer: asyncio.StreamWriter) -> Agent | None:
        if message["type"] != "hello":
            msg = f"the first message is {message['type']!r:.40}, not a hello"
            raise wire.WireError(msg)
        service, version = message.get("service"), message.get("version")
        if not isinstance(service, str) or not SERVICE_NAME.fullmatch(service):
            msg = f"{service!r:.80} is not a service's name"
            raise wire.WireError(msg)
        if version != wire.VERSION:
            text = f"the agent of {service} (pid {peer_pid}) speaks version {version!r:.20}, this sidecar version {wire.VERSION}"
            self._on_event("version", text, service)
            return None
        claimed = message.get("pid")
        # The kernel's number cannot be forged; it is 0 only for a peer in a pid namespace that is not below ours.
        pid = peer_pid or (claimed if isinstance(claimed, int) and claimed > 0 else 0)
        python = message.get("python")
        can = message.get("can")
        agent = Agent(service, pid, python[:40] if isinstance(python, str) else None, _kinds(can), _writer=writer)
        earlier = self._agents.get(pid)
        self._agents[pid] = agent
        if earlier is not None:
            earlier.hang_up()
        return agent


def _kinds(value: object) -> frozenset[str]:
    """Return the short texts in *value*, if it is a list: an agent of another version may say anything."""
    return frozenset(each for each in value if isinstance(each, str)) if isinstance(value, list) else frozenset()


class _Pace:
    """Holds one peer to a rate, by not reading on: its own buffer fills, nobody else's turn is taken."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._bytes = 0

    async def spend(self, count: int) -> None:
        self._bytes += count
        ahead = self._bytes / _BYTES_PER_SECOND - (time.monotonic() - self._since)
        # Even at no pause the loop must run: a stream that always has data would otherwise never give way.
        await asyncio.sleep(max(0.0, ahead))
        if ahead < -1:
            self._since, self._bytes = time.monotonic(), 0


def _take(agent: Agent, message: Mapping[str, Any]) -> None:
    """Act on one message of an agent that was welcomed; types of a later day are ignored."""
    if message["type"] == "reading":
        agent.reading, agent.received = parse_reading(message), time.monotonic()
    elif message["type"] == "captured":
        agent.answered(parse_captured(message))


async def _send(writer: asyncio.StreamWriter, message: wire.Message) -> None:
    writer.write(wire.encode(message))
    async with asyncio.timeout(_SEND_SECONDS):
        await writer.drain()


def _peer(writer: asyncio.StreamWriter) -> tuple[int, int]:
    raw = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(raw)
    return pid, uid
