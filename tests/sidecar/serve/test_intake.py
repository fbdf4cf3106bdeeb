"""Agents on the socket: welcome ones, broken ones, hostile ones."""

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from floodmark_sidecar import wire
from floodmark_sidecar.errors import UsageError
from floodmark_sidecar.intake import Intake
from tests.sidecar.serve.conftest import Connect, Loop, Peer, eventually


class Open:
    """An intake on its loop, and the events it told of."""

    def __init__(self, loop: Loop, path: Path, **settings: Any) -> None:
        self.loop = loop
        self.path = path
        self.events: list[tuple[str, str, str | None]] = []
        self.intake = Intake(path, read_every=0.5, on_event=lambda *event: self.events.append(event), **settings)
        self.intake.bind()
        loop.run(self.intake.start())

    def close(self) -> None:
        """Stop it."""
        self.loop.run(self.intake.stop())


@pytest.fixture
def opened(loop: Loop, folder: Path) -> Iterator[Open]:
    """An open intake."""
    one = Open(loop, folder / "s.sock")
    yield one
    one.close()


def test_an_agent_is_welcomed_and_its_newest_reading_kept(opened: Open, connect: Connect) -> None:
    """The welcome says how often to read; of several readings the last counts."""
    peer = connect(opened.path)
    assert peer.hello() == {"type": "welcome", "version": wire.VERSION, "read_every": 0.5}
    peer.send(type="reading", t=1.0, uss_bytes=1)
    peer.send(type="reading", t=2.0, uss_bytes=2)
    agent = eventually(
        lambda: next((a for a in opened.intake.agents.values() if a.reading and a.reading.t == 2.0), None)
    )
    assert (agent.service, agent.pid, agent.python) == ("web", os.getpid(), "3.11.7")


def test_the_pid_is_the_kernels_word(opened: Open, connect: Connect) -> None:
    """A peer cannot speak for another process, whatever it claims."""
    peer = connect(opened.path)
    peer.send(type="hello", version=wire.VERSION, service="web", pid=1, python="3.11")
    peer.receive()
    assert list(opened.intake.agents) == [os.getpid()]


def test_an_agent_that_goes_is_forgotten(opened: Open, connect: Connect) -> None:
    """When the connection ends, so does the agent."""
    peer = connect(opened.path)
    peer.hello()
    assert opened.intake.agents
    peer.close()
    eventually(lambda: not opened.intake.agents)
    assert opened.events == []


def test_the_newer_connection_of_a_process_wins(opened: Open, connect: Connect) -> None:
    """An agent that connects again is not two; its old connection is hung up on."""
    old, new = connect(opened.path), connect(opened.path)
    old.hello()
    new.hello()
    assert old.hung_up()
    new.send(type="reading", t=3.0)
    eventually(lambda: opened.intake.agents[os.getpid()].reading is not None)


HOSTILE = {
    "no frame at all": b"GET / HTTP/1.1\r\n\r\n",
    "a frame without end": struct.pack(">I", 0xFFFFFFFF),
    "no JSON": struct.pack(">I", 3) + b"{{{",
    "no object": struct.pack(">I", 2) + b"[]",
    "deep nesting": struct.pack(">I", 200_000) + b"[" * 200_000,
    "no hello first": wire.encode({"type": "reading", "t": 1.0}),
    "a service that is no name": wire.encode({"type": "hello", "version": 1, "service": "../../etc", "pid": 1}),
    "no service": wire.encode({"type": "hello", "version": 1, "pid": 1}),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_broken_peer_loses_its_own_connection_only(opened: Open, connect: Connect, data: bytes) -> None:
    """It is hung up on and an event says why; who came before goes on."""
    good = connect(opened.path)
    good.hello()
    bad = connect(opened.path)
    bad.socket.sendall(data)
    assert bad.hung_up()
    eventually(lambda: [event for event in opened.events if event[0] == "nonsense"])
    good.send(type="reading", t=9.0)
    eventually(lambda: opened.intake.agents[os.getpid()].reading is not None)


def test_nonsense_after_a_good_start_is_told_of_its_service(opened: Open, connect: Connect) -> None:
    """A welcomed agent whose reading makes no sense is hung up on, with the field in the event."""
    peer = connect(opened.path)
    peer.hello()
    peer.send(type="reading", t=1.0, uss_bytes="lots")
    assert peer.hung_up()
    ((kind, text, service),) = eventually(lambda: opened.events)
    assert (kind, service) == ("nonsense", "web")
    assert "uss_bytes is 'lots'" in text


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version_is_refused_with_an_event(opened: Open, connect: Connect, version: object) -> None:
    """An agent that speaks another version is hung up on, and the event names both."""
    peer = connect(opened.path)
    peer.send(type="hello", version=version, service="web", pid=1, python="3.11")
    assert peer.hung_up()
    ((kind, text, service),) = eventually(lambda: opened.events)
    assert (kind, service) == ("version", "web")
    assert repr(version) in text


def test_types_of_a_later_day_are_ignored(opened: Open, connect: Connect) -> None:
    """An unknown message is no reason to hang up."""
    peer = connect(opened.path)
    peer.hello()
    peer.send(type="song", text="la")
    peer.send(type="reading", t=4.0)
    eventually(lambda: opened.intake.agents[os.getpid()].reading is not None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_is_refused_unless_allowed(loop: Loop, folder: Path, connect: Connect) -> None:
    """A process of a user that is not allowed is hung up on, whatever it says; one that is, is welcomed."""
    folder.chmod(0o711)
    for allowed, kinds in (((65533,), ["refused"]), ((65534,), [])):
        opened = Open(loop, folder / "s.sock", allowed_uids=allowed)
        try:
            os.seteuid(65534)
            try:
                peer = connect(opened.path)
            finally:
                os.seteuid(0)
            if kinds:
                assert peer.hung_up()
            else:
                peer.hello()
            assert [kind for kind, _, _ in opened.events] == kinds
        finally:
            opened.close()


def test_a_stale_socket_is_replaced(opened: Open, loop: Loop, folder: Path, connect: Connect) -> None:
    """A file that nobody listens on is what a killed sidecar leaves; it is no obstacle."""
    stale = folder / "stale.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(stale))
    again = Open(loop, stale)
    connect(stale).hello()
    again.close()
    assert not stale.exists()


def _bind(path: Path) -> None:
    Intake(path, read_every=1.0, on_event=lambda *_: None).bind()


def test_a_live_socket_is_refused(opened: Open, connect: Connect) -> None:
    """Two sidecars do not share a socket: the second says so, and the first goes on."""
    with pytest.raises(UsageError, match="another sidecar serves"):
        _bind(opened.path)
    connect(opened.path).hello()


def test_a_file_that_is_no_socket_is_left_alone(folder: Path) -> None:
    """A socket is never put in place of somebody's file."""
    path = folder / "notes.txt"
    path.write_text("mine")
    with pytest.raises(UsageError, match="is no socket"):
        _bind(path)
    assert path.read_text() == "mine"


def test_a_path_that_is_too_long_is_refused_before_anything_is_made(folder: Path) -> None:
    """The kernel's limit is named; no folder is left behind, however many were missing."""
    with pytest.raises(UsageError, match="at most 107"):
        _bind(folder / "a" / ("x" * 60) / ("y" * 60))
    assert list(folder.iterdir()) == []


def test_a_folder_that_others_may_write_to_is_refused(folder: Path) -> None:
    """Whoever can replace the socket could pose as the sidecar."""
    shared = folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(UsageError, match="mode 0777"):
        _bind(shared / "s.sock")


def test_folders_made_for_the_socket_are_private_and_go_with_it(loop: Loop, folder: Path) -> None:
    """The folders have mode 0700, the socket 0600, and none is left behind."""
    opened = Open(loop, folder / "run" / "web" / "s.sock")
    for made in (folder / "run", folder / "run" / "web"):
        assert made.stat().st_mode & 0o777 == 0o700
    assert opened.path.stat().st_mode & 0o777 == 0o600
    opened.close()
    assert list(folder.iterdir()) == []


def test_a_folder_that_came_to_hold_something_else_stays(loop: Loop, folder: Path) -> None:
    """What others put beside the socket is theirs."""
    opened = Open(loop, folder / "run" / "web" / "s.sock")
    (folder / "run" / "notes.txt").write_text("mine")
    opened.close()
    assert [file.name for file in (folder / "run").iterdir()] == ["notes.txt"]


def test_a_silent_peer_does_not_hold_up_the_end(loop: Loop, folder: Path, connect: Connect) -> None:
    """Connections that said hello, and ones that said nothing, are closed at the end."""
    opened = Open(loop, folder / "s.sock")
    peers: list[Peer] = [connect(opened.path), connect(opened.path)]
    peers[0].hello()
    opened.close()
    assert all(peer.hung_up() for peer in peers)
    assert not opened.path.exists()
