"""The agent's end of the connection, against a real unix socket server."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from floodmark_sidecar import wire
from floodmark_sidecar.agent import _link
from floodmark_sidecar.agent._link import Link
from tests.sidecar.agent.conftest import Sidecar


@pytest.fixture
def wake() -> Iterator[int]:
    """A descriptor nobody has written to."""
    fd = os.eventfd(0, os.EFD_NONBLOCK)
    yield fd
    os.close(fd)


@pytest.fixture
def link(short_path: Path) -> Iterator[Link]:
    """A link to `short_path / "s"`."""
    link = Link(str(short_path / "s"), "web")
    yield link
    link.close()


def drive(link: Link, wake: int, condition: Callable[[], Any]) -> None:
    """Give the link its turns until *condition* holds."""
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        link.wait(0.02, wake)


def reading(number: int, size: int = 0) -> dict[str, Any]:
    return {"type": "reading", "number": number, "padding": "x" * size}


def test_hello_first_then_readings(sidecar: Sidecar, link: Link, wake: int) -> None:
    """A connection begins with hello; readings follow once the sidecar has said welcome."""
    link.push(reading(1))
    drive(link, wake, lambda: sidecar.of("reading"))
    hello = sidecar.messages[0]
    assert (hello["type"], hello["version"], hello["service"]) == ("hello", wire.VERSION, "web")
    assert hello["pid"] == os.getpid()
    assert sidecar.messages[1] == reading(1)


def test_what_the_sidecar_says_arrives(sidecar: Sidecar, link: Link, wake: int) -> None:
    """Messages come back from `wait` as they are."""
    arrived: list[dict[str, Any]] = []
    until = time.monotonic() + 10
    while not arrived:
        assert time.monotonic() < until
        arrived = link.wait(0.5, wake)
    assert arrived == [{"type": "welcome", "version": wire.VERSION, "read_every": 0.1}]


def test_without_a_sidecar_it_waits_quietly_and_keeps_the_newest(link: Link, wake: int) -> None:
    """The buffer holds so many readings; the oldest go, and are counted."""
    for number in range(_link.MOST_FRAMES + 7):
        link.push(reading(number))
    started = time.monotonic()
    assert link.wait(0.05, wake) == []
    assert time.monotonic() - started < 2
    assert link.lost == 7


def test_the_buffer_is_bounded_in_bytes(sidecar: Sidecar, link: Link, wake: int) -> None:
    """A few large readings fill it as well; the newest arrive when the sidecar is there."""
    for number in range(20):
        link.push(reading(number, 500_000))
    assert link.lost == 20 - _link.MOST_BYTES // 500_060
    drive(link, wake, lambda: any(message["number"] == 19 for message in sidecar.of("reading")))
    assert [message["number"] for message in sidecar.of("reading")] == list(range(link.lost, 20))


def test_a_message_that_cannot_be_sent_is_lost_alone(link: Link) -> None:
    """One that is too large, or is no JSON, is counted and does no harm."""
    link.push(reading(1, wire.MAX_FRAME))
    link.push({"type": "reading", "value": float("nan")})
    link.push({"type": "reading", "value": object()})
    assert link.lost == 3


def test_it_comes_back_when_the_sidecar_does(short_path: Path, link: Link, wake: int) -> None:
    """After the server vanished, readings wait and reach the next one; each connection begins with hello."""
    first = Sidecar(short_path / "s")
    link.push(reading(1))
    drive(link, wake, lambda: first.of("reading"))
    first.close()
    drive(link, wake, lambda: not link.welcomed)
    link.push(reading(2))
    link.wait(0.05, wake)
    second = Sidecar(short_path / "s")
    try:
        drive(link, wake, lambda: second.of("reading"))
        assert [message["type"] for message in second.messages] == ["hello", "reading"]
        assert second.of("reading") == [reading(2)]
    finally:
        second.close()


def test_a_half_sent_reading_is_sent_whole_to_the_next_sidecar(short_path: Path, link: Link, wake: int) -> None:
    """A connection that breaks within a frame loses nothing and garbles nothing."""
    import socket

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(short_path / "s"))
    listener.listen()
    link.push(reading(1, 900_000))
    link.wait(0.0, wake)
    connection, _ = listener.accept()
    connection.sendall(wire.encode({"type": "welcome", "version": wire.VERSION, "read_every": 1}))
    drive(link, wake, lambda: link._sent)
    connection.close()
    listener.close()
    (short_path / "s").unlink()
    drive(link, wake, lambda: not link.welcomed)
    server = Sidecar(short_path / "s")
    try:
        drive(link, wake, lambda: server.of("reading"))
        assert server.of("reading") == [reading(1, 900_000)]
    finally:
        server.close()


def test_another_version_gets_no_readings(short_path: Path, link: Link, wake: int) -> None:
    """The link leaves, and does not come back soon."""
    server = Sidecar(short_path / "s", version=wire.VERSION + 1)
    try:
        link.push(reading(1))
        drive(link, wake, lambda: server.of("hello") and link._socket is None)
        link.wait(0.3, wake)
        assert len(server.messages) == 1
    finally:
        server.close()


def test_a_sidecar_that_speaks_nonsense(short_path: Path, link: Link, wake: int) -> None:
    """Bytes that are no frames close the connection, and nothing is raised."""
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(short_path / "s"))
        listener.listen()
        link.wait(0.0, wake)
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            drive(link, wake, lambda: link._socket is None)


def test_it_can_be_woken(link: Link, wake: int) -> None:
    """A wait ends at once when the descriptor can be read."""
    threading.Timer(0.05, os.eventfd_write, (wake, 1)).start()
    started = time.monotonic()
    assert link.wait(30, wake) == []
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/run/" + "x" * 103, "the socket path is 108 bytes long, and a unix socket takes 107: /run/" + "x" * 103),
        ("", "no socket path was given"),
        ("/a\0b", "the socket path holds a zero byte"),
        ("/run/" + "x" * 102, None),
    ],
)
def test_paths_that_cannot_be_a_socket_s(path: str, reason: str | None) -> None:
    """A path that is too long is refused with its length, before anything is tried."""
    assert _link.refusal(path) == reason
