"""Trace windows in services of their own, asked for over a real socket."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.sidecar.agent.conftest import Run, Service, Sidecar

SERVING = """
import sys, time
import _tracemalloc
from floodmark_sidecar import agent
{before}
print(agent.start(service="web", socket={socket!r}), flush=True)
"""

LEAKING = """
held = []
def leak():
    held.append(bytearray(1000))  # the planted line
def work():
    return [str(number) for number in range(50)]
for line in sys.stdin:
    for _ in range(100):
        leak()
        work()
    print(_tracemalloc.is_tracing(), len(held), flush=True)
"""


def serving(short_path: Path, before: str = "") -> str:
    return SERVING.format(socket=str(short_path / "s"), before=before)


def open_window(sidecar: Sidecar, pid: int, path: Path, *, seconds: object = 60.0, **more: object) -> None:
    asked = {"type": "capture", "id": path.name, "path": str(path), "kind": "trace", "seconds": seconds, "frames": 1}
    sidecar.send(pid, {**asked, **more})


def told(sidecar: Sidecar, name: str) -> dict[str, Any]:
    """Return the answer to what was asked for under *name*."""
    found = sidecar.wait(lambda s: [answer for answer in s.of("captured") if answer["id"] == name])
    return dict(found[0])


def number_of(script: Path, text: str) -> int:
    return next(number for number, line in enumerate(script.read_text().splitlines(), 1) if text in line)


def test_the_planted_line_is_first(
    sidecar: Sidecar, service: Service, short_path: Path, tmp_path: Path, python: str
) -> None:
    """What leaked in the window is told by its line, what was freed is not, nor what floodmark allocates itself."""
    process = service(serving(short_path) + LEAKING, python=python)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    sidecar.wait(lambda s: s.of("reading"))
    assert sidecar.of("hello")[0]["can"] == ["trace", "native", "trim"]
    open_window(sidecar, process.pid, short_path / "c", seconds=0.4)
    lines = []
    while not sidecar.of("captured"):
        process.stdin.write("go\n")
        process.stdin.flush()
        lines.append(process.stdout.readline())
    answer = told(sidecar, "c")
    assert answer.get("path") == str(short_path / "c"), answer
    content = json.loads((short_path / "c").read_text())
    assert (content["floodmark_capture"], content["kind"], content["frames"], content["notes"]) == (1, "trace", 1, [])
    assert 0.4 <= content["window_seconds"] < 10
    script = tmp_path / "service0.py"
    first = content["lines"][0]
    assert (first["file"], first["line"]) == (str(script), number_of(script, "planted"))
    assert first["bytes"] > 1000 * first["count"] / 2
    assert first["count"] >= 200
    assert first["largest"] >= 1000
    assert first["bytes"] > sum(row["bytes"] for row in content["lines"][1:])
    assert not [row for row in content["lines"] if "floodmark_sidecar" in row["file"]]
    assert any(line.startswith("True") for line in lines)
    # It was looked into before its end, and what leaked was more each time.
    looks, sizes = [0, *content["look_seconds"], content["window_seconds"]], [*first["earlier"], first["bytes"]]
    assert looks == sorted(looks)
    assert len(looks) == len(sizes) + 1 > 2
    assert 0 < sizes[0] < sizes[-1]
    assert sizes == sorted(sizes)
    # It was us who started it.
    process.stdin.write("go\n")
    process.stdin.flush()
    assert process.stdout.readline().startswith("False")


def test_readings_go_on_while_a_window_is_open(sidecar: Sidecar, service: Service, short_path: Path) -> None:
    """A window does not keep the agent from its readings, and other captures are refused while it is open."""
    process = service(serving(short_path) + LEAKING)
    sidecar.wait(lambda s: s.of("reading"))
    open_window(sidecar, process.pid, short_path / "one")
    sidecar.send(process.pid, {"type": "capture", "id": "two", "path": str(short_path / "two")})
    open_window(sidecar, process.pid, short_path / "three")
    assert told(sidecar, "two")["refused"] == "a window is open"
    assert told(sidecar, "three")["refused"] == "a window is open"
    before = len(sidecar.of("reading"))
    sidecar.wait(lambda s: len(s.of("reading")) >= before + 2)
    assert not [answer for answer in sidecar.of("captured") if answer["id"] == "one"]


def test_a_window_ends_when_who_asked_for_it_has_gone(sidecar: Sidecar, service: Service, short_path: Path) -> None:
    """A sidecar that was killed leaves no worker slow, and the next one may look into it at once."""
    process = service(serving(short_path) + LEAKING)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    sidecar.wait(lambda s: s.of("reading"))
    open_window(sidecar, process.pid, short_path / "one")
    open_window(sidecar, process.pid, short_path / "refused")
    told(sidecar, "refused")
    sidecar.hang_up(process.pid)
    sidecar.wait(lambda s: s.of("hello")[1:])
    open_window(sidecar, process.pid, short_path / "two", seconds=0.2)
    assert told(sidecar, "two").get("path") == str(short_path / "two")
    process.stdin.write("go\n")
    process.stdin.flush()
    assert process.stdout.readline().startswith("False")
    assert not (short_path / "one").exists()


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ("_tracemalloc.start(1)", "the service traces its allocations itself"),
        ("import signal; signal.signal(signal.SIGCHLD, lambda n, f: None)", "handles SIGCHLD itself"),
    ],
)
def test_no_window_is_opened(sidecar: Sidecar, service: Service, short_path: Path, before: str, why: str) -> None:
    """Where the service traces itself, or no child may be forked at the end, nothing is started or stopped."""
    process = service(serving(short_path, before) + LEAKING)
    sidecar.wait(lambda s: s.of("reading"))
    open_window(sidecar, process.pid, short_path / "c")
    assert why in told(sidecar, "c")["refused"]
    assert process.stdout is not None
    process.stdout.readline()
    out, error = process.communicate("go\n")
    assert (out.split()[0], error) == (str("start" in before), "")


def test_windows_that_make_no_sense(sidecar: Sidecar, service: Service, short_path: Path) -> None:
    """A sidecar of another version may ask for anything; each answer has the value in it."""
    process = service(serving(short_path) + LEAKING)
    sidecar.wait(lambda s: s.of("reading"))
    open_window(sidecar, process.pid, short_path / "a", seconds=6000)
    open_window(sidecar, process.pid, short_path / "b", seconds=None)
    open_window(sidecar, process.pid, short_path / "c", frames=True)
    open_window(sidecar, process.pid, short_path / "d", kind="film")
    assert told(sidecar, "a")["refused"] == "a trace window lasts up to 600 seconds (got 6000)"
    assert told(sidecar, "b")["refused"] == "a trace window lasts up to 600 seconds (got None)"
    assert told(sidecar, "c")["refused"] == "a trace has 1 to 16 frames (got True)"
    assert told(sidecar, "d")["refused"] == "this agent takes no capture of kind 'film'"


def test_an_agent_that_is_stopped_leaves_nothing_on(
    sidecar: Sidecar, service: Service, short_path: Path, python: str
) -> None:
    """A window is given up at once when the agent stops, as it does before a fork, and the child does not trace."""
    process = service(
        serving(short_path)
        + """
import os, threading
sys.stdin.readline()
print(_tracemalloc.is_tracing(), flush=True)
started = time.monotonic()
pid = os.fork()
if not pid:
    os._exit(_tracemalloc.is_tracing())
print(_tracemalloc.is_tracing(), os.waitpid(pid, 0)[1], time.monotonic() - started < 5, threading.active_count())
""",
        python=python,
        flags=("-W", "error"),
    )
    sidecar.wait(lambda s: s.of("reading"))
    open_window(sidecar, process.pid, short_path / "one")
    open_window(sidecar, process.pid, short_path / "two")
    told(sidecar, "two")
    out, error = process.communicate("go\n")
    assert out.splitlines() == ["None", "True", "False 0 True 1"]
    assert error == ""
    assert not (short_path / "one").exists()


def test_a_fork_past_our_hooks_does_not_trace(run: Run) -> None:
    """A child forked in C while a window is open stops tracing when its agent is put aside."""
    out = run(
        """
        import _tracemalloc
        from floodmark_sidecar.agent import _thread, _trace
        agent = _thread.Agent("/nowhere", "web")
        agent._window = _trace.open_window(60.0, 1, take=None, look=None, asked="a")
        print(_tracemalloc.is_tracing())
        agent.close()
        print(_tracemalloc.is_tracing(), agent._window)
        """
    )
    assert out == "True\nFalse None\n"


def test_an_agent_that_gives_up_leaves_nothing_on(run: Run) -> None:
    """After too many errors of its own the agent ends by itself, and its window with it."""
    out = run(
        """
        import _tracemalloc, time
        from floodmark_sidecar.agent import _thread, _trace
        def failing(self):
            raise OSError
        _thread.Readings.take = failing
        agent = _thread.Agent("/nowhere", "web")
        agent._window = _trace.open_window(60.0, 1, take=None, look=None, asked="a")
        agent.start()
        until = time.monotonic() + 20
        while not agent._ended and time.monotonic() < until:
            time.sleep(0.001)
        print(agent.errors, _tracemalloc.is_tracing())
        """
    )
    assert out == "10 False\n"


def test_a_window_that_the_service_ends(run: Run) -> None:
    """Where the service has stopped tracing there is nothing to read."""
    out = run(
        """
        import _tracemalloc
        from floodmark_sidecar.agent import _trace
        window = _trace.open_window(60.0, 1, take=None, look=None, asked="a")
        _tracemalloc.stop()
        print(window.end()["refused"])
        """
    )
    assert out == "the service stopped the tracing of its allocations\n"


def test_a_window_ends_early_when_its_tables_grow(run: Run, tmp_path: Path) -> None:
    """Forgetting the traces holds the service, so there may only be so many; the file says so, and how long it was."""
    out = run(
        """
        import functools, os, time
        from floodmark_sidecar.agent import _trace
        _trace.MOST_TABLE_BYTES = 1 << 20
        take = functools.partial(_trace.take, os.path.abspath("c"), service="web", stall_limit=10.0)
        window = _trace.open_window(60.0, 1, take=take, look=lambda: None, asked="a")
        print(window.over(), window.next_look <= time.monotonic() + 1)
        held = [[] for _ in range(20_000)]
        print(window.over())
        print("refused" in window.end())
        """
    )
    assert out == "False True\nTrue\nFalse\n"
    content = json.loads((tmp_path / "c").read_text())
    assert content["window_seconds"] < 30
    assert content["notes"] == ["the window ended early: more blocks were alive than may be traced"]


def test_what_comes_and_goes_is_seen_as_such(run: Run, tmp_path: Path) -> None:
    """Each line of the end says what it had at earlier looks, 0 where it had nothing; a look that failed is left out."""
    out = run(
        """
        import functools, os, time
        from floodmark_sidecar.agent import _trace
        take = functools.partial(_trace.take, os.path.abspath("c"), service="web", stall_limit=10.0)
        looks = []
        def look():
            looks.append(_trace.look(stall_limit=10.0))
            return looks[-1]
        window = _trace.open_window(0.9, 1, take=take, look=look, asked="a")
        held = [[bytearray(1000) for _ in range(100)]]  # leaks
        queue = [bytearray(1000) for _ in range(300)]  # swings
        while not looks:
            window.look()
        held.append([bytearray(1000) for _ in range(100)])  # begins
        queue.clear()
        while len(looks) < 2:
            window.look()
        queue.extend(bytearray(1000) for _ in range(300))  # again
        window._look = None
        window.look()
        print("refused" in window.end(), type(looks[0]).__name__)
        """
    )
    assert out == "False bytes\n"
    content = json.loads((tmp_path / "c").read_text())
    before, after = content["look_seconds"]
    assert 0.3 <= before < 0.6 <= after < content["window_seconds"]
    earlier = {row["line"]: [round(size, -4) for size in row["earlier"]] for row in content["lines"]}
    script = tmp_path / "scenario.py"
    seen = {word: earlier.get(number_of(script, f"# {word}")) for word in ("leaks", "swings", "begins", "again")}
    assert seen == {"leaks": [110_000, 110_000], "swings": None, "begins": [0, 110_000], "again": [0, 0]}


def test_a_look_that_is_not_to_be_had(run: Run, tmp_path: Path) -> None:
    """Where no child may be forked in mid-window there is one look less, and the window goes on."""
    out = run(
        """
        import functools, os
        from floodmark_sidecar.agent import _trace
        take = functools.partial(_trace.take, os.path.abspath("c"), service="web", stall_limit=10.0)
        look = functools.partial(_trace.look, stall_limit=-1.0)
        window = _trace.open_window(0.05, 1, take=take, look=look, asked="a")
        held = [bytearray(1000) for _ in range(100)]
        while not window.over():
            window.look()
        print("refused" in window.end(), look())
        """
    )
    assert out == "False None\n"
    content = json.loads((tmp_path / "c").read_text())
    assert content["look_seconds"] == []
    assert content["lines"][0]["earlier"] == []


def test_the_users_frame_is_told(run: Run, tmp_path: Path) -> None:
    """With several frames, what a library allocates counts for the line of the user's that called it."""
    out = run(
        """
        import functools, json, os
        from floodmark_sidecar.agent import _trace
        take = functools.partial(_trace.take, os.path.abspath("c"), service="web", stall_limit=10.0)
        window = _trace.open_window(60.0, 4, take=take, look=lambda: None, asked="a")
        text = "[" + "[1.5]," * 5000 + "1]"
        held = json.loads(text)  # the planted line
        import smtplib
        print("refused" in window.end())
        """
    )
    assert out == "False\n"
    script = tmp_path / "scenario.py"
    lines = json.loads((tmp_path / "c").read_text())["lines"]
    first = lines[0]
    assert (first["file"], first["line"], first["users"]) == (str(script), number_of(script, "planted"), True)
    assert not any(row["users"] for row in lines if row["file"] != str(script))


NATIVE = """
import ctypes, threading, time
from floodmark_sidecar.agent import _trace
native = ctypes.CDLL(None)
native.PyMem_RawMalloc.restype = ctypes.c_void_p
native.PyMem_RawFree.argtypes = [ctypes.c_void_p]
ending = False
def churn():
    while not ending:
        native.PyMem_RawFree(native.PyMem_RawMalloc(64))
threads = [threading.Thread(target=churn) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(60):
    window = _trace.open_window(60.0, 1, take=None, look=None, asked="a")
    time.sleep(0.001)
    window.close()
    time.sleep(0.0005)
ending = True
for thread in threads:
    thread.join()
print("alive")
"""


def test_threads_that_allocate_without_the_gil(run: Run, python: str) -> None:
    """Interpreters crash when tracing stops while such a thread waits in the hook, so it has none to wait in."""
    assert run(NATIVE, python=python) == "alive\n"
