"""A census in the process itself, where it may not be forked: what it finds, what it leaves alone, and when it ends."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from floodmark_sidecar.agent._paced import DUTY, Pace, StoppedError
from tests.sidecar.agent import hostile
from tests.sidecar.agent.conftest import Run

PREAMBLE = """
import gc, json, os, signal, sys, threading, weakref
from floodmark_sidecar.agent import capture

signal.signal(signal.SIGCHLD, lambda number, frame: None)

def take(path="capture.json", **options):
    return capture.take(os.path.abspath(path), service="web", **{"stall_limit": 10.0, **options})
"""


def content(folder: Path) -> dict[str, Any]:
    """Return what is in the capture file."""
    return json.loads((folder / "capture.json").read_text())  # type: ignore[no-any-return]


def test_what_modules_lead_to_is_named(run: Run, tmp_path: Path, python: str) -> None:
    """Dicts that the collector does not track, attributes of instances and of classes, and what is in them."""
    run(
        PREAMBLE
        + """
processed = {f"/in/{number}": 1.5 for number in range(100)}
class Scheduler:
    shared = set(map(str, range(200)))
    def __init__(self):
        self.locks = {number: [str(number)] for number in range(300)}
scheduler = Scheduler()
nested = {"a": {"b": list(range(400))}}
told = take()
assert told["path"] and 0 < told["stall_seconds"] < 1, told
""",
        python=python,
    )
    found = content(tmp_path)
    rows = {row["path"]: row for row in found["containers"]}
    entries = {
        path: rows[f"scenario.{path}"]["entries"] for path in ("processed", "Scheduler.shared", "Scheduler.locks")
    }
    assert entries == {"processed": 100, "Scheduler.shared": 200, "Scheduler.locks": 300}
    assert rows["scenario.nested[…][…]"]["entries"] == 400
    assert rows["scenario.processed"]["shape"] == "/in/#"
    assert rows["scenario.Scheduler.locks"]["users"] is True
    assert (found["how"], found["complete"], found["types"]) == ("process", False, [])
    (note,) = found["notes"]
    assert note == (
        "taken in the process itself, of the containers that modules lead to alone: the service handles SIGCHLD itself, "
        "and the end of the census would reach its handler"
    )
    assert (tmp_path / "capture.json").stat().st_mode & 0o777 == 0o600


def test_an_old_c_library(run: Run, tmp_path: Path) -> None:
    """Without `close_range` there is no safe way to close descriptors in a child, so none is forked."""
    run(
        PREAMBLE
        + """
from floodmark_sidecar.agent import _fork
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
_fork._NEEDED = (*_fork._NEEDED, "close_range_of_an_old_library")
take()
"""
    )
    (note,) = content(tmp_path)["notes"]
    assert note.endswith(": this interpreter or its C library has no close_range_of_an_old_library")


def test_nothing_is_kept(run: Run) -> None:
    """What the census visited ends when the service lets it go, variables of a function that runs on included."""
    out = run(
        PREAMBLE
        + """
class Thing:
    pass
def work():
    mine, held[0] = Thing(), Thing()
    known = [weakref.ref(mine), weakref.ref(held[0])]
    assert "path" in take(), "no census"
    del mine, held[0]
    return [each() for each in known]
held = {}
gc.disable()
print(work())
"""
    )
    assert out == "[None, None]\n"


def test_containers_that_change_all_the_time(run: Run) -> None:
    """A thread that adds and removes as fast as it can neither stops a census nor is stopped by it."""
    out = run(
        PREAMBLE
        + """
busy, names, done, rounds = {}, set(), False, 0
sys.setswitchinterval(1e-5)
def work():
    global rounds
    while not done:
        rounds += 1
        busy[rounds] = [rounds]
        names.add(rounds)
        busy.pop(rounds - 500, None)
        names.discard(rounds - 700)
thread = threading.Thread(target=work)
thread.start()
told, before = take(), rounds
more = take("more.json")
print(told.get("refused"), more.get("refused"), before > 0, rounds > before)
done = True
thread.join()
"""
    )
    assert out == "None None True True\n"


def test_hostile_types(run: Run, tmp_path: Path) -> None:
    """Types that refuse everything are looked at all the same, and none of their code runs."""
    run(
        Path(hostile.__file__).read_text()
        + PREAMBLE
        + """
hostile = Hostile()
kind, sequence = hostile.type("Thing", dict), hostile.type("Things", list)
thing, things = dict.__new__(kind), list.__new__(sequence)
for number in range(100):
    dict.__setitem__(thing, number, object.__new__(hostile.type("Value")))
    list.append(things, number)
told = take()
assert "path" in told, told
assert hostile.asked == [], hostile.asked
"""
    )
    assert {"scenario.thing", "scenario.things"} <= {row["path"] for row in content(tmp_path)["containers"]}


def test_stopped_in_the_middle(run: Run) -> None:
    """A census whose agent is to end gives up at once and leaves no file."""
    out = run(
        PREAMBLE
        + """
wake = os.eventfd(1, os.EFD_CLOEXEC)
print(take(cancel=wake)["refused"], os.listdir())
"""
    )
    assert out == "the agent was stopped during the census ['scenario.py']\n"


def test_a_folder_that_cannot_be_written(run: Run) -> None:
    """A census that cannot be stored is refused in words and leaves nothing."""
    out = run(PREAMBLE + "print(take('missing/one.json')['refused'], os.listdir())")
    assert out.startswith("the census failed: FileNotFoundError (No such file or directory) at _written.py:")
    assert out.endswith("['scenario.py']\n")


@pytest.fixture
def wake() -> Iterator[int]:
    """Yield what an agent is woken by."""
    fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    yield fd
    os.close(fd)


def test_a_pace_waits_for_what_was_worked(wake: int) -> None:
    """Of the time that passes, the census takes its share of a processor and no more."""
    used = iter([0.0, 0.002, 0.002, 0.005, 0.005])
    pace = Pace(wake, deadline=60.0, clock=lambda: next(used))
    slept: list[float] = []
    pace._poller = type("Poller", (), {"poll": lambda _, wait: slept.append(wait)})()
    pace()
    pace()
    assert slept == pytest.approx([2 * (1 / DUTY - 1), 3 * (1 / DUTY - 1)])
    assert pace.longest == pytest.approx(0.003)


def test_a_pace_ends() -> None:
    """After its deadline there is no going on."""
    with pytest.raises(StoppedError, match="took too long"):
        Pace(None, deadline=-1.0)()
