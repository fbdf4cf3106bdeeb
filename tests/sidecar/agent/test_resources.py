"""Threads, tasks, descriptors and children in whole captures of real processes."""

import json
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest

from floodmark_sidecar.culprits import parse_capture, rank
from floodmark_sidecar.source import SourceLocator
from tests.sidecar.agent.conftest import INTERPRETERS, Run, clean_environment

SERVICE = textwrap.dedent("""
    import _thread, asyncio, concurrent.futures, contextlib, os, socket, subprocess, threading
    from floodmark_sidecar.agent import capture
    import framework

    stop, here = threading.Event(), threading.Semaphore(0)
    armed = False

    def session():
        here.release()
        stop.wait()  # a session stands here

    class Poller(threading.Thread):
        def run(self):
            here.release()
            self.poll()  # a poller stands here

        def poll(self):
            stop.wait()

    class Watched(threading.Thread):
        def run(self):
            here.release()
            stop.wait()

        def __getattribute__(self, name):
            if armed:
                open("asked", "a").write(name)
            return super().__getattribute__(name)

    def alone():
        here.release()
        stop.wait()

    started = [threading.Thread(target=session, daemon=True, name=f"session-{who}") for who in ("ann", "bob", "cy")]
    started += [Poller(daemon=True) for _ in range(4)]
    started += [Watched(daemon=True, name="watched")]
    for thread in started:
        thread.start()
    for _ in range(2):
        _thread.start_new_thread(alone, ())
    for _ in range(len(started) + 2):
        here.acquire()

    pool = concurrent.futures.ThreadPoolExecutor(5)
    together = threading.Barrier(5)
    list(pool.map(lambda _: together.wait(), range(5)))

    class WatchedTask(asyncio.Task):
        def __getattribute__(self, name):
            if armed:
                open("asked", "a").write(name)
            return super().__getattribute__(name)

    async def serve(event):
        await until(event)

    async def until(event):
        await event.wait()  # a server waits here

    async def items(event):
        yield 1
        await event.wait()  # a reader waits here

    async def read(event):
        async for item in items(event):
            pass

    async def watched(event):
        await event.wait()

    async def handle(event):
        await event.wait()

    async def over():
        pass

    async def never_ran():  # made, and not begun
        pass

    async def main():
        global armed
        event, loop = asyncio.Event(), asyncio.get_running_loop()
        tasks = [asyncio.create_task(serve(event)) for _ in range(30)]
        tasks += [asyncio.tasks._PyTask(read(event), loop=loop) for _ in range(7)]
        tasks += [WatchedTask(watched(event), loop=loop) for _ in range(6)]
        tasks += [asyncio.create_task(event.wait()) for _ in range(5)]
        tasks += [asyncio.create_task(framework.run(handle(event))) for _ in range(8)]
        done = [kind(over(), loop=loop) for kind in (asyncio.Task, asyncio.tasks._PyTask) for _ in range(9)]
        await asyncio.gather(*done)
        late = [asyncio.create_task(never_ran()) for _ in range(3)]
        armed = True
        told = capture.take(os.path.abspath("capture.json"), service="web", stall_limit=10.0)
        armed = False
        assert "refused" not in told, told
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *late, return_exceptions=True)

    os.mkdir("logs"), os.mkdir("people")
    names = ["ann", "bob", "cy", "dora", "ed", "flo", "gus", "hal", "ida", "jo"]
    with contextlib.ExitStack() as held:
        for number in range(12):
            held.enter_context(open(f"logs/{number}.log", "w"))
        for name in names:
            held.enter_context(open(f"people/{name}.jpg", "w"))
        for _ in range(20):
            for each in socket.socketpair():
                held.enter_context(each)
        class Connection(socket.socket):
            def __getattribute__(self, name):
                if armed:
                    open("asked", "a").write(name)
                return super().__getattribute__(name)

        watched_sockets = [held.enter_context(Connection()) for _ in range(3)]
        ended = [subprocess.Popen(["true"]) for _ in range(3)]
        for child in ended:
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        cat = held.enter_context(subprocess.Popen(["cat"], stdin=subprocess.PIPE))
        asyncio.run(main())
        cat.stdin.close()
    for child in ended:
        child.wait()
    stop.set()
    pool.shutdown()
""")


FRAMEWORK = "async def run(handler):\n    await handler\n"


class Seen:
    """The capture of the service above, and the folder that it ran in."""

    def __init__(self, folder: Path, capture: dict[str, Any]) -> None:
        self.folder, self.capture = folder, capture

    def rows(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the rows of one kind by name."""
        return {row["name"]: row for row in self.capture[kind]}

    def line(self, remark: str) -> str:
        """Return the place in the service's source that has *remark*."""
        lines = SERVICE.splitlines()
        number = next(number for number, line in enumerate(lines, 1) if line.endswith(f"# {remark}"))
        return f"{self.folder}/scenario.py:{number}"


@pytest.fixture(scope="module", params=INTERPRETERS, ids=lambda python: Path(python).name)
def seen(request: pytest.FixtureRequest, packages: Path, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """One run of the service under each interpreter."""
    folder = tmp_path_factory.mktemp("service")
    (folder / "scenario.py").write_text(SERVICE)
    library = folder / "site-packages"
    library.mkdir()
    (library / "framework.py").write_text(FRAMEWORK)
    environment = {**clean_environment(), "PYTHONPATH": f"{packages}:{library}"}
    command = [request.param, str(folder / "scenario.py")]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return Seen(folder, json.loads((folder / "capture.json").read_text()))


def test_threads_of_one_function_belong_together(seen: Seen) -> None:
    """Threads that run a function of the user's are one group, whatever their names, which may be people's."""
    found = seen.rows("threads")["session-#"]

    assert (found["count"], found["at"]) == (3, seen.line("a session stands here"))
    owner = {"module": "scenario", "file": f"{seen.folder}/scenario.py", "qualname": "", "attribute": "session"}
    assert found["owner"] == owner
    assert "ann" not in json.dumps(seen.capture["threads"])


def test_threads_of_a_class_belong_to_its_run(seen: Seen) -> None:
    """A thread that is a class of its own is found by its `run`, and stands in the outermost frame of the user's."""
    found = seen.rows("threads")["Thread-#"]

    assert (found["count"], found["at"]) == (4, seen.line("a poller stands here"))
    assert (found["owner"]["qualname"], found["owner"]["attribute"]) == ("Poller", "run")


def test_threads_of_a_pool_go_by_their_name(seen: Seen) -> None:
    """An idle thread of a pool runs nothing of the user's."""
    (found,) = (row for row in seen.capture["threads"] if row["name"].startswith("ThreadPoolExecutor"))

    assert found == {"name": "ThreadPoolExecutor-#_#", "count": 5, "owner": None, "at": None}


def test_threads_without_an_object(seen: Seen) -> None:
    """A thread that `threading` does not know still has a function."""
    (found,) = (row for row in seen.capture["threads"] if row["owner"] and row["owner"]["attribute"] == "alone")

    assert found["count"] == 2


def test_nothing_of_the_service_runs(seen: Seen) -> None:
    """Threads and tasks that notice any attribute being read notice nothing."""
    assert seen.rows("threads")["watched"]["count"] == 1
    assert seen.rows("tasks")["scenario.watched"]["count"] == 6
    assert not (seen.folder / "asked").exists()


def test_pending_tasks_by_their_coroutine(seen: Seen) -> None:
    """Tasks are grouped by the user's coroutine, with the line where they wait, however deep; done ones are not there."""
    found = seen.rows("tasks")

    assert found["scenario.serve"] == {
        "name": "scenario.serve",
        "count": 30,
        "at": seen.line("a server waits here"),
    }
    assert not [name for name in found if name.endswith("over")]


def test_tasks_in_python_through_async_generators(seen: Seen) -> None:
    """A task of asyncio's own Python class is found, and an async generator that it waits in is looked into."""
    found = seen.rows("tasks")["scenario.read"]

    assert (found["count"], found["at"]) == (7, seen.line("a reader waits here"))


def test_tasks_that_have_not_begun(seen: Seen) -> None:
    """A coroutine that has not run stands where it is defined."""
    found = seen.rows("tasks")["scenario.never_ran"]

    assert (found["count"], found["at"]) == (3, seen.line("made, and not begun"))


def test_tasks_of_a_library_that_runs_the_users(seen: Seen) -> None:
    """A task in which a library awaits a coroutine of the user's goes by the user's."""
    assert seen.rows("tasks")["scenario.handle"]["count"] == 8


def test_tasks_of_a_librarys_coroutine(seen: Seen) -> None:
    """A task with nothing of the user's in it goes by its own coroutine and has no line."""
    found = seen.rows("tasks")["asyncio.locks.Event.wait"]

    assert (found["count"], found["at"]) == (5, None)


def test_descriptors_of_the_service(seen: Seen) -> None:
    """Descriptors are the parent's, by kind; files by path without numbers, and many of a folder without their names."""
    found = {name: row["count"] for name, row in seen.rows("fds").items()}

    # The event loop has a pair of sockets, too.
    assert found["socket"] == 45
    assert sum(count for name, count in found.items() if name.endswith("/logs/#.log")) == 12
    assert sum(count for name, count in found.items() if name.endswith("/people/#.jpg")) == 10
    assert "anon_inode:[eventpoll]" in found
    assert seen.capture["fds"][0]["name"] == "socket"


def test_children_of_the_service(seen: Seen) -> None:
    """Children are named by their command; ended ones tell, and the child that takes the census is left out."""
    assert [(row["name"], row["state"], row["count"]) for row in seen.capture["children"]] == [
        ("true", "Z", 3),
        ("cat", "S", 1),
    ]


def test_who_holds_descriptors_and_children(seen: Seen) -> None:
    """The object that stands for one of a group is asked for its number alone, and named as a container is."""
    fds, children = seen.rows("fds"), seen.rows("children")

    assert (children["true"]["holder"]["path"], children["true"]["holder"]["file"][-12:]) == (
        "scenario.ended[…]",
        "/scenario.py",
    )
    logs = next(row for name, row in fds.items() if name.endswith("/logs/#.log"))
    assert logs["holder"]["chain"].startswith("scenario.held.")
    assert "holder" not in fds["anon_inode:[eventpoll]"]


LEAKS = """
import asyncio, os, socket, subprocess, threading
from floodmark_sidecar.agent import capture

stop, here = threading.Event(), threading.Semaphore(0)
kept = []  # kept here

def listen():  # made here
    here.release()
    stop.wait()

async def forget(event):
    await event.wait()  # waits here

async def main():
    event = asyncio.Event()
    for number in range(3):
        for _ in range(10):
            threading.Thread(target=listen, daemon=True).start()
            here.acquire()
            kept.extend(socket.socketpair())
            kept.append(asyncio.create_task(forget(event)))
        for _ in range(3):
            kept.append(subprocess.Popen(["true"]))
            os.waitid(os.P_PID, kept[-1].pid, os.WEXITED | os.WNOWAIT)
        await asyncio.sleep(0)
        told = capture.take(os.path.abspath(f"{number}.json"), service="web", stall_limit=10.0)
        assert "refused" not in told, told

asyncio.run(main())
os._exit(0)
"""


def test_from_a_leak_to_its_line(run: Run, tmp_path: Path) -> None:
    """What a real service leaks of each kind is named, with the line of the user's code where that is known."""
    run(LEAKS)
    files = [json.loads((tmp_path / f"{number}.json").read_text()) for number in range(3)]
    captures = [parse_capture(file, worker="web-0", life=1) for file in files]
    found = rank(captures, None, None, locate=SourceLocator(tmp_path))

    lines = {line.partition("# ")[2]: number for number, line in enumerate(LEAKS.splitlines(), 1) if "# " in line}
    assert {
        each.kind: (each.name, each.where) for each in found if each.kind in ("thread", "task", "fd", "process")
    } == {
        "thread": ("Thread-# (listen)", f"scenario.py:{lines['made here']}"),
        "task": ("scenario.forget", f"scenario.py:{lines['waits here']}"),
        "fd": ("socket", f"scenario.py:{lines['kept here']}"),
        "process": ("true", f"scenario.py:{lines['kept here']}"),
    }
    socket = next(each for each in found if each.kind == "fd")
    assert socket.path == "scenario.kept[…]"
    assert socket.evidence.endswith("; held by scenario.kept[…]")
