"""The agent in services of its own, talking to a real sidecar."""

import importlib.util
import json
from pathlib import Path

import pytest

from floodmark_sidecar.agent import environment
from tests.sidecar.agent.conftest import Run, Service, Sidecar

IDLE = """
import sys
from floodmark_sidecar import agent
print(agent.start(service="web", socket={socket!r}), flush=True)
kept = [str(number) for number in range(1000)]
sys.stdin.read()
"""


def count(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())


def settled(folder: Path) -> int:
    """The fewest entries in many looks: while the agent takes a reading it has a file open."""
    return min(count(folder) for _ in range(200))


def idle(short_path: Path) -> str:
    return IDLE.format(socket=str(short_path / "s"))


def test_hello_and_readings(sidecar: Sidecar, service: Service, short_path: Path, python: str) -> None:
    """An agent says who it is, then sends its numbers at the interval the sidecar asked for."""
    process = service(idle(short_path), python=python)
    readings = sidecar.wait(lambda s: s.of("reading")[2:])
    hello = sidecar.messages[0]
    assert (hello["service"], hello["pid"]) == ("web", process.pid)
    assert (readings[0]["pid"], readings[0]["lost"], readings[0]["maps"]) == (process.pid, 0, [])
    assert readings[0]["threads"] == 2
    assert readings[0]["uss_bytes"] > 1 << 20


def test_a_capture_on_request(sidecar: Sidecar, service: Service, short_path: Path, python: str) -> None:
    """Asked for a census, the agent answers with where it is and what it cost; readings go on after it."""
    process = service(idle(short_path), python=python)
    sidecar.wait(lambda s: s.of("reading"))
    path = short_path / "capture.json"
    sidecar.send(process.pid, {"type": "capture", "id": 7, "path": str(path)})
    (told,) = sidecar.wait(lambda s: s.of("captured"))
    assert (told["id"], told["pid"], told.get("path"), told.get("refused")) == (7, process.pid, str(path), None)
    assert 0 < told["stall_seconds"] < 1
    assert any(row["path"] == "service0.kept" for row in json.loads(path.read_text())["containers"])
    count = len(sidecar.of("reading"))
    sidecar.wait(lambda s: len(s.of("reading")) > count)


def test_a_refused_capture(sidecar: Sidecar, service: Service, short_path: Path) -> None:
    """The reason a census was not taken comes back in words, and so does that for a path that is none."""
    process = service(
        "from floodmark_sidecar.agent import _safety\n_safety.CENSUS_BYTES = 1 << 60\n_safety.CENSUS_HERE_BYTES = 1 << 60\n"
        + idle(short_path)
    )
    sidecar.wait(lambda s: s.of("reading"))
    sidecar.send(process.pid, {"type": "capture", "id": 1, "path": str(short_path / "c")})
    sidecar.send(process.pid, {"type": "capture", "id": 2, "path": "relative"})
    first, second = sidecar.wait(lambda s: s.of("captured")[1:] and s.of("captured"))
    assert "no room" in first["refused"]
    assert second["refused"] == "not an absolute path: 'relative'"
    assert not (short_path / "c").exists()


def test_a_capture_of_what_cannot_be_forked(sidecar: Sidecar, service: Service, short_path: Path) -> None:
    """A service that handles SIGCHLD itself has its census taken within it, and is read on afterwards."""
    process = service("import signal; signal.signal(signal.SIGCHLD, lambda n, f: None)\n" + idle(short_path))
    sidecar.wait(lambda s: s.of("reading"))
    path = short_path / "capture.json"
    sidecar.send(process.pid, {"type": "capture", "id": 7, "path": str(path)})
    (told,) = sidecar.wait(lambda s: s.of("captured"))
    assert (told.get("path"), told.get("refused")) == (str(path), None)
    assert json.loads(path.read_text())["how"] == "process"
    count = len(sidecar.of("reading"))
    sidecar.wait(lambda s: len(s.of("reading")) > count)


def test_the_sidecar_goes_and_comes_back(service: Service, short_path: Path) -> None:
    """The agent finds a new sidecar at the same path by itself."""
    first = Sidecar(short_path / "s")
    process = service(idle(short_path))
    first.wait(lambda s: s.of("reading"))
    first.close()
    second = Sidecar(short_path / "s")
    try:
        second.wait(lambda s: s.of("reading"))
        assert second.messages[0]["type"] == "hello"
        assert process.poll() is None
    finally:
        second.close()


def test_without_a_sidecar_the_service_does_not_notice(run: Run, short_path: Path, python: str) -> None:
    """No socket, no output, no delay at the end: the agent is quiet and leaves with the service."""
    out = run(
        f"""
        import time
        from floodmark_sidecar import agent
        print(agent.start(service="web", socket={str(short_path / "nobody")!r}))
        time.sleep(0.05)
        """,
        python=python,
        flags=("-W", "error"),
    )
    assert out == "None\n"


def test_start_and_stop(run: Run, short_path: Path) -> None:
    """A second start changes nothing; after stop the thread is gone, with what it had open; it can start again."""
    out = run(
        f"""
        import os
        from floodmark_sidecar import agent
        def state():
            return len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))
        before = state()
        agent.start("web", {str(short_path / "nobody")!r})
        agent.start("web", {str(short_path / "nobody")!r})
        print(state()[0], agent.stop(), state() == before)
        print(agent.start("web", {str(short_path / "nobody")!r}), agent.stop(), state() == before)
        """
    )
    assert out == "2 True True\nNone True True\n"


def test_start_says_why_not(run: Run) -> None:
    """A path no socket can have, none at all, or the kill switch: a reason, and no thread."""
    out = run(
        """
        import os
        from floodmark_sidecar import agent
        print(agent.start("web", "/run/" + "x" * 200)[:38])
        print(agent.start("web"))
        os.environ["FLOODMARK_DISABLED"] = "1"
        print(agent.start("web", "/run/s"), len(os.listdir("/proc/self/task")))
        """
    )
    assert out.splitlines() == [
        "the socket path is 205 bytes long, and",
        "no socket path was given",
        "FLOODMARK_DISABLED is set 1",
    ]


PREFORK = """
import gc, os, sys, threading, time
from floodmark_sidecar import agent
from floodmark_sidecar.agent import _lifecycle

agent.start(service="web", socket={socket!r})
until = time.monotonic() + 10
while len(os.listdir("/proc/self/task")) < 2 and time.monotonic() < until:
    time.sleep(0.001)
children = []
for _ in range(2):
    pid = os.fork()
    if not pid:
        sys.stdin.read()
        os._exit(0)
    children.append(pid)
print(len(os.listdir("/proc/self/task")), *children, flush=True)
"""


def test_a_prefork_master(sidecar: Sidecar, service: Service, short_path: Path, python: str) -> None:
    """The agent is gone before the first fork, so that no warning is due, and each child starts its own."""
    process = service(
        PREFORK.format(socket=str(short_path / "s")) + "sys.stdin.read()\n",
        python=python,
        flags=("-W", "error::DeprecationWarning"),
    )
    assert process.stdout is not None
    threads, *children = map(int, process.stdout.readline().split())
    assert threads == 1
    sidecar.wait(lambda s: {message["pid"] for message in s.of("reading")} >= set(children))
    assert {message["pid"] for message in sidecar.of("hello")} <= {process.pid, *children}
    _, error = process.communicate("")
    assert (process.returncode, error) == (0, "")


def test_the_master_gets_its_agent_back(sidecar: Sidecar, service: Service, short_path: Path) -> None:
    """After a quiet time the next collection starts the agent again, and its callback leaves no trace."""
    process = service(
        PREFORK.format(socket=str(short_path / "s"))
        + """
gc.collect()
print(len(os.listdir("/proc/self/task")), len(gc.callbacks), flush=True)
_lifecycle._process.due = time.monotonic()
gc.collect()
print(len(os.listdir("/proc/self/task")), len(gc.callbacks), flush=True)
sys.stdin.read()
"""
    )
    assert process.stdout is not None
    lines = [process.stdout.readline().split() for _ in range(3)]
    assert lines[1:] == [["1", "1"], ["2", "0"]]
    sidecar.wait(lambda s: any(message["pid"] == process.pid for message in s.of("reading")))


def test_a_fork_in_the_middle_of_a_capture(sidecar: Sidecar, service: Service, short_path: Path) -> None:
    """A service that forks while a census is taken does not wait for it; the census is given up, in words."""
    process = service(
        f"""
import os, sys, time
from floodmark_sidecar import agent
from floodmark_sidecar.agent import capture
capture._census.biggest = lambda *_, **__: time.sleep(60)
agent.start(service="web", socket={str(short_path / "s")!r})
sys.stdin.readline()
started = time.monotonic()
pid = os.fork()
if not pid:
    os._exit(0)
os.waitpid(pid, 0)
print(time.monotonic() - started < 5, flush=True)
try:
    os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    print("no child left", flush=True)
"""
    )
    sidecar.wait(lambda s: s.of("reading"))
    sidecar.send(process.pid, {"type": "capture", "id": 1, "path": str(short_path / "c")})
    children = Path(f"/proc/{process.pid}/task")
    sidecar.wait(lambda s: any((thread / "children").read_text() for thread in children.iterdir()))
    out, error = process.communicate("go\n")
    assert out == "True\nno child left\n"
    assert error == ""
    assert not (short_path / "c").exists()


def test_spawned_workers_say_hello(sidecar: Sidecar, service: Service, short_path: Path) -> None:
    """Workers that multiprocessing spawns have an agent; its resource tracker and fork server have none."""
    process = service(
        """
import multiprocessing, sys

def work(ready):
    ready.set()
    sys.stdin.read()

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    worker = context.Process(target=work, args=(ready,), daemon=True)
    worker.start()
    ready.wait(20)
    from multiprocessing import resource_tracker
    print(worker.pid, resource_tracker._resource_tracker._pid, flush=True)
    sys.stdin.read()
""",
        env=environment(socket=short_path / "s", service="web", base={}),
    )
    assert process.stdout is not None
    worker, tracker = map(int, process.stdout.readline().split())
    sidecar.wait(lambda s: {message["pid"] for message in s.of("hello")} >= {worker, process.pid})
    assert tracker not in {message["pid"] for message in sidecar.of("hello")}
    assert count(Path(f"/proc/{tracker}/task")) == 1


@pytest.mark.skipif(importlib.util.find_spec("gevent") is None, reason="gevent is not installed")
def test_a_service_patched_by_gevent(sidecar: Sidecar, service: Service, short_path: Path) -> None:
    """Where every blocking call has become cooperative, the agent keeps its real thread, in forked workers too."""
    process = service(
        """
from gevent import monkey
monkey.patch_all()
import os, sys, time
kept = [str(number) for number in range(1000)]
time.sleep(0.1)
pid = os.fork()
while pid == 0:
    time.sleep(1)
print(pid, flush=True)
sys.stdin.readline()
os.kill(pid, 9)
""",
        env=environment(socket=short_path / "s", service="web", base={}),
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    sidecar.wait(lambda s: any(message["pid"] == child for message in s.of("reading")))
    path = short_path / "capture.json"
    sidecar.send(child, {"type": "capture", "id": 1, "path": str(path)})
    (told,) = sidecar.wait(lambda s: s.of("captured"))
    assert told.get("path") == str(path), told
    assert process.communicate("\n")[1] == ""


@pytest.mark.slow
@pytest.mark.timeout(180)  # its children have the lowest priority, and wait wherever others are at work
def test_many_captures_of_a_busy_service(sidecar: Sidecar, service: Service, short_path: Path) -> None:
    """A service with busy threads gives one census after another, and loses no thread, descriptor or reading."""
    process = service(
        """
import threading
def churn():
    while True:
        [bytes(2000) for _ in range(200)]
for _ in range(3):
    threading.Thread(target=churn, daemon=True).start()
"""
        + idle(short_path)
    )
    sidecar.wait(lambda s: s.of("reading"))
    folder = Path(f"/proc/{process.pid}")
    descriptors, threads = settled(folder / "fd"), count(folder / "task")
    for number in range(20):
        path = short_path / f"{number}.json"
        sidecar.send(process.pid, {"type": "capture", "id": number, "path": str(path)})
        sidecar.wait(lambda s: len(s.of("captured")) > number, timeout=30)  # noqa: B023  called at once
        told = sidecar.of("captured")[number]
        assert told.get("path") == str(path), told["refused"]
    assert (settled(folder / "fd"), count(folder / "task")) == (descriptors, threads)
    assert sidecar.of("reading")[-1]["lost"] == 0
