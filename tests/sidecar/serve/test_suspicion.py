"""A service that climbs is looked at sooner than by the clock: a real sidecar over a history, asked by nobody."""

import time
from pathlib import Path

import pytest

from floodmark_sidecar.readings import WorkerReading
from floodmark_sidecar.store import Life, Sample, Store
from tests.sidecar.serve.conftest import Connect, Serve, eventually

pytestmark = pytest.mark.slow

MIB = 1 << 20


def remember(path: Path, *, growth: int) -> None:
    """Store ten minutes of a worker that grew by so many bytes a second."""
    store, now = Store(path), time.time()
    life = Life("web-0", 1, 10, 1.0, started=now - 600)
    for second in range(0, 600, 2):
        reading = WorkerReading("web-0", 1, uss_bytes=100 * MIB + growth * second)
        store.put_sample(Sample("web", now - 600 + second, ((life, reading),)))
    store.close()


def test_a_climb_is_captured_before_the_clock_would(serve: Serve, connect: Connect, folder: Path) -> None:
    """The clock would have asked after twelve seconds, suspicion does after two."""
    remember(folder / "history.db", growth=MIB // 4)
    serving = serve("--census-every", "12s").ready()
    peer = connect(serving.socket)
    peer.hello()

    for _ in range(2):
        asked = peer.receive()
        peer.send(type="captured", id=asked["id"], pid=1, started=1.0, ended=1.1, refused="not today")

    found = eventually(lambda: serving.get("/api/v1/captures")["captures"][1:])
    assert found[-1]["trigger"] == "suspicion"
    events = [event["text"] for event in serving.get("/api/v1/events", service="web")["events"]]
    assert "web climbs: up to 6 censuses until what grows has a name" in events


def test_a_steady_service_is_left_to_the_clock(serve: Serve, connect: Connect, folder: Path) -> None:
    """Nothing is asked on any other account."""
    remember(folder / "history.db", growth=0)
    serving = serve("--census-every", "3s").ready()
    peer = connect(serving.socket)
    peer.hello()

    asked = peer.receive()
    peer.send(type="captured", id=asked["id"], pid=1, started=1.0, ended=1.1, refused="not today")

    found = eventually(lambda: serving.get("/api/v1/captures")["captures"])
    assert [one["trigger"] for one in found] == ["clock"]


def test_a_climb_that_censuses_do_not_name_is_traced(serve: Serve, connect: Connect, folder: Path) -> None:
    """After six of them, one worker is asked for a window as long as was given."""
    remember(folder / "history.db", growth=MIB // 4)
    serving = serve("--census-every", "3s", "--trace-window", "7s").ready()
    peer = connect(serving.socket)
    peer.hello(can=["census", "trace"])

    for _ in range(40):
        asked = peer.receive()
        peer.send(type="captured", id=asked["id"], pid=1, started=1.0, ended=1.1, refused="not today")
        if asked.get("kind") == "trace":
            break

    assert asked["seconds"] == 7.0
    found = eventually(lambda: [row for row in serving.get("/api/v1/captures")["captures"] if row["kind"] == "trace"])
    assert [row["trigger"] for row in found] == ["suspicion"]
