"""`floodmark serve` as a process: a real service below it, agents on its socket, HTTP asked from outside."""

import os
import select
import signal
import socket
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from prometheus_client import parser

from floodmark_sidecar.agent import environment
from floodmark_sidecar.assess import assess
from floodmark_sidecar.capturefile import CaptureFile
from floodmark_sidecar.store import Reader
from tests.sidecar.serve.conftest import PARENT, SLEEPER, Connect, Serve, Serving, Spawn, eventually

pytestmark = pytest.mark.slow

LEAKING = """
import threading, time
from floodmark_caches import BoundedMap

class Scheduler:
    def __init__(self):
        self.move_locks = {}

scheduler = Scheduler()
bounded = BoundedMap("bounded", maxsize=10)
print("ready", flush=True)
n = 0
while True:
    for _ in range(200):
        scheduler.move_locks[f"/in/{n}.jpg"] = time.time()
        bounded[n % 50] = n
        n += 1
    time.sleep(0.02)
"""


def _worker(serving: Serving, name: str) -> dict[str, Any]:
    listed = serving.get("/api/v1/workers", service="web")["workers"]
    return next((one for one in listed if one["worker"] == name), {})


def test_a_process_tree_is_read_and_served(serve: Serve, spawn: Spawn, tmp_path: Path) -> None:
    """Workers, growth, metrics, health: from the first second."""
    parent = spawn(PARENT, "1")
    serving = serve("--watch", f"web={parent.pid}:{tmp_path}").ready()
    eventually(lambda: len(serving.get("/api/v1/growth")["t"]) > 3)
    assert _worker(serving, "web-0")["pid"] == parent.pid
    assert _worker(serving, "web-1")["parent"] == "web-0"
    growth = serving.get("/api/v1/growth")
    assert growth["total_bytes"][-1] > 4_000_000
    assert serving.get("/api/v1/services")["services"][0]["cwd"] == str(tmp_path)
    assert serving.get("/healthz")["status"] == "ok"
    assert serving.get("/readyz")["ready"] is True
    text = httpx.get(f"{serving.url}/metrics").text
    families = {family.name: family for family in parser.text_string_to_metric_families(text)}
    assert {sample.labels["worker"] for sample in families["floodmark_worker_uss_bytes"].samples} == {"web-0", "web-1"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_it_ends_cleanly_and_leaves_only_history(serve: Serve, spawn: Spawn, folder: Path, number: int) -> None:
    """Exit 0, nothing on stderr, no socket, no lock, no WAL."""
    serving = serve("--watch", f"web={spawn(SLEEPER).pid}").ready()
    eventually(lambda: serving.get("/api/v1/services")["services"][0]["last_reading"])
    assert serving.finish(number) == (0, "")
    assert sorted(file.name for file in folder.iterdir()) == ["captures", "history.db"]


def test_however_often_it_is_asked_to_end_it_leaves_only_history(serve: Serve, spawn: Spawn, folder: Path) -> None:
    """Impatience breaks nothing off: exit 0, nothing on stderr, no socket, no lock, no WAL."""
    serving = serve("--watch", f"web={spawn(SLEEPER).pid}").ready()
    eventually(lambda: serving.get("/api/v1/verdict", service="web"))
    while serving.process.poll() is None:
        serving.process.send_signal(signal.SIGINT)
        select.select([], [], [], 0.002)
    assert serving.finish() == (0, "")
    assert sorted(file.name for file in folder.iterdir()) == ["captures", "history.db"]


def test_the_second_signal_does_not_wait_for_requests(serve: Serve, connect: Connect, folder: Path) -> None:
    """One under way is given up without its two seconds, and the store is closed as ever."""
    serving = serve().ready()
    peer = connect(serving.socket)
    peer.hello()
    peer.send(type="reading", t=1.0, uss_bytes=1)
    eventually(lambda: _worker(serving, "web-0") if serving.get("/api/v1/services")["services"] else None)
    with socket.create_connection(("127.0.0.1", int(serving.url.rsplit(":", 1)[1]))) as asking:
        body = b'{"service": "web"}'
        asking.sendall(
            b"POST /api/v1/captures HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer secret\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        assert peer.receive()["type"] == "capture"
        serving.process.send_signal(signal.SIGINT)
        eventually(lambda: not _listens(serving))
        ends = serving.finish(signal.SIGINT)
        with asking.makefile("rb") as answer:
            said = answer.read()
    assert ends == (0, "")
    assert said.startswith(b"HTTP/1.1 ")
    assert sorted(file.name for file in folder.iterdir()) == ["captures", "history.db"]


def _listens(serving: Serving) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", int(serving.url.rsplit(":", 1)[1]))) == 0


def test_it_ends_cleanly_in_the_middle_of_requests_and_connections(serve: Serve, connect: Connect) -> None:
    """Open connections, of agents and of browsers, do not hold it up."""
    serving = serve().ready()
    connect(serving.socket).hello()
    with httpx.Client() as client, socket.create_connection(("127.0.0.1", int(serving.url.rsplit(":", 1)[1]))) as half:
        client.get(f"{serving.url}/healthz")
        half.sendall(b"GET / HTTP/1.1\r\nHost: localho")
        assert serving.finish() == (0, "")


def test_a_taken_port_is_said_before_anything_is_made(serve: Serve, folder: Path) -> None:
    """Exit 2 with the port, and no store begun."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        serving = serve("--port", str(port))
        code, errors = serving.finish(0)
    assert code == 2
    assert f"port {port} of 127.0.0.1 is taken" in errors
    assert list(folder.iterdir()) == []


def test_a_second_sidecar_is_refused_and_the_first_goes_on(serve: Serve, folder: Path) -> None:
    """Neither the store nor the socket can be taken over."""
    first = serve().ready()
    code, errors = serve().finish(0)
    assert (code, "another sidecar is writing" in errors) == (2, True)
    code, errors = serve("--store", str(folder / "other.db")).finish(0)
    assert (code, "another sidecar serves the socket" in errors) == (2, True)
    assert first.get("/healthz")["status"] == "ok"
    assert first.socket.exists()


def test_a_socket_path_that_is_too_long_is_said(serve: Serve, folder: Path) -> None:
    """Exit 2 and the kernel's limit."""
    code, errors = serve("--socket", str(folder / ("x" * 120))).finish(0)
    assert (code, "at most 107" in errors) == (2, True)


def test_kill_minus_nine_and_a_restart_keep_history_and_lives(serve: Serve, spawn: Spawn, folder: Path) -> None:
    """What was served before is served after; a stale socket is no obstacle; the worker is in the same life."""
    process = spawn(SLEEPER)
    first = serve("--watch", f"web={process.pid}").ready()
    times = eventually(lambda: (t := first.get("/api/v1/growth")["t"])[4:] and t)
    first.finish(signal.SIGKILL)
    assert first.socket.exists()
    again = serve("--watch", f"web={process.pid}").ready()
    eventually(lambda: again.get("/api/v1/growth")["t"][-1] > times[-1] + 0.5)
    assert set(times) <= set(again.get("/api/v1/growth")["t"])
    worker = _worker(again, "web-0")
    assert (worker["life"], worker["ended"]) == (1, None)
    again.finish()
    with sqlite3.connect(folder / "history.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def test_the_end_of_a_service_is_an_event_and_the_sidecar_goes_on(serve: Serve, spawn: Spawn) -> None:
    """Its history is still served, and the sidecar is well."""
    process = spawn(SLEEPER)
    serving = serve("--watch", f"web={process.pid}").ready()
    eventually(lambda: serving.get("/api/v1/services")["services"][0]["last_reading"])
    process.kill()
    process.wait()
    events = eventually(lambda: serving.get("/api/v1/events", service="web")["events"])
    assert events[0]["kind"] == "ended"
    assert eventually(lambda: _worker(serving, "web-0")["ended"])
    assert serving.get("/healthz")["status"] == "ok"
    assert serving.get("/api/v1/growth")["t"]


def test_an_agent_in_a_service_sends_readings_and_answers_captures(
    serve: Serve, spawn: Spawn, folder: Path, tmp_path: Path
) -> None:
    """The whole way: agent, socket, store, census, culprit; the dict that leaks is found though nobody registered it."""
    env = environment(socket=folder / "agent.sock", service="web", base=os.environ)
    serving = serve().ready()
    service = spawn(LEAKING, env=env)
    eventually(lambda: serving.get("/api/v1/services")["services"])
    eventually(lambda: _worker(serving, "web-0").get("agent") == "connected")
    eventually(lambda: [one["name"] for one in serving.get("/api/v1/maps")["maps"]] == ["bounded"])
    assert _worker(serving, "web-0")["python_blocks"] > 1000
    assert _worker(serving, "web-0")["pid"] == service.pid

    def census() -> dict[str, Any]:
        answer = serving.post("/api/v1/captures", {"service": "web"})
        assert answer.status_code == 200, answer.text
        (one,) = answer.json()["captures"]
        assert one["refused"] is None
        assert Path(one["path"]).parent == serving.captures
        return dict(one)

    first = census()
    eventually(lambda: serving.get("/api/v1/growth")["t"][-1] > first["t"] + 4)
    census()
    assert [one["path"] is not None for one in serving.get("/api/v1/captures")["captures"]] == [True, True]
    assert not [one for one in serving.get("/api/v1/workers")["workers"] if one["worker"] != "web-0"]
    with Reader(serving.store) as reader:
        rows = list(reader.rows("web"))
        found = assess(reader, "web", cwd=None)
    assert any(row["masked"] for row in rows)
    assert not all(row["masked"] for row in rows)
    assert "move_locks" in [culprit.name for culprit in found.culprits]


def test_a_wrong_token_takes_no_census(serve: Serve, connect: Connect) -> None:
    """The agents are not even asked."""
    serving = serve().ready()
    peer = connect(serving.socket)
    peer.hello()
    eventually(lambda: serving.get("/api/v1/services")["services"])
    assert serving.post("/api/v1/captures", {"service": "web"}, token="wrong").status_code == 401  # noqa: S106 - no secret
    peer.socket.settimeout(0.5)
    with pytest.raises(TimeoutError):
        peer.receive()


def test_periodic_censuses_ask_by_the_clock(serve: Serve, connect: Connect) -> None:
    """Each interval asks the worker once."""
    serving = serve("--census-every", "1s").ready()
    peer = connect(serving.socket)
    peer.hello()
    for _ in range(2):
        asked = peer.receive()
        assert asked["type"] == "capture"
        peer.send(type="captured", id=asked["id"], pid=1, started=1.0, ended=1.1, refused="not today")
    eventually(lambda: len(serving.get("/api/v1/captures")["captures"]) >= 2)


def test_files_of_before_are_brought_within_the_limits_at_the_start(serve: Serve, folder: Path) -> None:
    """An operator who lowers a limit does not wait for the next census."""
    captures = folder / "captures"
    captures.mkdir()
    made = [captures / CaptureFile.at("web-0", 1, 1e9 + hour).name for hour in range(9)]
    for path in made:
        path.write_text("{}")
    serve("--captures-keep", "4").ready()

    assert sorted(captures.iterdir()) == [made[0], *made[6:]]


def test_beyond_loopback_it_serves_with_a_token(serve: Serve) -> None:
    """Bound to every address, reading needs the token."""
    serving = serve("--host", "0.0.0.0").ready()
    url = serving.url.replace("0.0.0.0", "127.0.0.1")
    assert httpx.get(f"{url}/api/v1/services").status_code == 401
    assert httpx.get(f"{url}/api/v1/services", headers={"Authorization": "Bearer secret"}).status_code == 200


def test_reading_twice_a_second_costs_little(serve: Serve, spawn: Spawn) -> None:
    """The sidecar's own memory stays where it is while it reads, and it opens nothing that it does not close."""
    serving = serve("--watch", f"web={spawn(PARENT, '1').pid}").ready()
    eventually(lambda: len(serving.get("/api/v1/growth")["t"]) > 20)
    own = psutil.Process(serving.process.pid)
    before = own.num_fds(), own.num_threads()
    eventually(lambda: len(serving.get("/api/v1/growth")["t"]) > 60)
    assert own.num_fds() <= before[0] + 2
    assert own.memory_info().rss < 200 << 20


CHAINED = """
import time

class Block:
    __slots__ = ("body", "before")

newest = None
def grow():
    global newest
    block = Block()
    block.body = bytes(5000)  # the planted line
    block.before = newest
    newest = block

print("ready", flush=True)
while True:
    for _ in range(20):
        grow()
    time.sleep(0.02)
"""


def test_a_trace_window_names_the_line_of_a_leak_without_a_container(serve: Serve, spawn: Spawn, folder: Path) -> None:
    """The whole way: a chain of objects has no container; the line that makes it is named, and the service goes on."""
    env = environment(socket=folder / "agent.sock", service="web", base=os.environ)
    serving = serve().ready()
    service = spawn(CHAINED, env=env)
    eventually(lambda: serving.get("/api/v1/services")["services"])
    eventually(lambda: _worker(serving, "web-0").get("agent") == "connected")
    (one,) = serving.post("/api/v1/captures", {"service": "web", "trace": "1s"}).json()["captures"]
    assert (one["refused"], one["kind"], one["heaviest"][0]["kind"]) == (None, "trace", "line")
    eventually(lambda: serving.get("/api/v1/growth")["t"][-1] > one["t"] + 2)
    with Reader(serving.store) as reader:
        rows = list(reader.rows("web"))
        found = assess(reader, "web", cwd=None)
    assert any(row["masked"] for row in rows)
    number = CHAINED.splitlines().index("    block.body = bytes(5000)  # the planted line") + 1
    assert one["heaviest"][0]["name"] == found.culprits[0].name == f"<string>:{number}"
    assert found.culprits[0].kind == "line"
    assert found.notes == ()
    assert service.poll() is None
