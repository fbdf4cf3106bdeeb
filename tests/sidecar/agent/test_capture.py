"""A capture as the agent reports it: a whole file, or a reason."""

import json
from pathlib import Path

from tests.sidecar.agent.conftest import Run

PREAMBLE = """
import os, signal, sys, threading
from floodmark_sidecar.agent import capture

def take(path="capture.json", **options):
    return capture.take(os.path.abspath(path), service="web", **{"stall_limit": 10.0, **options})
"""


def test_the_file_is_whole_private_and_alone(run: Run, tmp_path: Path, python: str) -> None:
    """The file has every field, can be read by its owner only, and nothing else is left in its folder."""
    run(
        PREAMBLE
        + """
os.mkdir("captures")
held = [str(number) for number in range(1000)]
told = take("captures/one.json")
assert told["pid"] == os.getpid() and told["started"] <= told["ended"], told
assert 0 < told["stall_seconds"] < 5, told
assert told["path"] == os.path.abspath("captures/one.json")
""",
        python=python,
    )
    (file,) = (tmp_path / "captures").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    content = json.loads(file.read_text())
    assert content.keys() == {
        *("floodmark_capture", "service", "pid", "t", "python", "how", "seconds", "objects", "complete", "notes"),
        *("types", "type_owners", "containers", "threads", "tasks", "fds", "children"),
    }
    assert (content["floodmark_capture"], content["service"], content["how"]) == (1, "web", "fork")
    assert content["objects"] > 1000
    assert content["complete"] is True
    row = next(row for row in content["containers"] if row["name"] == "held")
    assert row.keys() == {
        *("id", "kind", "entries", "bytes", "entry_bytes", "path", "name", "owner", "chain", "shape"),
    }


def test_the_census_does_not_count_itself(run: Run, tmp_path: Path) -> None:
    """The child's own lists of all objects are not among the containers."""
    run(PREAMBLE + "print(take())")
    content = json.loads((tmp_path / "capture.json").read_text())
    assert max(row["entries"] for row in content["containers"]) < content["objects"] / 4


def test_a_refused_capture_says_why(run: Run) -> None:
    """With a handler for SIGCHLD nothing is forked and no file is written."""
    out = run(
        PREAMBLE
        + """
signal.signal(signal.SIGCHLD, lambda number, frame: None)
told = take()
print(told["refused"], "path" in told, os.listdir())
"""
    )
    assert out == (
        "the service handles SIGCHLD itself, and the end of the census would reach its handler False ['scenario.py']\n"
    )


def test_an_old_c_library(run: Run) -> None:
    """Without `close_range` there is no safe way to close descriptors in the child, so none is forked."""
    out = run(
        PREAMBLE
        + """
from floodmark_sidecar.agent import _fork
_fork._NEEDED = (*_fork._NEEDED, "close_range_of_an_old_library")
print(take()["refused"])
"""
    )
    assert out == "this interpreter or its C library has no close_range_of_an_old_library\n"


def test_a_folder_that_cannot_be_written(run: Run) -> None:
    """A capture that cannot be stored is refused in words and leaves nothing."""
    out = run(PREAMBLE + "print(take('missing/one.json')['refused'], os.listdir())")
    assert out.startswith("the census failed: FileNotFoundError (No such file or directory) at capture.py:")
    assert out.endswith("['scenario.py']\n")


def test_a_second_capture_at_once(run: Run) -> None:
    """While one census is being taken another is refused; afterwards it is not."""
    out = run(
        PREAMBLE
        + """
import pathlib, time
biggest = capture._census.biggest
def waiting(*arguments, **options):
    while not os.path.exists("go on"):
        time.sleep(0.01)
    return biggest(*arguments, **options)
capture._census.biggest = waiting
first = threading.Thread(target=take)
first.start()
until = time.monotonic() + 10
while not any(path.read_text() for path in pathlib.Path("/proc/self/task").glob("*/children")):
    assert time.monotonic() < until
print(take("second")["refused"])
open("go on", "w").close()
first.join()
print("path" in take("third"))
"""
    )
    assert out == "a capture is already under way\nTrue\n"


def test_nothing_is_collected(run: Run) -> None:
    """A census collects no garbage, in the service or the child: the very cycles may be the leak."""
    out = run(
        PREAMBLE
        + """
import gc, weakref
gc.disable()
class Node:
    def __del__(self):
        open("collected", "w").close()
node = Node()
node.self = node
alive = weakref.ref(node)
del node
take()
print(alive() is not None, os.path.exists("collected"))
os._exit(sys.stdout.flush() or 0)
"""
    )
    assert out == "True False\n"


def test_captures_leave_nothing_behind_where_the_collector_is_off(run: Run) -> None:
    """Objects that refer to themselves would stay for ever: after the first capture, none more is left."""
    out = run(
        PREAMBLE
        + """
import gc
def count():
    return len(gc.get_objects())
gc.collect()
gc.disable()
take("0.json"), take("1.json")
before = count()
for number in range(2, 5):
    take(f"{number}.json")
print(count() - before)
"""
    )
    assert int(out) <= 0


def test_a_class_that_grew_says_who_holds_an_instance(run: Run, tmp_path: Path) -> None:
    """Through small containers, or that nothing does; at the first capture nothing has grown."""
    run(
        PREAMBLE
        + """
class Held: pass
class Cyclic:
    def __init__(self):
        self.me = self
import gc
gc.disable()
jobs = {number: [] for number in range(20)}
for name in ("0.json", "1.json"):
    for number in range(100):
        jobs[number % 20].append(Held())
        Cyclic()
    take(name)
"""
    )
    first, second = (json.loads((tmp_path / name).read_text())["type_owners"] for name in ("0.json", "1.json"))
    assert "held_by" not in first["scenario.Held"]
    assert second["scenario.Held"]["held_by"] == "scenario.jobs[…][…]"
    assert (second["scenario.Cyclic"]["held_by"], second["scenario.Cyclic"]["searched"]) == (None, True)
