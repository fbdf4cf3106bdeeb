"""Threads, tasks, descriptors and children: what the kernel may not say, odd commands, and very many of them."""

import asyncio
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from floodmark_sidecar.agent import _resources, _tasks
from floodmark_sidecar.agent._by_type import ByType
from floodmark_sidecar.agent._origin import Modules


def no_pause() -> None:
    """A child that may use all of its processor."""


def resources(proc: Path) -> dict[str, list[dict[str, Any]]]:
    """Return what there is to say of process 7 in the tree at *proc*, which has no objects at all."""
    return _resources.resources(ByType([]), {}, parent=7, proc=str(proc), pause=no_pause, loaded={})[0]


def a_process(proc: Path, pid: int, *, stat: str = "", children: str | None = None) -> Path:
    """Make what the kernel says of a process with one thread, and return its folder."""
    thread = proc / str(pid) / "task" / str(pid)
    thread.mkdir(parents=True)
    (proc / str(pid) / "fd").mkdir()
    (proc / str(pid) / "stat").write_text(stat)
    if children is not None:
        (thread / "children").write_text(children)
    return proc / str(pid)


def test_what_may_not_be_read_is_left_out(tmp_path: Path) -> None:
    """A process that has given up its rights shows no descriptors: that is not the same as having none."""
    assert resources(tmp_path) == {"threads": [], "tasks": []}


def test_a_kernel_that_lists_no_children(tmp_path: Path) -> None:
    """Where the kernel does not say which children there are, that is not the same as there being none."""
    a_process(tmp_path, 7)

    assert resources(tmp_path).keys() == {"threads", "tasks", "fds"}


def test_commands_of_any_kind(tmp_path: Path) -> None:
    """A command may hold parentheses; numbers of many become `#`, and the version in a name stays."""
    a_process(tmp_path, 7, children="8 9 10 11 ")
    a_process(tmp_path, 8, stat="8 (a) Z (b) S 7 8")
    a_process(tmp_path, 9, stat="9 (worker-1) R 7 9")
    a_process(tmp_path, 10, stat="10 (worker-2) R 7 10")
    a_process(tmp_path, 11, stat="11 (python3.11) S 7 11")

    found = [(row["name"], row["state"], row["count"]) for row in resources(tmp_path)["children"]]
    assert sorted(found) == [("a) Z (b", "S", 1), ("python3.11", "S", 1), ("worker-#", "R", 2)]


def test_ten_thousand_descriptors(tmp_path: Path) -> None:
    """The time they take grows with their number only, and the rows are few: the largest groups."""
    folder = a_process(tmp_path, 7) / "fd"
    for number in range(10_000):
        word = "".join(chr(97 + int(digit)) for digit in str(number % 100))
        (folder / str(number)).symlink_to(f"/data/{word}/file" if number % 2 else f"socket:[{number}]")

    started = time.process_time()
    rows = resources(tmp_path)["fds"]
    assert time.process_time() - started < 2
    assert len(rows) == _resources.MOST_ROWS
    assert rows[0] == {"name": "socket", "count": 5000}


def test_ten_thousand_tasks() -> None:
    """The time they take grows with their number only."""

    async def wait(event: asyncio.Event) -> None:
        await event.wait()

    async def main() -> tuple[list[dict[str, Any]], float]:
        event = asyncio.Event()
        waiting = [asyncio.create_task(wait(event)) for _ in range(10_000)]
        await asyncio.sleep(0)
        started = time.process_time()
        rows = _tasks.tasks(ByType(waiting), Modules(sys.modules), pause=no_pause)
        took = time.process_time() - started
        event.set()
        await asyncio.gather(*waiting)
        return rows, took

    rows, took = asyncio.run(main())
    assert [row["count"] for row in rows] == [10_000]
    assert took < 2


@pytest.mark.parametrize(("others", "known"), [(0, True), (1, True), (2, False)])
def test_an_object_stands_for_a_group_of_which_most_have_one(tmp_path: Path, others: int, *, known: bool) -> None:
    """A few sockets with an object say nothing of many without; a socket that is closed has no number."""
    closed = socket.socket()
    closed.close()
    folder = a_process(tmp_path, 7) / "fd"
    with socket.socket() as held:
        for number in [held.fileno(), *range(100, 100 + others)]:
            (folder / str(number)).symlink_to(f"socket:[{number}]")
        rows, handles = _resources.resources(ByType([held, closed]), {}, parent=7, proc=str(tmp_path), pause=no_pause)
        row = {"name": "socket", "count": 1 + others}
        assert rows["fds"] == [row]
        assert handles == ([(row, held)] if known else [])
